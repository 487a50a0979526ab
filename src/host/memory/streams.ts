/** TCP between hosts in one memory: in order and without delay, each step a turn of the clock. */
import { mono } from "../../base/machine.ts";
import { HostFailure, MAX_TCP_CONNECTIONS, MAX_UNSENT_BYTES } from "../host.ts";
import type {
  Attempt,
  Listener,
  SocketAddress,
  StreamConnection,
  StreamHandlers,
  TcpListener,
} from "../host.ts";
import type { MemoryClock } from "./clock.ts";

type Accept = (connection: StreamConnection, from: SocketAddress) => StreamHandlers;
type Open = (connection: StreamConnection) => StreamHandlers;

interface Listening {
  readonly accept: Accept;
  readonly open: Set<MemoryEnd>;
}

const FIRST_FREE_PORT = 40_000;

/** What a peer takes in while it reads nothing: as a kernel would. */
export const KERNEL_BYTES: number = 64 * 1024;

export class MemoryStreams {
  readonly #clock: MemoryClock;
  readonly #listeners = new Map<string, Listening>();
  #nextPort = FIRST_FREE_PORT;

  constructor(clock: MemoryClock) {
    this.#clock = clock;
  }

  /** @throws {@link HostFailure} EADDRINUSE */
  listen(bind: SocketAddress, accept: Accept): TcpListener {
    const port = bind.port === 0 ? this.#nextPort++ : bind.port;
    const local = { address: bind.address, port };
    if (this.#listeners.has(nameOf(local))) {
      throw new HostFailure(`tcp listen at ${bind.address} port ${port}`, "EADDRINUSE");
    }
    return { local, ...this.listenAt(nameOf(local), accept) };
  }

  /** Under a name of the caller's that nobody listens at. */
  listenAt(name: string, accept: Accept): Listener {
    const listening: Listening = { accept, open: new Set() };
    this.#listeners.set(name, listening);
    return {
      close: () => {
        this.#listeners.delete(name);
        for (const end of listening.open) end.reset();
      },
    };
  }

  /** @param from - the address of the side that connects */
  connect(
    to: SocketAddress,
    open: Open,
    failed: (failure: HostFailure) => void,
    from: string,
  ): Attempt {
    const operation = `tcp connect to ${to.address} port ${to.port}`;
    const refused = (): void => failed(new HostFailure(operation, "ECONNREFUSED"));
    return this.connectAt(nameOf(to), open, refused, from);
  }

  /** @param refused - nobody listens under that name */
  connectAt(name: string, open: Open, refused: () => void, from: string = ""): Attempt {
    const timer = this.#clock.setTimer(this.#clock.mono(), () => {
      const listening = this.#listeners.get(name);
      if (listening === undefined) return refused();
      const [near, far] = MemoryEnd.pair((run) => this.#later(run));
      near.handle(open(near));
      if (listening.open.size >= MAX_TCP_CONNECTIONS) return far.reset();
      listening.open.add(far);
      far.onGone = () => void listening.open.delete(far);
      far.handle(listening.accept(far, { address: from, port: this.#nextPort++ }));
    });
    return { cancel: () => timer.cancel() };
  }

  #later(run: () => void): void {
    this.#clock.setTimer(mono(this.#clock.mono()), run);
  }
}

/** One end. What it sends lies in its own queue until the other end takes it. */
class MemoryEnd implements StreamConnection {
  readonly #later: (run: () => void) => void;
  /** Set as the pair is made, before anybody has either end. */
  #peer!: MemoryEnd;
  #handlers: StreamHandlers | null = null;
  #queue: Uint8Array[] = [];
  #unsent = 0;
  /** What came and was not read. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #state: "open" | "ending" | "ended" | "gone" = "open";
  #peerEnded = false;
  #toldEnd = false;
  #paused = false;
  /** After `close`: nothing is heard any more. */
  #deaf = false;
  #planned = false;
  onGone: () => void = () => {};

  private constructor(later: (run: () => void) => void) {
    this.#later = later;
  }

  static pair(later: (run: () => void) => void): readonly [MemoryEnd, MemoryEnd] {
    const near = new MemoryEnd(later);
    const far = new MemoryEnd(later);
    near.#peer = far;
    far.#peer = near;
    return [near, far];
  }

  handle(handlers: StreamHandlers): void {
    this.#handlers = handlers;
  }

  get unsent(): number {
    return this.#unsent;
  }

  send(bytes: Uint8Array): void {
    if (this.#state !== "open" || bytes.length === 0) return;
    this.#queue.push(Uint8Array.from(bytes));
    this.#unsent += bytes.length;
    if (this.#unsent > MAX_UNSENT_BYTES) this.reset();
    else this.#plan();
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    this.#plan();
  }

  close(): void {
    this.#deaf = true;
    this.#held = [];
    this.#heldBytes = 0;
    this.end();
    this.#plan();
    this.#peer.#plan();
  }

  reset(): void {
    this.#deaf = true;
    this.#leave();
    this.#peer.#leave();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#plan();
  }

  /** Plans the next step, unless one is planned. */
  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    this.#later(() => {
      this.#planned = false;
      this.#read();
      this.#write();
      this.#settle();
    });
  }

  #read(): void {
    const listens = (): boolean => !this.#paused && !this.#deaf && this.#state !== "gone";
    while (listens() && this.#held.length > 0) {
      const bytes = this.#held.shift()!;
      this.#heldBytes -= bytes.length;
      this.#peer.#plan();
      this.#handlers?.onBytes(bytes);
    }
    if (!listens() || !this.#peerEnded || this.#toldEnd) return;
    this.#toldEnd = true;
    this.#handlers?.onEnd();
  }

  #write(): void {
    const peer = this.#peer;
    const had = this.#queue.length > 0;
    // The other end has closed: what comes there now is answered with a reset.
    if (had && peer.#state === "gone") return this.#leave();
    while (this.#queue.length > 0 && peer.#heldBytes < KERNEL_BYTES) {
      const bytes = this.#queue.shift()!;
      this.#unsent -= bytes.length;
      peer.#arrive(bytes);
    }
    if (had && this.#queue.length === 0 && !this.#deaf) this.#handlers?.onDrained();
    if (this.#state !== "ending" || this.#queue.length > 0) return;
    this.#state = "ended";
    peer.#peerEnded = true;
    peer.#plan();
  }

  #arrive(bytes: Uint8Array): void {
    if (this.#deaf) return;
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    this.#plan();
  }

  /** Both halves are over, or this end wants to hear nothing more. */
  #settle(): void {
    if (this.#state === "ended" && (this.#toldEnd || this.#deaf)) this.#leave();
  }

  #leave(): void {
    if (this.#state === "gone") return;
    this.#state = "gone";
    this.#queue = [];
    this.#unsent = 0;
    this.#later(() => {
      this.onGone();
      this.#handlers?.onClose();
    });
  }
}

const nameOf = ({ address, port }: SocketAddress): string => `${address} ${port}`;
