/** Faults that a mutating peer puts into its own messages, before it protects them. */
import { concat } from "../../src/base/bytes.ts";
import type { Choices } from "./choices.ts";

/** What becomes one record; `bare` ones go in the clear, whatever was agreed. */
export interface Piece {
  readonly type: number;
  readonly content: Uint8Array;
  readonly bare: boolean;
}

const HANDSHAKE = 22;

/** Edits what a peer sends, one record after another; without choices it sends what is honest. */
export class Edits {
  readonly #choices: Choices;
  #heldBack: Piece[] = [];
  /** Octets of handshake as the peer means them, and as it sends them. */
  #meant: Uint8Array = new Uint8Array();
  #sent: Uint8Array = new Uint8Array();
  /** Whether anything at all was done. */
  touched = false;

  constructor(choices: Choices) {
    this.#choices = choices;
  }

  /**
   * Whether the handshake's octets are those that the peer's own transcript has.
   * What comes behind the last of those is for after the handshake.
   */
  get honest(): boolean {
    return this.#meant.every((octet, at) => octet === this.#sent[at]);
  }

  /** What to send where an honest peer sends this record. */
  pieces(type: number, content: Uint8Array): readonly Piece[] {
    if (type === HANDSHAKE) this.#meant = concat(this.#meant, content);
    const edited = this.#edit({ type, content, bare: false });
    for (const piece of edited) {
      if (piece.type === HANDSHAKE) this.#sent = concat(this.#sent, piece.content);
    }
    return edited;
  }

  #edit(piece: Piece): Piece[] {
    const { type, content } = piece;
    const choices = this.#choices;
    const operation = choices.below(24);
    if (operation < 8) return [piece, ...this.#heldBack.splice(0)];
    this.touched = true;
    const at = choices.below(Math.max(1, content.length));
    const [before, after] = [content.subarray(0, at), content.subarray(at)];
    const changed = (octets: Uint8Array): Piece => ({ ...piece, content: octets });
    switch (operation) {
      case 8:
      case 9: {
        const flipped = content.slice();
        if (at < flipped.length) flipped[at]! ^= choices.octet();
        return [changed(flipped)];
      }
      case 10:
        return [changed(concat(before, choices.take(choices.octet()), after))];
      case 11:
        return [changed(concat(before, after.subarray(choices.octet())))];
      case 12: {
        const patch = choices.take(choices.octet());
        return [changed(concat(before, patch, after.subarray(patch.length)))];
      }
      case 13:
        return [changed(before)];
      case 14:
        return [];
      case 15:
        return [piece, piece];
      case 16:
        // The one edit that changes nothing: a message may be cut anywhere.
        return at === 0 ? [piece] : [changed(before), changed(after)];
      case 17:
        return [{ ...piece, type: choices.octet() }];
      case 18:
        return [{ type: choices.octet(), content: choices.stretch(), bare: false }, piece];
      case 19:
        return [{ type: choices.octet(), content: choices.stretch(), bare: true }, piece];
      case 20:
        return [{ ...piece, bare: true }];
      case 21:
        return [changed(resize(content, choices))];
      case 22:
        this.#heldBack.push(piece);
        return [];
      default:
        return [piece, { type, content: choices.stretch(), bare: false }];
    }
  }
}

/** A length field made larger or smaller, somewhere in the first octets. */
function resize(content: Uint8Array, choices: Choices): Uint8Array {
  const resized = content.slice();
  const at = choices.below(Math.max(1, Math.min(64, content.length)));
  const by = choices.octet() - 128;
  if (at < resized.length) resized[at] = (resized[at]! + by) & 0xff;
  return resized;
}
