/** Writes the folder of a home that has stood for a year: `settled-disk FOLDER DEVICES`; DEVICES may be 0. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { unix } from "../../src/base/machine.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { Ledger } from "./ledger.ts";
import { MeteredFiles } from "./metered-files.ts";
import { settle, STATE_DIR } from "./settled-home.ts";

const [, , folder = "", count = "0"] = process.argv;
const devices = Number(count);

const files = new MeteredFiles(new Ledger(() => 0));
files.makeDirectory("/etc", 0o755);
const now = unix(Math.floor(Date.now() / 1000));
settle(nodeCrypto, files, { devices, reporting: Math.min(devices, 1), hurried: false, now });
write(STATE_DIR, folder);

/** All below a folder of the disk in memory. */
function write(from: string, to: string): void {
  mkdirSync(to, { mode: 0o700, recursive: true });
  for (const name of files.list(from)) {
    const inner = `${from}/${name}`;
    const facts = files.facts(inner);
    if (facts?.kind === "directory") write(inner, path.join(to, name));
    else writeFileSync(path.join(to, name), files.read(inner)!, { mode: facts?.mode ?? 0o600 });
  }
}
