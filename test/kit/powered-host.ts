/** A host whose power can go: from then on it sends nothing and hears nothing, whatever its program still does. */
import { MemoryHost } from "../../src/host/memory/host.ts";
import type { MemoryHostOptions } from "../../src/host/memory/host.ts";
import type { SocketAddress, UdpSocket } from "../../src/host/host.ts";

export class PoweredHost extends MemoryHost {
  readonly #hasPower: () => boolean;
  #isOff = false;

  /** @param hasPower - asked before each datagram, for power that goes with the disk's */
  constructor(options: MemoryHostOptions, hasPower: () => boolean = () => true) {
    super(options);
    this.#hasPower = hasPower;
  }

  get isOff(): boolean {
    return this.#isOff || !this.#hasPower();
  }

  cutPower(): void {
    this.#isOff = true;
  }

  override udp(
    bind: SocketAddress,
    onDatagram: (bytes: Uint8Array, from: SocketAddress) => void,
  ): UdpSocket {
    const socket = super.udp(bind, (bytes, from) => {
      if (!this.isOff) onDatagram(bytes, from);
    });
    return {
      local: socket.local,
      send: (bytes, to) => {
        if (!this.isOff) socket.send(bytes, to);
      },
      close: () => socket.close(),
    };
  }
}
