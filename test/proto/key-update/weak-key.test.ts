import { assert, providers, seeded, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import { isWeakKey, SMALL_MULTIPLES } from "../../../src/proto/key-update/weak-key.ts";
import { KEY_11_SCALAR } from "../../vectors/cose.ts";
import { P256_KEY } from "../../vectors/crypto/p256.ts";
import { opposite } from "./pair.ts";

const crypto = providers.at(-1)!;

/** Private scalars that were published, with where; MCUboot publishes its key as PEM only. */
const PUBLISHED: Readonly<Record<string, string>> = {
  "RFC 6979 A.2.5": P256_KEY.scalar,
  "RFC 9500 §2.3": "e6cb5bdd80aa45ae9c95e8c15476679ffec953c16851e711e743939589c64fc1",
  "RFC 9052 C.7, 11": KEY_11_SCALAR,
  "RFC 9052 C.7, meriadoc": "aff907c99f9ad3aae6c4cdf21122bce2bd68b5283e6907154ad911840fa208cf",
  "RFC 9052 C.7, peregrin": "02d1f7e6f26c43d4868d87ceb2353161740aacf1f7163647984b522a848df1c3",
  "RFC 5903 §8.1, initiator": "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
  "RFC 5903 §8.1, responder": "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
  "RFC 7515 A.3": "8e9b109e719098bf980487df1f5d77e9cb29606ebed2263b5f57c213df84f4b2",
  "RFC 7517 A.2": "f3bd0c07a81fb932781ed52752f60cc89a6be5e51934fe01938ddb55d8f77801",
  "RFC 7518 C, Alice": "d3f3716913d4310a0026de741b3f18893afc8114f0c84682ba677e313a13988a",
  "RFC 7518 C, Bob": "5449836690d75caf29f0dd029ddb31b3ddb8aba9d2d515c5012465e817d4a9dc",
  tinydtls: "41c1cb6b51247a144321435b7a80e714896a33bbad7294ca401455a194a949fa",
};

test("§5.7: keys whose scalars are published are weak, and so are their opposites", () => {
  for (const [source, scalar] of Object.entries(PUBLISHED)) {
    const point = crypto.p256.base(hex(scalar));
    assert.ok(isWeakKey(crypto, point), source);
    assert.ok(isWeakKey(crypto, opposite(point)), source);
  }
});

test("§5.7: MCUboot's sample key is weak", () => {
  const point = hex(`04 2acb403ce8feed5ba44995a1a91daee8dbbe1937cd14fb2f245737e5953988d9
    94b9d65aebd7cdd5308ad6fe48b24a6a810ee5f07d8b6834cc3a6afc538efac1`);
  assert.ok(crypto.isOnCurve("P-256", point));
  assert.ok(isWeakKey(crypto, point));
});

test("§5.7: D = j·G is weak for 1 ≤ |j| ≤ 65536", () => {
  for (const j of [1, 2, 1000, 65_535, SMALL_MULTIPLES]) {
    const point = crypto.p256.base(hex(j.toString(16).padStart(64, "0")));
    assert.ok(isWeakKey(crypto, point), String(j));
    assert.ok(isWeakKey(crypto, opposite(point)), String(-j));
  }
});

test("other keys are not", () => {
  const source = seeded("not weak");
  for (let run = 0; run < 5; run++) {
    const key = crypto.p256.base(crypto.generateScalar("P-256", source));
    assert.ok(!isWeakKey(crypto, key));
  }
});
