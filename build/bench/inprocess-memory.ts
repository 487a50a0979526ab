import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { liveBytes } from "./inprocess.ts";

/** There with --expose-gc. */
declare const gc: () => void;

const live = (): number => {
  // Buffers are freed by a later round than what held them.
  for (let round = 0; round < 3; round++) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};
console.log(JSON.stringify(await liveBytes(nodeCrypto, [1000, 5000], live)));
