import { assert } from "#kit";
import { concat, hex, utf8 } from "../../../src/base/bytes.ts";
import { handshakeMessage } from "../../../src/proto/tls/messages.ts";
import { HandshakeType } from "../../../src/proto/tls/wire.ts";
import { Duplex, encodeHello, serverConfig } from "../../kit/tls-client.ts";
import {
  ALERT,
  CCS,
  DATA,
  HANDSHAKE,
  illegal,
  refuses,
  refusesEarly,
  required,
  unexpected,
} from "./rules.ts";

for (const [type, name, content] of [
  [CCS, "ChangeCipherSpec", hex("01")],
  [DATA, "application data", hex("00")],
  [ALERT, "a warning", hex("015a")],
] as const) {
  refusesEarly(
    `${name} between the fragments of a handshake message is refused`,
    unexpected("interleaved-message"),
    (wire) => {
      const hello = wire.client.clientHello();
      wire.give(wire.client.plainRecord(HANDSHAKE, hello.subarray(5, 40)));
      wire.give(wire.client.plainRecord(type, content));
    },
  );
}

refusesEarly(
  "keys are not changed in the middle of a message",
  unexpected("interleaved-message"),
  (wire) => {
    const { client } = wire.hellos();
    wire.give(client.clientKeyExchange());
    wire.give(client.plainRecord(HANDSHAKE, hex("14")), client.changeCipherSpec());
  },
);

refusesEarly(
  "application data before the ClientHello is refused",
  unexpected("unexpected-application-data"),
  (wire) => {
    wire.give(wire.client.applicationData("early"));
  },
);

refusesEarly(
  "application data in the clear during the handshake is refused",
  unexpected("unexpected-application-data"),
  (wire) => {
    wire.hellos();
    wire.give(wire.client.applicationData("early"));
  },
);

refusesEarly(
  "protected application data before Finished is refused",
  unexpected("unexpected-application-data"),
  (wire) => {
    const { client } = wire.hellos();
    wire.give(
      client.clientKeyExchange(),
      client.changeCipherSpec(),
      client.applicationData("early"),
    );
  },
);

refusesEarly(
  "ChangeCipherSpec before the ClientHello is refused",
  unexpected("unexpected-change-cipher-spec"),
  (wire) => {
    wire.give(wire.client.record(CCS, hex("01")));
  },
);

refusesEarly(
  "ChangeCipherSpec before ClientKeyExchange is refused",
  unexpected("unexpected-change-cipher-spec"),
  (wire) => {
    wire.hellos();
    wire.give(wire.client.record(CCS, hex("01")));
  },
);

refusesEarly(
  "ChangeCipherSpec instead of the CertificateVerify after a certificate is refused",
  { ...unexpected("unexpected-change-cipher-spec"), ...required },
  (wire) => {
    const { client } = wire.hellos();
    wire.give(client.certificate(), client.clientKeyExchange());
    wire.accept();
    wire.give(client.changeCipherSpec(), client.finished());
  },
);

refusesEarly(
  "a second ChangeCipherSpec is refused",
  unexpected("unexpected-change-cipher-spec"),
  (wire) => {
    const { client } = wire.hellos();
    wire.give(client.clientKeyExchange(), client.changeCipherSpec());
    wire.give(client.record(CCS, hex("01")));
  },
);

refuses(
  "ChangeCipherSpec after the handshake is refused",
  unexpected("unexpected-change-cipher-spec"),
  (wire) => {
    wire.establish();
    wire.give(wire.client.record(CCS, hex("01")));
  },
);

for (const body of ["00", "02", "0101", "ff"]) {
  refusesEarly(
    `a ChangeCipherSpec of ${body} is refused`,
    illegal("malformed-change-cipher-spec"),
    (wire) => {
      const { client } = wire.hellos();
      wire.give(client.clientKeyExchange(), client.record(CCS, hex(body)));
    },
  );
}

refusesEarly(
  "a Finished without ChangeCipherSpec is refused",
  unexpected("unexpected-message"),
  (wire) => {
    const { client } = wire.hellos();
    wire.give(client.clientKeyExchange(), client.finished());
  },
);

for (const type of [0, 2, 11, 12, 14, 15, 16, 20, 24, 67]) {
  refusesEarly(
    `a handshake message of type ${type} instead of the ClientHello is refused`,
    unexpected("unexpected-message"),
    (wire) => {
      wire.give(wire.client.record(HANDSHAKE, Uint8Array.of(type, 0, 0, 0)));
    },
  );
}

refusesEarly(
  "a second ClientHello during the handshake is refused",
  unexpected("unexpected-message"),
  (wire) => {
    wire.hellos();
    wire.give(wire.client.clientHello());
  },
);

refusesEarly("a second ClientKeyExchange is refused", unexpected("unexpected-message"), (wire) => {
  const { client } = wire.hellos();
  wire.give(client.clientKeyExchange(), client.clientKeyExchange());
});

refusesEarly(
  "a message behind the ClientHello in its record is refused",
  unexpected("excess-message"),
  (wire) => {
    const hello = handshakeMessage(HandshakeType.clientHello, encodeHello(wire.client.hello));
    wire.give(wire.client.record(HANDSHAKE, concat(hello, hex("10"))));
    assert.equal(wire.client.recordSizes.length, 1, "nothing but the alert");
  },
);

refusesEarly(
  "a message behind the Finished in its record is refused",
  unexpected("excess-message"),
  (wire) => {
    const { client } = wire.hellos();
    wire.give(client.clientKeyExchange(), client.changeCipherSpec());
    const finished = handshakeMessage(HandshakeType.finished, client.verifyData());
    wire.give(client.record(HANDSHAKE, concat(finished, hex("01"))));
  },
);

refusesEarly(
  "another message than Finished after ChangeCipherSpec is refused",
  unexpected("unexpected-message"),
  (wire) => {
    const { client } = wire.hellos();
    wire.give(client.clientKeyExchange(), client.changeCipherSpec());
    wire.give(client.clientHello());
  },
);

refusesEarly(
  "a message longer than the bound is refused by its header alone",
  illegal("message-too-long"),
  (wire) => {
    wire.give(wire.client.record(HANDSHAKE, hex("01 010001")));
  },
);

refusesEarly(
  "a ClientHello one octet above the configured bound is refused by its header alone",
  { ...illegal("message-too-long"), config: { maxHandshakeBytes: 81 } },
  (wire) => {
    const hello = encodeHello(wire.client.hello);
    assert.equal(hello.length, 82);
    const atTheBound = serverConfig(wire.client.crypto, { maxHandshakeBytes: hello.length });
    assert.equal(new Duplex(atTheBound).hellos().failure, null);
    wire.give(wire.client.plainRecord(HANDSHAKE, hex("01 000052")));
  },
);

// After the handshake.

for (const type of [0, 2, 11, 16, 20]) {
  refuses(
    `a handshake message of type ${type} after the handshake is refused`,
    unexpected("unexpected-message"),
    (wire) => {
      wire.establish();
      wire.give(wire.client.record(HANDSHAKE, Uint8Array.of(type, 0, 0, 0)));
    },
  );
}

refuses(
  "renegotiation is refused with a warning four times, then for good",
  unexpected("too-many-renegotiations"),
  (wire) => {
    const { client } = wire.establish();
    for (let count = 1; count <= 4; count++) {
      wire.give(client.clientHello());
      assert.equal(client.alerts.length, count);
      assert.deepEqual(client.alerts.at(-1), { level: "warning", name: "no_renegotiation" });
      wire.give(client.applicationData("on"));
    }
    assert.equal(wire.failure, null);
    assert.deepEqual(wire.received, utf8("onononon"));
    wire.give(client.clientHello());
  },
);

refuses(
  "application data between the fragments of a renegotiating ClientHello is refused",
  unexpected("interleaved-message"),
  (wire) => {
    const { client } = wire.establish();
    wire.give(client.record(HANDSHAKE, hex("0100")), client.applicationData("."));
  },
);
