// `make dist`: dist/homeca-VERSION.tar.xz, and dist/feed for OpenWrt's SDK, which builds the package from it.
//
//     node build/dist.mjs [--out FOLDER]
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { root } from "./bundle.mjs";
import { sourceDate } from "./package/build.mjs";
import { releaseFiles } from "./package/release.mjs";

const { values } = parseArgs({
  options: { out: { type: "string", default: path.join(root, "dist") } },
});

try {
  for (const [name, bytes, mode] of await releaseFiles(sourceDate())) {
    const out = path.join(values.out, name);
    mkdirSync(path.dirname(out), { recursive: true });
    writeFileSync(out, bytes, { mode: mode ?? 0o644 });
    console.log(`${name.padEnd(48)} ${String(bytes.length).padStart(8)} bytes`);
  }
} catch (failure) {
  console.error(`make dist: ${failure.message}`);
  process.exit(1);
}
