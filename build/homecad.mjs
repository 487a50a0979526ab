// Builds dist/homecad: the C host, the engine of @suchipi/quickjs and the daemon's bundle in one executable.
//
//     node build/homecad.mjs [--cc COMPILER] [--triple TRIPLE] [--static] [--sanitize] [--out FILE] [--entry FILE]
import { parseArgs } from "node:util";
import { bundleDaemon } from "./bundle.mjs";
import { compileHost, OPTIONS } from "./c-host.mjs";

const options = {
  ...OPTIONS,
  out: { type: "string", default: "dist/homecad" },
  // What is bundled instead of the product, such as a test's program.
  entry: { type: "string" },
};
const { values } = parseArgs({ options });
const { entry, out } = values;
const bundle = await (entry === undefined ? bundleDaemon() : bundleDaemon(entry, `${out}.js`));
compileHost({ ...values, bundle });
console.log(values.out);
