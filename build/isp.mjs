// `make isp PROFILE=profile.json`: dist/isp/NAME/files for the ImageBuilder's FILES, and the list of packages beside.
//
//     node build/isp.mjs PROFILE [--out FOLDER]
//
// Nothing is written where the profile is wrong or a secret would get into the image.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { root } from "./bundle.mjs";
import { overlayOf, PACKAGES } from "./isp/overlay.mjs";
import { ProfileFailure, readProfile } from "./isp/profile.mjs";
import { secretsIn } from "./isp/secrets.mjs";
import { withFolders } from "./package/tree.mjs";

const { values, positionals } = parseArgs({
  options: { out: { type: "string", default: path.join(root, "dist/isp") } },
  allowPositionals: true,
});

try {
  const [file] = positionals;
  if (file === undefined) throw new ProfileFailure("name a profile: make isp PROFILE=profile.json");
  const profile = await readProfile(path.resolve(file));
  const entries = overlayOf(profile);
  const secrets = secretsIn(entries);
  if (secrets.length > 0) throw new ProfileFailure(secrets.join("; "));
  write(path.join(values.out, profile.name), profile, withFolders(entries));
} catch (failure) {
  if (!(failure instanceof ProfileFailure)) throw failure;
  console.error(`make isp: ${failure.message}`);
  process.exit(1);
}

function write(folder, { packages }, entries) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.join(folder, "files"), { recursive: true });
  for (const { path: name, kind, bytes, mode } of entries) {
    const out = path.join(folder, "files", name);
    if (kind === "directory") mkdirSync(out);
    else writeFileSync(out, bytes, { mode });
  }
  const all = [...PACKAGES, ...packages].join(" ");
  writeFileSync(path.join(folder, "packages"), `${all}\n`);
  console.log(`make image PROFILE=… FILES=${path.resolve(folder, "files")} PACKAGES="${all}"`);
}
