// `make interop`: builds the peers there are tools for, runs the whole matrix, prints it and writes docs/interop.md.
// `--pairwise` runs a choice of cells, `--only TEXT` only peers whose name has TEXT; neither writes the page.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import esbuild from "esbuild";
import { root } from "./bundle.mjs";

mkdirSync(path.join(root, "dist"), { recursive: true });
const folder = mkdtempSync(path.join(root, "dist/interop-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const outfile = path.join(folder, "main.mjs");
await esbuild.build({
  absWorkingDir: root,
  entryPoints: ["test/interop/main.ts"],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "es2023",
  logLevel: "warning",
});

const words = process.argv.slice(2);
const whole = words.length === 0;
const page = whole ? ["--page", path.join(root, "docs/interop.md")] : [];
const others = whole ? ["--others", JSON.stringify([eapolTest()])] : [];
const sources = ["--sources", path.join(root, "test/interop/peers")];
const cache = ["--cache", path.join(root, "node_modules/.cache/interop")];
const { status } = spawnSync(
  process.execPath,
  [outfile, ...sources, ...cache, ...page, ...others, ...words],
  { cwd: root, stdio: "inherit" },
);
process.exit(status ?? 1);

/** eapol_test is wpa_supplicant's own state machine; its tests are run as they are. */
function eapolTest() {
  const { stdout } = spawnSync(process.execPath, ["build/test.mjs", "daemon/eapol"], {
    cwd: root,
    encoding: "utf8",
  });
  const [, passed = "0", failed = "1"] = /^node: (\d+) passed, (\d+) failed$/m.exec(stdout) ?? [];
  const version = spawnSync("wpa_supplicant", ["-v"], { encoding: "utf8" }).stdout ?? "";
  return {
    peer: "wpa_supplicant (eapol_test)",
    is: version.split("\n")[0] || "not on this machine",
    what: "EAP-TLS and EAP-TTLS over TLS 1.2 and TLS 1.3, our server (test/daemon/eapol.test.ts)",
    passed: Number(passed),
    failed: Number(failed),
  };
}
