// Invented days. What runs by this calendar sees both of its clocks jump, hour by hour, and does what is
// due; libfaketime stands between it and the kernel. Everybody in one story shares one calendar.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { monotonic, sleep } from "./lab.mjs";

const HOUR = 3600;
/** Whoever has not run for so long has done what an hour brings, or waits for somebody who has not. */
const REST_MS = 15;
/** An hour brings no more work than this; whoever still runs then has a fault. */
const MOST_MS = 10_000;
/** Longer than anything takes that is not waiting. */
const STRIDE_MS = 3000;

const LIBRARY = findLibrary();

/** What is lacking for invented days; null for nothing. */
export function lacksCalendar() {
  if (LIBRARY === null) return "libfaketime (faketime)";
  const { HOMECA: other } = process.env;
  if (other === undefined) return null;
  // One that is linked statically asks the kernel itself.
  const isStatic = spawnSync("ldd", [other]).status !== 0;
  return isStatic ? "a program that libfaketime can lead" : null;
}

export class Calendar {
  #lab;
  #file;
  #seconds = 0;
  #followers = new Set();

  constructor(lab) {
    this.#lab = lab;
    this.#file = lab.file("calendar", "+0\n");
  }

  /** The command, by this calendar; by the machine's clock where there is no library for it. */
  command(words) {
    if (LIBRARY === null) return words;
    const settings = [
      `LD_PRELOAD=${LIBRARY}`,
      `FAKETIME_TIMESTAMP_FILE=${this.#file}`,
      "FAKETIME_NO_CACHE=1",
    ];
    return ["env", ...settings, ...words];
  }

  /** Starts a program that stays, in any lab. */
  start(lab, host, name, words) {
    const child = lab.start(host, name, this.command(words));
    this.#followers.add(child);
    child.on("close", () => this.#followers.delete(child));
    return child;
  }

  /** So many hours pass, one at a time. */
  async pass(hours) {
    for (let left = hours; left > 0; left--) {
      this.#jump(Math.min(left, 1) * HOUR);
      await this.#rest();
    }
  }

  /** Until nobody has run for a while: a slow engine takes longer for an hour than a fast one. */
  async #rest() {
    const end = monotonic() + MOST_MS;
    let before = this.#ran();
    for (;;) {
      await sleep(REST_MS);
      const now = this.#ran();
      if (now !== null && now === before) return;
      if (monotonic() > end) throw new Error("an hour of this calendar brings work without an end");
      before = now;
    }
  }

  /** Nanoseconds that each who follows has run (proc(5), schedstat); null while one has a child, such as nft. */
  #ran() {
    const ran = [];
    for (const { pid } of this.#followers) {
      try {
        if (readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8") !== "") return null;
        ran.push(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]);
      } catch {
        ran.push("gone");
      }
    }
    return ran.join(" ");
  }

  /** Whoever waits for a minute waits for three seconds, until `holds` gives something true, which is the result. */
  async hurry(what, holds, minutes = 15) {
    for (let passed = 0; passed < minutes; passed++) {
      const end = monotonic() + STRIDE_MS;
      while (monotonic() < end) {
        const result = await holds();
        if (result) return result;
        await sleep(30);
      }
      this.#jump(60);
    }
    throw new Error(`${what}: not within ${minutes} minutes of this calendar`);
  }

  #jump(seconds) {
    this.#seconds += seconds;
    // At once: half a file would be another time.
    renameSync(this.#lab.file("calendar.new", `+${this.#seconds}\n`), this.#file);
    // Whoever waits in the kernel for the old time looks at the clock again: epoll_wait of Node ends when it
    // is stopped and goes on, poll of homecad does not (signal(7)), but that one reads its signals.
    for (const child of this.#followers) {
      child.kill("SIGSTOP");
      child.kill("SIGCONT");
      child.kill("SIGCHLD");
    }
  }
}

function findLibrary() {
  for (const folder of readdirSync("/usr/lib")) {
    const at = path.join("/usr/lib", folder, "faketime");
    try {
      if (readdirSync(at).includes("libfaketimeMT.so.1"))
        return path.join(at, "libfaketimeMT.so.1");
    } catch {
      // No such folder: not of this architecture.
    }
  }
  return null;
}
