import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex, utf8 } from "../../../src/base/bytes.ts";
import { encodeAlert, parseAlert } from "../../../src/proto/tls/alert.ts";
import type { AlertName } from "../../../src/proto/tls/alert.ts";
import { TlsFailure } from "../../../src/proto/tls/failure.ts";
import {
  encodeCertificate,
  encodeEcdhParams,
  encodeServerKeyExchange,
  MAX_CHAIN_LENGTH,
  parseCertificate,
  parseCertificateVerify,
  parseClientKeyExchange,
  parseFinished,
} from "../../../src/proto/tls/messages.ts";

const CHAIN = [utf8("own"), utf8("intermediate")];

/** Each parser with a good body and what it says. */
const PARSERS: readonly (readonly [string, (body: Uint8Array) => unknown, Uint8Array, unknown])[] =
  [
    ["Certificate", parseCertificate, encodeCertificate(CHAIN).subarray(4), CHAIN],
    ["ClientKeyExchange", parseClientKeyExchange, hex("03 040506"), hex("040506")],
    [
      "CertificateVerify",
      parseCertificateVerify,
      hex("0403 0002 aabb"),
      { schemeCode: 0x0403, signature: hex("aabb") },
    ],
    ["Finished", parseFinished, hex("000102030405060708090a0b"), hex("000102030405060708090a0b")],
  ];

for (const [name, parse, good, expected] of PARSERS) {
  test(`${name}: a good body is read`, () => {
    assert.deepEqual(parse(good), expected);
  });

  test(`${name}: every strict prefix is refused, and so is an octet too many`, () => {
    for (let length = 0; length < good.length; length++) {
      const failure = assert.throws(() => parse(good.subarray(0, length)), TlsFailure, `${length}`);
      assert.equal(failure.alert, "decode_error");
    }
    assert.throws(() => parse(concat(good, hex("00"))), TlsFailure);
  });

  test(`property: ${name}: any body is read or a TlsFailure, nothing else`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (body) => {
        try {
          parse(body);
        } catch (failure) {
          assert.ok(failure instanceof TlsFailure, String(failure));
        }
      }),
    );
  });
}

test("a chain does not borrow from the message", () => {
  const body = encodeCertificate(CHAIN).subarray(4);
  const chain = parseCertificate(body);
  body.fill(0);
  assert.deepEqual(chain, CHAIN);
});

test(`a chain of ${MAX_CHAIN_LENGTH} certificates is taken`, () => {
  const chain = Array.from({ length: MAX_CHAIN_LENGTH }, () => utf8("certificate"));
  assert.deepEqual(parseCertificate(encodeCertificate(chain).subarray(4)), chain);
});

test("ServerKeyExchange is laid out as in RFC 8422 §5.4", () => {
  const params = encodeEcdhParams("X25519", hex("aabb"));
  const message = encodeServerKeyExchange(params, 0x0403, hex("ccdd"));
  assert.deepEqual(message, hex("0c 00000c  03 001d 02 aabb  0403 0002 ccdd"));
});

/** AlertDescription of RFC 5246 §7.2 and later, as far as we send or tell them apart. */
const ALERTS: readonly (readonly [AlertName, string])[] = [
  ["close_notify", "0100"],
  ["unexpected_message", "020a"],
  ["bad_record_mac", "0214"],
  ["record_overflow", "0216"],
  ["handshake_failure", "0228"],
  ["bad_certificate", "022a"],
  ["unsupported_certificate", "022b"],
  ["certificate_revoked", "022c"],
  ["certificate_expired", "022d"],
  ["certificate_unknown", "022e"],
  ["illegal_parameter", "022f"],
  ["unknown_ca", "0230"],
  ["access_denied", "0231"],
  ["decode_error", "0232"],
  ["decrypt_error", "0233"],
  ["protocol_version", "0246"],
  ["internal_error", "0250"],
  ["user_canceled", "015a"],
  ["no_renegotiation", "0164"],
  ["no_application_protocol", "0278"],
];

test("alerts have their numbers, and a level that fits them", () => {
  for (const [name, octets] of ALERTS) {
    assert.deepEqual(encodeAlert(name), hex(octets), name);
    const level = octets.startsWith("01") ? "warning" : "fatal";
    assert.deepEqual(parseAlert(hex(octets)), { level, name });
  }
});

test("property: any two octets are an alert of level 1 or 2, or none", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3 }), (body) => {
      const good = body.length === 2 && (body[0] === 1 || body[0] === 2);
      assert.equal(parseAlert(body) !== null, good);
    }),
  );
});

test("a failure tells its reason and its alert, and no octets of the peer's", () => {
  const failure = TlsFailure.because("no-common-group", "the certificate's curve is not offered");
  assert.equal(failure.message, "no-common-group: the certificate's curve is not offered");
  assert.equal(failure.alert, "handshake_failure");
});
