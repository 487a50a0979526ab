import { noble } from "../../src/base/crypto/noble.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { measure } from "./inprocess.ts";

const now = (): number => performance.now();
// Node compiles what runs often: the figure is that of a server that has been up for a while.
const plans = [
  [nodeCrypto, 400, 400],
  [noble, 40, 40],
] as const;
for (const [crypto, runs, warmUp] of plans) {
  console.log(JSON.stringify({ engine: "Node", ...(await measure(crypto, now, runs, warmUp)) }));
}
