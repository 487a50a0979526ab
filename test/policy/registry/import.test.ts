import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { hex, toBase64, toBase64Url, toHex, utf8 } from "../../../src/base/bytes.ts";
import {
  importExpected,
  ImportFailure,
  MAX_EXPECTED,
  MAX_LIST,
} from "../../../src/policy/registry/import.ts";
import type { Problem } from "../../../src/policy/registry/import.ts";
import type { DeviceRecord } from "../../../src/policy/registry/record.ts";
import { applyChanges, EMPTY_REGISTRY } from "../../../src/policy/registry/registry.ts";
import type { Registry } from "../../../src/policy/registry/registry.ts";
import { encodePublicKey } from "../../../src/proto/x509/key.ts";
import { selfSignedPeer } from "../admission/peers.ts";

const crypto = providers[0]!;
const formatOf = (text: string): "csv" | "qr" => (text.startsWith("HOMECA:") ? "qr" : "csv");
const recordsOf = (text: string): readonly DeviceRecord[] => {
  const { changes, imported } = importExpected(text, formatOf(text), EMPTY_REGISTRY, crypto);
  assert.equal(imported, changes.length);
  return changes.map((change) => {
    assert.ok(change.kind === "put");
    return change.record;
  });
};
const problemsOf = (text: string, registry: Registry = EMPTY_REGISTRY): readonly Problem[] =>
  assert.throws(() => importExpected(text, formatOf(text), registry, crypto), ImportFailure)
    .problems;

const ID = "claimedaaaaaaaaa";
const HASH = "38842744f49b13190365fafa1b7f142fbb981d3c0e8b911bb61eff25b296448b";
const HEADER = "id,key,code,name,type,class";

test("a CSV list gives expected records with what it says and who said it", () => {
  const [record, ...more] = recordsOf(
    `${HEADER}\r\n${ID},,k7qp-2m4x-9rtd-h3vn,"Küche, ""links""",lamp,aware\r\n`,
  );
  assert.equal(more.length, 0);
  assert.deepEqual(
    [record!.state, record!.class, record!.setupCode, record!.claim?.id, record!.keys.length],
    ["expected", "aware", "K7QP2M4X9RTDH3VN", ID, 0],
  );
  assert.deepEqual(record!.name, { value: 'Küche, "links"', by: "import" });
  assert.deepEqual(record!.type, { value: "lamp", by: "import" });
});

test("columns may be fewer, in any order, and parted by semicolons", () => {
  const [record] = recordsOf(`\ufeffname;key\n"Tor; hinten";${HASH.toUpperCase()}\n`);
  assert.equal(record!.name?.value, "Tor; hinten");
  assert.deepEqual(record!.keys, [{ role: "first-contact", spkiHash: HASH }]);
});

test("a key is taken as its hash or as a P-256 public key, and they give one record", () => {
  const peer = selfSignedPeer("imported");
  assert.ok(peer.publicKey.kind === "ec");
  const spki = encodePublicKey(peer.publicKey);
  const [byKey] = recordsOf(`key\n${toBase64(spki)}\n`);
  const [byHash] = recordsOf(`key\n${peer.spkiHash}\n`);
  assert.deepEqual(byKey, byHash);
  assert.equal(byKey!.keys[0]?.spkiHash, peer.spkiHash);

  const offCurve = spki.slice();
  offCurve[spki.length - 1]! ^= 1;
  for (const bad of [toBase64(offCurve), toBase64(spki.subarray(1)), "00", "Zm9v"]) {
    assert.match(problemsOf(`key\n${bad}\n`)[0]!.text, /^The key is neither/);
  }
});

test("QR text gives the same record as CSV", () => {
  const name = toBase64Url(utf8("Küche"));
  const [scanned] = recordsOf(`HOMECA:1;I:${ID};C:K7QP2M4X9RTDH3VN;T:lamp;N:${name};;\n`);
  const [listed] = recordsOf(`id,code,type,name\n${ID},K7QP2M4X9RTDH3VN,lamp,Küche\n`);
  assert.deepEqual(scanned, listed);
});

test("each bad line is named with its number and its fix, and nothing is taken", () => {
  const problems = problemsOf(
    [
      "id,key,code,name,type,class",
      `${ID},${HASH},,Good,lamp,`,
      "",
      `SHOUTING,${HASH},,,,`,
      ",,K7QP2M4X9RTDH3VN,,,",
      "bbbbbbbbbbbbbbbb,,short,,,",
      `,${toHex(new Uint8Array(32))},,,Lamp!,`,
      `,${"11".repeat(32)},,a\u202eb,,`,
      `,${"22".repeat(32)},,,,fridge`,
      `,${"33".repeat(32)}`,
      `,${"44".repeat(32)},,"open,,`,
      `,${HASH},,Again,,`,
    ].join("\n"),
  );
  assert.deepEqual(
    problems.map(({ line }) => line),
    [4, 5, 6, 7, 8, 9, 10, 11, 12],
  );
  const starts = ["The id is not", "The line has neither", "The code is not", "The type is not"];
  starts.push("The name is longer", "The class is none", "The line has 2 cells", "The quotes");
  starts.push("The id or key is that of line 2");
  for (const [at, start] of starts.entries()) {
    const { text } = problems[at]!;
    assert.ok(text.startsWith(start), text);
    assert.match(text, /: .+\.$/);
  }
});

test("a header that is unknown, doubled or missing is named", () => {
  assert.match(problemsOf("id,colour\n")[0]!.text, /"colour" that is not known: use id,key/);
  assert.match(problemsOf("id,id\n")[0]!.text, /"id" twice/);
  assert.deepEqual(problemsOf(" \n\n")[0]!.line, 0);
  assert.match(problemsOf(`${HEADER}\n`)[0]!.text, /no device/);
});

test("QR text out of form is named", () => {
  for (const line of [
    "HOMECA:2;I:a;;",
    `HOMECA:1;K:${HASH}`,
    `HOMECA:1;K:${HASH};`,
    `HOMECA:1;X:1;K:${HASH};;`,
    `HOMECA:1;K:${HASH};K:${HASH};;`,
    `HOMECA:1;K:;;`,
    `HOMECA:1;K:${HASH};N:!;;`,
    "HOMECA:1;;",
  ]) {
    assert.match(problemsOf(`HOMECA:1;K:${HASH};;\n${line}`)[0]!.text, /scan the code again/, line);
  }
});

test("what is on record already is not taken twice", () => {
  const text = `id,key,code\n${ID},,K7QP2M4X9RTDH3VN\n,${HASH},\n`;
  const changes = recordsOf(text).map((record) => ({ kind: "put", record }) as const);
  const registry = applyChanges(EMPTY_REGISTRY, changes);
  const problems = problemsOf(text, registry);
  assert.deepEqual(
    problems.map(({ line }) => line),
    [2, 3],
  );
  assert.match(problems[0]!.text, /already on record as [a-z2-7]+ \(expected\)/);
  // The same claimed id with a key is another record id, and the same device still.
  assert.equal(problemsOf(`id,key\n${ID},${"55".repeat(32)}\n`, registry).length, 1);
});

test("a list at its bounds is read, and beyond them refused", () => {
  const lines = (count: number): string =>
    Array.from({ length: count }, (_, n) => toHex(crypto.digest("sha256", hex("00").fill(n)))).join(
      "\n",
    );
  assert.equal(recordsOf(`key\n${lines(MAX_EXPECTED)}`).length, MAX_EXPECTED);
  const more = `${lines(MAX_EXPECTED)}\n${HASH}`;
  assert.match(problemsOf(`key\n${more}`)[0]!.text, /more than 256 devices: split it/);
  assert.match(problemsOf("x".repeat(MAX_LIST + 1))[0]!.text, /longer than 262144/);
});

test("the failure's message has the first problems and counts the rest", () => {
  const list = `key\n${"x\n".repeat(10)}`;
  const { message, problems } = assert.throws(
    () => importExpected(list, "csv", EMPTY_REGISTRY, crypto),
    ImportFailure,
  );
  assert.equal(problems.length, 10);
  assert.match(message, /^Line 2: The key is .* Line 9: The key is .*\. And 2 lines more\.$/);
});

test("property: any text is read or refused with sentences", () => {
  const cell = fc.constantFrom(ID, HASH, '"', ",", "\n", ";", "key", "id", "HOMECA:1", "K:", "x");
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.array(cell).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (list) => {
      for (const format of ["csv", "qr"] as const) {
        try {
          const { changes } = importExpected(list, format, EMPTY_REGISTRY, crypto);
          assert.ok(
            changes.every((change) => change.kind === "put" && change.record.state === "expected"),
          );
        } catch (failure) {
          assert.ok(failure instanceof ImportFailure);
          for (const problem of failure.problems) assert.match(problem.text, /\.$/);
        }
      }
    }),
  );
});
