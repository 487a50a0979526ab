// Builds dist/homecad: the C host, the engine of @suchipi/quickjs and the daemon's bundle in one executable.
//
//     node build/homecad.mjs [--cc COMPILER] [--triple TRIPLE] [--static] [--sanitize] [--out FILE]
import { parseArgs } from "node:util";
import { bundleDaemon } from "./bundle.mjs";
import { compileHost, OPTIONS } from "./c-host.mjs";

const options = { ...OPTIONS, out: { type: "string", default: "dist/homecad" } };
const { values } = parseArgs({ options });
compileHost({ ...values, bundle: await bundleDaemon() });
console.log(values.out);
