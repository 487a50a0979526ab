// Bundles the product and the tests with esbuild. One place knows entry points, aliases and targets.
import { mkdirSync, readdirSync, renameSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";
import { corpus } from "./corpus.mjs";

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const common = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  target: "es2023",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
};

/** All files below `folder` whose name ends in `ending`, relative to the root. */
export function filesBelow(folder, ending) {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

/** Test files that run on both engines: floors 0 to 2, the whole daemon in memory, and what fuzzing kept. */
export function pureTests() {
  const folders = [
    "test/base",
    "test/proto",
    "test/policy",
    "test/device",
    "test/whole",
    "test/fuzz",
  ];
  return folders.flatMap((folder) => filesBelow(folder, ".test.ts"));
}

/** Test files of what every host promises, each on the hosts that its engine has. */
export function contractTests() {
  return filesBelow("test/host/contract", ".test.ts");
}

/** Test files that need Node: daemon, host, command line. */
export function hostTests() {
  return ["test/daemon", "test/files", "test/host", "test/main", "test/package"].flatMap((folder) =>
    filesBelow(folder, ".test.ts"),
  );
}

/** Bundles each test file for Node into `outdir`; shared code is split so that it is built once. */
export async function bundleNodeTests(files, outdir) {
  await esbuild.build({
    ...common,
    entryPoints: files,
    outdir,
    outbase: root,
    splitting: true,
    platform: "node",
    outExtension: { ".js": ".mjs" },
    alias: { "#kit": "./test/kit/node.ts", "#stages": "./test/kit/stages-node.ts" },
    packages: "external",
    plugins: [corpus(filesBelow, root)],
    sourcemap: "inline",
  });
  return files.map((file) => path.join(outdir, file.replace(/\.ts$/, ".mjs")));
}

/** What a test asks of its engine before anything else, and what comes when all have run. */
const TEST_HOSTS = {
  quickjs: { first: "", last: "" },
  homecad: {
    first: `globalThis.print = (line) => nativeHost.log(6, line); nativeHost.limits(2 ** 30, 0, 3_600_000);`,
    last: "nativeHost.exit(0);",
  },
};

/**
 * Bundles the pure tests into one file for QuickJS, which gets the few globals fast-check asks for.
 * @param host - whose kit: `quickjs` for the engine's own program, `homecad` for the C host
 */
export async function bundleQuickJsTests(files, outdir, host = "quickjs") {
  const { first, last } = TEST_HOSTS[host];
  const outfile = path.join(outdir, "quickjs.mjs");
  const imports = files.map((file) => `import "./${file}";`).join("\n");
  await esbuild.build({
    ...common,
    stdin: {
      contents: `${imports}\nimport { runRegistered } from "#kit";\nawait runRegistered();\n${last}\n`,
      resolveDir: root,
      loader: "ts",
    },
    outfile,
    platform: "neutral",
    mainFields: ["module", "main"],
    alias: { "#kit": `./test/kit/${host}.ts`, "#stages": `./test/kit/stages-${host}.ts` },
    plugins: [corpus(filesBelow, root)],
    banner: {
      js: "globalThis.setTimeout ??= () => 0; globalThis.clearTimeout ??= () => {};" + first,
    },
  });
  return outfile;
}

/** Bundles the daemon and command line for Node into dist/homeca.mjs. */
export async function bundleProduct() {
  mkdirSync(path.join(root, "dist"), { recursive: true });
  const outfile = path.join(root, "dist/homeca.mjs");
  // In one step: somebody else may be starting it.
  const made = path.join(root, `dist/homeca.${process.pid}.mjs`);
  await esbuild.build({
    ...common,
    entryPoints: ["src/main/node.ts"],
    outfile: made,
    platform: "node",
    minify: false,
    banner: { js: "#!/usr/bin/env node" },
  });
  renameSync(made, outfile);
  return outfile;
}

/** Bundles the daemon for QuickJS into dist/homecad.js, which the C host links in. */
export async function bundleDaemon(entry = "src/main/quickjs.ts", out = "dist/homecad.js") {
  mkdirSync(path.join(root, "dist"), { recursive: true });
  const outfile = path.resolve(root, out);
  await esbuild.build({
    ...common,
    entryPoints: [entry],
    outfile,
    platform: "neutral",
    mainFields: ["module", "main"],
    minify: true,
  });
  return outfile;
}

/** The `qjs` of @suchipi/quickjs for this machine. */
export function qjsPath() {
  return path.join(enginePath(), "bin/qjs");
}

/** The folder of @suchipi/quickjs for a triple, or for this machine and a kind of C library. */
export function enginePath({ triple = null, library = "static" } = {}) {
  const arch = { x64: "x86_64", arm64: "aarch64" }[process.arch];
  const named = triple ?? `${arch}-unknown-linux-${library}`;
  return path.join(root, "node_modules/@suchipi/quickjs/build", named);
}

/** Bundles the demo for Node into dist/demo.mjs; it runs the product beside it. */
export async function bundleDemo() {
  const outfile = path.join(root, "dist/demo.mjs");
  await esbuild.build({
    ...common,
    entryPoints: ["test/demo/demo.ts"],
    outfile,
    platform: "node",
  });
  return outfile;
}

/** Bundles the home that the page's tests look at, into dist/page-world.mjs. */
export async function bundlePageWorld() {
  const outfile = path.join(root, "dist/page-world.mjs");
  await esbuild.build({
    ...common,
    entryPoints: ["test/page/world.ts"],
    outfile,
    platform: "node",
  });
  return outfile;
}
