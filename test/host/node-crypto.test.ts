import { assert, seeded, test } from "#kit";
import { hex, toHex, utf8 } from "../../src/base/bytes.ts";
import { noble } from "../../src/base/crypto/noble.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";

const empties = {
  "without a buffer": (): Uint8Array => new Uint8Array(),
  "at the end of a buffer": (): Uint8Array => new Uint8Array(4).subarray(4),
  "of a Buffer": (): Uint8Array => Buffer.alloc(0),
  "from the wire's text": (): Uint8Array => hex(""),
};

test("node: CCM over nothing has a tag, and only that tag opens", () => {
  const random = seeded("empty ccm");
  for (const algorithm of [
    "aes-128-ccm",
    "aes-128-ccm-8",
    "aes-256-ccm",
    "aes-256-ccm-8",
  ] as const) {
    const key = random(algorithm.startsWith("aes-128") ? 16 : 32);
    const nonce = random(12);
    for (const [shape, empty] of Object.entries(empties)) {
      for (const associated of [empty(), random(13)]) {
        const sealed = nodeCrypto.aead(algorithm, key).seal(nonce, associated, empty());
        const expected = noble.aead(algorithm, key).seal(nonce, associated, empty());
        assert.deepEqual(sealed, expected, `${algorithm}, ${shape}`);
        const opened = nodeCrypto.aead(algorithm, key).open(nonce, associated, sealed);
        assert.deepEqual(opened, new Uint8Array());
        sealed[0]! ^= 1;
        assert.equal(nodeCrypto.aead(algorithm, key).open(nonce, associated, sealed), null);
      }
    }
  }
});

test("node: what comes out is a plain Uint8Array, so that slice copies", () => {
  const random = seeded("plain");
  const key = nodeCrypto.aead("aes-128-gcm", random(16));
  const sealed = key.seal(random(12), new Uint8Array(), random(4));
  const signer = nodeCrypto.signingKey("P-256", nodeCrypto.generateScalar("P-256", random));
  const point = nodeCrypto.ecdhKey("P-256", random);
  const x25519 = nodeCrypto.ecdhKey("X25519", random);
  const cbc = nodeCrypto.aesCbcEncrypt(random(32), random(16), random(3));
  const running = nodeCrypto.hasher("sha256");
  for (const bytes of [
    nodeCrypto.digest("sha256", sealed),
    running.digest(),
    nodeCrypto.hmac("sha256", sealed, sealed),
    nodeCrypto.pbkdf2("sha256", sealed, sealed, 1, 16),
    sealed,
    cbc,
    signer.publicKey.point,
    signer.sign("sha256", sealed, null),
    point.publicKey,
    point.agree(signer.publicKey.point),
    x25519.publicKey,
    x25519.agree(x25519.publicKey),
  ]) {
    assert.ok(bytes);
    assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype);
  }
});

test("node: two signatures over one message have two nonces, with a random source and without", () => {
  const key = nodeCrypto.signingKey("P-256", nodeCrypto.generateScalar("P-256", seeded("nonces")));
  for (const source of [null, (length: number): Uint8Array => new Uint8Array(length)]) {
    const first = key.sign("sha256", utf8("m"), source);
    assert.notEqual(toHex(key.sign("sha256", utf8("m"), source)), toHex(first));
  }
});

test("PBKDF2, RFC 7914 §11: 80000 iterations", () => {
  const expected = hex(`4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56
    a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d`);
  for (const crypto of [noble, nodeCrypto]) {
    const key = crypto.pbkdf2("sha256", utf8("Password"), utf8("NaCl"), 80_000, 64);
    assert.deepEqual(key, expected, crypto.name);
  }
});
