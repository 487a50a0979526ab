/**
 * What strangers may cost this home: conversations per minute, and how soon
 * one that was refused may come back. Both tables are bounded. A device that
 * shows a certificate of ours is never held up by them, so nobody can lock a
 * known device out by failing in its name.
 */
import { mono } from "../../base/machine.ts";
import type { Mono } from "../../base/machine.ts";

/** Onboarding conversations that one NAS may begin within {@link WINDOW_MS}, unless the owner says otherwise. */
export const MAX_CONVERSATIONS = 5;
export const WINDOW_MS = 60000;
/** A pending record that nobody decided is forgotten after this long. */
export const PENDING_SECONDS = 86400;
/** The first refusal's wait; each further one doubles it (RFC 9965 §3.4.1: minutes, exponential). */
export const FIRST_BACKOFF_SECONDS = 60;
export const LONGEST_BACKOFF_SECONDS = 3600;
/** NAS and refused keys that are remembered at once. */
export const MAX_NAS = 64;
export const MAX_REFUSED = 256;

interface Refusals {
  readonly count: number;
  readonly until: Mono;
}

/** Counts conversations and refusals; the daemon has one. */
export class OnboardingLimits {
  /** May be set anew at any time; what has begun still counts. */
  conversationsPerMinute: number;
  readonly #begun = new Map<string, readonly Mono[]>();
  readonly #refused = new Map<string, Refusals>();

  constructor(conversationsPerMinute: number = MAX_CONVERSATIONS) {
    this.conversationsPerMinute = conversationsPerMinute;
  }

  /** Entries in both tables, for status pages and tests. */
  get size(): number {
    return this.#begun.size + this.#refused.size;
  }

  /**
   * Whether this NAS may begin one more onboarding conversation, counting it if
   * so. Asked before any mathematics: when the outer identity names the setup
   * realm, or when a self-signed certificate turns up elsewhere.
   */
  begin(nas: string, now: Mono): boolean {
    const recent = (this.#begun.get(nas) ?? []).filter((at) => now - at < WINDOW_MS);
    if (recent.length >= this.conversationsPerMinute) return false;
    touch(this.#begun, nas, [...recent, now], MAX_NAS);
    return true;
  }

  /**
   * Notes a refusal and gives the seconds to wait. `subject` is a key's hash
   * where the peer proved the key, its MAC address where it proved nothing.
   */
  refuse(subject: string, now: Mono): number {
    const refusals = this.refusals(subject, now);
    const seconds = backoffAfter(refusals);
    const until = mono(now + seconds * 1000);
    touch(this.#refused, subject, { count: Math.min(refusals + 1, 32), until }, MAX_REFUSED);
    return seconds;
  }

  /** Seconds that the subject still has to wait, rounded up; 0 where it may come. */
  backoffSeconds(subject: string, now: Mono): number {
    const until = this.#live(subject, now)?.until ?? now;
    return Math.max(0, Math.ceil((until - now) / 1000));
  }

  /** Refusals that still count against the subject. */
  refusals(subject: string, now: Mono): number {
    return this.#live(subject, now)?.count ?? 0;
  }

  /** Forgets the refusals: the owner decided in the subject's favour. */
  forgive(subject: string): void {
    this.#refused.delete(subject);
  }

  /** Null once as much time has gone after the wait as the longest wait. */
  #live(subject: string, now: Mono): Refusals | null {
    const refusals = this.#refused.get(subject);
    if (refusals === undefined) return null;
    return now - refusals.until < LONGEST_BACKOFF_SECONDS * 1000 ? refusals : null;
  }
}

/** Seconds to stay away after one more refusal on top of so many. */
export function backoffAfter(refusals: number): number {
  return Math.min(FIRST_BACKOFF_SECONDS * 2 ** Math.min(refusals, 32), LONGEST_BACKOFF_SECONDS);
}

/** Sets the entry as the youngest; at the bound the one untouched for longest goes. */
function touch<T>(table: Map<string, T>, key: string, value: T, most: number): void {
  table.delete(key);
  if (table.size >= most) {
    const [oldest] = table.keys();
    table.delete(oldest!);
  }
  table.set(key, value);
}
