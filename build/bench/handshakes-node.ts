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
      [nodeCrypto, { full: 500, resumed: 500, warmUp: 500 }],
      [noble, { full: 60, resumed: 200, warmUp: 60 }],
    ] as const);
for (const [crypto, plan] of plans) {
  for (const row of measureHandshakes(crypto, () => performance.now(), plan)) {
    console.log(JSON.stringify({ engine: "Node", ...row }));
  }
}
