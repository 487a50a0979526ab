import { noble } from "../../src/base/crypto/noble.ts";
import { measure } from "./inprocess.ts";

/** What `qjs` gives a script. */
declare const print: (line: string) => void;

// QuickJS has no performance.now; the wall clock's milliseconds do over a dozen runs.
print(JSON.stringify({ engine: "QuickJS", ...(await measure(noble, () => Date.now(), 12, 2)) }));
