import { noble } from "../../src/base/crypto/noble.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { measureAdoption } from "./adoption.ts";

const quick = process.argv.includes("--quick");
// Node compiles what runs often: the figure is that of a home that has been up for a while.
const plans = [
  [nodeCrypto, quick ? 20 : 200, quick ? 20 : 200],
  [noble, quick ? 5 : 40, quick ? 5 : 30],
] as const;
for (const [crypto, runs, warmUp] of plans) {
  for (const row of await measureAdoption(crypto, () => performance.now(), runs, warmUp)) {
    console.log(JSON.stringify({ engine: "Node", ...row }));
  }
}
