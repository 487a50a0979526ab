/**
 * How this home is found: by everyone while its owner searches for devices, and
 * by its own devices at any time, under names that only they know. One socket
 * serves all of it.
 */
import { hex } from "../base/bytes.ts";
import type { Mono } from "../base/machine.ts";
import { earliest, mono } from "../base/machine.ts";
import { visible } from "../base/text.ts";
import { HostFailure } from "../host/host.ts";
import type { MulticastLink, MulticastSocket, SocketAddress } from "../host/host.ts";
import { spkiHash } from "../proto/x509/certificate.ts";
import { PrivateResponder } from "../proto/mdns/private-responder.ts";
import type { PrivateResponderOutput } from "../proto/mdns/private-responder.ts";
import { serviceName } from "../proto/mdns/published.ts";
import type { Service } from "../proto/mdns/published.ts";
import { Querier } from "../proto/mdns/querier.ts";
import type { QuerierOutput } from "../proto/mdns/querier.ts";
import { Responder } from "../proto/mdns/responder.ts";
import type { ResponderOutput } from "../proto/mdns/responder.ts";
import { homeTxt } from "../proto/mdns/txt.ts";
import { MDNS_GROUP, MDNS_PORT } from "../proto/mdns/wire.ts";
import type { LinkInterface, LinkSend } from "../proto/mdns/wire.ts";
import type { House } from "./house.ts";

/** How often the machines are told the time, and addresses are looked at anew. */
const LOOK_MS = 600_000;

/** What the owner searches for, and until when. */
export interface Search {
  readonly until: Mono;
  /** Types of devices that are to come forward; none for any. */
  readonly types: readonly string[];
}

type Output = ResponderOutput | QuerierOutput | PrivateResponderOutput;

export class Discovery {
  readonly #house: House;
  readonly #soon: () => void;
  readonly #public: Responder;
  readonly #private: PrivateResponder;
  #querier: Querier | null = null;
  #socket: MulticastSocket | null = null;
  #joined = "";
  #search: Search | null = null;
  /** Our own name in this window: who else answers is another home. */
  #label: string | null = null;
  /** Names of other homes that were told of in this window; the querier bounds them. */
  readonly #others = new Set<string>();
  /** By device, in hexadecimal: those that the machine has. */
  #keys: ReadonlyMap<string, string> = new Map();
  #lookAt: Mono;

  /** @param soon - called when something may be due earlier than before */
  constructor(house: House, soon: () => void) {
    const { crypto, random } = house.host;
    this.#house = house;
    this.#soon = soon;
    // Another responder on this router would get what is sent to port 5353 (RFC 6762 §15.1).
    this.#public = new Responder({ random, unicast: false });
    const { port } = house.configuration.coaps;
    this.#private = new PrivateResponder({ crypto, random, role: "H", port });
    this.#lookAt = house.host.mono();
  }

  get wakeAt(): Mono | null {
    const spoken = this.#interfaces.length > 0;
    const machines = [this.#public.wakeAt, this.#private.wakeAt, this.#querier?.wakeAt ?? null];
    return earliest([...machines, this.#search?.until ?? null, spoken ? this.#lookAt : null]);
  }

  /** What the owner searches for at the moment; null for nothing. */
  get search(): Search | null {
    return this.#search;
  }

  /** Devices that nobody knows are told that this home is here, for so many seconds. */
  begin(seconds: number, types: readonly string[]): Search {
    const now = this.#house.host.mono();
    this.#search = { until: mono(now + seconds * 1000), types };
    this.#look(now);
    const open = { kind: "open", services: this.#services(types) } as const;
    this.#run(this.#public.handle({ ...open, interfaces: this.#links() }, now));
    if (this.#querier === null) this.#listenForOthers(now);
    this.#soon();
    return this.#search;
  }

  end(): void {
    if (this.#search === null) return;
    const now = this.#house.host.mono();
    this.#search = null;
    this.#label = null;
    this.#others.clear();
    this.#run(this.#public.handle({ kind: "close" }, now));
    this.#querier = null;
    this.#soon();
  }

  timeout(): void {
    const now = this.#house.host.mono();
    if (this.#search !== null && now >= this.#search.until) this.end();
    if (now >= this.#lookAt) this.#look(now);
    this.#run(this.#public.handle({ kind: "timeout" }, now));
    this.#run(this.#private.handle({ kind: "timeout" }, now));
    if (this.#querier !== null) this.#run(this.#querier.handle({ kind: "timeout" }, now));
  }

  /** Devices came or went: whose labels are answered to. */
  refresh(): void {
    const keys = new Map<string, string>();
    for (const { id, state, discoveryKey } of this.#house.registry.devices.values()) {
      const isMember = state === "approved" || state === "active" || state === "dormant";
      if (isMember && discoveryKey !== null) keys.set(id, discoveryKey);
    }
    // Most changes of the registry change none of them, and labels are dear.
    if (isSame(keys, this.#keys)) return;
    const octets = new Map([...keys].map(([id, key]) => [id, hex(key)]));
    this.#run(this.#private.handle({ kind: "keys", keys: octets }, this.#house.host.mono()));
    this.#keys = keys;
  }

  close(): void {
    this.end();
    this.#socket?.close();
    this.#socket = null;
  }

  get #interfaces(): readonly string[] {
    return this.#house.configuration.coaps.discovery;
  }

  #services(types: readonly string[]): readonly Service[] {
    const { keys, host, configuration } = this.#house;
    const hash = hex(spkiHash(keys.server.certificate.spki, host.crypto));
    const { port } = configuration.coaps;
    return [{ transport: "udp", port, txt: homeTxt(hash), subtypes: types }];
  }

  /** Addresses come and go; a socket knows only the links it was opened with. */
  #look(now: Mono): void {
    this.#lookAt = mono(now + LOOK_MS);
    const links = this.#links();
    const joined = JSON.stringify(links);
    if (this.#socket === null || joined !== this.#joined) this.#reopen(joined);
    this.#run(this.#public.handle({ kind: "interfaces", interfaces: links }, now));
    this.#run(this.#private.handle({ kind: "interfaces", interfaces: links }, now));
    this.#run(this.#private.handle({ kind: "clock", time: this.#house.clock.now() }, now));
  }

  #links(): readonly LinkInterface[] {
    const wanted = this.#interfaces;
    return this.#house.host
      .interfaces()
      .filter(({ name }) => wanted.includes(name))
      .map(({ name, ipv4, ipv6 }) => ({
        name,
        ipv4: ipv4.map(({ address }) => address),
        ipv6: ipv6.map(({ address }) => address),
      }));
  }

  #reopen(joined: string): void {
    this.#socket?.close();
    this.#socket = null;
    if (this.#interfaces.length === 0) return;
    const group = { ...MDNS_GROUP, port: MDNS_PORT };
    try {
      this.#socket = this.#house.host.multicast(
        group,
        this.#interfaces,
        "group",
        (bytes, from, on) => this.#receive(bytes, from, on),
      );
      this.#joined = joined;
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      this.#house.log.limited(
        "discovery",
        "warning",
        `Devices cannot find this home by themselves (${visible(failure.message)}): bring the interfaces of \`list discovery\` up, or take them out.`,
      );
    }
  }

  #receive(bytes: Uint8Array, from: SocketAddress, on: MulticastLink): void {
    const now = this.#house.host.mono();
    const { address, port } = from;
    const datagram = { kind: "datagram", ...on, from: address, port, bytes } as const;
    try {
      this.#run(this.#public.handle(datagram, now));
      this.#run(this.#private.handle(datagram, now));
      if (this.#querier !== null) this.#run(this.#querier.handle(datagram, now));
    } catch (fault) {
      this.#house.fault("a question for this home", fault);
    }
    this.#soon();
  }

  #listenForOthers(now: Mono): void {
    const { random } = this.#house.host;
    const links = this.#socket?.links ?? [];
    this.#querier = new Querier({ random, service: serviceName("udp"), links });
    this.#run(this.#querier.handle({ kind: "start" }, now));
  }

  #run(outputs: readonly Output[]): void {
    for (const output of outputs) this.#carryOut(output);
  }

  #carryOut(output: Output): void {
    switch (output.kind) {
      case "send":
        return this.#send(output);
      case "announced":
      case "renamed":
        this.#label = output.label;
        return;
      // Our own instance is one of them by then: it is told after its label is known.
      case "interference":
        return output.labels.forEach((label) => this.#noteOther(label));
      case "found":
      case "lost":
      case "recognised":
      case "discarded":
        return;
    }
  }

  /** Two homes in reach are the rule in a block of flats, and a reason for the owner to look twice. */
  #noteOther(label: string): void {
    if (label === this.#label || this.#others.has(label)) return;
    this.#others.add(label);
    this.#house.counters.add("other homes seen");
    this.#house.event(
      "house",
      null,
      null,
      `Another home (${visible(label)}) looks for devices nearby: compare the number before you believe that a device is yours.`,
    );
  }

  #send({ interface: name, family, to, bytes }: LinkSend): void {
    const on = { interface: name, family };
    try {
      this.#socket?.send(bytes, to === "multicast" ? "group" : to, on);
    } catch (failure) {
      // The link went down; the next look opens those that are there.
      if (!(failure instanceof HostFailure)) throw failure;
      this.#house.counters.add("discovery not sent");
    }
  }
}

function isSame(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([id, key]) => b.get(id) === key);
}
