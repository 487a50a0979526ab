/**
 * The epochs we can read: one at first, in a change of keys several at once,
 * and records that came before the keys they are under.
 *
 * @see RFC 6347 §4.1; RFC 9147 §4.2.1 and §8
 */
import type { TlsVersion } from "../wire.ts";
import type { WireRecord } from "./cut.ts";
import { PlainEpochReader } from "./epoch.ts";
import type { EpochReader } from "./epoch.ts";

/** Records kept until their keys are there; more come again. */
export const MAX_HELD_RECORDS = 16;

/** Octets of those records. */
export const MAX_HELD_OCTETS: number = 2 ** 14;

/** The first epoch of application data in DTLS 1.3; those before it belong to the handshake (RFC 9147 §6.1). */
export const FIRST_APPLICATION_EPOCH = 3;

/** Epochs on the wire of DTLS 1.3 (RFC 9147 §4). */
const EPOCH_MODULUS = 4;

/** It has no state, and so serves every association. */
const CLEAR: readonly EpochReader[] = [new PlainEpochReader()];
const NONE_HELD: readonly WireRecord[] = [];

export class ReadingEpochs {
  /** In ascending order; never none. */
  #readers: readonly EpochReader[] = CLEAR;
  #version: TlsVersion | null = null;
  /** The newest epoch that something authentic came in; 0 before. */
  #confirmed = 0;
  #held: readonly WireRecord[] = NONE_HELD;
  #heldOctets = 0;

  /** The newest epoch. */
  get top(): number {
    return this.#readers.at(-1)!.epoch;
  }

  /** Whether the peer has shown that it has keys. */
  get isConfirmed(): boolean {
    return this.#confirmed > 0;
  }

  /** Whether there are keys that the peer has newer ones for, and has used. */
  get hasSpent(): boolean {
    return this.#readers.some(({ epoch }) => epoch < this.#confirmed);
  }

  settle(version: TlsVersion): void {
    this.#version = version;
  }

  /** One that shares its bits on the wire goes: nobody could tell the two apart. */
  add(reader: EpochReader): void {
    const { epoch } = reader;
    const others = this.#readers.filter(
      (other) => other.epoch === 0 || other.epoch % EPOCH_MODULUS !== epoch % EPOCH_MODULUS,
    );
    this.#readers = others.concat(reader);
  }

  /** Forgets the keys of all epochs before this one, but for the newest epoch. */
  dropBelow(epoch: number): void {
    this.#readers = this.#readers.filter(
      (reader) => reader.epoch >= epoch || reader.epoch === this.top,
    );
  }

  /**
   * Something authentic came in this epoch: nothing comes in the clear any
   * more. Of older keys the last ones stay, for what was overtaken.
   */
  confirm(epoch: number): void {
    if (epoch <= this.#confirmed) return;
    this.#confirmed = epoch;
    this.dropBelow(epoch > FIRST_APPLICATION_EPOCH ? epoch - 1 : 1);
  }

  /** Forgets keys that the peer has no use for any more. */
  dropSpent(): void {
    this.dropBelow(Math.max(this.#confirmed, FIRST_APPLICATION_EPOCH));
  }

  /** What opens the record; null where there are no such keys, yet or any more. */
  of(record: WireRecord): EpochReader | null {
    const fits = (reader: EpochReader): boolean =>
      record.form === "unified"
        ? reader.epoch > 0 && reader.epoch % EPOCH_MODULUS === record.epochBits
        : reader.epoch === record.epoch;
    return this.#readers.find(fits) ?? null;
  }

  /** Keeps a record whose keys may come; false where they will not, or there is no room. */
  hold(record: WireRecord): boolean {
    if (!this.#mayBecomeReadable(record)) return false;
    const octets = lengthOf(record);
    if (this.#held.length >= MAX_HELD_RECORDS) return false;
    if (this.#heldOctets + octets > MAX_HELD_OCTETS) return false;
    this.#held = [...this.#held, copied(record)];
    this.#heldOctets += octets;
    return true;
  }

  /** The first held record whose keys are there now. */
  takeHeld(): WireRecord | null {
    const record = this.#held.find((held) => this.of(held) !== null);
    if (record === undefined) return null;
    this.#held = this.#held.filter((held) => held !== record);
    this.#heldOctets -= lengthOf(record);
    return record;
  }

  /** No more keys are to come that anything could have overtaken. */
  dropHeld(): void {
    this.#held = NONE_HELD;
    this.#heldOctets = 0;
  }

  /** Drops keys and records. */
  clear(): void {
    this.#readers = CLEAR;
    this.dropHeld();
  }

  /** Keys of a KeyUpdate are used only once we have acknowledged it, so nothing overtakes those. */
  #mayBecomeReadable(record: WireRecord): boolean {
    if (record.form === "unified") {
      return (
        this.#version !== "TLS 1.2" && record.epochBits >= 2 && this.top < FIRST_APPLICATION_EPOCH
      );
    }
    return this.#version !== "TLS 1.3" && record.epoch === 1 && this.top === 0;
  }
}

function lengthOf(record: WireRecord): number {
  return record.form === "unified" ? record.ciphertext.length : record.fragment.length;
}

/** Records borrow from their datagram. */
function copied(record: WireRecord): WireRecord {
  switch (record.form) {
    case "plain":
      return { ...record, fragment: record.fragment.slice() };
    case "cid":
      return { ...record, cid: record.cid.slice(), fragment: record.fragment.slice() };
    case "unified": {
      const { header, cid, ciphertext } = record;
      return {
        ...record,
        header: header.slice(),
        cid: cid?.slice() ?? null,
        ciphertext: ciphertext.slice(),
      };
    }
  }
}
