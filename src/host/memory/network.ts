/** What carries packets between hosts in one memory: UDP late, lost, repeated or in order, as a test asks; TCP as it is. */
import { mono } from "../../base/machine.ts";
import { HostFailure } from "../host.ts";
import type { SocketAddress, UdpSocket } from "../host.ts";
import type { MemoryClock } from "./clock.ts";
import { MemoryStreams } from "./streams.ts";

export interface Datagram {
  readonly from: SocketAddress;
  readonly to: SocketAddress;
  readonly bytes: Uint8Array;
}

/** Hears what is sent to a group on one link, of one family. */
export interface Listening {
  readonly wire: string;
  readonly group: SocketAddress;
  readonly hear: (bytes: Uint8Array, from: SocketAddress) => void;
}

/** When each copy of a datagram arrives, in milliseconds from now: `[]` loses it, `[0, 0]` repeats it. */
export type Weather = (datagram: Datagram) => readonly number[];

const FIRST_FREE_PORT = 40_000;

export class MemoryNetwork {
  readonly #clock: MemoryClock;
  readonly #sockets = new Map<string, (bytes: Uint8Array, from: SocketAddress) => void>();
  readonly #listening = new Set<Listening>();
  #nextPort = FIRST_FREE_PORT;
  /** Every datagram sent, lost ones too. */
  readonly sent: Datagram[] = [];
  weather: Weather = () => [0];
  readonly streams: MemoryStreams;

  constructor(clock: MemoryClock) {
    this.#clock = clock;
    this.streams = new MemoryStreams(clock);
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
    let open = true;
    return {
      local,
      send: (bytes, to) => {
        if (open) this.#send({ from: local, to, bytes: Uint8Array.from(bytes) });
      },
      close: () => {
        if (open) this.#sockets.delete(name);
        open = false;
      },
    };
  }

  /** Joins a group; the result leaves it. */
  join(listening: Listening): () => void {
    this.#listening.add(listening);
    return () => void this.#listening.delete(listening);
  }

  /** Sends to all on a wire that joined the group, the sender included; the weather is one for all of them. */
  sendToGroup(datagram: Datagram, wire: string): void {
    this.#launch(datagram, () => {
      for (const each of this.#listening) {
        if (each.wire !== wire || nameOf(each.group) !== nameOf(datagram.to)) continue;
        each.hear(Uint8Array.from(datagram.bytes), datagram.from);
      }
    });
  }

  /** Sends to one address, from whichever. */
  sendFrom(from: SocketAddress, to: SocketAddress, bytes: Uint8Array): void {
    this.#send({ from, to, bytes });
  }

  #send(datagram: Datagram): void {
    this.#launch(datagram, () => {
      this.#sockets.get(nameOf(datagram.to))?.(Uint8Array.from(datagram.bytes), datagram.from);
    });
  }

  #launch(datagram: Datagram, arrive: () => void): void {
    this.sent.push(datagram);
    for (const delay of this.weather(datagram)) {
      this.#clock.setTimer(mono(this.#clock.mono() + delay), arrive);
    }
  }
}

const nameOf = ({ address, port }: SocketAddress): string => `${address} ${port}`;
