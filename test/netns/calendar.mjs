// Invented days. What runs by this calendar sees both of its clocks jump, hour by hour, and does what is
// due; libfaketime stands between it and the kernel. Everybody in one story shares one calendar.
import { spawnSync } from "node:child_process";
import { readdirSync, renameSync } from "node:fs";
import path from "node:path";
import { monotonic, sleep } from "./lab.mjs";

const HOUR = 3600;
/** For a program to do what an hour brings. */
const SETTLE_MS = 15;
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
      await sleep(SETTLE_MS);
    }
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
    // Whoever waits in the kernel for the old time looks at the clock again.
    for (const child of this.#followers) {
      child.kill("SIGSTOP");
      child.kill("SIGCONT");
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
