// @ts-expect-error The engine's own module, there when `qjs` runs this.
import { now } from "quickjs:os";
import { noble } from "../../src/base/crypto/noble.ts";
import { measureAdoption } from "./adoption.ts";

/** What `qjs` gives a script. */
declare const print: (line: string) => void;
declare const scriptArgs: readonly string[];

const runs = scriptArgs.includes("--quick") ? 2 : 12;
for (const row of await measureAdoption(noble, now as () => number, runs, 1)) {
  print(JSON.stringify({ engine: "QuickJS", ...row }));
}
