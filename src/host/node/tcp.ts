/** TCP over `node:net`: bound before the call returns, half-close left to the two ends, what waits to leave is bounded. */
import net from "node:net";
import { HostFailure, MAX_TCP_CONNECTIONS, MAX_UNSENT_BYTES } from "../host.ts";
import type {
  Attempt,
  SocketAddress,
  StreamConnection,
  StreamHandlers,
  TcpListener,
} from "../host.ts";
import { LINGER_MS, MAX_SOCKET_PATH_BYTES } from "../limits.ts";
import { errnoOf } from "./errno.ts";
import { openUdp } from "./udp.ts";

/** Connections that wait to be accepted, as the kernel counts them. */
const BACKLOG = 256;

/**
 * `net.Server.listen` with an address looks the address up first and binds in a
 * later turn. This is what it calls then; Node keeps it under this name for
 * others, and it binds at once.
 */
interface BindsAtOnce {
  _listen2?(
    address: string,
    port: number,
    family: 4 | 6,
    backlog: number,
    descriptor: undefined,
    flags: number,
  ): void;
}

/** `UV_TCP_IPV6ONLY` of libuv. */
const IPV6_ONLY = 1;

/**
 * Listens for TCP connections. An IPv6 socket takes IPv6 only, as in UDP.
 *
 * @throws {@link HostFailure} EADDRINUSE, EACCES, EADDRNOTAVAIL; EINVAL for an
 *   address that is not numeric. A bug in `accept` ends that one connection
 *   and goes to `onBug`.
 */
export function listenTcp(
  bind: SocketAddress,
  accept: (connection: StreamConnection, from: SocketAddress) => StreamHandlers,
  onBug: (bug: unknown) => void,
): TcpListener {
  const operation = `tcp listen at ${bind.address} port ${bind.port}`;
  const family = familyOf(bind, operation);
  const open = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    if (open.size >= MAX_TCP_CONNECTIONS) return void socket.resetAndDestroy();
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    const from = addressOf(socket.remoteAddress, socket.remotePort);
    serve(socket, (connection) => accept(connection, from), onBug);
  });
  // Node reports a failed listen in a later turn; whether it listens is known at once.
  server.on("error", () => {});
  // @types/node does not tell of it; see above.
  const binding = server as unknown as BindsAtOnce;
  const flags = family === 6 ? IPV6_ONLY : 0;
  binding._listen2?.(bind.address, bind.port, family, BACKLOG, undefined, flags);
  if (!server.listening) throw new HostFailure(operation, whyNot(bind));
  // A server that listens at an address has one of this form.
  const { address, port } = server.address() as net.AddressInfo;
  return {
    local: { address, port },
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/**
 * Connects. One of `open` and `failed` is called, once, in a later turn; after
 * `cancel` neither is.
 *
 * @throws {@link HostFailure} EINVAL for an address that is not numeric.
 */
export function connectTcp(
  to: SocketAddress,
  open: (connection: StreamConnection) => StreamHandlers,
  failed: (failure: HostFailure) => void,
  onBug: (bug: unknown) => void,
): Attempt {
  const operation = `tcp connect to ${to.address} port ${to.port}`;
  const family = familyOf(to, operation);
  const at = { host: to.address, port: to.port, family, noDelay: true };
  return connect(at, operation, open, failed, onBug);
}

/** See `Host.connectLocal`; a name too long for a socket fails with ENAMETOOLONG. */
export function connectLocalSocket(
  path: string,
  open: (connection: StreamConnection) => StreamHandlers,
  failed: (failure: HostFailure) => void,
  onBug: (bug: unknown) => void,
): Attempt {
  const operation = `connect to ${path}`;
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) {
    return connect({ path }, operation, open, failed, onBug);
  }
  // libuv would cut the name and connect to somebody else.
  const timer = setImmediate(() => failed(new HostFailure(operation, "ENAMETOOLONG")));
  return { cancel: () => clearImmediate(timer) };
}

function connect(
  to: net.NetConnectOpts,
  operation: string,
  open: (connection: StreamConnection) => StreamHandlers,
  failed: (failure: HostFailure) => void,
  onBug: (bug: unknown) => void,
): Attempt {
  const socket = net.connect({ ...to, allowHalfOpen: true });
  const onError = (error: Error): void => failed(new HostFailure(operation, errnoOf(error)));
  socket.once("error", onError);
  socket.once("connect", () => {
    socket.off("error", onError);
    serve(socket, open, onBug);
  });
  return {
    cancel() {
      if (!socket.connecting) return;
      socket.off("error", onError);
      socket.on("error", () => {});
      socket.destroy();
    },
  };
}

function serve(
  socket: net.Socket,
  accept: (connection: StreamConnection) => StreamHandlers,
  onBug: (bug: unknown) => void,
): void {
  socket.on("error", () => socket.destroy());
  const connection = new NodeConnection(socket);
  let handlers: StreamHandlers;
  try {
    handlers = accept(connection);
  } catch (bug) {
    socket.resetAndDestroy();
    onBug(bug);
    return;
  }
  socket.on("data", (bytes) => {
    if (!connection.closing) handlers.onBytes(new Uint8Array(bytes));
  });
  socket.on("end", () => {
    if (!connection.closing) handlers.onEnd();
  });
  connection.onDrained = () => handlers.onDrained();
  socket.on("close", () => handlers.onClose());
}

class NodeConnection implements StreamConnection {
  readonly #socket: net.Socket;
  /** Nothing more is heard of the peer. */
  closing = false;
  onDrained: () => void = () => {};

  constructor(socket: net.Socket) {
    this.#socket = socket;
  }

  get unsent(): number {
    return this.#socket.writableLength;
  }

  send(bytes: Uint8Array): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    socket.write(bytes, () => {
      if (!this.closing && !socket.destroyed && socket.writableLength === 0) this.onDrained();
    });
    if (socket.writableLength > MAX_UNSENT_BYTES) this.reset();
  }

  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.closing = true;
    // Whatever it still sends is taken and dropped: what is left unread would reset what we sent last.
    this.#socket.resume();
    this.#socket.end();
    const lingers = setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
    this.#socket.once("close", () => clearTimeout(lingers));
  }

  reset(): void {
    this.closing = true;
    // A socket of the file system has no reset; it is over at once all the same.
    if (this.#socket.remoteFamily === undefined) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}

function familyOf({ address }: SocketAddress, operation: string): 4 | 6 {
  const family = net.isIP(address);
  if (family !== 4 && family !== 6) throw new HostFailure(operation, "EINVAL");
  return family;
}

/** A zone behind `%` names an interface of ours and is not part of the address. */
function addressOf(address = "", port = 0): SocketAddress {
  return { address: address.split("%", 1)[0]!, port };
}

/** Node tells why in a later turn. UDP tells at once whether the address is ours and the port is for us; else it is taken. */
function whyNot(bind: SocketAddress): string {
  try {
    openUdp(bind, { onDatagram: () => {}, onFault: () => {} }).close();
  } catch (failure) {
    if (failure instanceof HostFailure) return failure.errno;
    throw failure;
  }
  return "EADDRINUSE";
}
