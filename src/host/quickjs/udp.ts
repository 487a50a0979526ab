/** UDP over the C host. */
import { parseAddress } from "../../base/address.ts";
import { HostFailure } from "../host.ts";
import type { SocketAddress, UdpSocket } from "../host.ts";
import { READABLE } from "./loop.ts";
import type { Loop } from "./loop.ts";
import { checked, errnoOf, native } from "./native.ts";

/** Datagrams taken in one turn: the rest waits with the kernel, while others get theirs. */
const TURN = 32;

export interface UdpEvents {
  onDatagram(bytes: Uint8Array, from: SocketAddress): void;
  /** A datagram that could not leave, or a fault of the socket; told once per run of the same errno. */
  onFault(line: string): void;
}

/** One descriptor of datagrams, and the faults of it that were told. */
export class DatagramEnd {
  readonly #loop: Loop;
  readonly #fd: number;
  readonly #name: string;
  readonly #events: UdpEvents;
  #lastFault = "";
  #open = true;

  constructor(loop: Loop, fd: number, name: string, events: UdpEvents) {
    this.#loop = loop;
    this.#fd = fd;
    this.#name = name;
    this.#events = events;
    loop.watch(fd, READABLE, () => this.#receive());
  }

  send(bytes: Uint8Array, { address, port }: SocketAddress, link: number): void {
    if (!this.#open) return;
    const { buffer, byteOffset, length } = bytes;
    const sent = native.sendTo(this.#fd, address, port, link, buffer, byteOffset, length);
    const errno = errnoOf(sent);
    if (errno !== null) this.#fault(`${this.#name} send to ${address} port ${port}`, errno);
  }

  close(): void {
    if (this.#open) this.#loop.close(this.#fd);
    this.#open = false;
  }

  #receive(): void {
    for (let taken = 0; taken < TURN && this.#open; taken++) {
      const got = native.receiveFrom(this.#fd);
      if (typeof got === "number") {
        const errno = errnoOf(got);
        if (errno !== null && errno !== "EAGAIN" && errno !== "EINTR")
          this.#fault(this.#name, errno);
        return;
      }
      this.#lastFault = "";
      const [bytes, address, port] = got;
      this.#loop.guarded(() => this.#events.onDatagram(new Uint8Array(bytes), { address, port }));
    }
  }

  #fault(operation: string, errno: string): void {
    if (errno !== this.#lastFault) this.#events.onFault(`${operation}: ${errno}`);
    this.#lastFault = errno;
  }
}

/** @throws {@link HostFailure} with the errno of bind; EINVAL for an address that is not numeric. */
export function openUdp(loop: Loop, bind: SocketAddress, events: UdpEvents): UdpSocket {
  const operation = `udp bind ${bind.address} port ${bind.port}`;
  if (parseAddress(bind.address) === null) throw new HostFailure(operation, "EINVAL");
  const fd = checked<number>(operation, native.udp(bind.address, bind.port, 0, 0));
  const [, address, port] = boundTo(operation, fd);
  const end = new DatagramEnd(loop, fd, "udp", events);
  return {
    local: { address, port },
    send: (bytes, to) => end.send(bytes, to, 0),
    close: () => end.close(),
  };
}

export function boundTo(operation: string, fd: number): readonly [number, string, number] {
  return checked<readonly [number, string, number]>(operation, native.bound(fd));
}
