/** HomeCA as its owner sees it: its command line, its log, and what it would tell the router's firewall. */
import { spawn } from "node:child_process";
import { homecaCommand } from "../kit/home.ts";
import type { Home } from "../kit/home.ts";
import { Unexpected } from "./stage.ts";
import type { Stage } from "./stage.ts";

/** How long a line of the log may take to come through the pipe. */
const LOG_MS = 3000;

const [PROGRAM, ...FIRST] = homecaCommand();

export class ObservedHome {
  readonly home: Home;
  #read = 0;

  constructor(home: Home) {
    this.home = home;
  }

  /** Runs `homeca WORDS` and shows it, paths without their folder. @throws Unexpected with what it said instead */
  owner<T>(stage: Stage, ...words: readonly string[]): Promise<T> {
    const shown = words.map((word) => word.replace(`${this.home.folder}/`, ""));
    const quoted = shown.map((word) => (/[^\w.-]/u.test(word) ? `"${word}"` : word));
    stage.note(`$ homeca ${quoted.join(" ")}`);
    return this.ask<T>(...words);
  }

  /** Runs `homeca WORDS` and gives its JSON. @throws Unexpected with what it said instead */
  async ask<T>(...words: readonly string[]): Promise<T> {
    const { status, out, error } = await ended(
      PROGRAM,
      [...FIRST, ...words, "--socket", this.home.socketPath, "--json"],
      this.home.folder,
    );
    if (status !== 0) throw new Unexpected(`homeca ${words[0] ?? ""}: ${error.trim() || out}`);
    // What a command prints with --json stands in the reference.
    return (out === "" ? {} : JSON.parse(out)) as T;
  }

  /**
   * What the firewall was told last about an address, in one line, once the log
   * has it: only what came since the last call counts.
   */
  async firewall(mac: string): Promise<string> {
    const address = mac.replaceAll("-", ":").toLowerCase();
    const lines = await this.#since(
      (line) => line.includes("nft: ") && line.includes(` . ${address}`),
    );
    const about = lines.filter(
      (line) => line.includes(" bridge homeca ") && line.includes(address),
    );
    let place = "";
    for (const line of about) {
      const added = /add element bridge homeca (admitted|quarantined) .* timeout (\d+)s/u.exec(
        line,
      );
      // An element of one second is there only to be deleted: nft fails where nothing is.
      if (added !== null && added[2] !== "1") {
        const life = duration(Number(added[2]));
        place = `nft  + ${added[1]!.padEnd(11)}  ${controlledPort(line)}  ${address}  for ${life}`;
      }
    }
    return place === "" ? `nft  - ${"every set".padEnd(11)}  lan1  ${address}` : place;
  }

  /** Waits for a sentence in the log and gives it without its level. */
  async sentence(wanted: RegExp): Promise<string> {
    const found = await this.home.waitForLog(wanted, LOG_MS);
    return found[0];
  }

  async #since(wanted: (line: string) => boolean): Promise<readonly string[]> {
    const until = Date.now() + LOG_MS;
    for (;;) {
      const { log } = this.home;
      const complete = log.slice(this.#read, log.lastIndexOf("\n") + 1);
      const lines = complete.split("\n").filter(wanted);
      // A change speaks of family bridge first and of inet after it.
      const whole = lines.some((line) => line.includes(" bridge homeca "));
      if (whole && lines.at(-1)?.includes(" inet homeca ") === true) {
        this.#read += complete.length;
        return lines;
      }
      if (Date.now() > until) throw new Unexpected("the firewall was told nothing");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function controlledPort(line: string): string {
  return /\{ "([^"]+)" \./u.exec(line)?.[1] ?? "";
}

function duration(seconds: number): string {
  return seconds < 3600 ? `${seconds} s` : `${Math.round(seconds / 360) / 10} h`;
}

/** Runs a program to its end. */
export function ended(
  program: string,
  words: readonly string[],
  folder: string,
): Promise<{ readonly status: number | null; readonly out: string; readonly error: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let error = "";
    child.stdout.on("data", (part: Buffer) => (out += part.toString("utf8")));
    child.stderr.on("data", (part: Buffer) => (error += part.toString("utf8")));
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, out, error }));
  });
}
