/** Who is called for which descriptor, when, and for which signal. A bug in one callback ends that one. */
import { mono } from "../../base/machine.ts";
import type { Mono } from "../../base/machine.ts";
import type { Timer } from "../host.ts";
import { Timers } from "../timers.ts";
import { checked, native } from "./native.ts";

export const READABLE = 1;
export const WRITABLE = 2;

/** Linux has one number for each on all its architectures but Alpha, SPARC and MIPS, which differ in SIGCHLD alone. */
export const SIGNAL = { hangUp: 1, interrupt: 2, terminate: 15 } as const;
const SIGNALS_OF_A_CHILD: readonly number[] = [17, 18, 20];

type Ready = (events: number) => void;

export class Loop {
  readonly #ready = new Map<number, Ready>();
  readonly #timers: Timers;
  readonly #onBug: (bug: unknown) => void;
  #onSignal: (number: number) => void = () => {};
  #onChild: () => void = () => {};

  constructor(onBug: (bug: unknown) => void) {
    this.#onBug = onBug;
    this.#timers = new Timers(
      () => this.now(),
      (at) => native.wakeAt(at ?? -1),
      (run) => this.guarded(run),
    );
    native.onEvents(
      (fd, events) => this.guarded(() => this.#ready.get(fd)?.(events)),
      () => this.#timers.wake(),
      (number) => this.guarded(() => this.#signal(number)),
    );
  }

  set onSignal(handler: (number: number) => void) {
    this.#onSignal = handler;
  }

  set onChild(handler: () => void) {
    this.#onChild = handler;
  }

  now(): Mono {
    return mono(native.mono());
  }

  guarded(callback: () => void): void {
    try {
      callback();
    } catch (bug) {
      this.#onBug(bug);
    }
  }

  setTimer(at: Mono, run: () => void): Timer {
    return this.#timers.set(at, run);
  }

  /** In a turn of its own, soon. */
  later(run: () => void): void {
    this.setTimer(this.now(), run);
  }

  /** @throws {@link HostFailure} EMFILE where too many are watched */
  watch(fd: number, events: number, ready: Ready): void {
    this.#ready.set(fd, ready);
    checked("watch", native.watch(fd, events));
  }

  /** Of a descriptor that stays open. */
  unwatch(fd: number): void {
    if (this.#ready.delete(fd)) native.watch(fd, 0);
  }

  /** Goes on with what was paused, unless it was closed meanwhile. */
  resume(fd: number, events: number): void {
    if (this.#ready.has(fd)) native.watch(fd, events);
  }

  /** Once: the number may be somebody else's after that. */
  close(fd: number): void {
    if (this.#ready.delete(fd)) native.close(fd);
  }

  /** As `close`, and the peer is told at once. */
  reset(fd: number): void {
    if (this.#ready.delete(fd)) native.reset(fd);
  }

  #signal(number: number): void {
    if (SIGNALS_OF_A_CHILD.includes(number)) this.#onChild();
    else this.#onSignal(number);
  }
}
