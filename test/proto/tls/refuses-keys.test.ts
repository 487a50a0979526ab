import { assert, providers, test } from "#kit";
import { concat, hex, Writer } from "../../../src/base/bytes.ts";
import type { Crypto, SigningKey } from "../../../src/base/crypto/crypto.ts";
import { MAX_EARLY_BYTES } from "../../../src/proto/tls/stream.ts";
import { HandshakeType } from "../../../src/proto/tls/wire.ts";
import { CLIENT_CERTIFICATE, clientKey, Duplex } from "../../kit/tls-client.ts";
import {
  badFinished,
  badSignature,
  failed,
  flipped,
  illegal,
  malformed,
  refusesEarly,
  required,
  unexpected,
} from "./rules.ts";
import type { Rule } from "./rules.ts";

// Key exchange.

const POINT_OF_TWO = hex(`04 7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978
  07775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b79d227873d1`);
test("the point that the faulty shares are made of is a good one", () => {
  for (const crypto of providers) assert.ok(crypto.isOnCurve("P-256", POINT_OF_TWO));
});

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
