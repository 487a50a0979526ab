/**
 * The machines of multicast DNS on real sockets, as a process of its own: it is
 * run in a network namespace, told what to do by lines of JSON on standard
 * input, and tells what happens by lines of JSON on standard output.
 */
import readline from "node:readline";
import { hex } from "../../src/base/bytes.ts";
import type { Machine, Mono } from "../../src/base/machine.ts";
import { unix } from "../../src/base/machine.ts";
import type { Files, MulticastSocket, Timer } from "../../src/host/host.ts";
import { nodeHost } from "../../src/host/node/index.ts";
import { PrivateResponder } from "../../src/proto/mdns/private-responder.ts";
import { PrivateSearch } from "../../src/proto/mdns/private-search.ts";
import { serviceName } from "../../src/proto/mdns/published.ts";
import { Querier } from "../../src/proto/mdns/querier.ts";
import { Responder } from "../../src/proto/mdns/responder.ts";
import type { ResponderInput } from "../../src/proto/mdns/responder.ts";
import { homeTxt } from "../../src/proto/mdns/txt.ts";
import type { LinkDatagram, LinkInterface, LinkSend } from "../../src/proto/mdns/wire.ts";
import { MDNS_GROUP, MDNS_PORT } from "../../src/proto/mdns/wire.ts";
import { seeded } from "./random.ts";

/** What a test says, one a line. */
export type StationCommand =
  /** `seed` makes the label the same in each run. */
  | { readonly kind: "open"; readonly seed: string }
  | { readonly kind: "close" }
  | { readonly kind: "browse" }
  /** Hex of K_disc. */
  | { readonly kind: "serve"; readonly key: string }
  /** From a port of its own; `time` in seconds, null without a clock. */
  | { readonly kind: "search"; readonly key: string; readonly time: number | null };

const name = process.argv[2]!;
const GROUP = { ...MDNS_GROUP, port: MDNS_PORT };
// Files are not asked for here.
const host = nodeHost({ files: {} as unknown as Files });

const say = (value: unknown): void => {
  const plain = (_: string, each: unknown): unknown =>
    each instanceof Map ? Object.fromEntries(each) : each;
  process.stdout.write(`${JSON.stringify(value, plain)}\n`);
};

type Told = { readonly kind: string };
/** What all machines here take. */
type Common = LinkDatagram | { readonly kind: "timeout" };

/** Carries out what a machine wants, and wakes it. */
function drive<Input>(
  machine: Machine<Input | Common, Told>,
  socket: () => MulticastSocket,
): (input: Input | Common) => void {
  let timer: Timer | null = null;
  const handle = (input: Input | Common): void => {
    for (const output of machine.handle(input, host.mono())) {
      if (output.kind !== "send") {
        say(output);
        continue;
      }
      // The one output of that kind.
      const { bytes, to, interface: on, family } = output as LinkSend;
      socket().send(bytes, to === "multicast" ? "group" : to, { interface: on, family });
    }
    timer?.cancel();
    const at: Mono | null = machine.wakeAt;
    timer = at === null ? null : host.setTimer(at, () => handle({ kind: "timeout" }));
  };
  return handle;
}

const interfaces: readonly LinkInterface[] = host
  .interfaces()
  .filter((each) => each.name === name)
  .map((each) => ({
    name,
    ipv4: each.ipv4.map(({ address }) => address),
    ipv6: each.ipv6.map(({ address }) => address),
  }));
const driven: ((input: Common) => void)[] = [];
const socket = host.multicast(GROUP, [name], "group", (bytes, from, on) => {
  for (const handle of driven) {
    handle({ kind: "datagram", ...on, from: from.address, port: from.port, bytes });
  }
});
function join<Input>(machine: Machine<Input | Common, Told>): (input: Input | Common) => void {
  const handle = drive(machine, () => socket);
  driven.push(handle);
  return handle;
}

let responder: ((input: ResponderInput) => void) | null = null;

function search(key: string, time: number | null): void {
  const machine = new PrivateSearch({
    crypto: host.crypto,
    random: host.random,
    key: hex(key),
    seeks: "H",
    links: socket.links,
    decoys: true,
  });
  const own = host.multicast(GROUP, [name], "own", (bytes, from, on) =>
    handle({ kind: "datagram", ...on, from: from.address, port: from.port, bytes }),
  );
  const handle = drive(machine, () => own);
  handle({ kind: "start", time: time === null ? null : unix(time) });
}

function perform(command: StationCommand): void {
  switch (command.kind) {
    case "open": {
      const open = join<ResponderInput>(
        new Responder({ random: seeded(command.seed), unicast: false }),
      );
      responder = open;
      const service = { port: 5684, txt: homeTxt(hex("0123456789abcdef")), subtypes: ["heating"] };
      open({
        kind: "open",
        services: [
          { ...service, transport: "udp" },
          { ...service, transport: "tcp", port: 8443, subtypes: [] },
        ],
        interfaces,
      });
      return;
    }
    case "close":
      responder?.({ kind: "close" });
      return;
    case "browse": {
      const { random } = host;
      const { links } = socket;
      join(new Querier({ random, service: serviceName("udp"), links }))({ kind: "start" });
      return;
    }
    case "serve": {
      const { crypto, random } = host;
      const home = join(new PrivateResponder({ crypto, random, role: "H", port: 5684 }));
      home({ kind: "interfaces", interfaces });
      home({ kind: "keys", keys: new Map([["lamp", hex(command.key)]]) });
      home({ kind: "clock", time: host.wall() });
      return;
    }
    case "search":
      search(command.key, command.time);
  }
}

// A line that is no command is a fault of the test, which shall see it.
readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => perform(JSON.parse(line) as StationCommand))
  .on("close", () => process.exit(0));
say({ kind: "ready", links: socket.links });
