/**
 * Wycheproof's vectors through every provider: where they come from and how
 * they were reduced is told beside them. What is valid must come out as they
 * say, what is invalid must be refused, and each acceptable case is decided by
 * one row of {@link ACCEPTABLE}.
 */
import { assert, providers, test } from "#kit";
import { concat, fromBase64Url, sameBytes } from "../../../src/base/bytes.ts";
import type {
  AeadName,
  Crypto,
  EcCurve,
  EcdhGroup,
  HashName,
  PublicKey,
  SignatureScheme,
} from "../../../src/base/crypto/crypto.ts";
import { hkdfExpand, hkdfExtract } from "../../../src/base/crypto/kdf.ts";
import aesCcm from "../../vectors/wycheproof/aes_ccm.json" with { type: "json" };
import aesGcm from "../../vectors/wycheproof/aes_gcm.json" with { type: "json" };
import chacha20 from "../../vectors/wycheproof/chacha20_poly1305.json" with { type: "json" };
import ecdhP256 from "../../vectors/wycheproof/ecdh_secp256r1_ecpoint.json" with { type: "json" };
import ecdhP384 from "../../vectors/wycheproof/ecdh_secp384r1_ecpoint.json" with { type: "json" };
import ecdsaP256 from "../../vectors/wycheproof/ecdsa_secp256r1_sha256.json" with { type: "json" };
import ecdsaP384Sha256 from "../../vectors/wycheproof/ecdsa_secp384r1_sha256.json" with { type: "json" };
import ecdsaP384 from "../../vectors/wycheproof/ecdsa_secp384r1_sha384.json" with { type: "json" };
import hkdfSha256 from "../../vectors/wycheproof/hkdf_sha256.json" with { type: "json" };
import hkdfSha384 from "../../vectors/wycheproof/hkdf_sha384.json" with { type: "json" };
import hmacSha256 from "../../vectors/wycheproof/hmac_sha256.json" with { type: "json" };
import hmacSha384 from "../../vectors/wycheproof/hmac_sha384.json" with { type: "json" };
import hmacSha512 from "../../vectors/wycheproof/hmac_sha512.json" with { type: "json" };
import pss2048Sha256 from "../../vectors/wycheproof/rsa_pss_2048_sha256_mgf1_32.json" with { type: "json" };
import pss2048Sha384 from "../../vectors/wycheproof/rsa_pss_2048_sha384_mgf1_48.json" with { type: "json" };
import pss4096Sha512 from "../../vectors/wycheproof/rsa_pss_4096_sha512_mgf1_64.json" with { type: "json" };
import rsa2048 from "../../vectors/wycheproof/rsa_signature_2048_sha256.json" with { type: "json" };
import rsa3072 from "../../vectors/wycheproof/rsa_signature_3072_sha384.json" with { type: "json" };
import rsa4096 from "../../vectors/wycheproof/rsa_signature_4096_sha512.json" with { type: "json" };
import x25519 from "../../vectors/wycheproof/x25519.json" with { type: "json" };

/** What became of one test: the vectors' result, a refusal, or a result that is not theirs. */
type Outcome = "accepted" | "refused" | "wrong";
type Result = "valid" | "invalid" | "acceptable";

/** Cases where Wycheproof leaves the answer to the standard at hand; the first row with a flag of the case decides. */
const ACCEPTABLE: readonly {
  readonly flag: string;
  readonly outcome: Outcome;
  readonly because: string;
}[] = [
  {
    flag: "CompressedPoint",
    outcome: "refused",
    because: "TLS has uncompressed points only (RFC 8422 §5.1.2, RFC 8446 §4.2.8.2)",
  },
  {
    flag: "ZeroSharedSecret",
    outcome: "refused",
    because: "TLS ends where the X25519 result is zero (RFC 8422 §5.11, RFC 8446 §7.4.2)",
  },
  {
    flag: "NonCanonicalPublic",
    outcome: "accepted",
    because: "values of 2^255 - 19 and above are taken modulo that (RFC 7748 §5)",
  },
  {
    flag: "Twist",
    outcome: "accepted",
    because: "X25519 is defined, and as strong, on the twist (RFC 7748 §6.1 asks for no check)",
  },
  {
    flag: "MissingNull",
    outcome: "refused",
    because: "the encoding is built anew and compared whole (RFC 8017 §8.2.2, step 3 and 4)",
  },
];

/** QuickJS takes one of so many tests of the slow kinds; Node takes each, through the same provider too. */
const SAMPLE = providers.length > 1 ? 1 : 8;

interface Results {
  readonly valid: readonly string[];
  readonly invalid: readonly string[];
  readonly acceptable: readonly string[];
}

interface VectorFile<Group extends Results> {
  readonly from: string;
  readonly fields: readonly string[];
  /** How many upstream has, with those left out here. */
  readonly tests: number;
  readonly leftOut: readonly { readonly why: string; readonly tests: number }[];
  readonly groups: readonly Group[];
}

/** One test: octets by the field's name, and numbers. */
interface Vector {
  readonly id: number;
  readonly result: Result;
  readonly flags: readonly string[];
  readonly octets: (field: string) => Uint8Array;
  readonly number: (field: string) => number;
}

function octetsOf(text: string): Uint8Array {
  const octets = text === "~" ? new Uint8Array() : fromBase64Url(text);
  assert.ok(octets !== null, `${text} is base64url`);
  return octets;
}

function readVector(line: string, result: Result, fields: readonly string[]): Vector {
  const cells = line.split(" ");
  const cell = (field: string): string => {
    const found = cells[fields.indexOf(field)];
    assert.ok(found !== undefined, `${field} is a field`);
    return found;
  };
  return {
    id: Number(cell("tcId")),
    result,
    flags: (cells[fields.length] ?? "").split(","),
    octets: (field) => octetsOf(cell(field)),
    number: (field) => Number(cell(field)),
  };
}

function vectorsOf(group: Results, fields: readonly string[]): readonly Vector[] {
  const read = (result: Result): readonly Vector[] =>
    group[result].map((line) => readVector(line, result, fields));
  return [...read("valid"), ...read("invalid"), ...read("acceptable")];
}

function expected({ id, result, flags }: Vector): Outcome {
  if (result !== "acceptable") return result === "valid" ? "accepted" : "refused";
  const row = ACCEPTABLE.find(({ flag }) => flags.includes(flag));
  assert.ok(row !== undefined, `tcId ${id}: no decision for ${flags.join(", ")}`);
  return row.outcome;
}

/** Registers one test per provider and file, which names every tcId that came out otherwise. */
function judge<Group extends Results>(
  file: VectorFile<Group>,
  every: number,
  outcomeOf: (crypto: Crypto, group: Group, vector: Vector) => Outcome,
): void {
  const upstream = /^testvectors_v1\/(\w+)_test\.json /.exec(file.from)?.[1];
  const vectors = file.groups.flatMap((group) =>
    vectorsOf(group, file.fields).map((vector) => ({ group, vector })),
  );
  const taken = vectors.filter((_, at) => at % every === 0);
  const share = every === 1 ? "" : ` (a sample of ${vectors.length})`;

  test(`Wycheproof ${upstream}: nothing is missing but what is said to be`, () => {
    assert.ok(upstream !== undefined);
    const leftOut = file.leftOut.reduce((sum, { tests }) => sum + tests, 0);
    assert.equal(vectors.length + leftOut, file.tests);
    assert.equal(new Set(vectors.map(({ vector }) => vector.id)).size, vectors.length);
    for (const result of ["valid", "invalid"] as const) {
      if (result === "invalid" && upstream === "x25519") continue;
      assert.ok(
        taken.some(({ vector }) => vector.result === result),
        result,
      );
    }
  });

  for (const crypto of providers) {
    test(`${crypto.name}: Wycheproof ${upstream}, ${taken.length} tests${share}`, () => {
      const otherwise: string[] = [];
      for (const { group, vector } of taken) {
        const outcome = outcomeOf(crypto, group, vector);
        if (outcome === expected(vector)) continue;
        otherwise.push(`tcId ${vector.id}, ${vector.result}: ${outcome}`);
      }
      assert.deepEqual(otherwise, []);
    });
  }
}

function compared(made: Uint8Array | null, wanted: Uint8Array): Outcome {
  if (made === null) return "refused";
  return sameBytes(made, wanted) ? "accepted" : "wrong";
}

const accepted = (holds: boolean): Outcome => (holds ? "accepted" : "refused");

function judgeSignatures<Group extends Results>(
  file: VectorFile<Group>,
  every: number,
  scheme: SignatureScheme,
  keyOf: (group: Group) => PublicKey,
): void {
  judge(file, every, (crypto, group, vector) =>
    accepted(crypto.verify(scheme, keyOf(group), vector.octets("msg"), vector.octets("sig"))),
  );
}

function judgeEcdsa(
  file: VectorFile<Results & { readonly point: string }>,
  curve: EcCurve,
  hash: HashName,
): void {
  const scheme = { kind: "ecdsa", hash } as const;
  judgeSignatures(file, SAMPLE, scheme, ({ point }) => ({
    kind: "ec",
    curve,
    point: octetsOf(point),
  }));
}

function judgeRsa(
  file: VectorFile<Results & { readonly modulus: string; readonly exponent: string }>,
  kind: "rsa-pkcs1" | "rsa-pss",
  hash: HashName,
): void {
  judgeSignatures(file, SAMPLE, { kind, hash }, ({ modulus, exponent }) => ({
    kind: "rsa",
    modulus: octetsOf(modulus),
    exponent: octetsOf(exponent),
  }));
}

/** The private number at the length the port draws; Wycheproof writes it as an INTEGER's octets. */
function scalarOf(number: Uint8Array, length: number): Uint8Array {
  const padded = concat(new Uint8Array(length), number);
  return padded.subarray(padded.length - length);
}

function judgeEcdh(file: VectorFile<Results>, group: EcdhGroup, length: number): void {
  judge(file, SAMPLE, (crypto, _, vector) => {
    const key = crypto.ecdhKey(group, () => scalarOf(vector.octets("private"), length));
    return compared(key.agree(vector.octets("public")), vector.octets("shared"));
  });
}

function judgeAead(file: VectorFile<Results & { readonly algorithm: string }>): void {
  judge(file, 1, (crypto, { algorithm }, vector) => {
    // The files hold names of the port; others make no key, which fails the test.
    const aead = crypto.aead(algorithm as AeadName, vector.octets("key"));
    const sealed = concat(vector.octets("ct"), vector.octets("tag"));
    const [nonce, associated, text] = ["iv", "aad", "msg"].map(vector.octets);
    const opened = compared(aead.open(nonce!, associated!, sealed), text!);
    if (opened !== "accepted") return opened;
    return compared(aead.seal(nonce!, associated!, text!), sealed);
  });
}

function judgeHkdf(file: VectorFile<Results>, hash: HashName): void {
  judge(file, 1, (crypto, _, vector) => {
    const secret = hkdfExtract(crypto, hash, vector.octets("salt"), vector.octets("ikm"));
    try {
      const made = hkdfExpand(crypto, hash, secret, vector.octets("info"), vector.number("size"));
      return compared(made, vector.octets("okm"));
    } catch (failure) {
      assert.ok(failure instanceof RangeError);
      return "refused";
    }
  });
}

function judgeHmac(file: VectorFile<Results>, hash: HashName): void {
  judge(file, 1, (crypto, _, vector) => {
    const tag = vector.octets("tag");
    // Half of the tests have a tag that was cut to half of its length.
    const made = crypto.hmac(hash, vector.octets("key"), vector.octets("msg"));
    return accepted(sameBytes(made.subarray(0, tag.length), tag));
  });
}

judgeEcdsa(ecdsaP256, "P-256", "sha256");
judgeEcdsa(ecdsaP384Sha256, "P-384", "sha256");
judgeEcdsa(ecdsaP384, "P-384", "sha384");
judgeEcdh(ecdhP256, "P-256", 32);
judgeEcdh(ecdhP384, "P-384", 48);
judgeEcdh(x25519, "X25519", 32);
judgeRsa(rsa2048, "rsa-pkcs1", "sha256");
judgeRsa(rsa3072, "rsa-pkcs1", "sha384");
judgeRsa(rsa4096, "rsa-pkcs1", "sha512");
judgeRsa(pss2048Sha256, "rsa-pss", "sha256");
judgeRsa(pss2048Sha384, "rsa-pss", "sha384");
judgeRsa(pss4096Sha512, "rsa-pss", "sha512");
judgeAead(aesGcm);
judgeAead(aesCcm);
judgeAead(chacha20);
judgeHkdf(hkdfSha256, "sha256");
judgeHkdf(hkdfSha384, "sha384");
judgeHmac(hmacSha256, "sha256");
judgeHmac(hmacSha384, "sha384");
judgeHmac(hmacSha512, "sha512");

test("Wycheproof: every row about acceptable tests decides some", () => {
  const files = [ecdhP256, ecdhP384, x25519, rsa2048, rsa3072, rsa4096];
  const decided = files.flatMap(({ groups }) =>
    (groups as readonly Results[]).flatMap(({ acceptable }) =>
      acceptable.map((line) => {
        const flags = line.split(" ").at(-1)!.split(",");
        return ACCEPTABLE.find(({ flag }) => flags.includes(flag))?.flag;
      }),
    ),
  );
  for (const { flag, because } of ACCEPTABLE) assert.ok(decided.includes(flag), because);
});
