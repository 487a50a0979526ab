/** A router in memory for the wireless set-up: its files, and programs that answer as those of OpenWrt. */
import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { noble } from "../../src/base/crypto/noble.ts";
import { MemoryFiles } from "../../src/host/memory/files.ts";
import { MemoryHost } from "../../src/host/memory/host.ts";
import type { ScriptedResult } from "../../src/host/memory/host.ts";
import { runCommandLine } from "../../src/main/cli/main.ts";
import { PACKAGES } from "../../src/policy/wireless/wanted.ts";
import type { Texts } from "./routers.ts";
import { seeded } from "./random.ts";

export interface Ended {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** A disk with these files, modes as OpenWrt has them. */
export function diskWith(texts: Texts, generation: "shell" | "ucode" = "shell"): MemoryFiles {
  const files = new MemoryFiles();
  const folders =
    "/etc /etc/config /lib /lib/netifd /usr /usr/share /usr/share/ucode /usr/share/ucode/wifi";
  for (const folder of folders.split(" ")) files.makeDirectory(folder, 0o755);
  const script = generation === "shell" ? "/lib/netifd/hostapd.sh" : "/usr/share/ucode/wifi/ap.uc";
  files.plant(script, utf8("#\n"), 0o644);
  for (const name of PACKAGES) files.plant(`/etc/config/${name}`, utf8(texts[name]), 0o644);
  return files;
}

/** What stands in the five files. */
export function textsOn(files: MemoryFiles): Record<string, string | null> {
  const text = (name: string): string | null =>
    fromUtf8(files.read(`/etc/config/${name}`) ?? Uint8Array.of(0xff));
  return Object.fromEntries(PACKAGES.map((name) => [name, text(name)]));
}

/** One process after another on the same router: locks die with each, as the kernel's do. */
export class SetupRouter {
  files: MemoryFiles;
  /** What hostapd says of `homeca0`, as `ubus call` prints it. */
  status: ScriptedResult = { stdout: '{"status":"ENABLED"}' };
  /** Answers all else that is run; status 0 and nothing said unless told otherwise. */
  script: (command: readonly string[]) => ScriptedResult = () => ({});
  readonly ran: string[] = [];
  readonly logged: string[] = [];

  constructor(files: MemoryFiles) {
    this.files = files;
  }

  /** Runs the command line to its end; its clock goes as fast as it waits. */
  async homeca(input: string, ...words: readonly string[]): Promise<Ended> {
    this.files = this.files.restart();
    const host = this.#host();
    let out = "";
    let err = "";
    const running = runCommandLine(words, {
      host: () => host,
      startDaemon: () => {
        throw new Error("no daemon here");
      },
      onSignal: () => {},
      input: () => Promise.resolve(utf8(input)),
      out: (text) => void (out += text),
      error: (text) => void (err += text),
    });
    const status = await ended(running, () => host.clock.advance(500));
    this.logged.push(...host.logged.map(({ line }) => line));
    return { status, out, err };
  }

  #host(): MemoryHost {
    return new MemoryHost({
      crypto: noble,
      random: seeded("set-up"),
      files: this.files,
      script: (command) => {
        this.ran.push(command.join(" "));
        return command.includes("get_status") ? this.status : this.script(command);
      },
    });
  }
}

/** Lets time pass until a promise is settled. */
async function ended<T>(promise: Promise<T>, pass: () => void): Promise<T> {
  const state = { isOver: false };
  const over = (): void => void (state.isOver = true);
  promise.then(over, over);
  while (!state.isOver) {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    pass();
  }
  return promise;
}
