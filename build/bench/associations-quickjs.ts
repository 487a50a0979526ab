// @ts-expect-error The engine's own module, there when `qjs` runs this.
import { gc } from "quickjs:engine";
import { noble } from "../../src/base/crypto/noble.ts";
import { mono } from "../../src/base/machine.ts";
import { LINGER_MS } from "../../src/proto/tls/datagram/association.ts";
import { crowd } from "./associations.ts";
import type { Protocol } from "./handshakes.ts";

/** What `qjs` gives a script. */
declare const scriptArgs: readonly string[];

// With --dump the engine says at its end what it uses; a run with another count tells what one more costs.
const [protocol, count, age] = scriptArgs.slice(-3) as [Protocol, string, "fresh" | "settled"];
const house = crowd(protocol, noble);
for (let one = 0; one < Number(count); one++) house.greet(null);
if (age === "settled") house.endpoint.handle({ kind: "timeout" }, mono(LINGER_MS + 1));
(gc as () => void)();
// At its end the engine drops whatever nothing leads to.
Object.assign(globalThis, { house });
