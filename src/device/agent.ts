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
import { NEW_DEVICE } from "../policy/ownership/device.ts";
import { OwnershipFailure } from "../policy/ownership/failure.ts";
import { pairing } from "../policy/window/passive-release.ts";
import { adopt, AdoptionFailure } from "./adoption.ts";
import type { AdoptionProgress } from "./adoption.ts";
import { HomeSearch } from "./home-search.ts";
import { ShownPresence } from "./presence.ts";
import { firstCredential, judgeHome, judgeStranger, memberCredential } from "./credentials.ts";
import { findOpenHome, findOwnHome } from "./discovery.ts";
import { mayServe } from "./fellow.ts";
import { renew, report } from "./membership.ts";
import { handIn, heedLock, offerNonce, receiptOf, takeToken, watchRelease } from "./release.ts";
import type { ReleaseNews } from "./release.ts";
import { watchList, watchRights } from "./pushed.ts";
import { Revocations } from "./revocations.ts";
import { HomeSession, SessionFailure } from "./session.ts";
import { credentialOf, StateFailure } from "./state.ts";
import type { MemberKey, Ownership, StateFile } from "./state.ts";
import { isTheftLocked, lockedAs } from "./tenure.ts";

/** RFC 9965 §3.4.1 asks newcomers for minutes; the first try after a failure comes sooner. */
export const FIRST_RETRY_MS = 5000;
export const LONGEST_RETRY_MS: number = 15 * 60_000;
/** The most that a home can ask for: a stranger at first contact must not silence the device for good. */
export const LONGEST_WAIT_MS: number = 60 * 60_000;
/** Reports come no more often, and no less, whatever a home says. */
export const SHORTEST_PERIOD_MS = 60_000;
export const LONGEST_PERIOD_MS: number = 7 * 86_400_000;
/** How long a token is waited for that the home has promised. */
const TOKEN_MS = 60_000;
/** What an owner changes in one go is followed in one renewal; and no home has devices renew without end. */
export const PUSHED_MS = 1000;
/** A tenth, so that devices do not come all at once. */
const JITTER = 0.1;

/** How often a lost home is looked for at least, so that who pairs the device need not wait. */
export const LOST_RETRY_MS = 60_000;

/** Beside the device's state. */
export const SEARCH_FILE = "search";
export const PRESENCE_FILE = "presence";
export const LIST_FILE = "crl";

const DAY = 86_400;

/** What happens to the device, for whoever watches it. */
export type DeviceEvent =
  | AdoptionProgress
  /** A new certificate is stored: the network should be joined with it from here on. */
  | { readonly kind: "joined"; readonly owner: Ownership }
  | { readonly kind: "lives"; readonly answer: LiveAnswer }
  | { readonly kind: "renewed"; readonly notAfter: Unix }
  /** It belongs to nobody now: what it had of the home is gone, and the home knows it. */
  | { readonly kind: "released" }
  /** A release that does not hold, or that the home did not grant; the device stays where it belongs. */
  | { readonly kind: "release-refused"; readonly reason: string }
  /** A revocation list that is not this home's, or a damaged one; the one held stays. */
  | { readonly kind: "list-refused" }
  /** The home was missing for long: whoever holds the device may pair it anew. */
  | { readonly kind: "home-lost" }
  /** Somebody has shown that they do: the network is to be joined as a newcomer, with the key in use. */
  | { readonly kind: "pairing" }
  /** The home is there again after all: the network is to be joined as its member. */
  | { readonly kind: "found" }
  /** `reason` is a word of our own; `again` in milliseconds. */
  | { readonly kind: "failed"; readonly reason: string; readonly againMs: number };

export interface AgentOptions {
  readonly file: StateFile;
  /** Where the home is; null looks for it on every link. */
  readonly home: SocketAddress | null;
  /** SHA-256 of the home's key, where it is known before the first contact; null believes the first one that answers. */
  readonly pinned: Uint8Array | null;
  /**
   * Erases what there is of a home outside the state file. Called before a
   * receipt is sent, again after a power cut, and before a home that the device
   * is paired with anew agrees on a key. Rejects where something is left.
   */
  readonly erase: () => Promise<void>;
  readonly tell: (event: DeviceEvent) => void;
  /** Whether other devices are to reach this one; default false. */
  readonly serves?: boolean;
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
  /** What the home said and no turn has heeded yet; a token is never overtaken by anything else. */
  #news: ReleaseNews | null = null;
  #leaves = false;
  /** Whether the home has said that the certificate is not what it should be. */
  #isPushed = false;
  /** Whether the home proved itself in this turn. */
  #isHome = false;
  #isLostTold = false;
  readonly #search: HomeSearch;
  readonly #presence: ShownPresence;
  /** What this home's list says of its other devices. */
  readonly revocations: Revocations;

  /** @throws HostFailure */
  constructor(host: Host, options: AgentOptions) {
    this.#host = host;
    this.#options = options;
    const { file } = options;
    this.#search = new HomeSearch(host, file.beside(SEARCH_FILE));
    this.#presence = new ShownPresence(host, file.beside(PRESENCE_FILE));
    this.revocations = new Revocations(host, file.beside(LIST_FILE), file);
  }

  start(): void {
    this.#again(0);
  }

  /** Asks the home to be released, as soon as it is reached. */
  leave(): void {
    this.#leaves = true;
    if (!this.#busy) this.#again(0);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#session?.close();
  }

  async #turn(): Promise<void> {
    this.#busy = true;
    try {
      this.#isPushed = false;
      const waitMs = await this.#step();
      this.#failures = 0;
      // TypeScript believes that nothing came of it meanwhile.
      this.#again((this.#isPushed as boolean) ? PUSHED_MS : waitMs);
    } catch (failure) {
      this.#fail(failure);
    } finally {
      this.#busy = false;
    }
    if (this.#news !== null) this.#again(0);
  }

  /** @returns the milliseconds until the next turn */
  async #step(): Promise<number> {
    const { file } = this.#options;
    if (!(await this.#heedNews())) return this.#notBefore(LONGEST_RETRY_MS);
    const receipt = file.state.receiptFor === null ? null : receiptOf(file.state);
    if (receipt !== null) return this.#handIn(receipt);
    const credential = credentialOf(file.state);
    if (credential === null) return this.#join();
    this.#isHome = false;
    try {
      return await this.#beMember(credential);
    } catch (failure) {
      if (this.#isHome || !(failure instanceof SessionFailure)) throw failure;
      this.#miss();
      const { kind } = pairing(this.#search.search, this.#presence.look());
      if (kind === "closed" || isTheftLocked(file.state.tenure)) throw failure;
    }
    return this.#joinAnother();
  }

  #miss(): void {
    this.#search.failed();
    if (!this.#search.isHomeLost || this.#isLostTold) return;
    this.#isLostTold = true;
    this.#options.tell({ kind: "home-lost" });
  }

  /** The home proved itself. */
  #meet(): void {
    this.#isHome = true;
    this.#search.found();
    if (this.#isLostTold) this.#options.tell({ kind: "found" });
    this.#isLostTold = false;
  }

  /** As a newcomer, with the key in use as its first; still its home's until another one's owner says yes. */
  async #joinAnother(): Promise<number> {
    const { file, tell } = this.#options;
    if (!file.state.passive) file.change({ passive: true });
    tell({ kind: "pairing" });
    return this.#join();
  }

  /** What the last owner left goes before anything is agreed on with the next one. */
  async #changeOwner(): Promise<void> {
    const { file, erase } = this.#options;
    if (credentialOf(file.state) === null) {
      this.#search.begin();
      return;
    }
    if (isTheftLocked(file.state.tenure)) throw new OwnershipFailure("theft-locked");
    await erase();
    this.revocations.forget();
    this.#search.begin();
    this.#presence.forget();
    this.#isLostTold = false;
    // A key agreed on with the last one, too: the one in use is the next home's first.
    file.change({ owner: null, next: null, tenure: NEW_DEVICE });
  }

  async #join(): Promise<number> {
    const { file, pinned, tell } = this.#options;
    const { crypto } = this.#host;
    const session = await this.#open({
      credential: firstCredential(crypto, file.state),
      judge: (chain) => judgeStranger(crypto, chain, pinned),
      isNewcomer: true,
    });
    const serves = this.#serves;
    const approved = (): Promise<void> => this.#changeOwner();
    const owner = await adopt({
      host: this.#host,
      session,
      file,
      progress: tell,
      approved,
      serves,
    });
    this.#close();
    tell({ kind: "joined", owner });
    return 0;
  }

  /** The session stays for the period, so that what the home pushes arrives. */
  async #beMember({ owner, scalar }: MemberKey): Promise<number> {
    const { file, tell } = this.#options;
    const { crypto } = this.#host;
    const known = this.#session?.isOpen === true ? this.#session : null;
    const session =
      known ??
      (await this.#open({
        credential: memberCredential(crypto, scalar, owner),
        judge: (chain) => judgeHome(crypto, chain, owner, owner.timeFloor),
      }));
    this.#meet();
    if (known === null) await this.#watch(session);
    const isReleased = (known === null || this.#leaves) && (await this.#offer(session));
    // Whatever else it would ask is refused from here on; the token is on its way.
    if (isReleased || this.#news?.kind === "token") return TOKEN_MS;
    const answer = await report({ host: this.#host, session, file });
    this.#search.told(answer.locked ? null : answer.releaseSeconds / DAY);
    tell({ kind: "lives", answer });
    if (known === null) {
      watchList(session, this.revocations, () => tell({ kind: "list-refused" }));
      watchRights(session, file, () => this.#push());
    }
    const renews = answer.renew || mayServe(owner) !== this.#serves;
    // A home that is never content gets no further request before the next report.
    if (renews && !this.#renewed) {
      const { notAfter } = await renew({ host: this.#host, session, file }, this.#serves);
      this.#close();
      this.#renewed = true;
      tell({ kind: "renewed", notAfter });
      return 0;
    }
    this.#renewed = false;
    const period = Math.max(answer.periodSeconds * 1000, SHORTEST_PERIOD_MS);
    return this.#around(Math.min(period, LONGEST_PERIOD_MS));
  }

  /** Whether the home has let go. */
  async #offer(session: HomeSession): Promise<boolean> {
    const leaves = this.#leaves;
    this.#leaves = false;
    try {
      const membership = { host: this.#host, session, file: this.#options.file };
      return (await offerNonce(membership, leaves))?.released ?? false;
    } catch (failure) {
      if (!(failure instanceof AdoptionFailure)) throw failure;
      this.#options.tell({ kind: "release-refused", reason: failure.detail });
      return false;
    }
  }

  /** What the home pushes comes in a session alone: one that ends too early is opened again, in a while. */
  #watch(session: HomeSession): Promise<void> {
    const ended = (): void => {
      if (this.#session === session && !this.#busy) this.#again(this.#notBefore(LONGEST_RETRY_MS));
    };
    return watchRelease(session, (news) => this.#hear(news), ended);
  }

  #hear(news: ReleaseNews): void {
    if (news.kind === "standing") {
      const { tenure } = this.#options.file.state;
      const isNew = lockedAs(tenure, news.standing.theftLock) !== tenure;
      if (!isNew || this.#news?.kind === "token") return;
    }
    this.#news = news;
    if (!this.#busy) this.#again(0);
  }

  /** False for a token that does not hold: the home has let go, so there is nothing to ask it for. */
  async #heedNews(): Promise<boolean> {
    const news = this.#news;
    this.#news = null;
    const { file } = this.#options;
    if (news?.kind === "standing") heedLock(file, news.standing);
    if (news?.kind !== "token") return true;
    try {
      await this.#take(news.token);
      return true;
    } catch (failure) {
      if (!(failure instanceof OwnershipFailure)) throw failure;
      this.#options.tell({ kind: "release-refused", reason: failure.reason });
      return false;
    }
  }

  /** A lock that was taken off just before may not have been heard of: the home is asked once. */
  async #take(token: Uint8Array): Promise<void> {
    const { file } = this.#options;
    const session = this.#session;
    if (isTheftLocked(file.state.tenure) && session?.isOpen === true) await this.#offer(session);
    takeToken(this.#host, file, token);
  }

  /** In the association that is open, or with the bare key, at that home alone. */
  async #handIn(receipt: Uint8Array): Promise<number> {
    const { file, erase, tell } = this.#options;
    const { crypto } = this.#host;
    this.revocations.forget();
    await erase();
    // The home that has just let go is not asked at once: it would be in vain.
    let waitMs = this.#notBefore(LONGEST_RETRY_MS);
    try {
      const session =
        this.#session?.isOpen === true
          ? this.#session
          : await this.#open({
              credential: firstCredential(crypto, file.state),
              judge: (chain) => judgeStranger(crypto, chain, file.state.receiptFor),
            });
      await handIn(session, file, receipt);
    } catch (failure) {
      const isElsewhere = failure instanceof SessionFailure && failure.reason === "home-refused";
      if (!isElsewhere) throw failure;
      file.change({ receiptFor: null });
      waitMs = 0;
    }
    this.#close();
    tell({ kind: "released" });
    return waitMs;
  }

  get #serves(): boolean {
    return this.#options.serves ?? false;
  }

  /** The home has something new: a turn comes soon, and may renew whatever the last one did. */
  #push(): void {
    this.#isPushed = true;
    this.#renewed = false;
    if (!this.#busy) this.#again(PUSHED_MS);
  }

  async #open(
    options: Pick<Parameters<typeof HomeSession.open>[1], "credential" | "judge"> & {
      readonly isNewcomer?: true;
    },
  ): Promise<HomeSession> {
    this.#close();
    const { credential, judge, isNewcomer = false } = options;
    const home = this.#options.home ?? (await this.#find(isNewcomer));
    const session = await HomeSession.open(this.#host, { home, credential, judge });
    this.#session = session;
    if (this.#stopped) session.close();
    return session;
  }

  /** @param isNewcomer - a home other than its own, however it belongs to one */
  #find(isNewcomer: boolean): Promise<SocketAddress> {
    const { state } = this.#options.file;
    const owner = credentialOf(state)?.owner ?? null;
    if (owner === null || isNewcomer) return findOpenHome(this.#host, state.identity.type);
    const { discoveryKey } = owner;
    // Without a key that both know the home can only be found while it searches.
    return discoveryKey === null
      ? findOpenHome(this.#host, state.identity.type)
      : findOwnHome(this.#host, discoveryKey, plausible(this.#host.wall(), owner.timeFloor));
  }

  #close(): void {
    const session = this.#session;
    this.#session = null;
    session?.close();
  }

  #fail(failure: unknown): void {
    this.#close();
    if (this.#stopped) return;
    const reason = reasonOf(failure);
    const asked = failure instanceof AdoptionFailure ? failure.retrySeconds : null;
    const longest = this.#isLostTold ? LOST_RETRY_MS : LONGEST_RETRY_MS;
    const backoff = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, longest);
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
  if (failure instanceof OwnershipFailure) return failure.reason;
  if (failure instanceof HostFailure || failure instanceof StateFailure) return failure.message;
  throw failure;
}
