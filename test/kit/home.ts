/** A whole HomeCA for tests and the demo: the built product as a child process, on loopback, in a folder of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The built product: `dist/homeca.mjs` above wherever this runs from. */
export function productPath(): string {
  const here = path.dirname(fileURLToPath(import.meta.url));
  return path.join(here.slice(0, here.lastIndexOf(`${path.sep}dist`)), "dist/homeca.mjs");
}

/** `homeca`: the product on Node, or another build of it that HOMECA names, such as `dist/homecad`. */
export function homecaCommand(): readonly [string, ...string[]] {
  const { HOMECA: other } = process.env;
  return other === undefined ? [process.execPath, productPath()] : [path.resolve(other)];
}

/** `dist/homecad`, where this machine could build it; see `build/homecad.mjs`. */
export function homecadPath(): string {
  return path.join(path.dirname(productPath()), "homecad");
}

export interface HomeOptions {
  readonly enforce?: "nft" | "show" | "off";
  readonly logLevel?: string;
  /** More UCI text, such as a section `limits`. */
  readonly more?: string;
  /** More options of the section `homeca`, a line each. */
  readonly main?: string;
  /** Options of the section `radius`, a line each. */
  readonly radius?: string;
  /** The program; see {@link homecaCommand}. */
  readonly command?: readonly string[];
}

/** What a management method answered when it did not do what it was asked. */
export class MethodFailure extends Error {}

export class Home {
  readonly folder: string;
  readonly secret = "test-secret-for-loopback";
  readonly configPath: string;
  readonly socketPath: string;
  #child: ChildProcess | null = null;
  #log = "";
  #ports: { readonly auth: number; readonly acct: number } = { auth: 0, acct: 0 };
  readonly #options: HomeOptions;

  constructor(options: HomeOptions = {}) {
    this.#options = options;
    this.folder = mkdtempSync(path.join(os.tmpdir(), "homeca-test-"));
    this.configPath = path.join(this.folder, "config");
    this.socketPath = path.join(this.folder, "run/homeca.sock");
  }

  get log(): string {
    return this.#log;
  }

  get ports(): { readonly auth: number; readonly acct: number } {
    return this.#ports;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error("HomeCA does not run");
    return this.#child.pid;
  }

  get rootPem(): string {
    return readFileSync(path.join(this.folder, "state/ca/root.pem"), "utf8");
  }

  /** Starts it and waits until it listens; rejects with its log when it ends instead. */
  async start(): Promise<void> {
    this.#ports =
      this.#ports.auth === 0
        ? { auth: await freeUdpPort(), acct: await freeUdpPort() }
        : this.#ports;
    writeFileSync(this.configPath, this.#config(), { mode: 0o600 });
    chmodSync(this.configPath, 0o600);
    this.#log = "";
    const [program = "", ...words] = this.#options.command ?? homecaCommand();
    const child = spawn(program, [...words, "serve", "--config", this.configPath], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    const take = (chunk: Buffer): void => {
      this.#log += chunk.toString("utf8");
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    await this.waitForLog(/HomeCA is ready/u);
  }

  /** Resolves with the match once the log has it. */
  async waitForLog(wanted: RegExp, limitMs = 20_000): Promise<RegExpExecArray> {
    const until = Date.now() + limitMs;
    for (;;) {
      const found = wanted.exec(this.#log);
      if (found !== null) return found;
      if (this.#child?.exitCode !== null || Date.now() > until) {
        throw new Error(`no ${wanted} in HomeCA's log:\n${this.#log.slice(-3000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Tells the process to read its configuration again. */
  hangUp(): void {
    process.kill(this.pid, "SIGHUP");
  }

  /** Ends the process by its id; its folder stays, so that it can be started again. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<number | null> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    child.kill(signal);
    return ended;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Calls a management method over the local socket. @throws MethodFailure with the sentence it answered */
  async call<T>(method: string, args: object = {}): Promise<T> {
    const request = { jsonrpc: "2.0", id: 1, method: "call", params: ["", "homeca", method, args] };
    const line = await this.#exchange(`${JSON.stringify(request)}\n`);
    const { result, error } = JSON.parse(line) as {
      result?: [number, unknown];
      error?: { message: string };
    };
    if (result === undefined) throw new MethodFailure(error?.message ?? line);
    const [status, value] = result;
    if (status !== 0) throw new MethodFailure((value as { message: string }).message);
    // The caller knows what the method gives; see the reference.
    return value as T;
  }

  #exchange(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(this.socketPath, () => socket.write(line));
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk.toString("utf8");
        if (!text.includes("\n")) return;
        socket.end();
        resolve(text.slice(0, text.indexOf("\n")));
      });
      socket.on("error", reject);
      socket.on("close", () => reject(new Error(`HomeCA hung up on ${line.slice(0, 80)}`)));
    });
  }

  #config(): string {
    const {
      enforce = "off",
      logLevel = "notice",
      more = "",
      main = "",
      radius = "",
    } = this.#options;
    return `config homeca 'main'
	option state_dir '${this.folder}/state'
	option socket '${this.socketPath}'
	option enforce '${enforce}'
	option log_level '${logLevel}'
	list interface 'lan1'
${main}

config radius 'radius'
	list listen '127.0.0.1'
	option auth_port '${this.#ports.auth}'
	option acct_port '${this.#ports.acct}'
${radius}

config client 'accesspoint'
	option prefix '127.0.0.1'
	option secret '${this.secret}'
${more}`;
  }
}

/** A UDP port of loopback that was free a moment ago. */
export async function freeUdpPort(): Promise<number> {
  const { createSocket } = await import("node:dgram");
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    socket.once("error", reject);
    socket.bind(0, "127.0.0.1", () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}
