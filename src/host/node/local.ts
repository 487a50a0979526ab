/** Stream sockets in the file system over `node:net`: made private from the first instant, stale ones replaced. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, lstatSync, unlinkSync } from "node:fs";
import type { Stats } from "node:fs";
import net from "node:net";
import path from "node:path";
import { HostFailure } from "../host.ts";
import type { Listener, LocalConnection, LocalHandlers } from "../host.ts";
import { MAX_SOCKET_PATH_BYTES, MAX_UNREAD_BYTES } from "../limits.ts";
import { errnoOf } from "./errno.ts";

/**
 * Listens at `socketPath`. The socket file is born with `mode`: it is made
 * under a matching umask, so no instant exists in which others could connect.
 *
 * @throws {@link HostFailure} EADDRINUSE where a living listener has the name,
 *   EEXIST where something other than a socket has it, ENAMETOOLONG, and
 *   whatever the folder answers (ENOENT, EACCES, EROFS). A bug in `accept`
 *   ends that one connection and goes to `onBug`.
 */
export function listenLocalSocket(
  socketPath: string,
  mode: number,
  accept: (connection: LocalConnection) => LocalHandlers,
  onBug: (bug: unknown) => void,
): Listener {
  const operation = `listen at ${socketPath}`;
  if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH_BYTES) {
    throw new HostFailure(operation, "ENAMETOOLONG");
  }
  removeStale(socketPath, operation);
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    serve(socket, accept, onBug);
  });
  // Node reports a failed listen in a later turn; whether it listens is known at once.
  server.on("error", () => {});
  const before = process.umask(0o777 & ~mode);
  try {
    server.listen(socketPath);
  } finally {
    process.umask(before);
  }
  if (!server.listening) throw new HostFailure(operation, whyNot(socketPath));
  return {
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

function serve(
  socket: net.Socket,
  accept: (connection: LocalConnection) => LocalHandlers,
  onBug: (bug: unknown) => void,
): void {
  let handlers: LocalHandlers;
  try {
    handlers = accept({
      send(bytes) {
        if (socket.destroyed || socket.writableEnded) return;
        socket.write(bytes);
        if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy();
      },
      close() {
        // A peer that never ends its half would keep the connection for ever.
        socket.end(() => socket.destroy());
      },
    });
  } catch (bug) {
    socket.destroy();
    onBug(bug);
    return;
  }
  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes) => {
    if (!socket.writableEnded) handlers.onBytes(new Uint8Array(bytes));
  });
  socket.on("close", () => handlers.onClose());
}

function removeStale(socketPath: string, operation: string): void {
  let facts: Stats | undefined;
  try {
    facts = lstatSync(socketPath, { throwIfNoEntry: false });
  } catch (failure) {
    throw new HostFailure(operation, errnoOf(failure));
  }
  if (facts === undefined) return;
  if (!facts.isSocket()) throw new HostFailure(operation, "EEXIST");
  if (isAnswered(socketPath)) throw new HostFailure(operation, "EADDRINUSE");
  try {
    unlinkSync(socketPath);
  } catch (failure) {
    throw new HostFailure(operation, errnoOf(failure));
  }
}

/** Connecting is the one sure test of life, and Node connects only in a later turn: a child of one line asks. */
const ASK = `require("net").connect(process.argv[1])
  .on("connect", () => process.exit(0)).on("error", (e) => process.exit(e.code === "ECONNREFUSED" ? 3 : 0))`;

function isAnswered(socketPath: string): boolean {
  const { status } = spawnSync(process.execPath, ["-e", ASK, socketPath], {
    env: {},
    stdio: "ignore",
    timeout: 5000,
  });
  // Whatever is not a clear refusal counts as alive: nobody's socket is taken away on a guess.
  return status !== 3;
}

function whyNot(socketPath: string): string {
  try {
    accessSync(path.dirname(socketPath), constants.W_OK | constants.X_OK);
  } catch (failure) {
    return errnoOf(failure);
  }
  return "EADDRINUSE";
}
