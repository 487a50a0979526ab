/** Multicast between hosts in one memory: interfaces with the same wire hear each other. */
import type {
  MulticastGroup,
  MulticastLink,
  MulticastSocket,
  NetworkInterface,
  SocketAddress,
  UdpSocket,
} from "../host.ts";
import type { MemoryNetwork } from "./network.ts";

/** An interface, and the name of the wire that it is plugged into. */
export interface MemoryInterface extends NetworkInterface {
  readonly wire: string;
}

interface End {
  readonly link: MulticastLink;
  readonly wire: string;
  readonly group: SocketAddress;
  readonly local: SocketAddress;
  /** Where the port is its own: what it is reached by. */
  readonly socket: UdpSocket | null;
  readonly leave: () => void;
}

type OnDatagram = (bytes: Uint8Array, from: SocketAddress, on: MulticastLink) => void;

/** As {@link Host.multicast}. Datagrams to one address come to the UDP socket that is bound there. */
export function openMemoryMulticast(
  network: MemoryNetwork,
  group: MulticastGroup,
  interfaces: readonly MemoryInterface[],
  port: "group" | "own",
  onDatagram: OnDatagram,
): MulticastSocket {
  let open = true;
  const ends = interfaces.flatMap(({ name, wire, ipv4, ipv6 }) =>
    (["ipv4", "ipv6"] as const).flatMap((family): End[] => {
      const address = (family === "ipv4" ? ipv4 : ipv6)[0]?.address;
      if (address === undefined) return [];
      const link = { interface: name, family };
      const target = { address: group[family], port: group.port };
      const hear = (bytes: Uint8Array, from: SocketAddress): void => {
        if (open) onDatagram(bytes, from, link);
      };
      const socket = port === "own" ? network.udp({ address, port: 0 }, hear) : null;
      const local = socket?.local ?? { address, port: group.port };
      const leave = socket === null ? network.join({ wire, group: target, hear }) : () => {};
      return [{ link, wire, group: target, local, socket, leave }];
    }),
  );
  return {
    links: ends.map(({ link }) => link),
    send(bytes, to, on) {
      const end = ends.find(
        ({ link }) => link.interface === on.interface && link.family === on.family,
      );
      if (!open || end === undefined) return;
      const { local, wire } = end;
      const own = Uint8Array.from(bytes);
      if (to === "group") network.sendToGroup({ from: local, to: end.group, bytes: own }, wire);
      else network.sendFrom(local, to, own);
    },
    close() {
      open = false;
      for (const { leave, socket } of ends) {
        leave();
        socket?.close();
      }
    },
  };
}
