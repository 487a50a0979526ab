/** A daemon's store under fire: commits and says so after each, until it is killed or the disk takes no more. Run by store-kill.test.ts. */
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { unix } from "../../src/base/machine.ts";
import { Store } from "../../src/daemon/store/journal.ts";
import { HostFailure } from "../../src/host/host.ts";
import type { Files } from "../../src/host/host.ts";
import { blankRecord } from "../../src/policy/registry/record.ts";

export interface Writer {
  readonly files: Files;
  readonly crypto: Crypto;
  readonly folder: string;
  /** A line, written before it returns. */
  readonly say: (line: string) => void;
  readonly complain: (line: string) => void;
}

/** @returns after the first commit that the disk does not take */
export function writeJournal({ files, crypto, folder, say, complain }: Writer): void {
  const store = new Store({
    files,
    crypto,
    directory: folder,
    report: complain,
    // Folded every few commits, so that many die in the middle of it.
    compactAt: 2000,
  });
  say("ready");
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
      say(`failed ${failure.errno} after ${store.sequence}`);
      return;
    }
    say(String(number));
  }
}
