/** UDP over `node:dgram`: bound before the call returns, its port known at once. */
import dgram from "node:dgram";
import { isIP } from "node:net";
import { HostFailure } from "../host.ts";
import type { SocketAddress, UdpSocket } from "../host.ts";
import { errnoOf } from "./errno.ts";

/** What the socket tells its host besides datagrams. */
export interface UdpEvents {
  onDatagram(bytes: Uint8Array, from: SocketAddress): void;
  /** A datagram that could not leave, or a fault of the socket; told once per run of the same errno. */
  onFault(line: string): void;
}

type LookupDone = (error: Error | null, address: string, family: number) => void;

/** Addresses are numeric here, so there is nothing to look up; answering in the same turn makes `bind` synchronous. */
export function numericOnly(address: string, _options: unknown, done: LookupDone): void {
  done(null, address, isIP(address));
}

/**
 * Opens a UDP socket. An IPv6 socket takes IPv6 only, so that `0.0.0.0` and
 * `::` can be bound beside each other.
 *
 * @throws {@link HostFailure} with the errno of bind: EADDRINUSE, EACCES,
 *   EADDRNOTAVAIL; EINVAL for an address that is not numeric.
 */
export function openUdp(bind: SocketAddress, events: UdpEvents): UdpSocket {
  const family = isIP(bind.address);
  const operation = `udp bind ${bind.address} port ${bind.port}`;
  if (family === 0) throw new HostFailure(operation, "EINVAL");
  const socket = dgram.createSocket({
    type: family === 4 ? "udp4" : "udp6",
    ipv6Only: family === 6,
    lookup: numericOnly,
  });
  let bindError: Error | null = null;
  let lastFault = "";
  const fault = (error: Error, what: string): void => {
    const errno = errnoOf(error);
    if (errno !== lastFault) events.onFault(`${what}: ${errno}`);
    lastFault = errno;
  };
  let bound = false;
  socket.on("error", (error) => {
    if (bound) fault(error, `udp ${bind.address} port ${bind.port}`);
    else bindError = error;
  });
  socket.on("message", (bytes, { address, port }) => {
    lastFault = "";
    // A zone behind `%` names an interface of ours and is not part of the address.
    const from = address.includes("%") ? address.slice(0, address.indexOf("%")) : address;
    // The buffer is this datagram's own: no copy, and a plain array, whose `slice` copies.
    const own = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    events.onDatagram(own, { address: from, port });
  });
  socket.bind(bind.port, bind.address);
  if (bindError !== null) {
    socket.close();
    throw new HostFailure(operation, errnoOf(bindError));
  }
  bound = true;
  const { address, port } = socket.address();
  let open = true;
  return {
    local: { address, port },
    send(bytes, to) {
      if (!open) return;
      if (isIP(to.address) !== family) return fault(new Error("EAFNOSUPPORT"), sending(to));
      // Without a callback, which costs a turn of the event loop each: a failure comes as `error`.
      socket.send(bytes, to.port, to.address);
    },
    close() {
      if (open) socket.close();
      open = false;
    },
  };
}

const sending = (to: SocketAddress): string => `udp send to ${to.address} port ${to.port}`;
