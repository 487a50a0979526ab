// Has BoringSSL's test runner (BoGo) judge our TLS: `node test/bogo/run.mjs [--update] [GLOB...]`.
// The runner is not part of this project. BOGO_RUNNER is the path of one that is ready to run, BOGO_RUNNER_DIR the
// folder it wants to be started in. With globs only the tests whose names match are run, and no figures are kept.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import esbuild from "esbuild";
import { root } from "../../build/bundle.mjs";

const CONFIG = path.join(root, "test/bogo/config.json");
const RATCHET = path.join(root, "test/bogo/ratchet.json");
const FAILURES_SHOWN = 40;
const COLUMNS = ["passed", "failed", "unimplemented", "disabled"];

const runner = process.env.BOGO_RUNNER;
if (runner === undefined) {
  console.log("skipped: set BOGO_RUNNER to the path of BoringSSL's test runner, built elsewhere");
  process.exit(0);
}
const update = process.argv.includes("--update");
const globs = process.argv.slice(2).filter((word) => word !== "--update");

const folder = mkdtempSync(path.join(tmpdir(), "homeca-bogo-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
const at = (name) => path.join(folder, name);

makeCertificate();
const tests = await listTests();
writeShim();
const service = await startService();
process.on("exit", () => service.kill());
const results = await runTests(service);
const figures = count(tests, results.outcomes);
report(figures, results.failures);
if (globs.length === 0) judge(figures);
service.removeAllListeners("exit");
service.kill();

/** The engine and what drives it, as one program that serves all tests. */
async function startService() {
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: ["test/bogo/shim.ts"],
    outfile: at("service.mjs"),
    bundle: true,
    format: "esm",
    target: "es2023",
    platform: "node",
    logLevel: "warning",
    sourcemap: "inline",
  });
  spawnSync("mkfifo", [at("requests")]);
  const words = ["--enable-source-maps", at("service.mjs"), folder];
  return spawn(process.execPath, words, { stdio: ["ignore", "inherit", "inherit"] });
}

/** What the runner starts for each test; see shim.ts for what it says to the service. */
function writeShim() {
  const script = `#!/bin/sh
case "$*" in *-is-handshaker-supported*) echo No; exit 0;; esac
name=$$
mkfifo ${at("$name")}
exec 3<>${at("$name")}
printf '%s\\0' "$@" >${at("$name.words")}
echo $name >${at("requests")}
while IFS= read -r line <&3; do
  case "$line" in
  "exit "*) exit "\${line#exit }" ;;
  *) printf '%s\\n' "$line" >&2 ;;
  esac
done
`;
  writeFileSync(at("shim.sh"), script, { mode: 0o755 });
}

/** For tests that hand out an RSA key only to have a key: see credentials.ts. */
function makeCertificate() {
  const words = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const files = ["-keyout", at("p256.key"), "-out", at("p256.pem")];
  const subject = ["-subj", "/CN=test", "-addext", "subjectAltName=DNS:test", "-days", "2"];
  const openssl = spawnSync("openssl", ["req", "-x509", ...words, ...files, ...subject]);
  if (openssl.status !== 0) throw new Error(`openssl req: ${openssl.stderr}`);
}

/** Runs the runner to its end; what it prints is handed on line by line. It ends with the service, if there is one. */
function start(words, onLine, service) {
  return new Promise((done, fail) => {
    const child = spawn(runner, words, {
      cwd: process.env.BOGO_RUNNER_DIR ?? path.dirname(runner),
      stdio: ["ignore", "pipe", "inherit"],
    });
    let rest = "";
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      lines.forEach(onLine);
    });
    service?.once("exit", () => {
      if (child.exitCode !== null) return;
      child.kill();
      fail(new Error("the shim's service died; what it said stands above"));
    });
    child.on("error", fail);
    child.on("close", done);
  });
}

/** Every test there is, by name: which role and protocol the shim has in it. A shim that can nothing tells. */
async function listTests() {
  const names = [];
  writeFileSync(
    at("list.sh"),
    `#!/bin/sh
case "$*" in *-is-handshaker-supported*) echo No; exit 0;; esac
role=client protocol=TLS
for word in "$@"; do
  case "$word" in -server) role=server;; -dtls) protocol=DTLS;; -quic) protocol=QUIC;; esac
done
echo "$protocol $role" >>${at("list")}
exit 89
`,
    { mode: 0o755 },
  );
  const words = ["-pipe", "-num-workers", "1", "-allow-unimplemented", "-shim-path", at("list.sh")];
  await start([...words, ...selection()], (line) => {
    const found = /^UNIMPLEMENTED \((.*)\)$/.exec(line);
    if (found !== null) names.push(found[1]);
  });
  const kinds = readFileSync(at("list"), "utf8").trim().split("\n");
  if (kinds.length !== names.length) {
    throw new Error(`${names.length} tests named, ${kinds.length} started`);
  }
  return new Map(names.map((name, index) => [name, `${kinds[index]}${version(name)}`]));
}

function selection() {
  return globs.length === 0 ? [] : ["-test", globs.join(";")];
}

/** As far as the name tells it. */
function version(name) {
  if (/TLS13/.test(name)) return " 1.3";
  if (/TLS12/.test(name)) return " 1.2";
  return /TLS11?(-|$)/.test(name) ? " 1.0 or 1.1" : "";
}

async function runTests(service) {
  const outcomes = new Map();
  const failures = new Map();
  let failing = null;
  const options = ["-pipe", "-num-workers", "2", "-allow-unimplemented"];
  const files = ["-shim-path", at("shim.sh"), "-shim-config", CONFIG];
  const extra = ["-shim-extra-flags", `-instead-of-rsa;${at("p256")}`];
  await start(
    [...options, ...files, ...extra, ...selection()],
    (line) => {
      const found = /^(PASSED|FAILED|UNIMPLEMENTED) \((.*)\)$/.exec(line);
      if (found === null) {
        if (failing !== null && line.trim() !== "") failures.get(failing).push(line);
        return;
      }
      outcomes.set(found[2], found[1].toLowerCase());
      failing = found[1] === "FAILED" ? found[2] : null;
      if (failing !== null) failures.set(failing, []);
      if (outcomes.size % 500 === 0) console.error(`${outcomes.size} tests run`);
    },
    service,
  );
  return { outcomes, failures };
}

/** Family → column → number. A test that the runner did not run is one that config.json disables. */
function count(tests, outcomes) {
  const figures = {};
  for (const [name, family] of [...tests].sort(([, a], [, b]) => (a < b ? -1 : 1))) {
    figures[family] ??= Object.fromEntries(COLUMNS.map((column) => [column, 0]));
    figures[family][outcomes.get(name) ?? "disabled"]++;
  }
  return figures;
}

function report(figures, failures) {
  for (const [name, lines] of [...failures].slice(
    0,
    globs.length > 0 ? Infinity : FAILURES_SHOWN,
  )) {
    console.log(`FAILED ${name}\n${lines.map((line) => `    ${line}`).join("\n")}`);
  }
  if (failures.size > FAILURES_SHOWN) console.log(`${failures.size} tests failed`);
  const row = (name, cells) =>
    console.log(name.padEnd(24) + cells.map((cell) => String(cell).padStart(15)).join(""));
  row("", COLUMNS);
  const total = Object.fromEntries(COLUMNS.map((column) => [column, 0]));
  for (const [family, numbers] of Object.entries(figures)) {
    row(
      family,
      COLUMNS.map((column) => numbers[column]),
    );
    for (const column of COLUMNS) total[column] += numbers[column];
  }
  row(
    "all",
    COLUMNS.map((column) => total[column]),
  );
}

/** No family may pass less than it did, fail more, or leave out more. */
function judge(figures) {
  if (update) {
    writeFileSync(RATCHET, `${JSON.stringify(figures, null, 2)}\n`);
    return;
  }
  const left = (numbers) => numbers.unimplemented + numbers.disabled;
  for (const [family, before] of Object.entries(JSON.parse(readFileSync(RATCHET, "utf8")))) {
    const now = figures[family] ?? { passed: 0, failed: 0, unimplemented: 0, disabled: 0 };
    if (now.passed >= before.passed && now.failed <= before.failed && left(now) <= left(before))
      continue;
    console.error(
      `${family}: ${now.passed} passed, ${now.failed} failed, ${left(now)} left out; ` +
        `before ${before.passed}, ${before.failed}, ${left(before)}. ` +
        "If that is meant, write the new figures with --update.",
    );
    process.exitCode = 1;
  }
}
