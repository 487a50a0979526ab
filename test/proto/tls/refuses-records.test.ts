import { assert, providers, test } from "#kit";
import { concat, hex, utf8, Writer } from "../../../src/base/bytes.ts";
import { handshakeMessage } from "../../../src/proto/tls/messages.ts";
import { MAX_IDLE_RECORDS } from "../../../src/proto/tls/stream.ts";
import { HandshakeType } from "../../../src/proto/tls/wire.ts";
import { Duplex, extension, extensionsWith, serverConfig } from "../../kit/tls-client.ts";
import {
  ALERT,
  CCS,
  DATA,
  HANDSHAKE,
  badRecord,
  flipped,
  illegal,
  refuses,
  refusesEarly,
  tooLong,
  unexpected,
} from "./rules.ts";

// Records.

for (const type of [0, 19, 24, 25, 128, 255]) {
  refusesEarly(`a record of type ${type} is refused`, unexpected("unknown-record-type"), (wire) => {
    wire.give(wire.client.plainRecord(type, hex("0100")));
  });
}

for (const version of [0x0002, 0x0200, 0x0403, 0xfeff]) {
  refusesEarly(
    `a first record of version ${version.toString(16)} is refused`,
    { reason: "bad-record-version", alert: "protocol_version" },
    (wire) => wire.give(wire.client.plainRecord(HANDSHAKE, hex("01"), version)),
  );
}

for (const version of [0x0300, 0x0301, 0x0302, 0x0304]) {
  refusesEarly(
    `after the hellos a record of version ${version.toString(16)} is refused`,
    { reason: "bad-record-version", alert: "protocol_version" },
    (wire) => {
      wire.hellos();
      wire.give(wire.client.plainRecord(HANDSHAKE, hex("10"), version));
    },
  );
}

for (const [type, name] of [
  [HANDSHAKE, "handshake"],
  [ALERT, "alert"],
  [CCS, "ChangeCipherSpec"],
] as const) {
  refusesEarly(`an empty ${name} record is refused`, unexpected("empty-record"), (wire) => {
    wire.hellos();
    wire.give(wire.client.plainRecord(type, new Uint8Array()));
  });
  refuses(`an empty protected ${name} record is refused`, unexpected("empty-record"), (wire) => {
    wire.establish();
    wire.give(wire.client.record(type, new Uint8Array()));
  });
}

refusesEarly(
  "a plaintext record above 2^14 octets is refused by its header alone",
  tooLong,
  (wire) => {
    wire.give(hex("16 0301 4001"));
  },
);

refuses(
  "a protected record above 2^14 octets of plaintext is refused by its header alone",
  tooLong,
  (wire) => {
    wire.establish();
    wire.give(
      new Writer()
        .u8(DATA)
        .u16(0x0303)
        .u16(2 ** 14 + 24 + 1)
        .bytes(),
    );
  },
);

refuses(
  "a record above the negotiated max_fragment_length is refused",
  { ...tooLong, hello: { extensions: extensionsWith(extension.maxFragmentLength(1)) } },
  (wire) => {
    wire.establish();
    wire.give(wire.client.record(DATA, new Uint8Array(513)));
  },
);

for (const [what, change] of [
  ["a flipped bit in the tag", (record: Uint8Array) => flipped(record, record.length - 1)],
  ["a flipped bit in the ciphertext", (record: Uint8Array) => flipped(record, 5 + 8)],
  ["another explicit nonce", (record: Uint8Array) => flipped(record, 5)],
  ["another type", (record: Uint8Array) => concat(Uint8Array.of(ALERT), record.subarray(1))],
  ["a record shorter than its tag", () => concat(hex("17 0303 0017"), new Uint8Array(23))],
] as const) {
  refuses(`${what} makes a record fail its authentication`, badRecord, (wire) => {
    wire.establish();
    wire.give(change(wire.client.applicationData("text")));
    assert.equal(wire.received.length, 0);
  });
}

refuses("a record that is sent twice fails its authentication", badRecord, (wire) => {
  wire.establish();
  const record = wire.client.applicationData("text");
  wire.give(record, record);
  assert.deepEqual(wire.received, utf8("text"));
});

refuses("records in another order fail their authentication", badRecord, (wire) => {
  wire.establish();
  const first = wire.client.applicationData("first");
  wire.give(wire.client.applicationData("second"), first);
  assert.equal(wire.received.length, 0);
});

refuses("plaintext after encryption began is refused", badRecord, (wire) => {
  wire.establish();
  wire.give(wire.client.plainRecord(DATA, utf8("a text in the clear, long enough for a tag")));
});

refusesEarly("a Finished in the clear after ChangeCipherSpec is refused", badRecord, (wire) => {
  const { client } = wire.hellos();
  wire.give(client.clientKeyExchange(), client.changeCipherSpec());
  const finished = handshakeMessage(HandshakeType.finished, client.verifyData());
  wire.give(client.plainRecord(HANDSHAKE, finished));
});

refuses("an alert in the clear after encryption began is refused", badRecord, (wire) => {
  wire.establish();
  wire.give(wire.client.plainRecord(ALERT, hex("0100")));
});

refuses(
  `${MAX_IDLE_RECORDS} empty records in a row are taken, one more is refused`,
  unexpected("too-many-empty-records"),
  (wire) => {
    wire.establish();
    const empty = (): Uint8Array => wire.client.record(DATA, new Uint8Array());
    for (let round = 0; round < 2; round++) {
      for (let count = 0; count < MAX_IDLE_RECORDS; count++) wire.give(empty());
      wire.give(wire.client.applicationData("."));
    }
    for (let count = 0; count < MAX_IDLE_RECORDS; count++) wire.give(empty());
    assert.equal(wire.failure, null);
    wire.give(empty());
  },
);

refuses(
  `${MAX_IDLE_RECORDS} warnings in a row are taken, one more is refused`,
  unexpected("too-many-warnings"),
  (wire) => {
    wire.establish();
    for (let count = 0; count < MAX_IDLE_RECORDS; count++) wire.give(wire.client.alert(1, 90));
    assert.equal(wire.failure, null);
    wire.give(wire.client.alert(1, 90));
  },
);

refusesEarly(
  "warnings are counted during the handshake too",
  unexpected("too-many-warnings"),
  (wire) => {
    for (let count = 0; count < MAX_IDLE_RECORDS; count++) wire.give(wire.client.alert(1, 112));
    assert.equal(wire.failure, null);
    wire.give(wire.client.alert(1, 112));
  },
);

refuses(
  "empty records and warnings in turn are one row",
  unexpected("too-many-warnings"),
  (wire) => {
    wire.establish();
    for (let count = 0; count < MAX_IDLE_RECORDS; count += 2) {
      wire.give(wire.client.record(DATA, new Uint8Array()), wire.client.alert(1, 90));
    }
    assert.equal(wire.failure, null);
    wire.give(wire.client.alert(1, 90));
  },
);

// Alerts.

for (const [name, content] of [
  ["of one octet", "02"],
  ["of three octets", "022800"],
  ["of level 0", "0028"],
  ["of level 3", "0328"],
] as const) {
  refusesEarly(
    `an alert ${name} is refused`,
    { reason: "malformed-alert", alert: "decode_error" },
    (wire) => {
      wire.give(wire.client.record(ALERT, hex(content)));
    },
  );
}

for (const level of [1, 2]) {
  refusesEarly(
    `an unknown alert of level ${level} is an error`,
    illegal("unknown-alert"),
    (wire) => {
      wire.give(wire.client.alert(level, 200));
    },
  );
}

refusesEarly(
  "close_notify during the handshake is answered and ends it",
  { reason: "peer-closed", alert: "close_notify" },
  (wire) => {
    wire.hellos();
    wire.give(wire.client.alert(1, 0));
  },
);

for (const crypto of providers) {
  for (const at of ["before the hellos", "after the hellos", "when established"] as const) {
    test(`${crypto.name}: a fatal alert ${at} ends the connection without an answer`, () => {
      const wire = new Duplex(serverConfig(crypto));
      if (at === "after the hellos") wire.hellos();
      if (at === "when established") wire.establish();
      const sent = wire.sent.length;
      wire.give(wire.client.alert(2, 48));
      assert.equal(wire.failure?.reason, "peer-alert");
      assert.equal(wire.failure?.alert, "unknown_ca");
      assert.equal(wire.sent.length, sent);
    });
  }
}
