/** A connection to the runner, which is TCP even for datagrams. */
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { Settings } from "./settings.ts";

/** The runner's first word from us says which of its shims connects. */
export async function openSocket(settings: Settings): Promise<Socket> {
  const socket = await open(settings);
  socket.on("error", () => {});
  socket.write(shimId(settings.shimId));
  return socket;
}

function open({ port, ipv6 }: Settings): Promise<Socket> {
  return new Promise((done, fail) => {
    const host = ipv6 ? "::1" : "127.0.0.1";
    const socket = connect({ port, host, allowHalfOpen: true, noDelay: true }, () => done(socket));
    socket.once("error", fail);
  });
}

function shimId(id: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, id, true);
  return bytes;
}
