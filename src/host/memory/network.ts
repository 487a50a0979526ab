/** UDP between hosts in one memory: late, lost, repeated or in order, as a test asks. */
import { mono } from "../../base/machine.ts";
import { HostFailure } from "../host.ts";
import type { SocketAddress, UdpSocket } from "../host.ts";
import type { MemoryClock } from "./clock.ts";

export interface Datagram {
  readonly from: SocketAddress;
  readonly to: SocketAddress;
  readonly bytes: Uint8Array;
}

/** When each copy of a datagram arrives, in milliseconds from now: `[]` loses it, `[0, 0]` repeats it. */
export type Weather = (datagram: Datagram) => readonly number[];

const FIRST_FREE_PORT = 40_000;

export class MemoryNetwork {
  readonly #clock: MemoryClock;
  readonly #sockets = new Map<string, (bytes: Uint8Array, from: SocketAddress) => void>();
  #nextPort = FIRST_FREE_PORT;
  /** Every datagram sent, lost ones too. */
  readonly sent: Datagram[] = [];
  weather: Weather = () => [0];

  constructor(clock: MemoryClock) {
    this.#clock = clock;
  }

  /** @throws {@link HostFailure} EADDRINUSE */
  udp(
    bind: SocketAddress,
    onDatagram: (bytes: Uint8Array, from: SocketAddress) => void,
  ): UdpSocket {
    const port = bind.port === 0 ? this.#nextPort++ : bind.port;
    const local = { address: bind.address, port };
    const name = nameOf(local);
    if (this.#sockets.has(name)) {
      throw new HostFailure(`udp bind ${bind.address} port ${port}`, "EADDRINUSE");
    }
    this.#sockets.set(name, onDatagram);
    return {
      local,
      send: (bytes, to) => this.#send({ from: local, to, bytes: Uint8Array.from(bytes) }),
      close: () => void this.#sockets.delete(name),
    };
  }

  #send(datagram: Datagram): void {
    this.sent.push(datagram);
    for (const delay of this.weather(datagram)) {
      this.#clock.setTimer(mono(this.#clock.mono() + delay), () => {
        this.#sockets.get(nameOf(datagram.to))?.(Uint8Array.from(datagram.bytes), datagram.from);
      });
    }
  }
}

const nameOf = ({ address, port }: SocketAddress): string => `${address} ${port}`;
