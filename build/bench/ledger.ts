/** A stop watch that knows whose time it is: at any moment one account is charged, or none. */
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import type { MemoryHost } from "../../src/host/memory/host.ts";
import { noParts, taken, watched } from "./stop-watch.ts";
import type { Parts, Taken } from "./stop-watch.ts";

/** Milliseconds charged so far, and the part of them that was cryptography. */
export interface Account {
  totalMs: number;
  readonly parts: Parts;
}

export function newAccount(): Account {
  return { totalMs: 0, parts: noParts() };
}

/** Adds what one account was charged to another. */
export function addTo(account: Account, { totalMs, parts }: Account): void {
  account.totalMs += totalMs;
  for (const [part, ms] of Object.entries(parts)) account.parts[part as keyof Parts] += ms;
}

/** What an account was charged, for each of `runs`. */
export function takenFrom({ totalMs, parts }: Account, runs = 1): Taken {
  return taken(parts, totalMs, runs);
}

export class Ledger {
  readonly #now: () => number;
  readonly #parts = noParts();
  #account: Account | null = null;
  #since = 0;

  /** @param now - milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A provider whose operations are charged as parts. */
  watch(crypto: Crypto): Crypto {
    return watched(crypto, this.#parts, this.#now);
  }

  /** From here on this account is charged, or with null none. */
  turnTo(account: Account | null): void {
    if (this.#account !== null) {
      addTo(this.#account, { totalMs: this.#now() - this.#since, parts: this.#parts });
    }
    Object.assign(this.#parts, noParts());
    this.#account = account;
    this.#since = this.#now();
  }

  /** Charges one piece of work, whoever was charged before and is again afterwards. */
  charge<T>(account: Account | null, work: () => T): T {
    const before = this.#account;
    this.turnTo(account);
    try {
      return work();
    } finally {
      this.turnTo(before);
    }
  }

  /** Charges all that this host is woken for: datagrams, timers, calls. `whom` is asked each time. */
  follow(host: MemoryHost, whom: () => Account): void {
    const udp = host.udp.bind(host);
    host.udp = (bind, onDatagram) =>
      udp(bind, (bytes, from) => this.charge(whom(), () => onDatagram(bytes, from)));
    const setTimer = host.setTimer.bind(host);
    host.setTimer = (at, run) => setTimer(at, () => this.charge(whom(), run));
    const listenLocal = host.listenLocal.bind(host);
    host.listenLocal = (path, mode, accept) =>
      listenLocal(path, mode, (connection) => {
        const handlers = accept(connection);
        return {
          onBytes: (bytes) => this.charge(whom(), () => handlers.onBytes(bytes)),
          onClose: () => handlers.onClose(),
        };
      });
  }
}
