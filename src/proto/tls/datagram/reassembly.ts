/**
 * Handshake messages from fragments that come late, twice, overlapping and out
 * of order: whole messages go out in the order of message_seq.
 *
 * @see RFC 6347 §4.2.2 and §4.2.3; RFC 9147 §5.2 and §5.5
 */
import { sameBytes } from "../../../base/bytes.ts";
import type { DatagramDiscard } from "./discard.ts";
import { parseFragments } from "./handshake-fragment.ts";
import type { DatagramMessage, HandshakeFragment } from "./handshake-fragment.ts";

/** Messages held at once, the next one included: the longest flight has six. */
export const MAX_MESSAGES_HELD = 7;

/** Octets held for messages behind the next one; what finds no room must come again. */
export const MAX_OCTETS_AHEAD: number = 2 ** 15;

/** A whole message, and the epoch all of it came in. */
export interface ReassembledMessage extends DatagramMessage {
  readonly epoch: number;
}

/** What one record brought. */
export interface Taken {
  /**
   * Every fragment is kept here or had been delivered before: only then may the
   * record be acknowledged (RFC 9147 §7).
   */
  readonly acknowledgeable: boolean;
  /** Octets or messages that were not there before. */
  readonly progressed: boolean;
  /** Not the next piece of the next message: a sign of loss (RFC 9147 §7.1). */
  readonly outOfOrder: boolean;
  /** The highest message_seq in it that had been delivered before: the peer repeats itself. Null for none. */
  readonly repeated: number | null;
  readonly discards: readonly DatagramDiscard[];
}

/** A message that is not whole yet. */
interface Partial {
  readonly seq: number;
  readonly type: number;
  readonly epoch: number;
  readonly body: Uint8Array;
  /** A bit per octet of the body: set where it is there. */
  readonly present: Uint8Array;
  missing: number;
}

/** How a fragment fared. */
type Fate = "new" | "known" | DatagramDiscard;

/** One for all associations, most of which are idle most of the time. */
const NONE_HELD: readonly Partial[] = [];

export class Reassembler {
  readonly #maxBody: number;
  #held: readonly Partial[] = NONE_HELD;
  #next: number;
  #epoch = 0;

  /**
   * @param maxBody - Octets a message's body may have.
   * @param first - The message_seq to begin with: a stateless server begins
   *   with the ClientHello that brought the cookie.
   */
  constructor(maxBody: number, first = 0) {
    this.#maxBody = maxBody;
    this.#next = first;
  }

  /** message_seq of the next message to go out; 2^16 once the numbers are used up. */
  get nextSeq(): number {
    return this.#next;
  }

  /** Whether there is any part of a message that has not gone out. */
  get pending(): boolean {
    return this.#held.length > 0;
  }

  /** Octets held for messages that are not whole or wait for others. */
  get octetsHeld(): number {
    let sum = 0;
    for (const { body } of this.#held) sum += body.length;
    return sum;
  }

  /**
   * From here on only messages of `epoch` or a later one; what was held of
   * earlier ones is dropped, for those keys, or no keys at all, vouch for it.
   * To be called when the message that begins a new epoch has been taken.
   *
   * @returns The highest epoch of what was dropped, null for nothing: a peer
   *   with keys that goes on under old ones is at fault.
   */
  requireEpoch(epoch: number): number | null {
    this.#epoch = Math.max(this.#epoch, epoch);
    const older = this.#held.filter((held) => held.epoch < this.#epoch);
    if (older.length === 0) return null;
    this.#drop(...older);
    return Math.max(...older.map((held) => held.epoch));
  }

  /** Takes the content of one handshake record. */
  push(epoch: number, content: Uint8Array): Taken {
    const fragments = parseFragments(content);
    if (typeof fragments === "string") return nothingTaken(fragments);

    const discards: DatagramDiscard[] = [];
    let [progressed, outOfOrder] = [false, false];
    let repeated: number | null = null;
    for (const fragment of fragments) {
      if (fragment.seq < this.#next) {
        if (endsMessage(fragment)) repeated = Math.max(repeated ?? 0, fragment.seq);
        continue;
      }
      outOfOrder ||= !this.#isNextPiece(fragment);
      const fate = this.#take(epoch, fragment);
      if (fate === "new") progressed = true;
      else if (fate !== "known") discards.push(fate);
    }
    return {
      acknowledgeable: discards.length === 0,
      progressed,
      outOfOrder,
      repeated,
      discards,
    };
  }

  /** The next message if it is whole, else null. */
  next(): ReassembledMessage | null {
    const held = this.#of(this.#next);
    if (held === undefined || held.missing > 0) return null;
    this.#drop(held);
    const { type, epoch, body } = held;
    return { type, seq: this.#next++, body, epoch };
  }

  /** Forgets all it holds. */
  clear(): void {
    this.#held = NONE_HELD;
  }

  #of(seq: number): Partial | undefined {
    return this.#held.find((held) => held.seq === seq);
  }

  #drop(...gone: readonly Partial[]): void {
    const rest = this.#held.filter((held) => !gone.includes(held));
    this.#held = rest.length === 0 ? NONE_HELD : rest;
  }

  /** Whether nothing in front of the fragment is missing. */
  #isNextPiece({ seq, offset }: HandshakeFragment): boolean {
    for (let earlier = this.#next; earlier < seq; earlier++) {
      if (this.#of(earlier)?.missing !== 0) return false;
    }
    const held = this.#of(seq);
    if (offset === 0 || held?.missing === 0) return true;
    return held !== undefined && isPresent(held.present, offset - 1);
  }

  #take(epoch: number, fragment: HandshakeFragment): Fate {
    if (fragment.length > this.#maxBody) return "message-too-long";
    if (fragment.seq - this.#next >= MAX_MESSAGES_HELD) return "message-too-far-ahead";
    if (epoch < this.#epoch) return "fragment-of-older-epoch";

    const known = this.#of(fragment.seq);
    if (known !== undefined && known.epoch > epoch) return "fragment-of-older-epoch";
    // Keys vouch for more than none do: what came before them gives way.
    const held = known?.epoch === epoch ? known : this.#hold(epoch, fragment);
    if (typeof held === "string") return held;
    if (!agrees(held, fragment)) return "fragment-contradicts";
    const before = held.missing;
    fill(held, fragment);
    return held === known && held.missing === before ? "known" : "new";
  }

  #hold(epoch: number, { type, seq, length }: HandshakeFragment): Partial | DatagramDiscard {
    if (seq > this.#next && this.#octetsAhead(seq) + length > MAX_OCTETS_AHEAD) {
      return "too-many-octets-ahead";
    }
    const present = new Uint8Array(Math.ceil(length / 8));
    const held = { seq, type, epoch, body: new Uint8Array(length), present, missing: length };
    this.#held = [...this.#held.filter((other) => other.seq !== seq), held];
    return held;
  }

  /** Octets held for messages behind the next one, but for `except`, which is about to be replaced. */
  #octetsAhead(except: number): number {
    let sum = 0;
    for (const { seq, body } of this.#held) {
      if (seq !== this.#next && seq !== except) sum += body.length;
    }
    return sum;
  }
}

function nothingTaken(reason: DatagramDiscard): Taken {
  return {
    acknowledgeable: false,
    progressed: false,
    outOfOrder: false,
    repeated: null,
    discards: [reason],
  };
}

function endsMessage({ offset, bytes, length }: HandshakeFragment): boolean {
  return offset + bytes.length === length;
}

/** Whether type, length and all octets that are there already are the same (RFC 9147 §5.5). */
function agrees(held: Partial, { type, length, offset, bytes }: HandshakeFragment): boolean {
  if (held.type !== type || held.body.length !== length) return false;
  if (held.missing === length) return true;
  if (held.missing === 0) {
    return sameBytes(held.body.subarray(offset, offset + bytes.length), bytes);
  }
  return bytes.every(
    (octet, at) => !isPresent(held.present, offset + at) || held.body[offset + at] === octet,
  );
}

function fill(held: Partial, { offset, bytes }: HandshakeFragment): void {
  if (held.missing === 0) return;
  held.body.set(bytes, offset);
  if (bytes.length === held.body.length) {
    held.missing = 0;
    return;
  }
  for (let at = offset; at < offset + bytes.length; at++) {
    if (isPresent(held.present, at)) continue;
    held.present[at >> 3]! |= 1 << (at & 7);
    held.missing--;
  }
}

function isPresent(present: Uint8Array, at: number): boolean {
  return ((present[at >> 3]! >> (at & 7)) & 1) === 1;
}
