// @ts-expect-error The engine's own module, there when `qjs` runs this.
import { now } from "quickjs:os";
import { noble } from "../../src/base/crypto/noble.ts";
import { measureHandshakes } from "./handshakes.ts";

/** What `qjs` gives a script. */
declare const print: (line: string) => void;
/** `--quick` comes with the last of them. */
declare const scriptArgs: readonly string[];

const plan = scriptArgs.includes("--quick")
  ? { full: 3, resumed: 6, warmUp: 1 }
  : { full: 12, resumed: 24, warmUp: 1 };
for (const row of measureHandshakes(noble, now as () => number, plan)) {
  print(JSON.stringify({ engine: "QuickJS", ...row }));
}
