/**
 * Keeps the kernel and the house of one mind about who is let in: takes over
 * what the kernel holds at the start, and loads it all again where the kernel
 * does not hold what it should.
 */
import { visible } from "../base/text.ts";
import type { Drift, KernelTables } from "../policy/firewall/drift.ts";
import { findDrift, parseKernel } from "../policy/firewall/drift.ts";
import { FirewallFailure } from "../policy/firewall/render.ts";
import { HostFailure } from "../host/host.ts";
import type { House } from "./house.ts";

export class FirewallWatch {
  readonly #house: House;
  #closed = false;
  #trouble: string | null = null;

  constructor(house: House) {
    this.#house = house;
  }

  /** One sentence where the kernel does not hold the ruleset, else null. */
  get troubles(): readonly string[] {
    return this.#trouble === null ? [] : [this.#trouble];
  }

  /** Admitted devices go on over a restart: what the kernel holds is taken over, and closed where it holds nothing. */
  adopt(done: () => void): void {
    if (!this.#hasKernel) return this.load(done);
    this.#read((kernel) => {
      const now = this.#house.host.mono();
      for (const placement of kernel?.bridge.placements ?? []) {
        this.#house.adopt(placement, now);
      }
      if (this.#drift(kernel).kind === "none") return done();
      this.load(done);
    });
  }

  /** Loads the base ruleset with everyone who is in. */
  load(done: () => void): void {
    this.#house.placeAll((failure) => {
      // Without the base ruleset nobody would be held back, so nobody is let in either: each admission fails the same way.
      this.#trouble =
        failure === null
          ? null
          : `The firewall is not loaded (${visible(failure.message)}): install nftables with kmod-nft-bridge.`;
      if (this.#trouble !== null) this.#house.log.error(this.#trouble);
      done();
    });
  }

  /** Compares the kernel with what it should hold, and makes it good. */
  check(): void {
    if (!this.#hasKernel || !this.#sees()) return;
    this.#read((kernel) => {
      if (this.#closed || this.#drift(kernel).kind === "none") return;
      this.#house.log.warning(
        "The firewall did not hold what it should, as after `/etc/init.d/firewall stop`; it is loaded again.",
      );
      this.load(() => {});
    });
  }

  /** Whether the interfaces could be looked at: one that goes away meanwhile is seen in a minute. */
  #sees(): boolean {
    try {
      this.#house.lookAtInterfaces();
      return true;
    } catch (failure) {
      if (!(failure instanceof HostFailure || failure instanceof FirewallFailure)) throw failure;
      this.#house.log.limited(
        "interfaces",
        "warning",
        `The interfaces could not be looked at (${visible(failure.message)}); that is tried again in a minute.`,
      );
      return false;
    }
  }

  /** What it has asked the kernel comes to nothing. */
  close(): void {
    this.#closed = true;
  }

  get #hasKernel(): boolean {
    return this.#house.configuration.homeca.enforce === "nft";
  }

  /** @param then - gets null where nft cannot be asked or cannot be understood */
  #read(then: (kernel: KernelTables | null) => void): void {
    this.#house.host.run(["nft", "-j", "list", "ruleset"], "", (result) => {
      then(result.status === 0 ? parseKernel(result.stdout) : null);
    });
  }

  #drift(kernel: KernelTables | null): Drift {
    const { host, sessions, firewall } = this.#house;
    return findDrift(sessions.placements(host.mono()), firewall, kernel);
  }
}
