/**
 * Reads a fuzz input as decisions: small numbers first, then stretches of
 * octets. An input that has run out says 0 for ever, so that each prefix of an
 * input is an input, and 0 is always the honest or the plainest choice.
 */
export class Choices {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  octet(): number {
    return this.left > 0 ? this.#bytes[this.#at++]! : 0;
  }

  /** 0 to `sides` - 1; `sides` is at most 65536. */
  below(sides: number): number {
    const value = sides > 256 ? this.octet() * 256 + this.octet() : this.octet();
    return value % sides;
  }

  flag(): boolean {
    return (this.octet() & 1) === 1;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    // The list is not empty and the index below its length.
    return choices[this.below(choices.length)]!;
  }

  /** At most `length` octets: what is left. */
  take(length: number): Uint8Array {
    const taken = this.#bytes.slice(this.#at, this.#at + length);
    this.#at += taken.length;
    return taken;
  }

  /** A stretch behind its length in two octets. */
  stretch(): Uint8Array {
    return this.take(this.below(65_536));
  }

  rest(): Uint8Array {
    return this.take(this.left);
  }
}
