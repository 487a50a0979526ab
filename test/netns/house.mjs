// What every lab is made of: programs on hosts that are namespaces, files and logs in one folder, keys. All of it is
// gone when the process ends, however it ends.
import { spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";

// Where Debian keeps most of the programs, and what root's shell may lack.
process.env.PATH += ":/usr/sbin:/sbin";

export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
export const monotonic = () => Number(process.hrtime.bigint() / 1000n) / 1000;

/** Polls until `holds` gives something true, which is the result; fails after `seconds`. */
export async function until(what, holds, seconds = 10) {
  const deadline = monotonic() + seconds * 1000;
  for (;;) {
    const result = await holds();
    if (result) return result;
    if (monotonic() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await sleep(30);
  }
}

/** The programs of `wanted` that this machine lacks, in words; null for none. */
export function missingPrograms(wanted) {
  const absent = wanted.filter(
    (name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0,
  );
  return absent.length > 0 ? absent.join(", ") : null;
}

export class House {
  folder = mkdtempSync(path.join(tmpdir(), `homeca-lab-${process.pid}-`));
  /** Seconds after which a program is killed that has to come to its end. */
  patience = 20;
  #children = new Set();
  #closed = false;

  constructor() {
    process.on("exit", () => this.close());
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
      process.on(signal, () => process.exit(130));
    }
  }

  /** The namespace of a host; null for the one this runs in. */
  namespace(_host) {
    return null;
  }

  /** Takes away what was made besides processes and files. */
  dismantle() {}

  file(name, contents) {
    const file = path.join(this.folder, name);
    if (contents !== undefined) writeFileSync(file, contents, { mode: 0o600 });
    return file;
  }

  /** Runs a program in the namespace of `host` to its end; it is killed after `seconds`. */
  run(host, command, { input = "", seconds = this.patience } = {}) {
    return new Promise((done) => {
      const child = this.spawn(host, command, ["pipe", "pipe", "pipe"]);
      let stdout = "";
      let stderr = "";
      const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
      child.stdout.on("data", (bytes) => (stdout += bytes));
      child.stderr.on("data", (bytes) => (stderr += bytes));
      child.stdin.on("error", () => {});
      child.stdin.end(input);
      child.on("error", (failure) => done({ status: 127, stdout, stderr: String(failure) }));
      child.on("close", (code) => {
        clearTimeout(timer);
        done({ status: code ?? 137, stdout, stderr });
      });
    });
  }

  /** As `run`, but must succeed; gives standard output. */
  async must(host, command, options) {
    const { status, stdout, stderr } = await this.run(host, command, options);
    if (status !== 0) throw new Error(`${command.join(" ")}: ${(stderr || stdout).trim()}`);
    return stdout;
  }

  /** Starts a program that stays; its output goes to NAME.log. */
  start(host, name, command) {
    const log = openSync(this.file(`${name}.log`), "a");
    return this.spawn(host, command, ["ignore", log, log]);
  }

  /** Starts a program that is spoken with: `say` writes to it, `line` waits for a line of JSON that fits. */
  talk(host, command) {
    const child = this.spawn(host, command, ["pipe", "pipe", "inherit"]);
    const heard = [];
    readline.createInterface({ input: child.stdout }).on("line", (text) => {
      heard.push(JSON.parse(text));
    });
    return {
      say: (text) => child.stdin.write(text),
      line: (fits, seconds = 30) =>
        until(`${command[1]} says what is waited for`, () => heard.find(fits), seconds),
    };
  }

  /** Ends what `start` gave, and waits for it. */
  async stop(child, signal = "SIGTERM") {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("close", done));
    child.kill(signal);
    await ended;
  }

  log(name) {
    const file = this.file(`${name}.log`);
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  // ---- Keys, all of them P-256

  openssl(...options) {
    const { status, stderr } = spawnSync("openssl", options, {
      cwd: this.folder,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`openssl ${options[0]}: ${stderr.trim()}`);
  }

  /** Makes NAME.pem and NAME.key: an authority, self-signed. */
  authority(name) {
    this.openssl(
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2".split(" "),
      "-subj",
      `/CN=${name}`,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.pem`,
    );
  }

  /** Makes NAME.pem and NAME.key: an end entity below ISSUER, or its own issuer where that is null. */
  certificate(issuer, name, usage, extra = []) {
    const by = issuer === null ? [] : ["-CA", `${issuer}.pem`, "-CAkey", `${issuer}.key`];
    this.openssl(
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 1".split(" "),
      ...by,
      "-subj",
      `/CN=${name}`,
      "-addext",
      "basicConstraints=critical,CA:FALSE",
      "-addext",
      `extendedKeyUsage=${usage}`,
      ...extra,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.pem`,
    );
  }

  /** From here on `outcome` and `since` look. */
  mark(host) {
    appendFileSync(this.file(`${host}.log`), "---- mark\n");
  }

  since(host) {
    return this.log(host).split("---- mark\n").at(-1);
  }

  async outcome(host, seconds = 12) {
    const deadline = monotonic() + seconds * 1000;
    while (monotonic() < deadline) {
      const log = this.since(host);
      if (log.includes("CTRL-EVENT-EAP-SUCCESS")) return "success";
      if (log.includes("CTRL-EVENT-EAP-FAILURE")) return "failure";
      await sleep(30);
    }
    return "silence";
  }

  /** The end of every log, where something failed. */
  showLogs(lines = 12) {
    for (const name of readdirSync(this.folder).filter((file) => file.endsWith(".log"))) {
      const text = readFileSync(this.file(name), "utf8").trimEnd();
      console.error(`==== ${name}\n${text.split("\n").slice(-lines).join("\n")}`);
    }
  }

  /** Ends everything: by process id what was started here, then whatever still lives in our namespaces. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    for (const child of this.#children) child.kill("SIGKILL");
    this.dismantle();
    if (process.env["HOMECA_LAB_KEEP"] === undefined)
      rmSync(this.folder, { recursive: true, force: true });
    else console.error(`kept: ${this.folder}`);
  }

  spawn(host, command, stdio) {
    const namespace = this.namespace(host);
    const words = namespace === null ? command : ["ip", "netns", "exec", namespace, ...command];
    const child = spawn(words[0], words.slice(1), { stdio, cwd: this.folder });
    this.#children.add(child);
    child.on("close", () => this.#children.delete(child));
    child.on("error", () => this.#children.delete(child));
    return child;
  }
}

export function must(program, options, input) {
  const { status, stderr } = spawnSync(program, options, { input, encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${options.join(" ")}: ${stderr.trim()}`);
}
