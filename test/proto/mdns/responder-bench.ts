/** A responder by itself, its time moved by hand, for the tests of its rules. */
import { seeded } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import type { Mono } from "../../../src/base/machine.ts";
import { encodeMessage, NO_MESSAGE, parseMessage } from "../../../src/proto/mdns/message.ts";
import type { Message, Question } from "../../../src/proto/mdns/message.ts";
import { DomainName } from "../../../src/proto/mdns/name.ts";
import { serviceName } from "../../../src/proto/mdns/published.ts";
import type { Service } from "../../../src/proto/mdns/published.ts";
import type { RecordContent, ResourceRecord } from "../../../src/proto/mdns/record.ts";
import { Responder } from "../../../src/proto/mdns/responder.ts";
import type { ResponderInput, ResponderOutput } from "../../../src/proto/mdns/responder.ts";
import { homeTxt } from "../../../src/proto/mdns/txt.ts";
import { CLASS_IN, MDNS_PORT } from "../../../src/proto/mdns/wire.ts";
import type { LinkInterface, LinkSend } from "../../../src/proto/mdns/wire.ts";

export const LAN: LinkInterface = {
  name: "br-lan",
  ipv4: ["192.0.2.1"],
  ipv6: ["fe80::1", "fd00:2::1"],
};
export const V4: LinkInterface = { ...LAN, ipv6: [] };
export const PEER: string = "192.0.2.77";
export const UDP: Service = {
  transport: "udp",
  port: 5684,
  txt: homeTxt(hex("0123456789abcdef".repeat(4))),
  subtypes: ["heating"],
};
export const TCP: Service = { transport: "tcp", port: 8443, txt: UDP.txt, subtypes: [] };
export const SERVICE: DomainName = serviceName("udp");
export const SERVICES: DomainName = DomainName.of("_services._dns-sd._udp.local");

export interface Sent extends Omit<LinkSend, "bytes"> {
  readonly at: number;
  readonly message: Message;
}

/** A responder by itself, its time moved by hand; what it sends is read back. */
export class Bench {
  readonly machine: Responder;
  readonly sent: Sent[] = [];
  readonly told: Exclude<ResponderOutput, LinkSend>[] = [];
  now: Mono = mono(1_000_000);

  constructor(seed = "responder", unicast = false) {
    this.machine = new Responder({ random: seeded(seed), unicast });
  }

  tell(input: ResponderInput): void {
    for (const output of this.machine.handle(input, this.now)) {
      if (output.kind !== "send") this.told.push(output);
      else {
        const { bytes, ...rest } = output;
        this.sent.push({ ...rest, at: this.now, message: parseMessage(bytes) });
      }
    }
  }

  /** Lets time pass and wakes the machine whenever it asked for that. */
  wait(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (let at = this.machine.wakeAt; at !== null && at <= end; at = this.machine.wakeAt) {
      this.now = mono(Math.max(this.now, at));
      this.tell({ kind: "timeout" });
    }
    this.now = mono(end);
  }

  hear(message: Partial<Message>, from: string = PEER, port: number = MDNS_PORT): void {
    const bytes = encodeMessage({ ...NO_MESSAGE, ...message });
    this.tell({ kind: "datagram", interface: LAN.name, family: "ipv4", from, port, bytes });
  }

  ask(
    questions: readonly Question[],
    more: Partial<Message> = {},
    from: string = PEER,
    port: number = MDNS_PORT,
  ): void {
    this.hear({ ...more, questions }, from, port);
  }

  /** What was sent since the last call. */
  take(): Sent[] {
    return this.sent.splice(0);
  }

  get label(): string {
    return this.machine.label!;
  }

  get instance(): DomainName {
    return DomainName.of(this.label, "_homeca._udp.local");
  }

  get host(): DomainName {
    return DomainName.of(this.label, "local");
  }
}

export function opened(
  on: readonly LinkInterface[] = [V4],
  services: readonly Service[] = [UDP],
): Bench {
  const bench = new Bench();
  bench.tell({ kind: "open", services, interfaces: on });
  // Beyond the announcements, and until everything may be multicast again.
  bench.wait(4000);
  bench.take();
  bench.told.length = 0;
  return bench;
}

export const q = (name: DomainName, type: number, unicast = false): Question => ({
  name,
  type,
  class: CLASS_IN,
  unicast,
});

export const kinds = (records: readonly ResourceRecord[]): string[] =>
  records.map(({ content }) => content.kind);

export const srv = (port: number, target: DomainName): RecordContent => ({
  kind: "SRV",
  priority: 0,
  weight: 0,
  port,
  target,
});
