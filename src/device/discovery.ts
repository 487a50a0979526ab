/**
 * How a device finds a home by itself: its own by the labels that only the two
 * know, any other only while that one's owner searches for devices. Whoever is
 * found proves who it is in DTLS.
 */
import { mono } from "../base/machine.ts";
import type { Mono, Unix } from "../base/machine.ts";
import type { Host, MulticastLink, MulticastSocket, SocketAddress, Timer } from "../host/host.ts";
import { PrivateSearch } from "../proto/mdns/private-search.ts";
import type { PrivateSearchOutput } from "../proto/mdns/private-search.ts";
import { serviceName, subtypeName } from "../proto/mdns/published.ts";
import { Querier } from "../proto/mdns/querier.ts";
import type { QuerierOutput } from "../proto/mdns/querier.ts";
import { MDNS_GROUP, MDNS_PORT } from "../proto/mdns/wire.ts";
import type { LinkDatagram, LinkSend } from "../proto/mdns/wire.ts";
import { SessionFailure } from "./session.ts";

/** How long a device listens for homes before it takes the one it heard: another one may be slower. */
export const LISTEN_MS = 4000;
/** How long it looks for its own home. */
export const PRIVATE_MS = 40_000;

/** One engine of either kind, as the socket below drives it. */
interface Seeker {
  readonly wakeAt: Mono | null;
  handle(
    input: LinkDatagram | { readonly kind: "timeout" },
    now: Mono,
  ): readonly (QuerierOutput | PrivateSearchOutput)[];
}

interface Target {
  readonly port: number;
  readonly addresses: readonly string[];
}

/**
 * The home the device belongs to. Rejects with SessionFailure `no-answer` where nobody answers.
 * @param key - 32 octets that only the two know
 * @param time - null where the device has no clock
 */
export async function findOwnHome(
  host: Host,
  key: Uint8Array,
  time: Unix | null,
): Promise<SocketAddress> {
  const { crypto, random } = host;
  const found: Target[] = [];
  await new Search(host, PRIVATE_MS).run(
    (links) => {
      const search = new PrivateSearch({ crypto, random, key, seeks: "H", links, decoys: true });
      return { machine: search, begin: search.handle({ kind: "start", time }, host.mono()) };
    },
    (output) => {
      if (output.kind === "found" && "addresses" in output) found.push(output);
      return found.length > 0 || output.kind === "over";
    },
  );
  return addressOf(found[0]);
}

/**
 * The one home whose owner searches for devices such as this one. Rejects with
 * SessionFailure `no-answer` for none, and `several-homes` for more than one:
 * then the owner says which.
 */
export async function findOpenHome(host: Host, type: string): Promise<SocketAddress> {
  const byType = await openHomes(host, type);
  const homes = byType.length > 0 ? byType : await openHomes(host, null);
  if (homes.length > 1) throw new SessionFailure("several-homes");
  return addressOf(homes[0]);
}

async function openHomes(host: Host, type: string | null): Promise<readonly Target[]> {
  const { random } = host;
  const service = type === null ? serviceName("udp") : subtypeName(type, "udp");
  const homes = new Map<string, Target>();
  await new Search(host, LISTEN_MS).run(
    (links) => {
      const querier = new Querier({ random, service, links });
      return { machine: querier, begin: querier.handle({ kind: "start" }, host.mono()) };
    },
    (output) => {
      if (output.kind === "found" && "instance" in output) {
        homes.set(output.instance.label, output.instance);
      }
      return false;
    },
  );
  return [...homes.values()];
}

/** IPv4 first: an IPv6 address of the link needs a zone, which a socket address has not. */
function addressOf(target: Target | undefined): SocketAddress {
  const usable = target?.addresses.filter((address) => !address.startsWith("fe80:")) ?? [];
  const address = usable.find((one) => !one.includes(":")) ?? usable[0];
  if (target === undefined || address === undefined) throw new SessionFailure("no-answer");
  return { address, port: target.port };
}

type Output = QuerierOutput | PrivateSearchOutput;

/** Drives one engine over a multicast socket of its own until it has enough or its time is over. */
class Search {
  readonly #host: Host;
  readonly #until: Mono;
  #socket: MulticastSocket | null = null;
  #machine: Seeker | null = null;
  #timer: Timer | null = null;
  #isEnough: (output: Output) => boolean = () => true;
  #done: () => void = () => {};

  constructor(host: Host, milliseconds: number) {
    this.#host = host;
    this.#until = mono(host.mono() + milliseconds);
  }

  /** @throws HostFailure where no socket can be had */
  run(
    make: (links: readonly MulticastLink[]) => {
      readonly machine: Seeker;
      readonly begin: readonly Output[];
    },
    isEnough: (output: Output) => boolean,
  ): Promise<void> {
    const names = this.#host.interfaces().map(({ name }) => name);
    const group = { ...MDNS_GROUP, port: MDNS_PORT };
    // From the group's own port: in quarantine a home lets nothing else of multicast DNS pass.
    this.#socket = this.#host.multicast(group, names, "group", (bytes, from, on) => {
      const { address, port } = from;
      this.#take({ kind: "datagram", ...on, from: address, port, bytes });
    });
    this.#isEnough = isEnough;
    return new Promise((done) => {
      this.#done = done;
      const { machine, begin } = make(this.#socket?.links ?? []);
      this.#machine = machine;
      this.#carryOut(begin);
      this.#plan();
    });
  }

  #take(input: LinkDatagram | { readonly kind: "timeout" }): void {
    const machine = this.#machine;
    if (machine === null) return;
    this.#carryOut(machine.handle(input, this.#host.mono()));
    this.#plan();
  }

  #carryOut(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.kind === "send") this.#send(output);
      else if (this.#isEnough(output)) return this.#end();
    }
  }

  #send({ interface: name, family, to, bytes }: LinkSend): void {
    this.#socket?.send(bytes, to === "multicast" ? "group" : to, { interface: name, family });
  }

  #plan(): void {
    this.#timer?.cancel();
    if (this.#machine === null) return;
    const wakeAt = this.#machine.wakeAt;
    const at = wakeAt === null || wakeAt > this.#until ? this.#until : wakeAt;
    this.#timer = this.#host.setTimer(at, () => {
      if (this.#host.mono() >= this.#until) this.#end();
      else this.#take({ kind: "timeout" });
    });
  }

  #end(): void {
    this.#machine = null;
    this.#timer?.cancel();
    this.#socket?.close();
    this.#done();
  }
}
