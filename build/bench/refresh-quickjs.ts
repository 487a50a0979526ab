// @ts-expect-error The engine's own module, there when `qjs` runs this.
import { gc } from "quickjs:engine";
// @ts-expect-error As above.
import { now } from "quickjs:os";
// @ts-expect-error As above.
import { open } from "quickjs:std";
import { noble } from "../../src/base/crypto/noble.ts";
import { SettledHome } from "./refresh.ts";

/** What `qjs` gives a script. */
declare const print: (line: string) => void;
declare const scriptArgs: readonly string[];

const reporting = scriptArgs.includes("--quick") ? 8 : 50;

/** Resident octets of this process, garbage collected; null where there is no /proc. */
const resident = (): number | null => {
  (gc as () => void)();
  try {
    const status = (open as (path: string, mode: string) => { readAsString(): string })(
      "/proc/self/status",
      "r",
    ).readAsString();
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
  } catch {
    return null;
  }
};

let before: number | null = null;
const plan = { devices: 1000, reporting };
const settled = new SettledHome(noble, now as () => number, plan, () => {
  before = resident();
});
settled.live(1);
const residentBytes = resident();
const figures = { ...settled.figures(1), residentBytes, residentBeforeBytes: before };
print(JSON.stringify({ engine: "QuickJS", kind: "refresh", ...figures }));
