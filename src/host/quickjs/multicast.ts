/**
 * Multicast over the C host: a socket for each family of each interface, bound
 * to the group itself where it is to hear the group. What is sent to an address
 * of this machine is others' then, who are bound to all addresses.
 */
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
import type { Loop } from "./loop.ts";
import { checked, native } from "./native.ts";
import { DatagramEnd } from "./udp.ts";

interface Link extends NetworkInterface {
  readonly number: number;
}

/** Interfaces that are up, the loopback aside. @throws HostFailure */
export function networkInterfaces(): readonly NetworkInterface[] {
  return links().map(({ name, ipv4, ipv6 }) => ({ name, ipv4, ipv6 }));
}

/** @throws HostFailure with the errno of bind or of joining the group. */
export function openMulticast(
  loop: Loop,
  group: MulticastGroup,
  interfaces: readonly string[],
  port: "group" | "own",
  events: MulticastEvents,
): MulticastSocket {
  const wanted = links().filter(({ name }) => interfaces.includes(name));
  return joinLinks(wanted, (link, family) => new End(loop, group, link, family, port, events));
}

/** One family of one interface. */
class End implements MulticastEnd {
  readonly link: MulticastLink;
  readonly #group: SocketAddress;
  readonly #number: number;
  readonly #end: DatagramEnd;

  constructor(
    loop: Loop,
    group: MulticastGroup,
    on: Link,
    family: "ipv4" | "ipv6",
    port: "group" | "own",
    events: MulticastEvents,
  ) {
    this.link = { interface: on.name, family };
    this.#group = { address: group[family], port: group.port };
    this.#number = on.number;
    const ours: readonly InterfaceAddress[] = on[family];
    const fd = this.#bind(port);
    // Bound to the group an IPv6 socket is bound to the interface with it; an IPv4 one hears all interfaces.
    const exact = port === "group" && family === "ipv6";
    this.#end = new DatagramEnd(loop, fd, `multicast on ${on.name}`, {
      onDatagram: (bytes, from) => {
        if (exact || isOnLink(from.address, this.link, ours)) {
          events.onDatagram(bytes, from, this.link);
        }
      },
      onFault: (line) => events.onFault(line),
    });
  }

  send(bytes: Uint8Array, to: "group" | SocketAddress): void {
    const target = to === "group" ? this.#group : to;
    this.#end.send(bytes, target, isLinkLocal(target.address) ? this.#number : 0);
  }

  close(): void {
    this.#end.close();
  }

  #bind(port: "group" | "own"): number {
    const { family, interface: name } = this.link;
    const hears = port === "group";
    const any = family === "ipv4" ? "0.0.0.0" : "::";
    const [address, number] = hears ? [this.#group.address, this.#group.port] : [any, 0];
    const operation = `multicast on ${name} at ${address} port ${number}`;
    const link = this.#number;
    const fd = checked<number>(operation, native.udp(address, number, link, hears ? 1 : 0));
    try {
      if (hears) checked(operation, native.join(fd, this.#group.address, link));
      checked(operation, native.through(fd, link, family === "ipv6" ? 1 : 0));
    } catch (failure) {
      native.close(fd);
      throw failure;
    }
    return fd;
  }
}

function links(): readonly Link[] {
  const rows = checked<readonly (readonly [string, string, number, number])[]>(
    "interfaces",
    native.links(),
  );
  const found = new Map<string, Link & { ipv4: InterfaceAddress[]; ipv6: InterfaceAddress[] }>();
  for (const [name, address, prefixLength, number] of rows) {
    const link = found.get(name) ?? { name, number, ipv4: [], ipv6: [] };
    found.set(name, link);
    link[address.includes(":") ? "ipv6" : "ipv4"].push({ address, prefixLength });
  }
  return [...found.values()];
}
