/**
 * A DTLS server behind one socket: any datagrams from any addresses, of three
 * clients that are honest and of whoever makes them up, in any order. Nothing is
 * remembered of an address that has not brought back a cookie sent there, nor
 * is much said to it; the table is bounded, and what comes of it belongs to
 * associations that are there.
 */
import { seeded } from "#kit";
import { mono } from "../../../src/base/machine.ts";
import { Choices } from "../choices.ts";
import { DtlsClient, DtlsServer } from "../dtls.ts";
import type { EndpointInput, EndpointOutput } from "../dtls.ts";
import { clientSide, newSessions, serverSide } from "../duel.ts";
import type { Terms } from "../duel.ts";
import { Edits } from "../edits.ts";
import { hold, valueOf } from "../expect.ts";
import { clientKey, parseServerHello, retryWish, serverKey, TlsFailure } from "../tls.ts";
import type { TlsSession } from "../tls.ts";
import { toyCrypto } from "../toy-crypto.ts";

const ADDRESSES = ["a:1", "b:1", "b:2", "c:1"] as const;
const LIMITS = { maxAssociations: 3, maxHandshakes: 2, idleMs: 300_000 };
const MOST_STEPS = 150;
/** Octets of an answer to a stranger for each of the hello (RFC 9147 §5.1). */
const FACTOR = 3;
const HEADERS = 25;

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const setup = choices.octet();
  const world = new World(setup, choices);
  for (let step = 0; step < MOST_STEPS && choices.left > 0; step++) world.step();
}

class Client {
  session: TlsSession | null = null;
  over = false;
  readonly machine: DtlsClient;
  address: string;

  constructor(terms: Terms, number: number, namesServer: boolean) {
    this.address = ADDRESSES[number]!;
    const tls = { ...clientSide(terms, null), random: seeded(`client ${number}`) };
    // An empty id of its own says that it may call the server by one (RFC 9146 §3).
    const ids = namesServer ? { connectionId: new Uint8Array() } : {};
    this.machine = new DtlsClient({ tls, mtu: null, ...ids });
  }

  tell(input: Parameters<DtlsClient["handle"]>[0], now: number): Uint8Array[] {
    return this.machine.handle(input, mono(now)).flatMap((output) => {
      if (output.kind === "datagram") return [output.bytes];
      if (output.kind === "established") this.session = output.session;
      if (output.kind === "failed" || output.kind === "closed") this.over = true;
      if (output.kind !== "verify-peer") return [];
      const { publicKey } = serverKey(toyCrypto);
      return this.tell({ kind: "peer-accepted", publicKey }, now);
    });
  }
}

/** Where an association's peer is, and where it has been shown to receive. */
interface Place {
  address: string;
  shown: string;
  /** Octets since it is there. */
  received: number;
  sent: number;
}

class World {
  readonly #choices: Choices;
  readonly #server: DtlsServer;
  readonly #clients: Client[] = [];
  readonly #started = new Set<Client>();
  /** To the server, and from it. */
  readonly #up: { from: string; bytes: Uint8Array }[] = [];
  readonly #down: { to: string; bytes: Uint8Array }[] = [];
  /** Cookies by the address they went to. */
  readonly #cookies = new Map<string, Uint8Array[]>();
  readonly #established = new Set<number>();
  readonly #gone = new Set<number>();
  readonly #places = new Map<number, Place>();
  #now = 0;

  constructor(setup: number, choices: Choices) {
    this.#choices = choices;
    const terms: Terms = {
      versions: setup & 3,
      clientCertificate: (setup & 4) !== 0,
      preSharedKey: (setup & 8) !== 0,
      ...{ rawKeys: false, ocsp: false, resume: false },
      retry: (setup & 16) !== 0,
      crypto: toyCrypto,
    };
    this.#server = new DtlsServer({ tls: serverSide(terms, newSessions()), mtu: null, ...LIMITS });
    const namesServer = (setup & 32) !== 0;
    for (let number = 0; number < 3; number++) {
      this.#clients.push(new Client(terms, number, namesServer));
    }
  }

  step(): void {
    const choices = this.#choices;
    const operation = choices.below(24);
    const client = this.#clients[choices.below(3)]!;
    if (operation < 8) return this.#exchange(client);
    switch (operation) {
      case 8:
        return this.#give(choices.pick(ADDRESSES), choices.stretch());
      case 9:
      case 10: {
        // One that was changed on the way, or comes from elsewhere.
        const flying = this.#up[this.#any(this.#up)];
        if (flying === undefined) return;
        const from = choices.flag() ? choices.pick(ADDRESSES) : flying.from;
        for (const { content } of new Edits(choices).pieces(0, flying.bytes)) {
          this.#give(from, content);
        }
        return;
      }
      case 11: {
        const flying = this.#up[this.#any(this.#up)];
        if (flying !== undefined) this.#up.push(flying);
        return;
      }
      case 12:
        this.#up.splice(this.#any(this.#up), 1);
        return;
      case 13:
        this.#down.splice(this.#any(this.#down), 1);
        return;
      case 14:
        client.address = choices.pick(ADDRESSES);
        return;
      case 15:
        if (client.session === null || client.over) return;
        return this.#send(client, { kind: "send", bytes: Uint8Array.of(1, 2, 3) });
      case 16:
        if (client.session !== null) this.#send(client, { kind: "close" });
        return;
      case 17:
        this.#now += choices.octet() * 2000;
        return this.#timeout();
      case 18:
        this.#now = Math.max(this.#now, this.#server.wakeAt ?? 0);
        return this.#timeout();
      case 19:
        this.#now = Math.max(this.#now, client.machine.wakeAt ?? 0);
        return this.#send(client, { kind: "timeout" });
      case 20:
        return this.#tellAny({ kind: "send", bytes: Uint8Array.of(4, 5, 6) });
      case 21:
        return this.#tellAny({ kind: "close" });
      case 22:
        return this.#tellAny({ kind: "address-shown" });
      default:
        this.#up.reverse();
    }
  }

  /** A client begins, and each side gets what was first sent to it. */
  #exchange(client: Client): void {
    if (!this.#started.has(client)) {
      this.#started.add(client);
      this.#send(client, { kind: "start" });
    }
    const up = this.#up.shift();
    if (up !== undefined) this.#give(up.from, up.bytes);
    const down = this.#down.shift();
    if (down === undefined) return;
    for (const each of this.#clients) {
      if (each.address !== down.to || !this.#started.has(each)) continue;
      this.#send(each, { kind: "datagram", bytes: down.bytes.slice() });
    }
  }

  #send(client: Client, input: Parameters<Client["tell"]>[0]): void {
    if (!this.#started.has(client)) return;
    for (const bytes of client.tell(input, this.#now)) {
      this.#up.push({ from: client.address, bytes });
    }
  }

  #timeout(): void {
    this.#tell({ kind: "timeout" });
    const { wakeAt } = this.#server;
    hold(wakeAt === null || wakeAt > this.#now, "timeouts are dealt with");
  }

  #tellAny(input: Pick<Extract<EndpointInput, { kind: "send" }>, "kind" | "bytes">): void;
  #tellAny(input: { kind: "close" | "address-shown" }): void;
  #tellAny(input: { kind: "send" | "close" | "address-shown"; bytes?: Uint8Array }): void {
    const known = [...this.#established];
    const association = known[this.#any(known)];
    // The overloads say that what is sent has its octets.
    if (association !== undefined) this.#tell({ ...input, association } as EndpointInput);
  }

  #give(from: string, bytes: Uint8Array): void {
    const before = this.#server.associations;
    const outputs = this.#tell({ kind: "datagram", from, bytes: bytes.slice() });
    const ends = outputs.filter(({ kind }) => ["dropped", "failed", "closed"].includes(kind));
    const begun = this.#server.associations - before + ends.length;
    hold(begun === 0 || begun === 1, "a datagram begins one association at most");
    if (begun === 1) {
      const known = this.#cookies.get(from) ?? [];
      hold(
        known.some((cookie) => includes(bytes, cookie)),
        "nothing is remembered of whoever brings no cookie back",
      );
      return;
    }
    if (before > 0) return;
    const answers = outputs.filter((output) => output.kind === "datagram");
    const octets = answers.reduce((sum, answer) => sum + answer.bytes.length, 0);
    hold(answers.length <= 1 && octets <= FACTOR * bytes.length, "little is said to a stranger");
    for (const answer of answers) this.#remember(answer);
  }

  #tell(input: EndpointInput): EndpointOutput[] {
    const outputs = this.#server.handle(input, mono(this.#now));
    const { associations, handshakes, wakeAt } = this.#server;
    const all = [...outputs];
    this.#note(input);
    for (const output of outputs) {
      if (output.kind === "datagram") {
        if (associations === 1) this.#sentTo(output.to, output.bytes.length);
        this.#down.push(output);
        this.#remember(output);
        continue;
      }
      const { association } = output;
      hold(!this.#gone.has(association), `${output.kind} of one that is gone`);
      if (output.kind === "established") {
        this.#established.add(association);
        const place = { address: output.from, shown: output.from, received: 0, sent: 0 };
        this.#places.set(association, place);
      }
      if (output.kind === "moved") this.#move(association, output.to, input);
      if (output.kind === "data") hold(this.#established.has(association), "data when established");
      if (output.kind === "verify-peer") {
        const { publicKey } = clientKey(toyCrypto);
        all.push(...this.#tell({ kind: "peer-accepted", association, publicKey }));
      }
      if (["dropped", "failed", "closed"].includes(output.kind)) {
        this.#gone.add(association);
        this.#established.delete(association);
        this.#places.delete(association);
      }
    }
    hold(associations <= LIMITS.maxAssociations, "associations are bounded");
    hold(handshakes <= LIMITS.maxHandshakes, "handshakes are bounded");
    hold(associations > 0 || wakeAt === null, "nobody there, nothing due");
    return all;
  }

  #note(input: EndpointInput): void {
    const place = input.kind === "address-shown" ? this.#places.get(input.association) : undefined;
    if (place !== undefined) place.shown = place.address;
    if (input.kind !== "datagram") return;
    for (const each of this.#places.values()) {
      if (each.address === input.from) each.received += input.bytes.length;
    }
  }

  #move(association: number, to: string, input: EndpointInput): void {
    const place = this.#places.get(association);
    hold(place !== undefined, "nobody moves who is not established");
    hold(input.kind === "datagram" && input.from === to, "to where a datagram came from");
    Object.assign(place, { address: to, received: input.bytes.length, sent: 0 });
  }

  /** Of the one association there is. */
  #sentTo(to: string, octets: number): void {
    for (const place of this.#places.values()) {
      if (place.address !== to || place.shown === to) continue;
      place.sent += octets;
      hold(place.sent <= FACTOR * place.received, "little goes where nobody was shown to receive");
    }
  }

  /** The cookie in what was sent, if there is one. */
  #remember({ to, bytes }: { readonly to: string; readonly bytes: Uint8Array }): void {
    const body = bytes.subarray(HEADERS);
    const type = bytes[0] === 22 ? bytes[13] : null;
    let cookie: Uint8Array | null = null;
    if (type === 3) cookie = body.subarray(3);
    else if (type === 2)
      cookie = valueOf(() => retryWish(parseServerHello(body)).cookie, [TlsFailure]);
    if (cookie === null || cookie.length === 0) return;
    this.#cookies.set(to, [...(this.#cookies.get(to) ?? []), cookie.slice()]);
  }

  #any(list: readonly unknown[]): number {
    return this.#choices.below(Math.max(1, list.length));
  }
}

function includes(bytes: Uint8Array, part: Uint8Array): boolean {
  for (let at = 0; at + part.length <= bytes.length; at++) {
    if (part.every((octet, offset) => octet === bytes[at + offset])) return true;
  }
  return false;
}
