/**
 * Keeps the daemon on the bus: connects, asks on behalf of others and brings
 * them what comes. Off the bus everything else goes on, and it tries again.
 */
import type { Mono } from "../../base/machine.ts";
import { earliest, mono } from "../../base/machine.ts";
import { visible } from "../../base/text.ts";
import type { Attempt, HostFailure, StreamConnection, StreamHandlers } from "../../host/host.ts";
import { UbusConnection } from "../../proto/ubus/connection.ts";
import type { UbusInput, UbusOutput, UbusRequest } from "../../proto/ubus/connection.ts";
import type { House } from "../house.ts";

/** How long until the next try, at first and at most; each time is shifted by up to a quarter. */
export const FIRST_RETRY_MS = 1000;
export const LAST_RETRY_MS = 30_000;

/** Questions under way at once, and those that wait for them: bans of a whole house, for all its access points. */
export const MAX_ASKED = 32;
export const MAX_WAITING = 8192;

type WithoutCall<T> = T extends { readonly call: number } ? Omit<T, "call"> : never;

/** What ends in one {@link Ending}. */
export type Question = WithoutCall<UbusInput>;

/** What came of a question. */
export type Ending = Extract<
  UbusOutput,
  { readonly kind: "found" | "added" | "answered" | "refused" | "unanswered" }
>;

/** What ends in nothing. */
export type Statement = Extract<UbusInput, { readonly kind: "notify" | "answer" }>;

/** A part of the daemon that lives on the bus. */
export interface BusMember {
  /** On the bus from now on; nothing from before holds any more. */
  joined(): void;
  left(): void;
  /** Takes a request if it is for one of its objects, and then answers it where that is wanted. */
  request(request: UbusRequest): boolean;
  active(object: number, active: boolean): void;
  targetGone(target: number): void;
}

/** ubusd's METHOD_NOT_FOUND: for requests to objects that are nobody's. */
const METHOD_NOT_FOUND = 3;

export class Bus {
  readonly #house: House;
  readonly #path: string;
  readonly #planned: () => void;
  readonly #members: BusMember[] = [];
  #machine: UbusConnection | null = null;
  #connection: StreamConnection | null = null;
  #attempt: Attempt | null = null;
  #retryAt: Mono | null = null;
  #retryMs = FIRST_RETRY_MS;
  #joined = false;
  #closed = false;
  /** Why we are off the bus, in words; null while on it and before the first try has ended. */
  #off: string | null = null;
  #lastCall = 0;
  readonly #questions = new Map<number, (ending: Ending) => void>();
  #waiting: { readonly question: Question; readonly done: (ending: Ending) => void }[] = [];
  #isAsking = false;
  /** Which connection a request came over: an answer that was long in coming may find another. */
  readonly #origins = new WeakMap<UbusRequest, UbusConnection>();

  /** @param planned - called when {@link Bus.wakeAt} may have changed */
  constructor(house: House, path: string, planned: () => void) {
    this.#house = house;
    this.#path = path;
    this.#planned = planned;
  }

  get wakeAt(): Mono | null {
    return earliest([this.#retryAt, this.#machine?.wakeAt ?? null]);
  }

  get isJoined(): boolean {
    return this.#joined;
  }

  /** One sentence with the fix while off the bus, else null. */
  get trouble(): string | null {
    if (this.#off === null) return null;
    return `HomeCA is not on ubus at ${visible(this.#path)} (${this.#off}), so LuCI cannot reach it and it reaches no access point there: check that ubusd runs, that \`option ubus\` names its socket, and that HomeCA's user and group have names in /etc/passwd and /etc/group.`;
  }

  open(...members: readonly BusMember[]): void {
    this.#members.push(...members);
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    this.#attempt?.cancel();
    this.#connection?.close();
    this.#machine = null;
    this.#questions.clear();
    this.#waiting = [];
  }

  timeout(): void {
    const now = this.#house.host.mono();
    if (this.#retryAt !== null && now >= this.#retryAt) this.#connect();
    else this.#step({ kind: "timeout" });
  }

  /** `done` is called once, at once where we are off the bus; not at all after `close`. */
  ask(question: Question, done: (ending: Ending) => void): void {
    if (this.#machine === null || this.#waiting.length >= MAX_WAITING) {
      return done({ kind: "unanswered", call: 0, reason: "not-sent" });
    }
    this.#waiting.push({ question, done });
    this.#askNext();
  }

  /** @throws RangeError for what is longer than a message may be; an answer can be given anew then */
  tell(statement: Statement): void {
    const isLate =
      statement.kind === "answer" && this.#origins.get(statement.request) !== this.#machine;
    if (!isLate) this.#step(statement);
  }

  /** In order, so many at a time; what an ending asks in turn is asked by the same loop. */
  #askNext(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    while (this.#machine !== null && this.#questions.size < MAX_ASKED) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      const call = ++this.#lastCall;
      this.#questions.set(call, next.done);
      this.#step({ ...next.question, call });
    }
    this.#isAsking = false;
  }

  #connect(): void {
    this.#retryAt = null;
    this.#attempt = this.#house.host.connectLocal(
      this.#path,
      (connection) => this.#opened(connection),
      (failure: HostFailure) => {
        this.#attempt = null;
        this.#lost(visible(failure.errno));
      },
    );
  }

  #opened(connection: StreamConnection): StreamHandlers {
    this.#attempt = null;
    const machine = new UbusConnection(this.#house.host.mono());
    this.#machine = machine;
    this.#connection = connection;
    this.#planned();
    const isCurrent = (): boolean => this.#machine === machine;
    return {
      onBytes: (bytes) => {
        if (isCurrent()) this.#step({ kind: "bytes", bytes });
      },
      onEnd: () => connection.close(),
      onDrained: () => {},
      onClose: () => {
        if (isCurrent()) this.#step({ kind: "ended" });
      },
    };
  }

  #step(input: UbusInput): void {
    const machine = this.#machine;
    if (machine === null) return;
    for (const output of machine.handle(input, this.#house.host.mono())) {
      try {
        this.#carryOut(output);
      } catch (fault) {
        this.#house.fault("a message of ubus", fault);
      }
    }
    this.#planned();
  }

  #carryOut(output: UbusOutput): void {
    switch (output.kind) {
      case "send":
        return this.#connection?.send(output.bytes);
      case "ready":
        return this.#join();
      case "found":
      case "added":
      case "answered":
      case "refused":
      case "unanswered":
        return this.#end(output);
      case "request":
        return this.#dispatch(output.request);
      case "active":
        for (const member of this.#members) member.active(output.object, output.active);
        return;
      case "target-gone":
        for (const member of this.#members) member.targetGone(output.target);
        return;
      case "discarded":
        return this.#house.counters.add(`ubus ${output.reason}`);
      case "failed":
        return this.#lost(output.reason);
    }
  }

  #join(): void {
    const wasOff = this.#off !== null;
    this.#joined = true;
    this.#off = null;
    this.#retryMs = FIRST_RETRY_MS;
    if (wasOff) this.#house.log.notice("HomeCA is on ubus again.");
    for (const member of this.#members) member.joined();
  }

  #end(ending: Ending): void {
    const done = this.#questions.get(ending.call);
    this.#questions.delete(ending.call);
    try {
      done?.(ending);
    } finally {
      this.#askNext();
    }
  }

  #dispatch(request: UbusRequest): void {
    if (this.#machine !== null) this.#origins.set(request, this.#machine);
    if (this.#members.some((member) => member.request(request)) || !request.wantsAnswer) return;
    this.tell({ kind: "answer", request, status: METHOD_NOT_FOUND, fields: null });
  }

  /** Told to the log once, however often it is tried again. */
  #lost(reason: string): void {
    this.#machine = null;
    this.#connection?.close();
    this.#connection = null;
    if (this.#closed) return;
    const wasJoined = this.#joined;
    const first = this.#off === null;
    this.#joined = false;
    this.#off = reason;
    for (const { done } of this.#waiting.splice(0)) {
      done({ kind: "unanswered", call: 0, reason: "not-sent" });
    }
    if (first) this.#house.log.warning(this.trouble ?? reason);
    if (wasJoined) for (const member of this.#members) member.left();
    this.#planRetry();
  }

  #planRetry(): void {
    const { host } = this.#house;
    // A quarter either way, so that all who lost the bus do not come back at once.
    const shift = 0.75 + (host.random(1)[0] ?? 0) / 512;
    this.#retryAt = mono(host.mono() + Math.round(this.#retryMs * shift));
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
    this.#planned();
  }
}
