import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex, utf8 } from "../../../../src/base/bytes.ts";
import { EapFailure } from "../../../../src/proto/eap/failure.ts";
import { MAX_PASSWORD_LENGTH, parsePap } from "../../../../src/proto/eap/methods/ttls.ts";
import { avp } from "../script.ts";

const MANDATORY = 0x40;

const NAME = avp(1, utf8("lamp@setup.home.arpa"));
const PASSWORD = avp(2, concat(utf8("secret"), new Uint8Array(10)));
const reasonOf = (...avps: readonly Uint8Array[]) =>
  assert.throws(() => parsePap(concat(...avps)), EapFailure).reason;

test("RFC 5281 §11.2.5: a name and a password, the zeros behind it left out", () => {
  const { userName, password } = parsePap(concat(NAME, PASSWORD));
  assert.equal(userName, "lamp@setup.home.arpa");
  assert.deepEqual(password, utf8("secret"));
  assert.deepEqual(parsePap(concat(PASSWORD, NAME)).password, utf8("secret"));
});

test("only zeros at the end are padding; nothing but zeros is an empty password", () => {
  const passwordOf = (value: string) => parsePap(concat(NAME, avp(2, hex(value)))).password;
  assert.deepEqual(passwordOf("00 61 00 62 00 00"), hex("00 61 00 62"));
  assert.deepEqual(passwordOf("00 00 00 00"), hex(""));
  assert.deepEqual(passwordOf(""), hex(""));
});

test("a password has at most 128 octets, its padding included", () => {
  const sized = (length: number) => avp(2, new Uint8Array(length).fill(0x61));
  assert.equal(parsePap(concat(NAME, sized(MAX_PASSWORD_LENGTH))).password.length, 128);
  assert.equal(reasonOf(NAME, sized(MAX_PASSWORD_LENGTH + 1)), "password-too-long");
});

test("one name and one password, neither twice nor missing", () => {
  assert.equal(reasonOf(NAME, NAME, PASSWORD), "repeated-avp");
  assert.equal(reasonOf(NAME, PASSWORD, PASSWORD), "repeated-avp");
  assert.equal(reasonOf(NAME), "inner-credentials-missing");
  assert.equal(reasonOf(PASSWORD), "inner-credentials-missing");
  assert.equal(reasonOf(), "inner-credentials-missing");
});

test("a name with controls or too long is refused", () => {
  assert.equal(reasonOf(avp(1, utf8("a\nb")), PASSWORD), "bad-inner-identity");
  assert.equal(reasonOf(avp(1, new Uint8Array(254).fill(0x61)), PASSWORD), "bad-inner-identity");
});

test("inner EAP, CHAP and the MS-CHAPs are named as methods we do not speak", () => {
  const eapIdentity = avp(79, hex("02 00 0006 01 61"));
  const chap = [avp(60, new Uint8Array(16)), avp(3, new Uint8Array(17))];
  const msChap = [avp(11, new Uint8Array(8), MANDATORY, 311), avp(1, new Uint8Array(50), 0, 311)];
  const msChap2 = [avp(25, new Uint8Array(50), MANDATORY, 311)];
  assert.equal(reasonOf(eapIdentity), "inner-method-unsupported");
  for (const method of [chap, msChap, msChap2]) {
    assert.equal(reasonOf(NAME, ...method), "inner-method-unsupported");
    assert.equal(reasonOf(NAME, PASSWORD, ...method), "inner-method-unsupported");
  }
});

test("RFC 5281 §10.1: an AVP we do not know ends it if it is mandatory and is ignored if not", () => {
  assert.equal(reasonOf(NAME, PASSWORD, avp(31, utf8("x"))), "unknown-mandatory-avp");
  assert.equal(reasonOf(NAME, PASSWORD, avp(1, utf8("x"), MANDATORY, 9)), "unknown-mandatory-avp");
  const ignored = concat(NAME, avp(31, utf8("x"), 0), avp(2, utf8("x"), 0, 9), PASSWORD);
  assert.deepEqual(parsePap(ignored).password, utf8("secret"));
});

test("property: any bytes are a name and a password or a failure", () => {
  const part = fc.oneof(
    fc.constantFrom(NAME, PASSWORD, avp(31, utf8("x"), 0), avp(79, hex("00"))),
    fc.uint8Array({ maxLength: 12 }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
      try {
        assert.equal(parsePap(concat(...parts)).userName, "lamp@setup.home.arpa");
      } catch (failure) {
        assert.ok(failure instanceof EapFailure);
      }
    }),
  );
});
