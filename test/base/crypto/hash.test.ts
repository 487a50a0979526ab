import { assert, providers, seeded, test } from "#kit";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import type { HashName } from "../../../src/base/crypto/crypto.ts";

const HASHES: readonly HashName[] = ["md5", "sha1", "sha256", "sha384", "sha512"];

/** Digests of "abc": RFC 1321 §A.5; RFC 3174 §7.3; FIPS 180-2 §B.1, §D.1, §C.1. */
const OF_ABC: Readonly<Record<HashName, string>> = {
  md5: "900150983cd24fb0d6963f7d28e17f72",
  sha1: "a9993e364706816aba3e25717850c26c9cd0d89d",
  sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  sha384: `cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163
    1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7`,
  sha512: `ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
    2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f`,
};

/** Digests of nothing: RFC 1321 §A.5; NIST CAVP SHA byte vectors, Len = 0. */
const OF_NOTHING: Readonly<Record<HashName, string>> = {
  md5: "d41d8cd98f00b204e9800998ecf8427e",
  sha1: "da39a3ee5e6b4b0d3255bfef95601890afd80709",
  sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  sha384: `38b060a751ac96384cd9327eb1b1e36a21fdb71114be0743
    4c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b`,
  sha512: `cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce
    47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e`,
};

for (const crypto of providers) {
  test(`${crypto.name}: digests of "abc" and of nothing (RFC 1321, FIPS 180)`, () => {
    for (const hash of HASHES) {
      assert.deepEqual(crypto.digest(hash, utf8("abc")), hex(OF_ABC[hash]), hash);
      assert.deepEqual(crypto.digest(hash, new Uint8Array()), hex(OF_NOTHING[hash]), hash);
    }
  });

  test(`${crypto.name}: rounds are the digest of the digest, and none is no number of them`, () => {
    const message = utf8("abc");
    for (const hash of HASHES) {
      const once = crypto.digest(hash, message);
      assert.deepEqual(crypto.digestRounds(hash, message, 1), once, hash);
      const twice = crypto.digest(hash, once);
      const thrice = crypto.digest(hash, twice);
      assert.deepEqual(crypto.digestRounds(hash, message, 3), thrice, hash);
      for (const rounds of [0, -1, 1.5, Number.NaN]) {
        assert.throws(() => crypto.digestRounds(hash, message, rounds), RangeError);
      }
    }
  });

  test(`${crypto.name}: a running hash may be read at any point and goes on`, () => {
    const message = seeded("running hash")(300);
    for (const hash of HASHES) {
      const running = crypto.hasher(hash);
      assert.deepEqual(running.digest(), hex(OF_NOTHING[hash]), hash);
      for (let end = 0; end < message.length; end += 37) {
        running.update(message.subarray(end, end + 37));
        const soFar = message.subarray(0, end + 37);
        assert.deepEqual(running.digest(), crypto.digest(hash, soFar), hash);
        assert.deepEqual(running.digest(), crypto.digest(hash, soFar), `${hash} read twice`);
      }
    }
  });
}
