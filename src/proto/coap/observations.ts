/** Observations of the peer's: which of its tokens are told of changes. @see RFC 7641 §4.1 */
import { sameBytes } from "../../base/bytes.ts";
import type { CoapOutput, ExchangeId, ObservationEnd } from "./events.ts";
import type { HeardRequest } from "./request.ts";

/** Order numbers have 24 bits (RFC 7641 §4.4). */
const ORDER_NUMBERS = 0x100_0000;

export interface Observation {
  readonly id: ExchangeId;
  readonly heard: HeardRequest;
}

export class Observations {
  readonly #maxObservations: number;
  #observations: readonly Observation[] = [];
  #order = 0;

  constructor(maxObservations: number) {
    this.#maxObservations = maxObservations;
  }

  get size(): number {
    return this.#observations.length;
  }

  find(id: ExchangeId): Observation | null {
    return this.#observations.find((observation) => observation.id === id) ?? null;
  }

  /** Whether there is room for one of this token, which replaces what the token stood for. */
  hasRoomFor(token: Uint8Array): boolean {
    return this.size < this.#maxObservations || this.ofToken(token) !== null;
  }

  /** The caller has ended what its token stood for, and asked for room. */
  add(observation: Observation): void {
    this.#observations = [...this.#observations, observation];
  }

  /** An order number above all before it, for any observation. */
  nextOrder(): number {
    this.#order = (this.#order + 1) % ORDER_NUMBERS;
    return this.#order;
  }

  end(id: ExchangeId, reason: ObservationEnd): CoapOutput[] {
    if (this.find(id) === null) return [];
    this.remove(id);
    return [{ kind: "observation-ended", observation: id, reason }];
  }

  remove(id: ExchangeId): void {
    this.#observations = this.#observations.filter((observation) => observation.id !== id);
  }

  /** The observation of a token. */
  ofToken(token: Uint8Array): Observation | null {
    const isOf = ({ heard }: Observation): boolean => sameBytes(heard.message.token, token);
    return this.#observations.find(isOf) ?? null;
  }
}
