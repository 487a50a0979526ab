/** A daemon's store under fire: commits and says so after each, until it is killed or the disk takes no more. Run by store-kill.test.ts. */
import { writeSync } from "node:fs";
import { unix } from "../../src/base/machine.ts";
import { Store } from "../../src/daemon/store/journal.ts";
import { HostFailure } from "../../src/host/host.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { nodeFiles } from "../../src/host/node/files.ts";
import { blankRecord } from "../../src/policy/registry/record.ts";

const store = new Store({
  files: nodeFiles,
  crypto: nodeCrypto,
  directory: process.argv[2]!,
  report: (line) => void writeSync(2, `${line}\n`),
  // Folded every few commits, so that many die in the middle of it.
  compactAt: 2000,
});

writeSync(1, "ready\n");
for (;;) {
  const number = store.sequence + 1;
  const name = { value: `commit ${number}`, by: "owner" } as const;
  const device = `device${"abcdefgh".at(number % 8)}aaaaaaaaa`;
  try {
    store.commit([
      { kind: "put", record: { ...blankRecord(device, "aware", "pending"), name } },
      { kind: "time-floor", unix: unix(number) },
    ]);
  } catch (failure) {
    if (!(failure instanceof HostFailure)) throw failure;
    writeSync(1, `failed ${failure.errno} after ${store.sequence}\n`);
    break;
  }
  writeSync(1, `${number}\n`);
}
