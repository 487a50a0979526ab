// `make docs`: writes every generated page anew.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { root } from "./bundle.mjs";

let failed = false;
for (const script of [
  "build/reference.mjs",
  "build/lifecycle-diagram.mjs",
  "build/protocol-diagram.mjs",
  "build/vectors.mjs",
  "build/window-simulation.mjs",
]) {
  const { status } = spawnSync(process.execPath, [path.join(root, script)], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) failed = true;
}
process.exit(failed ? 1 : 0);
