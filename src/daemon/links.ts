/**
 * Links that open once: a profile that waits in memory for the phone or laptop
 * it was made for. Whoever has the link has the file; the password of the key
 * in it travels another way.
 */
import { fromBase32, sameBytes, toBase32 } from "../base/bytes.ts";
import { earliest, mono } from "../base/machine.ts";
import type { Mono, RandomSource } from "../base/machine.ts";
import type { ProfileFile } from "../policy/profiles/facts.ts";
import type { Registry } from "../policy/registry/registry.ts";

/** Links that may wait at once; more are refused until one is used or ends. */
export const MAX_LINKS = 16;

/** A link waits at most a quarter of an hour, and for so long unless told. */
export const MAX_LINK_SECONDS = 900;

/** 128 bits from the random source: nobody guesses one in a quarter of an hour. */
const TOKEN_BYTES = 16;

/** What a link leads to. */
export interface Linked {
  readonly device: string;
  /** Of the certificate in the file. */
  readonly serial: string;
  readonly file: ProfileFile;
}

interface Waiting extends Linked {
  readonly token: Uint8Array;
  readonly until: Mono;
}

export interface LinkSurroundings {
  readonly random: RandomSource;
  readonly mono: () => Mono;
  readonly registry: () => Registry;
}

export class Links {
  readonly #around: LinkSurroundings;
  #waiting: readonly Waiting[] = [];

  constructor(around: LinkSurroundings) {
    this.#around = around;
  }

  /** When the next link ends. */
  get wakeAt(): Mono | null {
    return earliest(this.#waiting.map(({ until }) => until));
  }

  get isFull(): boolean {
    this.sweep();
    return this.#waiting.length >= MAX_LINKS;
  }

  /** @returns the token, 26 characters of base32. @throws RangeError where {@link Links.isFull} */
  add(linked: Linked, seconds: number): string {
    if (this.isFull) throw new RangeError("too many links");
    const { random, mono: now } = this.#around;
    const token = random(TOKEN_BYTES);
    this.#waiting = [...this.#waiting, { ...linked, token, until: mono(now() + seconds * 1000) }];
    return toBase32(token);
  }

  /** What the token opens, which is over with that; null for one that is unknown, used or past, all alike. */
  take(text: string): Linked | null {
    const token = fromBase32(text);
    if (token === null) return null;
    this.sweep();
    // All of them, whichever it is: how long it takes says nothing.
    const [found] = this.#waiting.filter((one) => sameBytes(one.token, token));
    if (found === undefined) return null;
    this.#waiting = this.#waiting.filter((one) => one !== found);
    return this.#isGood(found) ? found : null;
  }

  /** Ends every link of the device. */
  forget(device: string): void {
    this.#waiting = this.#waiting.filter((one) => one.device !== device);
  }

  /** Forgets what is past: nothing is kept for longer than it serves. */
  sweep(): void {
    const now = this.#around.mono();
    this.#waiting = this.#waiting.filter(({ until }) => now < until);
  }

  /** Whether the certificate would still open anything: the record is asked, whatever was remembered to be told. */
  #isGood({ device, serial }: Waiting): boolean {
    const { devices, revoked } = this.#around.registry();
    const state = devices.get(device)?.state;
    return (state === "approved" || state === "active") && !revoked.has(serial);
  }
}
