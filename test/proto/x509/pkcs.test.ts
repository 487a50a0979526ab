import fc from "fast-check";
import { assert, providers, seeded, test } from "#kit";
import { hex, toHex } from "../../../src/base/bytes.ts";
import type { Crypto } from "../../../src/base/crypto/crypto.ts";
import * as der from "../../../src/base/der-write.ts";
import { DerFailure } from "../../../src/base/der.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import { nameText } from "../../../src/proto/x509/name.ts";
import { parseCertificate } from "../../../src/proto/x509/certificate.ts";
import { encodeCurve } from "../../../src/proto/x509/key.ts";
import { OID } from "../../../src/proto/x509/oids.ts";
import { MAX_ITERATIONS, MIN_ITERATIONS, PasswordFailure } from "../../../src/proto/x509/pbes2.ts";
import type { Encryption, PasswordReason } from "../../../src/proto/x509/pbes2.ts";
import { encodePfx, parsePfx } from "../../../src/proto/x509/pkcs12.ts";
import {
  encodeEncryptedPrivateKey,
  encodePrivateKey,
  parseEncryptedPrivateKey,
  parsePrivateKey,
} from "../../../src/proto/x509/pkcs8.ts";
import { decodePem, encodePem, MAX_PEM_LENGTH } from "../../../src/proto/x509/pem.ts";
import { KEYS, PASSWORD } from "../../vectors/x509/openssl.ts";
import { rawCertificate } from "./pki.ts";

const crypto = providers[0]!;
const encryption = (changes: Partial<Encryption> = {}): Encryption => ({
  crypto,
  random: seeded("pkcs"),
  password: PASSWORD,
  iterations: MIN_ITERATIONS,
  ...changes,
});
const scalar = crypto.generateScalar("P-256", seeded("scalar"));
const key = { curve: "P-256", scalar } as const;
const wide = {
  curve: "P-384",
  scalar: crypto.generateScalar("P-384", seeded("scalar")),
} as const;
const refused = (body: () => unknown): PasswordReason =>
  assert.throws(body, PasswordFailure).reason;

for (const provider of providers) {
  test(`${provider.name}: openssl's key files hold one key`, () => {
    const plain = parsePrivateKey(KEYS.pkcs8, provider);
    assert.deepEqual(parseEncryptedPrivateKey(KEYS.encrypted, PASSWORD, provider), plain);
    const pfx = parsePfx(KEYS.pfx, PASSWORD, provider);
    assert.deepEqual(pfx.key, plain);
    const [certificate] = pfx.certificates.map(parseCertificate);
    assert.equal(nameText(certificate!.subject), "CN=self");
    const { publicKey } = provider.signingKey(plain.curve, plain.scalar);
    assert.deepEqual(certificate!.publicKey, publicKey);
  });
}

test("keys of both curves survive PKCS#8, bare and under a password", () => {
  for (const one of [key, wide]) {
    assert.deepEqual(parsePrivateKey(encodePrivateKey(one, crypto), crypto), one);
    const sealed = encodeEncryptedPrivateKey(one, encryption());
    assert.ok(!toHex(sealed).includes(toHex(one.scalar)));
    assert.deepEqual(parseEncryptedPrivateKey(sealed, PASSWORD, crypto), one);
  }
});

test("the password is UTF-8 for PBES2 and UTF-16 for the MAC, so umlauts open what they closed", () => {
  const password = "Schlüßel 🔑";
  const certificates = [rawCertificate()];
  const pfx = encodePfx({ key, certificates }, "lamp", encryption({ password }));
  assert.deepEqual(parsePfx(pfx, password, crypto), { key, certificates });
});

test("a wrong password opens nothing, and says no more than that", () => {
  const sealed = encodeEncryptedPrivateKey(key, encryption());
  for (let at = 0; at < 4; at++) {
    const failure = assert.throws(
      () => parseEncryptedPrivateKey(sealed, `wrong ${at}`, crypto),
      PasswordFailure,
    );
    assert.equal(failure.message, "wrong-password");
  }
  const pfx = encodePfx({ key, certificates: [rawCertificate()] }, "lamp", encryption());
  assert.equal(
    refused(() => parsePfx(pfx, "Sesame", crypto)),
    "wrong-password",
  );
});

test("a file changed after its MAC was made is refused before anything is decrypted", () => {
  const pfx = encodePfx({ key, certificates: [rawCertificate()] }, "lamp", encryption());
  const blind: Crypto = { ...crypto, aesCbcDecrypt: () => assert.fail("was decrypted") };
  const changed = pfx.slice();
  changed[pfx.length >> 1]! ^= 1;
  assert.equal(
    refused(() => parsePfx(changed, PASSWORD, blind)),
    "wrong-password",
  );
});

test("the key's own certificate comes first", () => {
  const own = rawCertificate();
  const above = [
    rawCertificate({ serial: hex("020107") }),
    rawCertificate({ serial: hex("020108") }),
  ];
  const certificates = [own, ...above];
  const pfx = encodePfx({ key, certificates }, "lamp", encryption());
  assert.deepEqual(parsePfx(pfx, PASSWORD, crypto).certificates, certificates);
});

test("rounds are bounded when writing and when reading", () => {
  for (const iterations of [MIN_ITERATIONS - 1, MAX_ITERATIONS + 1, Number.NaN]) {
    assert.throws(() => encodeEncryptedPrivateKey(key, encryption({ iterations })), RangeError);
    assert.throws(
      () => encodePfx({ key, certificates: [rawCertificate()] }, "", encryption({ iterations })),
      RangeError,
    );
  }
  assert.throws(() => encodePfx({ key, certificates: [] }, "", encryption()), RangeError);
  const sealed = (iterations: number): Uint8Array => {
    const kdf = der.sequence(
      der.octetString(new Uint8Array(16)),
      der.integer(iterations),
      der.sequence(der.oid(OID.hmacSha256), der.nullValue()),
    );
    const parameters = der.sequence(
      der.sequence(der.oid(OID.pbkdf2), kdf),
      der.sequence(der.oid(OID.aes256Cbc), der.octetString(new Uint8Array(16))),
    );
    const algorithm = der.sequence(der.oid(OID.pbes2), parameters);
    return der.sequence(algorithm, der.octetString(new Uint8Array(16)));
  };
  // No provider is asked: the bound comes before the work.
  const idle: Crypto = { ...crypto, pbkdf2: () => assert.fail("was derived") };
  const open = (iterations: number): PasswordReason =>
    refused(() => parseEncryptedPrivateKey(sealed(iterations), "", idle));
  assert.equal(open(MAX_ITERATIONS + 1), "too-many-iterations");
  assert.equal(open(0), "unsupported-scheme");
});

test("a PKCS#12 file is bounded in bytes and in what it holds", () => {
  const certificates = (count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, at) => rawCertificate({ serial: der.integer(at + 1) }));
  const pfx = (count: number): Uint8Array =>
    encodePfx({ key, certificates: certificates(count) }, "lamp", encryption());
  assert.equal(parsePfx(pfx(9), PASSWORD, crypto).certificates.length, 9);
  assert.equal(
    refused(() => parsePfx(pfx(10), PASSWORD, crypto)),
    "too-large",
  );
  assert.equal(
    refused(() => parsePfx(new Uint8Array(65_537), PASSWORD, crypto)),
    "too-large",
  );
  assert.equal(
    refused(() => parseEncryptedPrivateKey(new Uint8Array(4097), PASSWORD, crypto)),
    "too-large",
  );
});

test("keys that do not fit are refused: another curve, a scalar out of range, a stranger's point", () => {
  const made = (scalarBytes: Uint8Array, inner: readonly Uint8Array[] = []): Uint8Array =>
    der.sequence(
      der.integer(0),
      der.sequence(der.oid(OID.ecPublicKey), encodeCurve("P-256")),
      der.octetString(der.sequence(der.integer(1), der.octetString(scalarBytes), ...inner)),
    );
  const reason = (encoded: Uint8Array): string =>
    assert.throws(() => parsePrivateKey(encoded, crypto), X509Failure).reason;
  assert.deepEqual(parsePrivateKey(made(scalar), crypto), key);
  assert.equal(reason(made(new Uint8Array(32))), "bad-key");
  assert.equal(reason(made(new Uint8Array(32).fill(0xff))), "bad-key");
  assert.equal(reason(made(scalar.subarray(1))), "bad-key");
  const { point } = crypto.signingKey("P-256", hex("01".padStart(64, "0"))).publicKey;
  assert.equal(reason(made(scalar, [der.explicit(1, der.bitString(point))])), "bad-key");
  assert.equal(reason(made(scalar, [der.explicit(0, encodeCurve("P-384"))])), "bad-key");
  const rsa = der.sequence(der.oid(OID.rsaEncryption), der.nullValue());
  assert.equal(
    reason(der.sequence(der.integer(0), rsa, der.octetString(hex("00")))),
    "unsupported-key",
  );
  assert.equal(reason(new Uint8Array(4097)), "too-large");
});

test("property: any bytes and any change to a key file are a key or a failure of ours", () => {
  const attempt = (read: () => unknown): void => {
    try {
      read();
    } catch (failure) {
      const ours =
        failure instanceof X509Failure ||
        failure instanceof DerFailure ||
        failure instanceof PasswordFailure;
      assert.ok(ours, String(failure));
    }
  };
  // The KDF costs time and decides nothing here.
  const quick: Crypto = {
    ...crypto,
    pbkdf2: (_hash, _password, _salt, _iterations, length) => new Uint8Array(length),
    hmac: () => new Uint8Array(32),
    digest: () => new Uint8Array(32),
  };
  // Its MAC is the one quick makes, so that changes get past it.
  const pfx = encodePfx(
    { key, certificates: [rawCertificate()] },
    "lamp",
    encryption({ crypto: quick }),
  );
  assert.deepEqual(parsePfx(pfx, "", quick).key, key);
  const change = fc.tuple(fc.nat(), fc.nat(255));
  const changes = fc.array(change, { maxLength: 3 });
  const altered = (
    sample: Uint8Array,
    list: readonly (readonly [number, number])[],
  ): Uint8Array => {
    const bytes = sample.slice();
    for (const [at, byte] of list) bytes[at % bytes.length] = byte;
    return bytes;
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), changes, (bytes, list) => {
      attempt(() => parsePrivateKey(bytes, crypto));
      attempt(() => parsePrivateKey(altered(KEYS.pkcs8, list), crypto));
      attempt(() => parseEncryptedPrivateKey(bytes, "", quick));
      attempt(() => parseEncryptedPrivateKey(altered(KEYS.encrypted, list), "", quick));
      attempt(() => parsePfx(bytes, "", quick));
      attempt(() => parsePfx(altered(pfx, list), "", quick));
    }),
  );
});

test("RFC 7468: blocks are found between other text, by label and in order", () => {
  const one = rawCertificate();
  const two = hex("3000");
  const text = `some text\n${encodePem("CERTIFICATE", one)}\n${encodePem("PRIVATE KEY", two)}${encodePem("CERTIFICATE", two)}`;
  assert.deepEqual(decodePem("CERTIFICATE", text), [one, two]);
  assert.deepEqual(decodePem("CERTIFICATE", text.replaceAll("\n", "\r\n")), [one, two]);
  assert.deepEqual(decodePem("X509 CRL", text), []);
  assert.ok(text.split("\n").every((line) => line.length <= 64));
});

test("a block cut short, crossed or not canonical makes the text unusable", () => {
  const good = encodePem("CERTIFICATE", rawCertificate());
  const lines = good.split("\n");
  for (const bad of [
    lines.slice(0, -2).join("\n"),
    lines.slice(1).join("\n"),
    good.replace("END CERTIFICATE", "END PRIVATE KEY"),
    `${lines[0]}\n${good}`,
    good.replace(/\n[^-]/, "\n!"),
    good.replace(/=*\n-----END/, "=\n-----END"),
    good.replace("\n", "\nProc-Type: 4,ENCRYPTED\n\n"),
    good.replace("\n", "\n\n"),
    " ".repeat(MAX_PEM_LENGTH + 1),
  ]) {
    assert.equal(decodePem("CERTIFICATE", bad), null, bad.slice(0, 80));
  }
});

test("property: any bytes survive PEM", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
      assert.deepEqual(decodePem("PUBLIC KEY", encodePem("PUBLIC KEY", bytes)), [bytes]);
    }),
  );
});
