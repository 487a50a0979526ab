/** Streams over the C host: TCP at both ends, and sockets in the file system. What waits to leave is bounded. */
import { mono } from "../../base/machine.ts";
import { HostFailure, MAX_TCP_CONNECTIONS, MAX_UNSENT_BYTES } from "../host.ts";
import type {
  Attempt,
  Listener,
  LocalConnection,
  LocalHandlers,
  SocketAddress,
  StreamConnection,
  StreamHandlers,
  TcpListener,
  Timer,
} from "../host.ts";
import { LINGER_MS, MAX_UNREAD_BYTES } from "../limits.ts";
import { READABLE, WRITABLE } from "./loop.ts";
import type { Loop } from "./loop.ts";
import { checked, errnoOf, failureOf, native } from "./native.ts";
import { boundTo } from "./udp.ts";

/** Reads of one connection in one turn, each of 64 KiB at most. */
const TURN = 4;
/** Connections to one local socket at once: owners and pages, not the world. */
const MAX_LOCAL = 64;

const NOBODY: StreamHandlers = {
  onBytes: () => {},
  onEnd: () => {},
  onDrained: () => {},
  onClose: () => {},
};

/** One end of a stream that is open. */
class StreamEnd implements StreamConnection {
  readonly #loop: Loop;
  readonly #fd: number;
  readonly #most: number;
  readonly #waiting: Uint8Array[] = [];
  #unsent = 0;
  #handlers: StreamHandlers = NOBODY;
  #paused = false;
  /** Our half ends once all has left, or has ended. */
  #ends: "no" | "soon" | "ended" = "no";
  #peerEnded = false;
  /** Nothing more is heard of the peer. */
  #closing = false;
  #open = true;
  #linger: Timer | null = null;

  constructor(loop: Loop, fd: number, most: number) {
    this.#loop = loop;
    this.#fd = fd;
    this.#most = most;
    // Known to the loop from here on, so that it can be closed; heard once it begins.
    loop.watch(fd, 0, () => {});
  }

  /** From here on there are callbacks. */
  begin(handlers: StreamHandlers): void {
    this.#handlers = handlers;
    this.#watch();
  }

  get unsent(): number {
    return this.#unsent;
  }

  send(bytes: Uint8Array): void {
    if (!this.#open || this.#ends !== "no") return;
    if (bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#unsent += bytes.length;
    if (this.#unsent > this.#most) return this.reset();
    this.#watch();
  }

  end(): void {
    if (!this.#open || this.#ends !== "no") return;
    this.#ends = "soon";
    this.#endWhenSent();
  }

  close(): void {
    if (!this.#open || this.#closing) return;
    this.#closing = true;
    // Whatever it still sends is taken and dropped: what is left unread would reset what we sent last.
    this.#paused = false;
    this.#linger = this.#loop.setTimer(mono(this.#loop.now() + LINGER_MS), () => this.#over());
    this.end();
    this.#watch();
  }

  reset(): void {
    if (!this.#open) return;
    this.#closing = true;
    this.#over("reset");
  }

  pause(): void {
    this.#paused = true;
    this.#watch();
  }

  resume(): void {
    this.#paused = false;
    this.#watch();
  }

  #watch(): void {
    if (!this.#open) return;
    const reads = this.#paused || this.#peerEnded ? 0 : READABLE;
    const writes = this.#waiting.length > 0 ? WRITABLE : 0;
    this.#loop.watch(this.#fd, reads | writes, (events) => this.#ready(events));
  }

  #ready(events: number): void {
    if ((events & WRITABLE) !== 0) this.#write();
    if ((events & READABLE) !== 0) this.#read();
  }

  #read(): void {
    for (let turn = 0; turn < TURN && this.#open && !this.#paused && !this.#peerEnded; turn++) {
      const got = native.receive(this.#fd);
      if (typeof got === "number") {
        const errno = errnoOf(got);
        if (errno !== "EAGAIN" && errno !== "EINTR") this.#over();
        return;
      }
      if (got.byteLength > 0) {
        if (!this.#closing) this.#loop.guarded(() => this.#handlers.onBytes(new Uint8Array(got)));
        continue;
      }
      this.#peerEnded = true;
      if (!this.#closing) this.#loop.guarded(() => this.#handlers.onEnd());
      if (this.#ends === "ended") this.#over();
      else this.#watch();
    }
  }

  #write(): void {
    if (this.#waiting.length === 0) return;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const sent = native.send(this.#fd, first.buffer, first.byteOffset, first.length);
      const errno = errnoOf(sent);
      if (errno === "EAGAIN" || errno === "EINTR") return;
      if (errno !== null) return this.#over();
      this.#unsent -= sent;
      if (sent < first.length) this.#waiting[0] = first.subarray(sent);
      else this.#waiting.shift();
    }
    this.#watch();
    this.#endWhenSent();
    if (this.#open && !this.#closing) this.#loop.guarded(() => this.#handlers.onDrained());
  }

  #endWhenSent(): void {
    if (this.#ends !== "soon" || this.#waiting.length > 0) return;
    this.#ends = "ended";
    native.end(this.#fd);
    if (this.#peerEnded) this.#over();
  }

  #over(how: "close" | "reset" = "close"): void {
    if (!this.#open) return;
    this.#open = false;
    this.#linger?.cancel();
    if (how === "reset") this.#loop.reset(this.#fd);
    else this.#loop.close(this.#fd);
    // In a turn of its own: whoever closes is not called back meanwhile.
    this.#loop.later(() => this.#handlers.onClose());
  }
}

/** What is wrong with the one that came, or nothing at all: the next one may be well. */
const OF_ONE: ReadonlySet<string> = new Set(["EAGAIN", "EINTR", "ECONNABORTED"]);
/** How long nobody is let in once there is no descriptor left for anybody. */
const FULL_MS = 1000;

/** Accepts until nobody waits; a bug in `serve` ends that one connection. */
function accepting(
  loop: Loop,
  fd: number,
  most: number,
  mayEnter: () => boolean,
  serve: (end: StreamEnd, from: SocketAddress) => StreamHandlers,
): Set<StreamEnd> {
  const open = new Set<StreamEnd>();
  const take = (): void => {
    for (;;) {
      const got = native.accept(fd);
      if (typeof got === "number") {
        if (OF_ONE.has(errnoOf(got) ?? "EAGAIN")) return;
        loop.watch(fd, 0, take);
        loop.setTimer(mono(loop.now() + FULL_MS), () => loop.resume(fd, READABLE));
        return;
      }
      const [accepted, address, port] = got;
      const end = new StreamEnd(loop, accepted, most);
      if (!mayEnter()) {
        end.reset();
        continue;
      }
      open.add(end);
      loop.guarded(() =>
        begin(
          end,
          (it) => serve(it, { address, port }),
          () => open.delete(end),
        ),
      );
    }
  };
  loop.watch(fd, READABLE, take);
  return open;
}

function begin(
  end: StreamEnd,
  serve: (end: StreamEnd) => StreamHandlers,
  closed: () => void,
): void {
  try {
    const handlers = serve(end);
    end.begin({
      onBytes: (bytes) => handlers.onBytes(bytes),
      onEnd: () => handlers.onEnd(),
      onDrained: () => handlers.onDrained(),
      onClose: () => {
        closed();
        handlers.onClose();
      },
    });
  } catch (bug) {
    end.reset();
    closed();
    throw bug;
  }
}

/** See `Host.listenTcp`. @throws {@link HostFailure} EADDRINUSE, EACCES, EADDRNOTAVAIL, EINVAL */
export function listenTcp(
  loop: Loop,
  bind: SocketAddress,
  accept: (connection: StreamConnection, from: SocketAddress) => StreamHandlers,
): TcpListener {
  const operation = `tcp listen at ${bind.address} port ${bind.port}`;
  const fd = checked<number>(operation, native.tcpListen(bind.address, bind.port, 0));
  const [, address, port] = boundTo(operation, fd);
  const mayEnter = (): boolean => open.size < MAX_TCP_CONNECTIONS;
  const open: Set<StreamEnd> = accepting(loop, fd, MAX_UNSENT_BYTES, mayEnter, accept);
  return { local: { address, port }, close: () => closeAll(loop, fd, open) };
}

function closeAll(loop: Loop, fd: number, open: ReadonlySet<StreamEnd>): void {
  loop.close(fd);
  for (const end of open) end.reset();
}

/** See `Host.connectTcp`. @throws {@link HostFailure} EINVAL */
export function connectTcp(
  loop: Loop,
  to: SocketAddress,
  open: (connection: StreamConnection) => StreamHandlers,
  failed: (failure: HostFailure) => void,
): Attempt {
  const operation = `tcp connect to ${to.address} port ${to.port}`;
  const fd = native.tcpConnect(to.address, to.port, 0);
  if (errnoOf(fd) === "EINVAL") throw new HostFailure(operation, "EINVAL");
  return connecting(loop, fd, operation, open, failed);
}

/** See `Host.connectLocal`. */
export function connectLocal(
  loop: Loop,
  path: string,
  open: (connection: StreamConnection) => StreamHandlers,
  failed: (failure: HostFailure) => void,
): Attempt {
  return connecting(loop, native.localConnect(path), `connect to ${path}`, open, failed);
}

/** @param fd - of a socket that connects, or an error number */
function connecting(
  loop: Loop,
  fd: number,
  operation: string,
  open: (connection: StreamConnection) => StreamHandlers,
  failed: (failure: HostFailure) => void,
): Attempt {
  let isOver = false;
  if (fd < 0) {
    loop.later(() => {
      if (!isOver) failed(failureOf(operation, fd));
    });
    return { cancel: () => void (isOver = true) };
  }
  loop.watch(fd, WRITABLE, () => {
    isOver = true;
    const failure = native.failure(fd);
    if (failure < 0) {
      loop.close(fd);
      failed(failureOf(operation, failure));
      return;
    }
    begin(new StreamEnd(loop, fd, MAX_UNSENT_BYTES), open, () => {});
  });
  return {
    cancel() {
      if (isOver) return;
      isOver = true;
      loop.close(fd);
    },
  };
}

/**
 * See `Host.listenLocal`.
 *
 * @throws {@link HostFailure} EADDRINUSE where a living listener has the name,
 *   EEXIST where something other than a socket has it, ENAMETOOLONG, and
 *   whatever the folder answers.
 */
export function listenLocal(
  loop: Loop,
  path: string,
  mode: number,
  accept: (connection: LocalConnection) => LocalHandlers,
): Listener {
  const operation = `listen at ${path}`;
  removeStale(path, operation);
  const fd = checked<number>(operation, native.localListen(path, mode));
  const open = accepting(
    loop,
    fd,
    MAX_UNREAD_BYTES,
    () => open.size < MAX_LOCAL,
    (end) => {
      const handlers = accept(end);
      // Half a conversation is none here.
      return {
        onBytes: (bytes) => handlers.onBytes(bytes),
        onEnd: () => end.close(),
        onDrained: () => {},
        onClose: () => handlers.onClose(),
      };
    },
  );
  return {
    close() {
      closeAll(loop, fd, open);
      native.unlink(path);
    },
  };
}

const SOCKET = 2;

function removeStale(path: string, operation: string): void {
  const facts = native.facts(path);
  if (errnoOf(facts) === "ENOENT") return;
  const [, , , kind] = checked<readonly [number, number, number, number]>(operation, facts);
  if (kind !== SOCKET) throw new HostFailure(operation, "EEXIST");
  const asked = native.localConnect(path);
  if (asked >= 0) native.close(asked);
  // Whatever is not a clear refusal counts as alive: nobody's socket is taken away on a guess.
  if (errnoOf(asked) !== "ECONNREFUSED") throw new HostFailure(operation, "EADDRINUSE");
  checked(operation, native.unlink(path));
}
