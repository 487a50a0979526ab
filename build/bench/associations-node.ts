import { noble } from "../../src/base/crypto/noble.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { measureAssociations } from "./associations.ts";

/** There with --expose-gc. */
declare const gc: () => void;

const quick = process.argv.includes("--quick");
const plans = [
  [nodeCrypto, quick ? 64 : 256],
  [noble, quick ? 32 : 128],
] as const;

const live = (): number => {
  // Buffers are freed by a later round than what held them.
  for (let round = 0; round < 3; round++) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};
for (const [crypto, count] of plans) {
  for (const protocol of ["DTLS 1.2", "DTLS 1.3"] as const) {
    const row = measureAssociations(protocol, crypto, count, live);
    console.log(JSON.stringify({ engine: "Node", ...row }));
  }
}
