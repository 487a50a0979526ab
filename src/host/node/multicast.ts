/**
 * Multicast over `node:dgram`, on a port that others on this machine may have
 * too. A socket for each family of each interface: Node says neither which
 * interface a datagram came in on nor takes one to send out of.
 *
 * To hear the group a socket is bound to the group itself. What is sent to an
 * address of this machine goes to one of the sockets bound to all addresses, and
 * no other: avahi's or umdns', whose answers would be lost if that were ours.
 */
import dgram from "node:dgram";
import os from "node:os";
import { HostFailure } from "../host.ts";
import type {
  InterfaceAddress,
  MulticastGroup,
  MulticastLink,
  MulticastSocket,
  NetworkInterface,
  SocketAddress,
} from "../host.ts";
import { isLinkLocal, isOnLink, joinLinks } from "../multicast.ts";
import type { MulticastEnd, MulticastEvents } from "../multicast.ts";
import { errnoOf } from "./errno.ts";
import { numericOnly } from "./udp.ts";

/** RFC 6762 §11; other protocols of link-local scope do no harm with it. */
const TTL = 255;

/** Interfaces that are up, the loopback aside. */
export function networkInterfaces(): readonly NetworkInterface[] {
  return Object.entries(os.networkInterfaces()).flatMap(([name, entries = []]) => {
    const outer = entries.filter(({ internal }) => !internal);
    const addresses = (family: "IPv4" | "IPv6"): InterfaceAddress[] =>
      outer
        .filter((entry) => entry.family === family)
        .map(({ address, cidr }) => ({ address, prefixLength: Number(cidr?.split("/")[1] ?? 0) }));
    return outer.length === 0 ? [] : [{ name, ipv4: addresses("IPv4"), ipv6: addresses("IPv6") }];
  });
}

/** @throws {@link HostFailure} with the errno of bind or of joining the group. */
export function openMulticast(
  group: MulticastGroup,
  interfaces: readonly string[],
  port: "group" | "own",
  events: MulticastEvents,
): MulticastSocket {
  const wanted = networkInterfaces().filter(({ name }) => interfaces.includes(name));
  return joinLinks(wanted, (link, family) => new End(group, link, family, port, events));
}

/** One family of one interface. */
class End implements MulticastEnd {
  readonly link: MulticastLink;
  readonly #socket: dgram.Socket;
  readonly #group: MulticastGroup;
  readonly #zone: string;
  readonly #addresses: readonly InterfaceAddress[];
  readonly #events: MulticastEvents;
  #lastFault = "";

  constructor(
    group: MulticastGroup,
    on: NetworkInterface,
    family: "ipv4" | "ipv6",
    port: "group" | "own",
    events: MulticastEvents,
  ) {
    this.link = { interface: on.name, family };
    this.#group = group;
    this.#zone = family === "ipv6" ? `%${on.name}` : "";
    this.#addresses = on[family];
    this.#events = events;
    this.#socket = dgram.createSocket({
      type: family === "ipv4" ? "udp4" : "udp6",
      ipv6Only: family === "ipv6",
      reuseAddr: port === "group",
      lookup: numericOnly,
    });
    this.#bind(port);
    // Bound to the group an IPv6 socket is bound to the interface with it; an IPv4 one hears all interfaces.
    const exact = port === "group" && family === "ipv6";
    this.#socket.on("message", (bytes, { address, port: fromPort }) => {
      this.#lastFault = "";
      const from = address.split("%", 1)[0]!;
      if (!exact && !isOnLink(from, this.link, this.#addresses)) return;
      const own = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
      events.onDatagram(own, { address: from, port: fromPort }, this.link);
    });
  }

  send(bytes: Uint8Array, to: "group" | SocketAddress): void {
    const { family } = this.link;
    const { address, port } =
      to === "group" ? { address: this.#group[family], port: this.#group.port } : to;
    const zone = isLinkLocal(address) ? this.#zone : "";
    try {
      this.#socket.send(bytes, port, address + zone);
    } catch (failure) {
      this.#fault(failure);
    }
  }

  close(): void {
    this.#socket.close();
  }

  #bind(port: "group" | "own"): void {
    const { family, interface: name } = this.link;
    const group = this.#group[family];
    const [address, number] =
      port === "group"
        ? [group + this.#zone, this.#group.port]
        : [family === "ipv4" ? "0.0.0.0" : "::", 0];
    let bound = false;
    let failed: unknown = null;
    this.#socket.on("error", (error) => (bound ? this.#fault(error) : (failed = error)));
    try {
      this.#socket.bind(number, address);
      if (failed === null) {
        const own = family === "ipv4" ? this.#addresses[0]!.address : `::%${name}`;
        if (port === "group") this.#socket.addMembership(group, own);
        this.#socket.setMulticastInterface(own);
        this.#socket.setMulticastTTL(TTL);
        this.#socket.setTTL(TTL);
        this.#socket.setMulticastLoopback(true);
      }
    } catch (failure) {
      failed = failure;
    }
    bound = true;
    if (failed === null) return;
    this.#socket.close();
    throw new HostFailure(`multicast on ${name} at ${address} port ${number}`, errnoOf(failed));
  }

  #fault(failure: unknown): void {
    const errno = errnoOf(failure);
    if (errno !== this.#lastFault) {
      this.#events.onFault(`multicast on ${this.link.interface}: ${errno}`);
    }
    this.#lastFault = errno;
  }
}
