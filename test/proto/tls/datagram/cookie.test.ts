import fc from "fast-check";
import { assert, providers, seeded, test } from "#kit";
import { concat, hex, utf8 } from "../../../../src/base/bytes.ts";
import { noble } from "../../../../src/base/crypto/noble.ts";
import { mono } from "../../../../src/base/machine.ts";
import {
  addCookieField,
  COOKIE_PERIOD_MS,
  CookieMint,
  encodeHelloVerify,
  MAX_COOKIE_STATE,
  parseHelloVerify,
  splitCookie,
  withCookie,
} from "../../../../src/proto/tls/datagram/cookie.ts";
import { TlsFailure } from "../../../../src/proto/tls/failure.ts";

const SUBJECT = { address: utf8("192.0.2.1:40000"), hello: utf8("random, suites, extensions") };
const START = mono(5 * COOKIE_PERIOD_MS);

/** Version, random, a session id of two octets, a cookie of three, and the rest. */
const HELLO = concat(
  hex("fefd"),
  new Uint8Array(32).fill(0x52),
  hex("02 5151 03 c0c1c2"),
  hex("0002c02b 0100"),
);

for (const crypto of providers) {
  test(`${crypto.name}: a cookie is good for the address and the hello it was made for`, () => {
    const mint = new CookieMint(crypto, seeded("cookies"));
    const cookie = mint.make(START, SUBJECT);
    // RFC 4347 §4.2.1: all that DTLS 1.0 allows, which HelloVerifyRequest says it is; GnuTLS takes no more.
    assert.equal(cookie.length, 32);
    assert.deepEqual(mint.check(START, cookie, SUBJECT), hex(""));
    const others = [
      { ...SUBJECT, address: utf8("192.0.2.1:40001") },
      { ...SUBJECT, hello: utf8("another hello") },
      { address: concat(SUBJECT.address, utf8("r")), hello: SUBJECT.hello.subarray(1) },
    ];
    for (const other of others) assert.equal(mint.check(START, cookie, other), null);
    assert.equal(new CookieMint(crypto, seeded("another")).check(START, cookie, SUBJECT), null);
  });
}

test("a cookie is good for the period it was made in and the next one", () => {
  const mint = new CookieMint(noble, seeded("cookies"));
  const cookie = mint.make(START, SUBJECT);
  const at = (ms: number): Uint8Array | null => mint.check(mono(START + ms), cookie, SUBJECT);
  assert.notEqual(at(COOKIE_PERIOD_MS - 1), null);
  assert.notEqual(at(2 * COOKIE_PERIOD_MS - 1), null);
  assert.equal(at(2 * COOKIE_PERIOD_MS), null);
});

test("no cookie outlives its key: not after a long silence, nor when the period's octet comes round again", () => {
  for (const periods of [2, 255, 256, 257]) {
    const mint = new CookieMint(noble, seeded("cookies"));
    const cookie = mint.make(START, SUBJECT);
    const later = mono(START + periods * COOKIE_PERIOD_MS);
    assert.equal(mint.check(later, cookie, SUBJECT), null, `${periods} periods`);
  }
});

test("before the first period there was no key, so no cookie of it is good", () => {
  for (const period of [0, 1]) {
    const now = mono(period * COOKIE_PERIOD_MS);
    const forged = concat(Uint8Array.of((period + 255) % 256), hex(""));
    const message = concat(hex("01"), forged, hex("000f"), SUBJECT.address, SUBJECT.hello);
    for (const key of [hex(""), new Uint8Array(32)]) {
      const cookie = concat(forged, noble.hmac("sha256", key, message).subarray(0, 31));
      assert.equal(new CookieMint(noble, seeded("cookies")).check(now, cookie, SUBJECT), null);
    }
  }
});

test("RFC 9147 §5.1: what a stateless server wants back comes back in the cookie, and cannot be changed", () => {
  const mint = new CookieMint(noble, seeded("cookies"));
  const state = concat(noble.digest("sha384", utf8("first hello")), hex("1302 0017"));
  const cookie = mint.make(START, SUBJECT, state);
  assert.deepEqual(mint.check(START, cookie, SUBJECT), state);
  for (let at = 0; at < cookie.length; at++) {
    const changed = cookie.slice();
    changed[at]! ^= 1;
    assert.equal(mint.check(START, changed, SUBJECT), null, `octet ${at}`);
  }
  for (let length = 0; length < cookie.length; length++) {
    assert.equal(mint.check(START, cookie.subarray(0, length), SUBJECT), null, `${length} octets`);
  }
});

test("a cookie has at most 255 octets (RFC 6347 §4.2.1)", () => {
  const mint = new CookieMint(noble, seeded("cookies"));
  assert.equal(mint.make(START, SUBJECT, new Uint8Array(MAX_COOKIE_STATE)).length, 255);
  assert.throws(() => mint.make(START, SUBJECT, new Uint8Array(MAX_COOKIE_STATE + 1)), RangeError);
});

test("a hello is told from its cookie, and is a hello of TLS without the field", () => {
  const split = splitCookie(HELLO);
  assert.deepEqual(split.cookie, hex("c0c1c2"));
  assert.deepEqual(split.withoutCookie, withCookie(HELLO, hex("")));
  assert.deepEqual(addCookieField(split.withoutField, hex("c0c1c2")), HELLO);
  assert.deepEqual(withCookie(split.withoutCookie, hex("c0c1c2")), HELLO);
});

test("a hello that ends before its cookie does, or has too long a session id, is refused", () => {
  const cookieEnd = HELLO.length - 6;
  for (let length = 0; length < cookieEnd; length++) {
    const failure = assert.throws(() => splitCookie(HELLO.subarray(0, length)), TlsFailure);
    assert.equal(failure.reason, "malformed-message", `${length} octets`);
  }
  const longId = concat(HELLO.subarray(0, 34), Uint8Array.of(33), new Uint8Array(40));
  assert.equal(assert.throws(() => splitCookie(longId), TlsFailure).reason, "session-id-too-long");
});

test("RFC 6347 §4.2.1: HelloVerifyRequest says DTLS 1.0 and a cookie, and nothing else", () => {
  const body = encodeHelloVerify(hex("c0c1"));
  assert.deepEqual(body, hex("feff 02 c0c1"));
  assert.deepEqual(parseHelloVerify(body), hex("c0c1"));
  assert.deepEqual(parseHelloVerify(hex("fefd 00")), hex(""));
  for (let length = 0; length < body.length; length++) {
    assert.equal(
      assert.throws(() => parseHelloVerify(body.subarray(0, length)), TlsFailure).reason,
      "malformed-message",
    );
  }
  assert.equal(
    assert.throws(() => parseHelloVerify(hex("feff 00 00")), TlsFailure).reason,
    "malformed-message",
  );
  assert.equal(
    assert.throws(() => parseHelloVerify(hex("0303 00")), TlsFailure).reason,
    "version-unsupported",
  );
});

test("property: any octets are a hello with a cookie, a HelloVerifyRequest, or refused", () => {
  const mint = new CookieMint(noble, seeded("cookies"));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (octets) => {
      for (const parse of [splitCookie, parseHelloVerify]) {
        try {
          parse(octets);
        } catch (failure) {
          assert.ok(failure instanceof TlsFailure);
        }
      }
      assert.equal(mint.check(START, octets, SUBJECT), null);
    }),
  );
});
