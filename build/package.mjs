// `make package`: dist/ gets each package of build/package/table.mjs for each processor, as .ipk and .apk.
//
//     node build/package.mjs [--arch ARCH]... [--out FOLDER]
//
// The bytes depend on the sources, on SOURCE_DATE_EPOCH (the commit's time unless told) and on the compiler alone.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { root } from "./bundle.mjs";
import { packageFiles } from "./package/build.mjs";
import { ARCHITECTURES, PACKAGES } from "./package/table.mjs";

const known = Object.keys(ARCHITECTURES);
const { values } = parseArgs({
  options: {
    arch: { type: "string", multiple: true, default: known },
    out: { type: "string", default: path.join(root, "dist") },
  },
});

try {
  const unknown = values.arch.find((arch) => !known.includes(arch));
  if (unknown !== undefined) throw new Error(`no processor ${unknown}: name ${known.join(" or ")}`);
  mkdirSync(values.out, { recursive: true });
  for (const row of PACKAGES) {
    const archs = row.anyProcessor === true ? values.arch.slice(0, 1) : values.arch;
    for (const arch of archs) await build(row, arch);
  }
} catch (failure) {
  console.error(`make package: ${failure.message}`);
  process.exit(1);
}

async function build(row, arch) {
  for (const [name, bytes] of await packageFiles(row, arch)) {
    writeFileSync(path.join(values.out, name), bytes);
    console.log(`${name.padEnd(48)} ${String(bytes.length).padStart(8)} bytes`);
  }
}
