// Writes docs/vectors/*.json from the code, and the examples and tables of docs/protocol.md from them; `--check` only
// compares, exit status 1 where something is stale. docs/vectors/key-update.json is read, never written.
import { keep, load, read } from "./generated.mjs";
import { filled } from "./vectors/page.mjs";

const SCRIPT = "build/vectors.mjs";
const PAGE = "docs/protocol.md";

const { VECTORS } = await load('export * from "./build/vectors/index.ts";');
const vectors = { "key-update": JSON.parse(read("docs/vectors/key-update.json")) };
for (const [name, make] of Object.entries(VECTORS)) {
  vectors[name] = make();
  keep({ [`docs/vectors/${name}.json`]: `${JSON.stringify(vectors[name], null, 2)}\n` }, SCRIPT);
}
keep({ [PAGE]: filled(read(PAGE), vectors) }, SCRIPT);
