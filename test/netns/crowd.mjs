// Fifty devices of a shop's list, switched on at once; see crowd.ts.
import { mkdirSync } from "node:fs";
import path from "node:path";
import esbuild from "esbuild";
import { root } from "./lab.mjs";

/** Builds what `crowd.ts` is as a program; gives its file. */
export async function buildCrowd(lab) {
  const outfile = path.join(lab.folder, "crowd/crowd.mjs");
  mkdirSync(path.dirname(outfile), { recursive: true });
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: ["test/netns/crowd.ts"],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "es2023",
    logLevel: "warning",
  });
  return outfile;
}

/**
 * Lets `count` devices on `host` be taken in by `home` at once.
 *
 * @returns the milliseconds from the word to begin until the last of them lives
 */
export async function takeInCrowd(lab, host, home, count, address) {
  const program = await buildCrowd(lab);
  const folder = lab.file("crowd");
  const command = [process.execPath, program, `${folder}/states`, String(count), address];
  const child = lab.talk(host, command);
  const { lines } = await child.line(({ kind }) => kind === "list");
  await home.import(lab.file("crowd.csv", `id,code\n${lines.join("\n")}\n`));
  const start = performance.now();
  child.say("go\n");
  await child.line(({ kind }) => kind === "all", 120);
  return performance.now() - start;
}
