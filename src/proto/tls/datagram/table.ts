/**
 * The associations behind one socket: found by connection id, by address, by
 * number, and never more of them than there is room for.
 *
 * An address may have two: the one in use, and a handshake that will replace it
 * (RFC 6347 §4.2.8). Strangers take room from strangers alone: an association
 * that is established gives way to nobody.
 */
import { toHex } from "../../../base/bytes.ts";
import type { Mono } from "../../../base/machine.ts";
import type { Association } from "./association.ts";

/** Names an association towards the caller; no number is used twice. */
export type AssociationId = number;

/** What has come from an address that has not been shown, and what may go there. */
export interface Budget {
  received: number;
  sent: number;
}

export interface Entry {
  readonly id: AssociationId;
  readonly machine: Association;
  /** Of the hello it began with, in hexadecimal: text takes a third of what octets do. */
  readonly random: string;
  /** Ours, by which the peer may call it; null for none. */
  connectionId: Uint8Array | null;
  /** Where its datagrams go. */
  address: string;
  /** The address that was shown last, by the handshake or by the caller's word. */
  shownAddress: string;
  /** While `address` is not shown. */
  budget: Budget | null;
  /** When something authentic came last, or the handshake began. */
  heardAt: Mono;
}

export interface TableLimits {
  /** Of all kinds. */
  readonly maxAssociations: number;
  /** Of those whose handshake is not over. */
  readonly maxHandshakes: number;
}

/** Who is at an address. */
interface Place {
  established: Entry | null;
  handshake: Entry | null;
}

const NOBODY: Readonly<Place> = { established: null, handshake: null };

export class AssociationTable {
  readonly #limits: TableLimits;
  /** All, oldest first. */
  readonly #entries = new Map<AssociationId, Entry>();
  /** Those whose handshake is not over, oldest first. */
  readonly #handshakes = new Set<Entry>();
  readonly #places = new Map<string, Place>();
  readonly #connectionIds = new Map<string, Entry>();

  constructor(limits: TableLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  get handshakes(): number {
    return this.#handshakes.size;
  }

  all(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  byId(id: AssociationId): Entry | null {
    return this.#entries.get(id) ?? null;
  }

  byConnectionId(id: Uint8Array): Entry | null {
    return this.#connectionIds.get(toHex(id)) ?? null;
  }

  at(address: string): Readonly<Place> {
    return this.#places.get(address) ?? NOBODY;
  }

  isUnfinished(entry: Entry): boolean {
    return this.#handshakes.has(entry);
  }

  /**
   * Who has to go before a handshake from `address` may be added: an earlier
   * one from there, else the oldest where there are too many; nobody, as long
   * as there is room; "full" where all there is is established.
   */
  inTheWayOf(address: string): Entry | "nobody" | "full" {
    const before = this.at(address).handshake;
    if (before !== null) return before;
    const { maxAssociations, maxHandshakes } = this.#limits;
    if (this.size < maxAssociations && this.handshakes < maxHandshakes) return "nobody";
    for (const oldest of this.#handshakes) return oldest;
    return "full";
  }

  /** Adds a handshake; nobody may be {@link inTheWayOf} it any more. */
  add(entry: Entry): void {
    if (this.inTheWayOf(entry.address) !== "nobody") throw new Error("there is no room");
    this.#entries.set(entry.id, entry);
    this.#handshakes.add(entry);
    this.#place(entry.address).handshake = entry;
    if (entry.connectionId !== null) this.#connectionIds.set(toHex(entry.connectionId), entry);
  }

  /**
   * A handshake is over.
   *
   * @returns the association that was established at its address before, which
   *   is still there: to be removed.
   */
  establish(entry: Entry): Entry | null {
    this.#handshakes.delete(entry);
    const place = this.#place(entry.address);
    const before = place.established;
    place.handshake = null;
    place.established = entry;
    return before;
  }

  /** Its peer does not call it by its id. */
  dropConnectionId(entry: Entry): void {
    if (entry.connectionId !== null) this.#connectionIds.delete(toHex(entry.connectionId));
    entry.connectionId = null;
  }

  remove(entry: Entry): void {
    this.#entries.delete(entry.id);
    this.#handshakes.delete(entry);
    this.dropConnectionId(entry);
    this.#leave(entry);
  }

  /** An established association goes on at another address; whoever is there stays to be found there. */
  move(entry: Entry, address: string): void {
    this.#leave(entry);
    entry.address = address;
    const place = this.#place(address);
    place.established ??= entry;
  }

  #place(address: string): Place {
    const known = this.#places.get(address);
    if (known !== undefined) return known;
    const place = { ...NOBODY };
    this.#places.set(address, place);
    return place;
  }

  #leave(entry: Entry): void {
    const place = this.#places.get(entry.address);
    if (place === undefined) return;
    if (place.established === entry) place.established = null;
    if (place.handshake === entry) place.handshake = null;
    if (place.established === null && place.handshake === null) {
      this.#places.delete(entry.address);
    }
  }
}
