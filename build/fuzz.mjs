// The long run: `make fuzz`. Jazzer.js (libFuzzer's engine for JavaScript) runs each target of test/fuzz for its
// share of FUZZ_SECONDS (default 1800), or those of FUZZ_TARGET only. Exit status 1 if a promise broke.
// `node build/fuzz.mjs keep` then puts what reaches more into test/fuzz/corpus; `seeds` makes its first files anew.
import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import esbuild from "esbuild";
import { engine } from "./fuzz-engine.mjs";
import { filesBelow, root } from "./bundle.mjs";

const here = path.join(root, "dist/fuzz");
/** Octets of the longest input, and of the longest that is kept. */
const MAX_LENGTH = 12_288;
const MAX_KEPT_LENGTH = 1536;
/** Octets and files kept for one target, seeds not counted. */
const MAX_KEPT = 9000;
const MAX_KEPT_FILES = 60;
/** Whole handshakes take their time on QuickJS, in every run of the tests. */
const HANDSHAKES =
  "dtls-association dtls-endpoint eap-peer tls-client tls-peer12 tls-peer13 tls-resumption tls-retry";
const MAX_KEPT_HANDSHAKES = 25;
const SECONDS_PER_LINE = 30;
const OF_DER = "certificate crl der ocsp path pkcs12 private-key raw-key request".split(" ");

const bundleOf = (target) => path.join(here, "targets", `${target}.js`);
const corpusOf = (target) => path.join(root, "test/fuzz/corpus", target);
const findsOf = (target) => path.join(here, "finds", target);
const workOf = (target) => path.join(here, "work", target);
const filesIn = (folder) => (existsSync(folder) ? readdirSync(folder).sort() : []);

const [task = "run"] = process.argv.slice(2);
const all = filesBelow("test/fuzz/targets", ".ts").map((file) => path.basename(file, ".ts"));
const wanted = (process.env.FUZZ_TARGET ?? "").split(/[\s,]+/).filter(Boolean);
const strangers = wanted.filter((name) => !all.includes(name));
if (strangers.length > 0)
  fail(`no such fuzz target: ${strangers.join(" ")}; there are ${all.join(" ")}`);
const targets = wanted.length > 0 ? wanted : all;
mkdirSync(here, { recursive: true });

if (task === "seeds") await seeds();
else {
  const jazzer = engine(path.join(here, "engine"));
  await bundle();
  if (task === "keep") for (const target of targets) keep(jazzer, target);
  else await run(jazzer);
}

function fail(sentence) {
  console.error(`make fuzz: ${sentence}`);
  process.exit(1);
}

/** One file for each target; cryptography stays beside it, so that coverage counts our code alone. */
async function bundle() {
  const common = { absWorkingDir: root, bundle: true, platform: "node", logLevel: "error" };
  const uses = filesBelow("node_modules/@noble", ".js")
    .map((file) => file.slice("node_modules/".length))
    .filter((file) => /^@noble\/(ciphers|curves|hashes)\/(abstract\/)?[a-z0-9-]+\.js$/.test(file));
  const outdir = path.join(here, "noble");
  await esbuild.build({
    ...common,
    entryPoints: uses.map((file) => ({ in: `node_modules/${file}`, out: file.slice(0, -3) })),
    outdir,
    format: "cjs",
    outExtension: { ".js": ".cjs" },
  });
  const beside = {
    name: "beside",
    setup(build) {
      build.onResolve({ filter: /^@noble\// }, ({ path: name }) => ({
        path: path.join(outdir, name.replace(/\.js$/, ".cjs")),
        external: true,
      }));
    },
  };
  // Jazzer.js takes files called .js, which are CommonJS only where a package.json says so.
  mkdirSync(path.join(here, "targets"), { recursive: true });
  writeFileSync(path.join(here, "targets/package.json"), '{ "type": "commonjs" }\n');
  for (const target of targets) {
    await esbuild.build({
      ...common,
      stdin: {
        contents: `import { fuzz as target } from "./test/fuzz/targets/${target}.ts";
          import { watched } from "./test/fuzz/run.ts";
          export const fuzz = watched(target);`,
        resolveDir: root,
        loader: "ts",
      },
      outfile: bundleOf(target),
      format: "cjs",
      alias: { "#kit": "./test/kit/node.ts" },
      plugins: [beside],
    });
  }
}

function argumentsFor(target, folders, options) {
  const file = bundleOf(target);
  const dictionary = path.join(root, "test/fuzz/dictionaries", `${dictionaryOf(target)}.dict`);
  return [
    ...[file, ...folders, "--sync", "--timeout", "60000", "--disable_bug_detectors", ".*"],
    ...["-i", file, "--", `-max_len=${MAX_LENGTH}`, `-dict=${dictionary}`],
    ...["-rss_limit_mb=1500", "-print_final_stats=1", ...options],
  ];
}

function dictionaryOf(target) {
  if (target.startsWith("tls")) return "tls";
  if (target.startsWith("dtls")) return "dtls";
  if (target.startsWith("eap") || target.startsWith("radius")) return "eap-radius";
  return OF_DER.includes(target) ? "der" : "text";
}

async function run(jazzer) {
  const seconds = Number(process.env.FUZZ_SECONDS ?? 1800);
  if (!(seconds >= targets.length))
    fail(`FUZZ_SECONDS is at least ${targets.length}, a second for each target`);
  const rows = [];
  for (const target of targets) {
    rows.push(await runTarget(jazzer, target, Math.floor(seconds / targets.length)));
  }
  const cells = ["target", "seconds", "executions", "per second", "edges", "corpus", "finds"];
  console.log(`\n${line(cells)}`);
  for (const row of rows) console.log(line(row.cells));
  const finds = rows.reduce((sum, row) => sum + row.finds, 0);
  console.log(
    `${rows.length} targets, ${finds} broken promises${finds > 0 ? `: see dist/fuzz/finds` : ""}`,
  );
  process.exit(finds > 0 || rows.some((row) => row.died) ? 1 : 0);
}

function line([name, ...numbers]) {
  return name.padEnd(20) + numbers.map((cell) => String(cell).padStart(12)).join("");
}

async function runTarget(jazzer, target, seconds) {
  for (const folder of [workOf(target), corpusOf(target)]) mkdirSync(folder, { recursive: true });
  rmSync(findsOf(target), { recursive: true, force: true });
  mkdirSync(findsOf(target), { recursive: true });
  const options = [`-max_total_time=${seconds}`, "-use_value_profile=1", "-reload=0"];
  options.push(`-artifact_prefix=${findsOf(target)}/`);
  const given = argumentsFor(target, [workOf(target), corpusOf(target)], options);
  const child = spawn(process.execPath, [jazzer, ...given], {
    cwd: here,
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, FUZZ_FINDS: findsOf(target) },
  });
  const seen = { executions: 0, edges: 0, corpus: 0, rate: 0, tail: [] };
  const began = Date.now();
  let told = began;
  const finds = () => filesIn(findsOf(target)).filter((name) => !name.endsWith(".txt")).length;
  for await (const text of createInterface({ input: child.stderr })) {
    seen.tail = [...seen.tail, text].slice(-20);
    const status = /^#(\d+)\s.* cov: (\d+) ft: \d+ corp: (\d+)\S* .*exec\/s: (\d+)/.exec(text);
    const total = /^stat::number_of_executed_units:\s+(\d+)/.exec(text);
    if (total !== null) seen.executions = Number(total[1]);
    if (status === null) continue;
    [seen.executions, seen.edges, seen.corpus, seen.rate] = status.slice(1).map(Number);
    if (Date.now() - told < SECONDS_PER_LINE * 1000) continue;
    told = Date.now();
    const past = Math.round((told - began) / 1000);
    console.log(
      `${target}: ${past} s, ${seen.rate}/s, ${seen.edges} edges, ${seen.corpus} inputs, ${finds()} finds`,
    );
  }
  const status = await new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null)
      done(child.exitCode ?? child.signalCode);
    else child.on("exit", (code, signal) => done(code ?? signal));
  });
  const died = status !== 0;
  if (died) console.error(`${target} ended with ${status}:\n${seen.tail.join("\n")}`);
  const took = Math.max(1, Math.round((Date.now() - began) / 1000));
  const { executions, edges, corpus } = seen;
  const cells = [target, took, executions, Math.round(executions / took), edges, corpus, finds()];
  console.log(`${target}: done, ${executions} executions, ${edges} edges, ${finds()} finds`);
  return { cells, finds: finds(), died };
}

/** Keeps, beside the seeds, the shortest inputs that reach edges the others do not. */
function keep(jazzer, target) {
  const folder = corpusOf(target);
  const merged = path.join(here, "merged", target);
  rmSync(merged, { recursive: true, force: true });
  for (const each of [merged, workOf(target), folder]) mkdirSync(each, { recursive: true });
  const isSeed = (name) => name.startsWith("seed-");
  const seeds = filesIn(folder).filter(isSeed);
  for (const name of seeds) copyFileSync(path.join(folder, name), path.join(merged, name));
  const given = argumentsFor(
    target,
    [merged, workOf(target), folder],
    [...["-merge=1", "-use_counters=0", `-max_len=${MAX_KEPT_LENGTH}`]],
  );
  const { status, stderr } = spawnSync(process.execPath, [jazzer, ...given], {
    cwd: here,
    encoding: "utf8",
    env: { ...process.env, FUZZ_FINDS: findsOf(target) },
  });
  if (status !== 0) fail(`${target}: ${stderr.slice(-2000)}`);
  for (const name of filesIn(folder)) if (!isSeed(name)) rmSync(path.join(folder, name));
  const found = filesIn(merged)
    .filter((name) => !isSeed(name))
    .map((name) => ({ name, length: statSync(path.join(merged, name)).size }))
    .sort((a, b) => a.length - b.length);
  const most = HANDSHAKES.split(" ").includes(target) ? MAX_KEPT_HANDSHAKES : MAX_KEPT_FILES;
  let octets = 0;
  let kept = 0;
  for (const { name, length } of found) {
    if (kept === most || (octets += length) > MAX_KEPT) break;
    writeFileSync(path.join(folder, name.slice(0, 12)), readFileSync(path.join(merged, name)));
    kept++;
  }
  console.log(`${target}: ${seeds.length} seeds, ${kept} of ${found.length} found inputs kept`);
}

/** The first files of the corpus, from real exchanges; needs openssl. */
async function seeds() {
  const outfile = path.join(here, "seeds.mjs");
  await esbuild.build({
    absWorkingDir: root,
    bundle: true,
    platform: "node",
    format: "esm",
    entryPoints: ["test/fuzz/seeds.ts"],
    outfile,
    alias: { "#kit": "./test/kit/node.ts" },
    logLevel: "error",
  });
  const folder = path.join(root, "test/fuzz/corpus");
  process.exit(spawnSync(process.execPath, [outfile, folder], { stdio: "inherit" }).status ?? 1);
}
