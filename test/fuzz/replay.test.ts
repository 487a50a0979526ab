/** What fuzzing kept: inputs that together reach all it has reached, and inputs that once broke a promise. */
import { assert, test } from "#kit";
import { fromBase64 } from "../../src/base/bytes.ts";
import { CORPUS } from "./corpus.ts";
import { TARGETS } from "./targets.ts";

for (const [target, fuzz] of Object.entries(TARGETS)) {
  const files = CORPUS.filter((file) => file.target === target);
  test(`fuzz ${target}: each promise holds for the ${files.length} inputs that were kept`, () => {
    assert.ok(files.length > 0, "no corpus: make one with make fuzz");
    for (const { name, base64 } of files) {
      const bytes = fromBase64(base64);
      assert.ok(bytes !== null, name);
      try {
        fuzz(bytes);
      } catch (failure) {
        assert.fail(`${name}: ${String(failure)}`);
      }
    }
  });
  test(`fuzz ${target}: each promise holds for no octets at all`, () => {
    fuzz(new Uint8Array());
  });
}

test("fuzz: every file that was kept belongs to a target", () => {
  const strays = CORPUS.filter(({ target }) => !(target in TARGETS));
  assert.deepEqual(
    strays.map(({ name }) => name),
    [],
  );
});
