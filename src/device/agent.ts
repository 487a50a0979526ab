/**
 * A device's whole life with a home, turn by turn. Each turn looks at what is
 * stored and does the next thing: ask to be taken in, put a new key into use,
 * report, renew. A turn that fails changes nothing and comes again, later each
 * time.
 */
import type { Unix } from "../base/machine.ts";
import { mono } from "../base/machine.ts";
import type { Host, SocketAddress, Timer } from "../host/host.ts";
import { HostFailure } from "../host/host.ts";
import type { LiveAnswer } from "../policy/devices/messages.ts";
import { adopt, AdoptionFailure } from "./adoption.ts";
import type { AdoptionProgress } from "./adoption.ts";
import { firstCredential, judgeHome, judgeStranger, memberCredential } from "./credentials.ts";
import { findOpenHome, findOwnHome } from "./discovery.ts";
import { renew, report } from "./membership.ts";
import { HomeSession, SessionFailure } from "./session.ts";
import { credentialOf, StateFailure } from "./state.ts";
import type { MemberKey, Ownership, StateFile } from "./state.ts";

/** RFC 9965 §3.4.1 asks newcomers for minutes; the first try after a failure comes sooner. */
export const FIRST_RETRY_MS = 5000;
export const LONGEST_RETRY_MS: number = 15 * 60_000;
/** The most that a home can ask for: a stranger at first contact must not silence the device for good. */
export const LONGEST_WAIT_MS: number = 60 * 60_000;
/** Reports come no more often, and no less, whatever a home says. */
export const SHORTEST_PERIOD_MS = 60_000;
export const LONGEST_PERIOD_MS: number = 7 * 86_400_000;
/** A tenth, so that devices do not come all at once. */
const JITTER = 0.1;

/** What happens to the device, for whoever watches it. */
export type DeviceEvent =
  | AdoptionProgress
  /** A new certificate is stored: the network should be joined with it from here on. */
  | { readonly kind: "joined"; readonly owner: Ownership }
  | { readonly kind: "lives"; readonly answer: LiveAnswer }
  | { readonly kind: "renewed"; readonly notAfter: Unix }
  /** `reason` is a word of our own; `again` in milliseconds. */
  | { readonly kind: "failed"; readonly reason: string; readonly againMs: number };

export interface AgentOptions {
  readonly file: StateFile;
  /** Where the home is; null looks for it on every link. */
  readonly home: SocketAddress | null;
  /** SHA-256 of the home's key, where it is known before the first contact; null believes the first one that answers. */
  readonly pinned: Uint8Array | null;
  readonly tell: (event: DeviceEvent) => void;
}

export class DeviceAgent {
  readonly #host: Host;
  readonly #options: AgentOptions;
  #timer: Timer | null = null;
  #session: HomeSession | null = null;
  #failures = 0;
  /** Whether the certificate is a new one that has not been reported with yet. */
  #renewed = false;
  #stopped = false;
  #busy = false;

  constructor(host: Host, options: AgentOptions) {
    this.#host = host;
    this.#options = options;
  }

  start(): void {
    this.#again(0);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#session?.close();
  }

  /** Whether a turn is under way; for tests. */
  get isBusy(): boolean {
    return this.#busy;
  }

  async #turn(): Promise<void> {
    this.#busy = true;
    try {
      const waitMs = await this.#step();
      this.#failures = 0;
      this.#again(waitMs);
    } catch (failure) {
      this.#fail(failure);
    } finally {
      this.#busy = false;
    }
  }

  /** @returns the milliseconds until the next turn */
  async #step(): Promise<number> {
    const credential = credentialOf(this.#options.file.state);
    return credential === null ? this.#join() : this.#beMember(credential);
  }

  async #join(): Promise<number> {
    const { file, pinned, tell } = this.#options;
    const { crypto } = this.#host;
    const session = await this.#open({
      credential: firstCredential(crypto, file.state),
      judge: (chain) => judgeStranger(crypto, chain, pinned),
    });
    const owner = await adopt({ host: this.#host, session, file, progress: tell });
    this.#close();
    tell({ kind: "joined", owner });
    return 0;
  }

  /** The session stays for the period, so that what the home pushes arrives. */
  async #beMember({ owner, scalar }: MemberKey): Promise<number> {
    const { file, tell } = this.#options;
    const { crypto } = this.#host;
    const session =
      this.#session?.isOpen === true
        ? this.#session
        : await this.#open({
            credential: memberCredential(crypto, scalar, owner),
            judge: (chain) => judgeHome(crypto, chain, owner, owner.timeFloor),
          });
    const answer = await report({ host: this.#host, session, file });
    tell({ kind: "lives", answer });
    // A home that is never content gets no further request before the next report.
    if (answer.renew && !this.#renewed) {
      const { notAfter } = await renew({ host: this.#host, session, file });
      this.#close();
      this.#renewed = true;
      tell({ kind: "renewed", notAfter });
      return 0;
    }
    this.#renewed = false;
    const period = Math.max(answer.periodSeconds * 1000, SHORTEST_PERIOD_MS);
    return this.#around(Math.min(period, LONGEST_PERIOD_MS));
  }

  async #open(
    options: Pick<Parameters<typeof HomeSession.open>[1], "credential" | "judge">,
  ): Promise<HomeSession> {
    this.#close();
    const home = this.#options.home ?? (await this.#find());
    const session = await HomeSession.open(this.#host, { home, ...options });
    this.#session = session;
    if (this.#stopped) session.close();
    return session;
  }

  #find(): Promise<SocketAddress> {
    const { state } = this.#options.file;
    const owner = credentialOf(state)?.owner ?? null;
    if (owner === null) return findOpenHome(this.#host, state.identity.type);
    const { discoveryKey } = owner;
    // Without a key that both know the home can only be found while it searches.
    return discoveryKey === null
      ? findOpenHome(this.#host, state.identity.type)
      : findOwnHome(this.#host, discoveryKey, plausible(this.#host.wall(), owner.timeFloor));
  }

  #close(): void {
    this.#session?.close();
    this.#session = null;
  }

  #fail(failure: unknown): void {
    this.#close();
    if (this.#stopped) return;
    const reason = reasonOf(failure);
    const asked = failure instanceof AdoptionFailure ? failure.retrySeconds : null;
    const backoff = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, LONGEST_RETRY_MS);
    this.#failures = Math.min(this.#failures + 1, 16);
    const askedMs = Math.min((asked ?? 0) * 1000, LONGEST_WAIT_MS);
    const againMs = this.#notBefore(Math.max(backoff, askedMs));
    this.#options.tell({ kind: "failed", reason, againMs });
    this.#again(againMs);
  }

  #again(milliseconds: number): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    this.#timer = this.#host.setTimer(mono(this.#host.mono() + milliseconds), () => {
      void this.#turn();
    });
  }

  /** A tenth earlier or later. */
  #around(milliseconds: number): number {
    return this.#notBefore(milliseconds * (1 - JITTER));
  }

  /** Up to a fifth later: who comes before the time a home asked for has to wait for longer. */
  #notBefore(milliseconds: number): number {
    const [octet = 128] = this.#host.random(1);
    return Math.round(milliseconds * (1 + (2 * JITTER * octet) / 255));
  }
}

/** The time, where the clock is not behind what a home has told; else null. */
function plausible(wall: Unix, floor: Unix): Unix | null {
  return wall >= floor ? wall : null;
}

/** @throws what is a fault of ours */
function reasonOf(failure: unknown): string {
  if (failure instanceof AdoptionFailure || failure instanceof SessionFailure) {
    return failure.detail === "" ? failure.reason : `${failure.reason}, ${failure.detail}`;
  }
  if (failure instanceof HostFailure || failure instanceof StateFailure) return failure.message;
  throw failure;
}
