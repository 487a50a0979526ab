/** A link in memory: what one says all hear, itself included, late and not always. Virtual clock, same run on both engines. */
import { seeded } from "#kit";
import { mono } from "../../../src/base/machine.ts";
import type { Machine, Mono } from "../../../src/base/machine.ts";
import { parseMessage } from "../../../src/proto/mdns/message.ts";
import type { Message } from "../../../src/proto/mdns/message.ts";
import type { LinkDatagram, LinkSend } from "../../../src/proto/mdns/wire.ts";
import { MDNS_PORT } from "../../../src/proto/mdns/wire.ts";

interface Told {
  readonly kind: string;
}

/** One machine on the link, at an address and a port. */
export class Station<Input extends { readonly kind: string }, Output extends Told> {
  readonly address: string;
  readonly port: number;
  readonly machine: Machine<Input | LinkDatagram | { readonly kind: "timeout" }, Output>;
  /** All that it told its caller, but for what it sent. */
  readonly outputs: Exclude<Output, LinkSend>[] = [];

  constructor(
    machine: Machine<Input | LinkDatagram | { readonly kind: "timeout" }, Output>,
    address: string,
    port: number = MDNS_PORT,
  ) {
    this.machine = machine;
    this.address = address;
    this.port = port;
  }

  handle(input: Input | LinkDatagram | { readonly kind: "timeout" }, now: Mono): LinkSend[] {
    const sends: LinkSend[] = [];
    for (const output of this.machine.handle(input, now)) {
      // The one kind that is `send` is LinkSend in every machine here.
      if (output.kind === "send") sends.push(output as unknown as LinkSend);
      else this.outputs.push(output as Exclude<Output, LinkSend>);
    }
    return sends;
  }
}

type AnyStation = Station<never, Told>;

/** One datagram as it was sent. */
export interface Spoken {
  readonly at: number;
  readonly from: string;
  readonly to: LinkSend["to"];
  readonly message: Message;
}

export class Air {
  readonly spoken: Spoken[] = [];
  readonly #stations: AnyStation[] = [];
  readonly #loss: number;
  readonly #chance: () => number;
  #flying: { readonly at: number; readonly to: AnyStation; readonly datagram: LinkDatagram }[] = [];
  #now = 0;

  constructor(seed: string, loss = 0) {
    this.#loss = loss;
    const random = seeded(`air ${seed}`);
    this.#chance = () => random(1)[0]! / 256;
  }

  get now(): Mono {
    return mono(this.#now);
  }

  join<Input extends { readonly kind: string }, Output extends Told>(
    station: Station<Input, Output>,
  ): Station<Input, Output> {
    // Stations differ in what they are told; the air tells them datagrams and time alone.
    this.#stations.push(station);
    return station;
  }

  tell<Input extends { readonly kind: string }, Output extends Told>(
    station: Station<Input, Output>,
    input: Input,
  ): void {
    this.#carry(station, station.handle(input, this.now));
  }

  /** Lets so many milliseconds pass. */
  run(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const next = this.#flying[0];
      const waking = this.#nextToWake();
      const wakeAt = waking?.machine.wakeAt ?? Infinity;
      const at = Math.min(next?.at ?? Infinity, wakeAt);
      if (at > end) break;
      this.#now = Math.max(this.#now, at);
      if (next !== undefined && next.at <= wakeAt) {
        this.#flying.shift();
        this.#carry(next.to, next.to.handle(next.datagram, this.now));
      } else if (waking !== null) this.#carry(waking, waking.handle({ kind: "timeout" }, this.now));
    }
    this.#now = end;
  }

  #nextToWake(): AnyStation | null {
    let first: AnyStation | null = null;
    for (const station of this.#stations) {
      const at = station.machine.wakeAt;
      if (at !== null && at < (first?.machine.wakeAt ?? Infinity)) first = station;
    }
    return first;
  }

  #carry(from: AnyStation, sends: readonly LinkSend[]): void {
    for (const { interface: name, family, to, bytes } of sends) {
      const message = parseMessage(bytes);
      this.spoken.push({ at: this.#now, from: from.address, to, message });
      for (const station of this.#stations) {
        // A multicast comes to the sockets on port 5353 alone.
        const reached =
          to === "multicast"
            ? station.port === MDNS_PORT
            : station.address === to.address && station.port === to.port;
        if (!reached || this.#chance() < this.#loss) continue;
        const { address, port } = from;
        const datagram = {
          kind: "datagram",
          interface: name,
          family,
          from: address,
          port,
        } as const;
        this.#flying.push({
          at: this.#now + 1,
          to: station,
          datagram: { ...datagram, bytes: bytes.slice() },
        });
      }
    }
  }
}
