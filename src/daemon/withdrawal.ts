/**
 * What follows once the record says no: ending what still runs, and telling
 * everyone else by the revocation list. The record comes first, so a step that
 * fails here lets nobody in again; the owner is told which one it was.
 */
import type { Mono } from "../base/machine.ts";
import { visible } from "../base/text.ts";
import { HostFailure } from "../host/host.ts";
import { AuthorityFailure, explain } from "../policy/ca/failure.ts";
import { isOwedRelease } from "../policy/registry/record.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import { clauseOf, shown } from "./answers.ts";
import type { Eviction } from "./eviction.ts";
import type { Farewells } from "./farewell.ts";
import type { PublishedList } from "./list.ts";
import type { Log } from "./log.ts";
import { ManagementFailure } from "./management/failure.ts";
import type { Outcome, ProofStep, Released, Revoked } from "./management/service.ts";

/** What may still run for a device that is on record as out, and what says so to others. */
export interface Reach {
  readonly eviction: Eviction;
  readonly list: PublishedList;
  /** Those under way, and the sessions that it could come back to. */
  readonly endConversations: (device: string) => void;
  /** Its associations over CoAPs. */
  readonly endAssociations: (device: string) => void;
  readonly farewells: Farewells;
}

/** A step behind the owner's word that failed: what did not happen, and what the owner does about it. */
interface Unfinished {
  readonly what: string;
  readonly fix: string;
}

/** What has come to its end, step by step, each with the time it took since the beginning. */
export class Proof {
  readonly #mono: () => Mono;
  readonly #began: Mono;
  readonly steps: ProofStep[] = [];

  constructor(clock: () => Mono) {
    this.#mono = clock;
    this.#began = clock();
  }

  add(step: ProofStep["step"], sentence: string): void {
    this.steps.push({ step, milliseconds: this.#mono() - this.#began, sentence });
  }
}

export class Withdrawal {
  readonly #log: Log;
  readonly #reach: Reach;
  readonly #mono: () => Mono;

  constructor(log: Log, reach: Reach, clock: () => Mono) {
    this.#log = log;
    this.#reach = reach;
    this.#mono = clock;
  }

  /** A proof that begins now. */
  begin(): Proof {
    return new Proof(this.#mono);
  }

  /**
   * Follows up a denial: the device is put out.
   * @param outcome - what is on record by now
   * @throws ManagementFailure `unfinished`
   */
  async denied(record: DeviceRecord, outcome: Outcome): Promise<Outcome> {
    return this.#followed(record, outcome, [await this.#putOut(record)]);
  }

  /**
   * Follows up a revocation: the device is put out, and its certificates come
   * onto the list.
   * @param outcome - what is on record by now
   * @param proof - begun before it was
   * @throws ManagementFailure `unfinished`
   */
  async withdrawn(record: DeviceRecord, outcome: Outcome, proof: Proof): Promise<Revoked> {
    proof.add("record", "The record says so: nobody is admitted as this device.");
    const out = await this.#putOut(record, proof);
    const published = this.#publish();
    if (published === null) proof.add("list", "The revocation list that others get is signed.");
    this.#followed(record, outcome, [out, published]);
    return { ...outcome, proof: proof.steps };
  }

  /**
   * Follows up the withdrawal of certificates whose device may go on, with another one.
   * @throws ManagementFailure `unfinished`
   */
  listed(record: DeviceRecord): void {
    this.#followed(record, record, [this.#publish()]);
  }

  /**
   * Follows up a release. The list is signed first; then a device that can take
   * part is given its release, and put out when it has confirmed it or the while
   * is over. Until then it keeps its place, for there it is reached.
   * @throws ManagementFailure `unfinished`
   */
  async released(record: DeviceRecord, outcome: Outcome): Promise<Released> {
    this.#reach.endConversations(record.id);
    const published = this.#publish();
    const confirmed = isOwedRelease(record) ? await this.#reach.farewells.of(record.id) : null;
    const done = this.#followed(record, outcome, [await this.#putOut(record), published]);
    return { ...done, confirmed };
  }

  /** The record says no already; from here on it is about what still runs. Null once that has ended. */
  async #putOut(record: DeviceRecord, proof: Proof = this.begin()): Promise<Unfinished | null> {
    this.#reach.endConversations(record.id);
    proof.add("tickets", "No session of it can be resumed, and no log-in of it goes on.");
    this.#reach.endAssociations(record.id);
    proof.add("connections", "Its connections with HomeCA have ended.");
    try {
      const asked = await this.#reach.eviction.evict(record);
      proof.add("firewall", "The firewall lets nothing of it through, open connections included.");
      if (asked > 0) proof.add("access-point", "Its access point was asked to disconnect it.");
      return null;
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      // The sessions are gone, so the next look at the firewall finds what is too much there.
      return {
        what: `the firewall did not cut it off (${visible(failure.message)}), which is tried again within a minute`,
        fix: "switch the device off if it cannot wait",
      };
    }
  }

  /** The list follows the record, if need be at the next upkeep: admission asks the record. Null once it is signed. */
  #publish(): Unfinished | null {
    try {
      this.#reach.list.sign();
      return null;
    } catch (failure) {
      if (failure instanceof HostFailure) {
        return {
          what: `the revocation list is not signed (${visible(failure.message)}), which is tried again within an hour`,
          fix: "nothing is left to do but to free space or rights where that is what is missing",
        };
      }
      if (!(failure instanceof AuthorityFailure)) throw failure;
      return {
        what: `the revocation list is not signed (${failure.reason}), which is tried again within an hour`,
        fix: clauseOf(explain(failure.reason)),
      };
    }
  }

  /** @throws ManagementFailure `unfinished` where the record is not all that there is to say */
  #followed(
    record: DeviceRecord,
    outcome: Outcome,
    steps: readonly (Unfinished | null)[],
  ): Outcome {
    const unfinished = steps.filter((step) => step !== null);
    const [first] = unfinished;
    if (first === undefined) return outcome;
    const what = unfinished.map((step) => step.what).join(", and ");
    const told = `${shown(record)} is ${outcome.state} on record, but ${what}: ${first.fix}`;
    this.#log.error(`${told}.`);
    throw new ManagementFailure("unfinished", told);
  }
}
