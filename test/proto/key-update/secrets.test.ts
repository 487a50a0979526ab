/** D6: nothing that HomeCA has or says leads to the device's new private key. */
import { assert, providers, seeded, test } from "#kit";
import { hex, toHex } from "../../../src/base/bytes.ts";
import type { Crypto, EcdhKey } from "../../../src/base/crypto/crypto.ts";
import { multiplyAdd } from "../../../src/base/crypto/scalar.ts";
import { bodyOf, deviceOf, homeOf, reasonOf, run, scripted, START, vectors } from "./pair.ts";

/** Every octet string, number and text reachable from `root` by own properties, entries and members. */
function reachable(root: unknown): { readonly octets: Set<string>; readonly functions: unknown[] } {
  const octets = new Set<string>();
  const functions: unknown[] = [];
  const seen = new Set<unknown>();
  const visit = (value: unknown): void => {
    if (seen.has(value)) return;
    seen.add(value);
    if (typeof value === "bigint") octets.add(value.toString(16).padStart(64, "0"));
    if (typeof value === "string") octets.add(value);
    if (typeof value === "function") functions.push(value);
    if (typeof value !== "object" || value === null) return;
    if (value instanceof Uint8Array) {
      // The whole of what it is a view of, too: a cut-off part is still there.
      octets.add(toHex(value)).add(toHex(new Uint8Array(value.buffer)));
      return;
    }
    if (value instanceof Map || value instanceof Set) for (const member of value) visit(member);
    for (const key of Reflect.ownKeys(value)) visit(Reflect.get(value, key));
  };
  visit(root);
  return { octets, functions };
}

/** A secret: the very array it is in, and what that was. */
interface Secret {
  readonly octets: Uint8Array;
  readonly value: string;
}

interface Recorded {
  readonly crypto: Crypto;
  /** k, as the curve was given it. */
  readonly scalars: Secret[];
  /** What agreements and HMAC gave, in their order. */
  readonly results: Secret[];
}

const ZERO = new Uint8Array(32);

/** Crypto that keeps every secret it is given or makes, as only a debugger could. */
function recorded(crypto: Crypto): Recorded {
  const scalars: Secret[] = [];
  const results: Secret[] = [];
  const keep = <T extends Uint8Array | null>(list: Secret[], octets: T): T => {
    if (octets !== null) list.push({ octets, value: toHex(octets) });
    return octets;
  };
  const watched = (key: EcdhKey): EcdhKey => ({
    publicKey: key.publicKey,
    agree: (peer) => keep(results, key.agree(peer)),
  });
  return {
    scalars,
    results,
    crypto: {
      ...crypto,
      ecdhKey: (group, random) => watched(crypto.ecdhKey(group, random)),
      hmac: (hash, key, message) => keep(results, crypto.hmac(hash, key, message)),
      p256: {
        ...crypto.p256,
        multiply: (point, scalar) => crypto.p256.multiply(point, keep(scalars, scalar)),
      },
    },
  };
}

for (const provider of providers) {
  for (const { name, inputs, derived, newKey } of vectors.cases) {
    const share = "r" in inputs ? inputs.r : null;
    const draws = [inputs.e_d, inputs.N_d, ...(share === null ? [] : [share])].map(hex);

    test(`${provider.name}: k, e_h and d2 are nowhere in what HomeCA holds or said, ${name}`, () => {
      const { crypto, scalars, results } = recorded(provider);
      const home = homeOf(crypto, { random: scripted(hex(inputs.e_h), hex(inputs.N_h)) });
      const device = deviceOf(provider, { withShare: share !== null, random: scripted(...draws) });
      run(device, home);

      const { octets, functions } = reachable([home.attempts, home.outputs, [...home.seen]]);
      const secrets = {
        k: derived.k,
        d2: newKey.d2,
        d: inputs.d,
        e_h: inputs.e_h,
        PRK: derived.PRK,
        Z_ee: derived.Z_ee,
        Z_es: derived.Z_es,
      };
      for (const [secret, value] of Object.entries(secrets)) {
        for (const found of octets) assert.ok(!found.includes(value), secret);
      }
      // A share that is still there could agree again.
      assert.deepEqual(functions, []);
      // The search does find what is there.
      assert.ok(octets.has(derived.discoveryKey) && octets.has(newKey.D2));

      // k went through the curve once and is gone; so are the agreements and PRK.
      assert.deepEqual(scalars, [{ octets: ZERO, value: derived.k }]);
      for (const value of [derived.Z_ee, derived.Z_es, derived.PRK]) {
        const made = results.find((result) => result.value === value);
        assert.deepEqual(made?.octets, ZERO);
      }
    });
  }

  test(`${provider.name}: k is gone after a refusal too`, () => {
    const { crypto, scalars, results } = recorded(provider);
    const home = homeOf(crypto, { seen: () => scalars.length > 0 });
    const device = deviceOf(provider);
    const share = bodyOf(home.commit(bodyOf(device.handle({ kind: "start" }, START))));
    const refused = home.reveal(bodyOf(device.handle({ kind: "answer", body: share }, START)));
    assert.equal(reasonOf(refused), "new-key-is-known");
    assert.equal(scalars.length, 1);
    // Both agreements and PRK come first.
    for (const { octets } of [...scalars, ...results.slice(0, 3)]) assert.deepEqual(octets, ZERO);
    assert.equal(home.attempts.size, 0);
  });
}

test("D5: whoever knows d and all that HomeCA ever knew still lacks r", () => {
  const [paper, shared] = vectors.cases;
  const guess = (which: typeof paper): string =>
    toHex(multiplyAdd(hex(which!.derived.k), hex(which!.inputs.d), ZERO));
  assert.equal(guess(paper), paper!.newKey.d2);
  assert.notEqual(guess(shared), shared!.newKey.d2);
});

test("the device keeps neither r nor what k was made from", () => {
  const provider = providers[0]!;
  const { inputs, derived } = vectors.cases[1]!;
  const r = provider.generateScalar("P-256", seeded("r"));
  const { crypto, results } = recorded(provider);
  const draws = [hex(inputs.e_d), hex(inputs.N_d)];
  const device = deviceOf({ ...crypto, generateScalar: () => r }, { random: scripted(...draws) });
  run(device, homeOf(provider, { random: scripted(hex(inputs.e_h), hex(inputs.N_h)) }));
  assert.deepEqual(r, ZERO);
  const [agreement, secret] = results;
  assert.equal(agreement?.value, derived.Z_ee);
  for (const made of [agreement, secret]) assert.deepEqual(made?.octets, ZERO);
});
