import { assert, providers, test } from "#kit";
import { concat, hex, utf8, Writer } from "../../../src/base/bytes.ts";
import type { Crypto, SigningKey } from "../../../src/base/crypto/crypto.ts";
import type { AlertName } from "../../../src/proto/tls/alert.ts";
import type { TlsReason } from "../../../src/proto/tls/failure.ts";
import { handshakeMessage } from "../../../src/proto/tls/messages.ts";
import { MAX_EARLY_BYTES, MAX_IDLE_RECORDS } from "../../../src/proto/tls/server12.ts";
import type { TlsServerConfig } from "../../../src/proto/tls/server12.ts";
import { ExtensionType, HandshakeType } from "../../../src/proto/tls/wire.ts";
import {
  CLIENT_CERTIFICATE,
  clientKey,
  Duplex,
  encodeHello,
  extension,
  extensionsWith,
  extensionsWithout,
  serverConfig,
} from "../../kit/tls-client.ts";
import type { Extension, Hello } from "../../kit/tls-client.ts";

const CCS = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const DATA = 23;

interface Rule {
  readonly reason: TlsReason;
  readonly alert: AlertName;
  readonly config?: Partial<TlsServerConfig>;
  readonly hello?: Partial<Hello>;
}

/** One fault on the wire, for each provider: the right reason, its alert to the client, and nothing afterwards. */
function refuses(name: string, rule: Rule, fault: (wire: Duplex) => void): void {
  for (const crypto of providers) {
    test(`${crypto.name}: ${name}`, () => {
      const wire = new Duplex(serverConfig(crypto, rule.config), rule.hello);
      fault(wire);
      assert.equal(wire.failure?.reason, rule.reason);
      assert.equal(wire.failure?.alert, rule.alert);
      const last = wire.client.alerts.at(-1);
      assert.equal(last?.name, rule.alert);
      assert.equal(
        last?.level,
        rule.alert === "close_notify" || rule.alert === "no_renegotiation" ? "warning" : "fatal",
      );
      const spoken = wire.outputs.length;
      wire.give(wire.client.plainRecord(HANDSHAKE, hex("00")));
      assert.equal(wire.outputs.length, spoken, "a dead connection is silent");
    });
  }
}

/** Like {@link refuses} for a fault before any session could be: none must come. */
function refusesEarly(name: string, rule: Rule, fault: (wire: Duplex) => void): void {
  refuses(name, rule, (wire) => {
    fault(wire);
    assert.equal(wire.session, null);
  });
}

const unexpected = (reason: TlsReason): Rule => ({ reason, alert: "unexpected_message" });
const malformed: Rule = { reason: "malformed-message", alert: "decode_error" };
const illegal = (reason: TlsReason): Rule => ({ reason, alert: "illegal_parameter" });
const failed = (reason: TlsReason): Rule => ({ reason, alert: "handshake_failure" });
const badSignature: Rule = { reason: "bad-signature", alert: "decrypt_error" };
const badFinished: Rule = { reason: "bad-finished", alert: "decrypt_error" };
const badRecord: Rule = { reason: "record-not-authentic", alert: "bad_record_mac" };
const tooLong: Rule = { reason: "record-too-long", alert: "record_overflow" };
const required = { config: { clientCertificate: "required" } } as const;

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

// Order of records and messages.

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

// ClientHello.

const offer = (...changed: readonly Extension[]): { readonly hello: Partial<Hello> } => ({
  hello: { extensions: extensionsWith(...changed) },
});
const offerWithout = (type: number): { readonly hello: Partial<Hello> } => ({
  hello: { extensions: extensionsWithout(type) },
});
const body = (type: number, octets: string): Extension => [type, hex(octets)];

function refusesHello(name: string, rule: Rule): void {
  refusesEarly(name, rule, (wire) => {
    wire.hellos();
    assert.equal(wire.client.recordSizes.length, 1, "nothing but the alert");
  });
}

for (const version of [0x0002, 0x0300, 0x0301, 0x0302]) {
  refusesHello(`a ClientHello of version ${version.toString(16)} is refused`, {
    reason: "version-unsupported",
    alert: "protocol_version",
    hello: { version },
  });
}
for (const versions of [[0x0304], [0x0302, 0x0301], [0x7f1c]]) {
  refusesHello(`supported_versions without TLS 1.2 is refused (${versions.join(" ")})`, {
    reason: "version-unsupported",
    alert: "protocol_version",
    ...offer(extension.versions(versions)),
  });
}
refusesHello("a session id above 32 octets is refused", {
  reason: "session-id-too-long",
  alert: "decode_error",
  hello: { sessionId: new Uint8Array(33) },
});
refusesHello("a ClientHello without null compression is refused", {
  ...illegal("null-compression-missing"),
  hello: { compressions: [1] },
});
refusesHello("an empty list of compression methods is refused", {
  ...illegal("null-compression-missing"),
  hello: { compressions: [] },
});
refusesHello("an empty list of suites is refused", { ...malformed, hello: { suites: [] } });
refusesHello("a ClientHello without extensions lacks what we insist on", {
  ...failed("renegotiation-info-missing"),
  hello: { extensions: null },
});
refusesHello("an extension that comes twice is refused", {
  ...illegal("duplicate-extension"),
  hello: { extensions: [...extensionsWith(), extension.groups([23])] },
});
refusesHello("an unknown extension that comes twice is refused", {
  ...illegal("duplicate-extension"),
  hello: { extensions: [...extensionsWith(body(0x0a0a, "")), body(0x0a0a, "")] },
});
refusesHello("no suite in common is refused", {
  ...failed("no-common-suite"),
  hello: { suites: [0x009c, 0xc02f, 0x1301, 0xc023, 0x00ff] },
});
refusesHello("no group in common is refused", {
  ...failed("no-common-group"),
  ...offer(extension.groups([24, 25])),
});
refusesHello("groups without the certificate's curve are refused (RFC 8422 §5.3)", {
  ...failed("no-common-group"),
  ...offer(extension.groups([29])),
});
refusesHello("a ClientHello without signature_algorithms is refused", {
  ...failed("signature-algorithms-missing"),
  ...offerWithout(ExtensionType.signatureAlgorithms),
});
refusesHello("signature_algorithms without ours is refused", {
  ...failed("no-common-signature-scheme"),
  ...offer(extension.schemes([0x0203, 0x0401, 0x0503, 0x0804])),
});
refusesHello("a ClientHello without extended_master_secret is refused", {
  ...failed("extended-master-secret-missing"),
  ...offerWithout(ExtensionType.extendedMasterSecret),
});
refusesHello("a ClientHello without renegotiation_info and its suite value is refused", {
  ...failed("renegotiation-info-missing"),
  ...offerWithout(ExtensionType.renegotiationInfo),
});
refusesHello("a renegotiation_info that is not empty is refused (RFC 5746 §3.6)", {
  ...failed("renegotiation-info-not-empty"),
  ...offer(extension.renegotiationInfo(new Uint8Array(12))),
});
refusesHello("point formats without uncompressed are refused (RFC 8422 §5.1.2)", {
  ...illegal("uncompressed-points-missing"),
  ...offer(extension.pointFormats([1, 2])),
});
for (const code of [0, 5, 255]) {
  refusesHello(`a max_fragment_length of ${code} is refused (RFC 6066 §4)`, {
    ...illegal("bad-max-fragment-length"),
    ...offer(extension.maxFragmentLength(code)),
  });
}
for (const octets of [0, 63]) {
  refusesHello(`a record_size_limit of ${octets} is refused (RFC 8449 §4)`, {
    ...illegal("bad-record-size-limit"),
    ...offer(extension.recordSizeLimit(octets)),
  });
}
refusesHello("two host names are refused (RFC 6066 §3)", {
  ...illegal("bad-server-name"),
  ...offer(body(ExtensionType.serverName, "0008 00000161 00000162")),
});
for (const octet of ["00", "20", "7f", "80", "ff"]) {
  refusesHello(`a host name with the octet ${octet} is refused`, {
    ...illegal("bad-server-name"),
    ...offer(body(ExtensionType.serverName, `0006 000003 61${octet}62`)),
  });
}
refusesHello("a host name above 255 octets is refused", {
  ...illegal("bad-server-name"),
  ...offer(extension.serverName("a".repeat(256))),
});
refusesHello("no application protocol in common is refused (RFC 7301 §3.2)", {
  reason: "no-common-application-protocol",
  alert: "no_application_protocol",
  config: { applicationProtocols: ["coap"] },
  ...offer(extension.protocols(["h2", "http/1.1"])),
});

for (const [name, type, octets] of [
  ["server_name with an empty list", ExtensionType.serverName, "0000"],
  ["server_name with an empty name", ExtensionType.serverName, "0003 000000"],
  ["server_name with octets behind it", ExtensionType.serverName, "0004 00000161 00"],
  ["an empty server_name", ExtensionType.serverName, ""],
  ["max_fragment_length of two octets", ExtensionType.maxFragmentLength, "0101"],
  ["an empty max_fragment_length", ExtensionType.maxFragmentLength, ""],
  ["supported_groups with an empty list", ExtensionType.supportedGroups, "0000"],
  ["supported_groups of odd length", ExtensionType.supportedGroups, "0003 001700"],
  ["supported_groups with octets behind it", ExtensionType.supportedGroups, "0002 0017 00"],
  ["ec_point_formats with an empty list", ExtensionType.ecPointFormats, "00"],
  ["ec_point_formats cut short", ExtensionType.ecPointFormats, "0200"],
  ["signature_algorithms with an empty list", ExtensionType.signatureAlgorithms, "0000"],
  ["signature_algorithms of odd length", ExtensionType.signatureAlgorithms, "0003 040304"],
  ["ALPN with an empty list", ExtensionType.applicationProtocols, "0000"],
  ["ALPN with an empty name", ExtensionType.applicationProtocols, "0001 00"],
  ["ALPN with a name cut short", ExtensionType.applicationProtocols, "0002 0261"],
  ["extended_master_secret that is not empty", ExtensionType.extendedMasterSecret, "00"],
  ["record_size_limit of three octets", ExtensionType.recordSizeLimit, "400000"],
  ["record_size_limit of one octet", ExtensionType.recordSizeLimit, "40"],
  ["supported_versions with an empty list", ExtensionType.supportedVersions, "00"],
  ["supported_versions of odd length", ExtensionType.supportedVersions, "03 030303"],
  ["renegotiation_info with octets behind it", ExtensionType.renegotiationInfo, "0000"],
  ["an empty renegotiation_info", ExtensionType.renegotiationInfo, ""],
] as const) {
  refusesHello(`${name} is refused`, { ...malformed, ...offer(body(type, octets)) });
}

refusesEarly("octets behind the ClientHello's extensions are refused", malformed, (wire) => {
  const hello = concat(encodeHello(wire.client.hello), hex("00"));
  wire.give(wire.client.message(HandshakeType.clientHello, hello));
});

refusesEarly("an odd length of the suites is refused", malformed, (wire) => {
  const { random } = wire.client.hello;
  const hello = new Writer().u16(0x0303).raw(random).u8(0).vector16(hex("c02bc0")).u8(1).u8(0);
  wire.give(wire.client.message(HandshakeType.clientHello, hello.bytes()));
});

// Key exchange.

const POINT_OF_TWO = hex(`04 7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978
  07775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b79d227873d1`);
for (const [name, share] of [
  ["a point that is not on the curve", flipped(POINT_OF_TWO, 64)],
  ["a compressed point", concat(hex("03"), POINT_OF_TWO.subarray(1, 33))],
  ["a hybrid point", concat(hex("07"), POINT_OF_TWO.subarray(1))],
  ["the point at infinity", hex("00")],
  ["the point at infinity in full length", concat(hex("04"), new Uint8Array(64))],
  ["a point cut short", POINT_OF_TWO.subarray(0, 64)],
  ["a point with an octet too many", concat(POINT_OF_TWO, hex("00"))],
  ["a point with a coordinate beyond the field", concat(hex("04"), new Uint8Array(64).fill(0xff))],
  ["no point at all", new Uint8Array()],
] as const) {
  refusesEarly(`P-256: ${name} is refused`, illegal("bad-key-share"), (wire) => {
    const { client } = wire.hellos();
    wire.give(client.clientKeyExchange(share));
  });
}

// The u coordinates of low order: RFC 7748 §6.1 asks for the all-zero check that they are meant for.
for (const [name, share] of [
  ["zero", new Uint8Array(32)],
  ["one", Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? 1 : 0))],
  ["a point of order 8", hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")],
  ["p - 1", hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")],
  ["31 octets", new Uint8Array(31).fill(9)],
  ["33 octets", new Uint8Array(33).fill(9)],
] as const) {
  refusesEarly(
    `X25519: a share of ${name} is refused`,
    { ...illegal("bad-key-share"), config: { groups: ["X25519"] } },
    (wire) => {
      const { client } = wire.hellos();
      wire.give(client.clientKeyExchange(share));
    },
  );
}

refusesEarly("octets behind the key share are refused", malformed, (wire) => {
  const { client } = wire.hellos();
  const share = new Writer().vector8(POINT_OF_TWO).u8(0).bytes();
  wire.give(client.message(HandshakeType.clientKeyExchange, share));
});

refusesEarly("an empty ClientKeyExchange is refused", malformed, (wire) => {
  const { client } = wire.hellos();
  wire.give(client.message(HandshakeType.clientKeyExchange, new Uint8Array()));
});

// The client's certificate.

refusesEarly(
  "an empty chain is refused where a certificate is required",
  { ...failed("client-certificate-missing"), ...required },
  (wire) => {
    const { client } = wire.hellos();
    wire.give(client.certificate([]));
  },
);

refusesEarly(
  "a certificate that was not asked for is refused",
  unexpected("unexpected-message"),
  (wire) => {
    const { client } = wire.hellos();
    wire.give(client.certificate());
  },
);

refusesEarly(
  "a missing Certificate message is refused",
  { ...unexpected("unexpected-message"), ...required },
  (wire) => {
    const { client } = wire.hellos();
    wire.give(client.clientKeyExchange());
  },
);

refusesEarly(
  "a chain of more than 10 certificates is refused",
  { reason: "chain-too-long", alert: "bad_certificate", ...required },
  (wire) => {
    const { client } = wire.hellos();
    wire.give(client.certificate(Array.from({ length: 11 }, () => CLIENT_CERTIFICATE)));
  },
);

for (const [name, octets] of [
  ["an empty certificate", "000003 000000"],
  ["a certificate beyond the list", "000004 000002 61"],
  ["octets behind the list", "000000 00"],
  ["a list cut short", "000005 000001"],
  ["nothing", ""],
] as const) {
  refusesEarly(
    `a Certificate message with ${name} is refused`,
    { ...malformed, ...required },
    (wire) => {
      const { client } = wire.hellos();
      wire.give(client.message(HandshakeType.certificate, hex(octets)));
    },
  );
}

refusesEarly(
  "a chain that is rejected ends with the alert its judge names",
  { reason: "peer-rejected", alert: "unknown_ca", ...required },
  (wire) => {
    const { client } = wire.hellos();
    wire.give(client.certificate());
    wire.input({ kind: "peer-rejected", alert: "unknown_ca", reason: "not from our CA" });
    assert.match(wire.failure?.message ?? "", /not from our CA/);
  },
);

refusesEarly(
  `${MAX_EARLY_BYTES} octets wait for the chain's answer, one more is refused`,
  { ...unexpected("too-many-early-bytes"), ...required },
  (wire) => {
    const { client } = wire.hellos();
    wire.give(client.certificate());
    wire.give(new Uint8Array(MAX_EARLY_BYTES));
    assert.equal(wire.failure, null);
    wire.give(new Uint8Array(1));
  },
);

refusesEarly(
  "a CertificateVerify without a certificate is refused",
  { ...unexpected("unexpected-message"), config: { clientCertificate: "asked" } },
  (wire) => {
    const { client } = wire.hellos();
    wire.give(client.certificate([]), client.clientKeyExchange(), client.certificateVerify());
  },
);

function refusesProof(name: string, rule: Rule, proof: (wire: Duplex) => Uint8Array): void {
  refusesEarly(name, { ...rule, ...required }, (wire) => {
    const { client } = wire.hellos();
    wire.give(client.certificate(), client.clientKeyExchange());
    wire.accept();
    assert.equal(wire.failure, null);
    wire.give(proof(wire), client.changeCipherSpec(), client.finished());
  });
}

for (const scheme of [0x0101, 0x0201, 0x0203, 0x0303, 0x0603, 0x0807, 0x0000]) {
  refusesProof(
    `a signature of the scheme ${scheme.toString(16)}, which was not offered, is refused`,
    illegal("signature-scheme-not-offered"),
    ({ client }) => client.certificateVerify(scheme),
  );
}
for (const scheme of [0x0401, 0x0804]) {
  refusesProof(
    `a signature of the scheme ${scheme.toString(16)} does not fit an EC key`,
    illegal("signature-scheme-unfit"),
    ({ client }) => client.certificateVerify(scheme),
  );
}
refusesProof("a signature of another key is refused", badSignature, ({ client }) =>
  client.certificateVerify(0x0403, client.signature("sha256", strangersKey(client.crypto))),
);
refusesProof(
  "a signature with another hash than its scheme's is refused",
  badSignature,
  ({ client }) => client.certificateVerify(0x0503, client.signature("sha256")),
);
refusesProof("a signature over another transcript is refused", badSignature, ({ client }) => {
  const other = client.crypto.digest("sha256", client.hello.random);
  return client.certificateVerify(0x0403, clientKey(client.crypto).sign("sha256", other, null));
});

const ORDER = hex("00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
for (const [name, change] of [
  ["r = 0", (der: Uint8Array) => ecdsa(hex("00"), integers(der)[1])],
  ["s = 0", (der: Uint8Array) => ecdsa(integers(der)[0], hex("00"))],
  ["r = n", (der: Uint8Array) => ecdsa(ORDER, integers(der)[1])],
  ["s = n", (der: Uint8Array) => ecdsa(integers(der)[0], ORDER)],
  ["a negative r", (der: Uint8Array) => ecdsa(hex("80"), integers(der)[1])],
  [
    "a padded r",
    (der: Uint8Array) => ecdsa(concat(hex("0000"), integers(der)[0]), integers(der)[1]),
  ],
  ["an octet behind it", (der: Uint8Array) => concat(der, hex("00"))],
  ["an octet behind s", (der: Uint8Array) => lengthened(concat(der, hex("00")), 1)],
  ["a length in two octets", (der: Uint8Array) => concat(hex("3081"), der.subarray(1))],
  ["no octets", () => new Uint8Array()],
  [
    "r and s without DER",
    (der: Uint8Array) => concat(...integers(der).map((value) => value.slice(-32))),
  ],
] as const) {
  refusesProof(`a signature with ${name} is refused`, badSignature, ({ client }) =>
    client.certificateVerify(0x0403, change(client.signature())),
  );
}
refusesProof("octets behind the signature are refused", malformed, ({ client }) =>
  client.message(
    HandshakeType.certificateVerify,
    new Writer().u16(0x0403).vector16(client.signature()).u8(0).bytes(),
  ),
);

refusesEarly(
  "a Finished in place of the CertificateVerify is refused",
  { ...unexpected("unexpected-message"), ...required },
  (wire) => {
    const { client } = wire.hellos();
    wire.give(client.certificate(), client.clientKeyExchange());
    wire.accept();
    wire.give(client.finished());
  },
);

// Finished.

for (const [name, rule, change] of [
  ["a wrong Finished", badFinished, (data: Uint8Array) => flipped(data, 11)],
  ["a Finished of zeros", badFinished, () => new Uint8Array(12)],
  ["a Finished of 11 octets", malformed, (data: Uint8Array) => data.subarray(0, 11)],
  ["a Finished of 13 octets", malformed, (data: Uint8Array) => concat(data, hex("00"))],
  ["an empty Finished", malformed, () => new Uint8Array()],
] as const) {
  refusesEarly(`${name} is refused`, rule, (wire) => {
    const { client } = wire.hellos();
    wire.give(client.clientKeyExchange(), client.changeCipherSpec());
    wire.give(client.finished(change(client.verifyData())));
  });
}

refusesEarly("the server's own verify_data does not finish the client", badFinished, (wire) => {
  const { client } = wire.hellos();
  wire.give(client.clientKeyExchange(), client.changeCipherSpec());
  wire.give(client.finished(client.keys.verifyData("server", new Uint8Array(32))));
});

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
  { reason: "too-many-renegotiations", alert: "no_renegotiation" },
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

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at]! ^= 1;
  return changed;
}

function strangersKey(crypto: Crypto): SigningKey {
  return crypto.signingKey("P-256", new Uint8Array(32).fill(0x77));
}

/** r and s of a DER signature of P-256, as their INTEGERs' contents. */
function integers(der: Uint8Array): [Uint8Array, Uint8Array] {
  const r = der.subarray(4, 4 + der[3]!);
  return [r, der.subarray(4 + r.length + 2)];
}

function ecdsa(r: Uint8Array, s: Uint8Array): Uint8Array {
  const inside = new Writer().u8(2).vector8(r).u8(2).vector8(s).bytes();
  return new Writer().u8(0x30).vector8(inside).bytes();
}

/** The length octet of a DER signature made greater. */
function lengthened(der: Uint8Array, more: number): Uint8Array {
  const changed = der.slice();
  changed[1]! += more;
  return changed;
}
