import { noble } from "../../src/base/crypto/noble.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { measureHandshakes } from "./handshakes.ts";

const quick = process.argv.includes("--quick");
// Node compiles what runs often: the figure is that of a server that has been up for a while.
const plans = quick
  ? ([
      [nodeCrypto, { full: 60, resumed: 60, warmUp: 60 }],
      [noble, { full: 6, resumed: 20, warmUp: 10 }],
    ] as const)
  : ([
      [nodeCrypto, { full: 300, resumed: 300, warmUp: 300 }],
      [noble, { full: 40, resumed: 100, warmUp: 30 }],
    ] as const);
for (const [crypto, plan] of plans) {
  for (const row of measureHandshakes(crypto, () => performance.now(), plan)) {
    console.log(JSON.stringify({ engine: "Node", ...row }));
  }
}
