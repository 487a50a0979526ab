// Builds dist/homecad: the C host, the engine of @suchipi/quickjs and the bundle in one static executable.
//
//     node build/homecad.mjs [--cc COMPILER] [--triple TRIPLE] [--out FILE] [--sanitize]
//
// musl-gcc makes it static; where that is missing, cc makes one that needs this machine's C library.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { bundleDaemon, filesBelow, root } from "./bundle.mjs";

const has = (program) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
const arch = { x64: "x86_64", arm64: "aarch64" }[process.arch];
const { values } = parseArgs({
  options: {
    cc: { type: "string", default: has("musl-gcc") ? "musl-gcc" : "cc" },
    triple: { type: "string" },
    out: { type: "string", default: "dist/homecad" },
    sanitize: { type: "boolean", default: false },
  },
});
const { cc, out, sanitize } = values;
const isStatic = cc.includes("musl");
const triple = values.triple ?? `${arch}-unknown-linux-${isStatic ? "static" : "gnu"}`;
const engine = path.join(root, "node_modules/@suchipi/quickjs/build", triple);
const bundle = await bundleDaemon();
mkdirSync(path.dirname(path.join(root, out)), { recursive: true });

const sources = [
  ...filesBelow("package/homeca/src", ".c"),
  ...filesBelow("package/homeca/src", ".S"),
];
const warnings = ["-Wall", "-Wextra", "-Wconversion", "-Werror"];
const how = sanitize
  ? ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
  : ["-Os", "-s", ...(isStatic ? ["-static"] : [])];
execFileSync(
  cc,
  [
    "-std=c11",
    ...how,
    ...warnings,
    // The engine's header is not ours to warn about.
    "-isystem",
    path.join(engine, "include"),
    `-DBUNDLE="${bundle}"`,
    "-o",
    out,
    ...sources,
    path.join(engine, "lib/quickjs-core.a"),
    "-lm",
    "-lpthread",
  ],
  { cwd: root, stdio: "inherit" },
);
console.log(out);
