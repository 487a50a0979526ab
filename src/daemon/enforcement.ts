/**
 * Carries nft text to the kernel, one transaction after another, in the order
 * it was decided. What it cannot apply is a failure of the admission that
 * asked for it, never a shrug.
 */
import type { Host } from "../host/host.ts";
import { HostFailure } from "../host/host.ts";

/** `nft`: applied. `show`: printed in place of applied, for the demo. `off`: the access point separates by VLAN alone. */
export type EnforcementMode = "nft" | "show" | "off";

/** Null when the kernel took it. */
export type Applied = (failure: HostFailure | null) => void;

/** Transactions waiting behind the one that runs; beyond it the house is refusing newcomers anyway. */
export const MAX_WAITING = 512;

export class Enforcement {
  readonly #host: Host;
  readonly #mode: EnforcementMode;
  readonly #waiting: { readonly text: string; readonly done: Applied }[] = [];
  #busy = false;
  #applied = 0;
  #failed = 0;

  constructor(host: Host, mode: EnforcementMode) {
    this.#host = host;
    this.#mode = mode;
  }

  /** For `status`: transactions since the start. */
  get counters(): { readonly applied: number; readonly failed: number; readonly waiting: number } {
    return { applied: this.#applied, failed: this.#failed, waiting: this.#waiting.length };
  }

  get mode(): EnforcementMode {
    return this.#mode;
  }

  /** Applies one transaction; `done` is called once, after everything asked for before it. */
  apply(text: string, done: Applied): void {
    if (this.#mode === "off" || text === "") return done(null);
    if (this.#mode === "show") {
      for (const line of text.trimEnd().split("\n"))
        this.#host.log("info", `nft: ${line.replaceAll("\t", "  ")}`);
      this.#applied++;
      return done(null);
    }
    if (this.#waiting.length >= MAX_WAITING) {
      this.#failed++;
      return done(new HostFailure("nft -f - (too many changes wait for the kernel)", "EAGAIN"));
    }
    this.#waiting.push({ text, done });
    this.#next();
  }

  #next(): void {
    const change = this.#busy ? undefined : this.#waiting.shift();
    if (!change) return;
    this.#busy = true;
    this.#host.run(["nft", "-f", "-"], change.text, (result) => {
      this.#busy = false;
      if (result.status === 0) this.#applied++;
      else this.#failed++;
      // nft quotes the offending line; the first line of its complaint says what is wrong.
      const complaint = result.stderr.split("\n", 1)[0] ?? "";
      try {
        change.done(
          result.status === 0
            ? null
            : new HostFailure(`nft -f -: ${complaint}`, `status ${result.status}`),
        );
      } finally {
        // Whatever became of the one that asked, others wait.
        this.#next();
      }
    });
  }
}
