import { noble } from "../../src/base/crypto/noble.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { SettledHome } from "./refresh.ts";

/** There with --expose-gc. */
declare const gc: () => void;

const quick = process.argv.includes("--quick");
const DEVICES = 1000;
const now = (): number => performance.now();

const live = (): number => {
  // Buffers are freed by a later round than what held them.
  for (let round = 0; round < 3; round++) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const print = (row: object): void => console.log(JSON.stringify({ engine: "Node", ...row }));

const small = new SettledHome(nodeCrypto, now, { devices: 50, reporting: 50 });
// Twice what the revocation list, and thrice what the sightings take until they are written anew.
print({ kind: "store", ...small.live(quick ? 1 : 8) });

let before = 0;
const days = quick ? 1 : 4;
const all = { devices: DEVICES, reporting: quick ? 50 : DEVICES };
const large = new SettledHome(nodeCrypto, now, all, () => {
  before = live();
});
const store = large.live(days);
// What some of them leave in the files says nothing of all.
if (!quick) print({ kind: "store", ...store });
const liveBytes = live() - before;
print({ kind: "refresh", ...large.figures(days), liveBytes });

const sample = new SettledHome(noble, now, { devices: DEVICES, reporting: quick ? 20 : 100 });
sample.live(1);
print({ kind: "refresh", ...sample.figures(1) });
