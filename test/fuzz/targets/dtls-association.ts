/**
 * Two DTLS associations and a network that does as the input says: it drops,
 * doubles, holds back and changes datagrams, makes some up, and lets time pass;
 * and one end may lie. Nothing is thrown, nothing is established but over what
 * the other end means, no word comes twice or changed, every timer is dealt
 * with; and where nobody lies or forges, both meet in the end.
 */
import { concat } from "../../../src/base/bytes.ts";
import { Choices } from "../choices.ts";
import { DatagramSide } from "../datagram-side.ts";
import { bestOf, newSessions, termsFrom, ticketUnder } from "../duel.ts";
import type { Role, Terms } from "../duel.ts";
import { Edits } from "../edits.ts";
import { hold, holdSame } from "../expect.ts";
import type { ClientTicket } from "../tls.ts";

/** Steps of the network under the input's orders, and as many again in which it is a good one. */
const MOST_STEPS = 250;
/** Losses that the standard's timers bear for certain: each costs one retransmission at most. */
const MOST_LOSSES = 6;
const SETTLED_AT = 3_600_000;

/** What a side asks to be called by; the first says nothing of ids. */
const IDS = [
  undefined,
  new Uint8Array(),
  new Uint8Array(3).fill(0xc1),
  new Uint8Array(8).fill(0xc8),
];

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const terms = termsFrom(choices);
  const setup = choices.octet();
  const world = new World(terms, setup, choices);
  world.order();
  world.settle();
}

interface Flying {
  readonly to: Role;
  readonly bytes: Uint8Array;
}

class World {
  readonly #terms: Terms;
  readonly #choices: Choices;
  readonly #edits: Edits;
  readonly #liar: Role | null;
  readonly #ends: Readonly<Record<Role, DatagramSide>>;
  #flying: Flying[] = [];
  #now = 0;
  #words = 0;
  #losses = 0;
  #forged = false;
  #ended = false;
  readonly #seen = new Set<Role>();

  constructor(terms: Terms, setup: number, choices: Choices) {
    this.#terms = terms;
    this.#choices = choices;
    this.#liar = ([null, "client", "server", null] as const)[setup & 3] ?? null;
    // A liar's edits are drawn from a stretch of their own, so that it does not depend on the network.
    const lies = this.#liar === null ? new Uint8Array() : choices.take(choices.octet());
    this.#edits = new Edits(new Choices(lies));
    const options = {
      mtu: (setup & 4) === 0 ? null : 300,
      ...((setup & 8) === 0 ? {} : { maxRecordsPerKey: 40 }),
    };
    const sessions = terms.resume ? newSessions() : null;
    const ticket: ClientTicket | null = sessions === null ? null : ticketUnder(terms, sessions);
    const ids = { client: IDS[(setup >> 4) & 3], server: IDS[(setup >> 6) & 3] };
    const side = (role: Role): DatagramSide =>
      new DatagramSide(
        ...([role, terms, { ...options, ...connectionId(ids[role]) }] as const),
        this.#liar === role ? this.#edits : null,
        ...([sessions, ticket] as const),
      );
    this.#ends = { client: side("client"), server: side("server") };
    this.#send("client", this.#ends.client.tell({ kind: "start" }, 0));
  }

  /** As the input says, until it has run out. */
  order(): void {
    for (let step = 0; step < MOST_STEPS && this.#choices.left > 0; step++) this.#step();
  }

  /** From here on nothing is lost, and nobody ends it. */
  settle(): void {
    const { client, server } = this.#ends;
    for (let step = 0; step < MOST_STEPS && this.#now < SETTLED_AT; step++) {
      if (client.session !== null && server.session !== null && this.#flying.length === 0) break;
      if (this.#flying.length > 0) this.#deliver(0);
      else if (!this.#wake()) break;
    }
    const fair = !this.#forged && !this.#edits.touched && !this.#ended;
    if (!fair || this.#losses > MOST_LOSSES) return;
    hold(client.session !== null && server.session !== null, "honest ends meet");
    hold(!client.over && !server.over, "and stay");
  }

  #step(): void {
    const choices = this.#choices;
    const operation = choices.below(24);
    if (operation < 8) return this.#deliver(choices.below(Math.max(1, this.#flying.length)));
    switch (operation) {
      case 8:
      case 9:
        if (this.#flying.splice(this.#any(), 1).length > 0) this.#losses++;
        return;
      case 10: {
        const flying = this.#flying[this.#any()];
        if (flying !== undefined) this.#flying.push(flying);
        return;
      }
      case 11:
      case 12:
        return this.#change();
      case 13:
        this.#forged = true;
        this.#flying.unshift({ to: this.#role(), bytes: choices.stretch() });
        return;
      case 14: {
        // A datagram that came back, to whoever sent it.
        const flying = this.#flying[this.#any()];
        if (flying === undefined) return;
        this.#forged = true;
        this.#flying.push({ to: other(flying.to), bytes: flying.bytes });
        return;
      }
      case 15:
      case 16:
        // Whatever is on its way comes too late.
        this.#losses++;
        this.#wake();
        return;
      case 17:
        this.#losses++;
        this.#now += choices.octet() * 20;
        for (const role of ["client", "server"] as const) {
          this.#send(role, this.#ends[role].tell({ kind: "timeout" }, this.#now));
        }
        return this.#judge();
      case 18:
      case 19: {
        const role = this.#role();
        return this.#send(role, this.#ends[role].say(this.#words++, this.#now));
      }
      case 20: {
        const role = this.#role();
        if (this.#ends[role].session?.version !== "TLS 1.3" || this.#ends[role].over) return;
        return this.#send(role, this.#ends[role].tell({ kind: "update-keys" }, this.#now));
      }
      case 21: {
        // Two datagrams in one: records of several flights.
        const [one, two] = [this.#flying[this.#any()], this.#flying[this.#any()]];
        if (one === undefined || two === undefined || one.to !== two.to) return;
        this.#flying.push({ to: one.to, bytes: concat(one.bytes, two.bytes) });
        return;
      }
      case 22: {
        this.#ended = true;
        const role = this.#role();
        return this.#send(role, this.#ends[role].tell({ kind: "close" }, this.#now));
      }
      default:
        this.#flying.reverse();
    }
  }

  #change(): void {
    const at = this.#any();
    const flying = this.#flying[at];
    if (flying === undefined) return;
    const edits = new Edits(this.#choices);
    const changed = edits.pieces(0, flying.bytes).map(({ content }) => content);
    this.#forged ||= edits.touched;
    this.#flying.splice(at, 1, ...changed.map((bytes) => ({ to: flying.to, bytes })));
  }

  #deliver(at: number): void {
    const [flying] = this.#flying.splice(at, 1);
    if (flying === undefined) return;
    const { to, bytes } = flying;
    // A copy: an end must not rely on, or spoil, what the other one holds.
    this.#send(to, this.#ends[to].tell({ kind: "datagram", bytes: bytes.slice() }, this.#now));
    this.#judge();
  }

  /** Time goes on to the next thing that is due; false where there is none. */
  #wake(): boolean {
    const due = (["client", "server"] as const)
      .map((role) => ({ role, at: this.#ends[role].association.wakeAt }))
      .filter(({ at }) => at !== null)
      .sort((a, b) => a.at! - b.at!)[0];
    if (due === undefined) return false;
    this.#now = Math.max(this.#now, due.at!);
    this.#send(due.role, this.#ends[due.role].tell({ kind: "timeout" }, this.#now));
    this.#judge();
    return true;
  }

  #send(from: Role, datagrams: readonly Uint8Array[]): void {
    for (const bytes of datagrams) this.#flying.push({ to: other(from), bytes });
  }

  #any(): number {
    return this.#choices.below(Math.max(1, this.#flying.length));
  }

  #role(): Role {
    return this.#choices.flag() ? "server" : "client";
  }

  #judge(): void {
    const { client, server } = this.#ends;
    for (const role of ["client", "server"] as const) {
      const { session, heard } = this.#ends[role];
      if (session === null || role === this.#liar) continue;
      hold(session.version === bestOf(this.#terms), "the highest version both speak");
      hold(new Set(heard).size === heard.length, "no word comes twice");
      const words = heard.every((text) => text.startsWith(`${other(role)} `));
      hold(words, "no word but those of the other end");
      if (this.#liar === null) continue;
      // What is sent after the handshake is in no transcript.
      const honest = this.#ends[this.#liar].edited?.honest ?? true;
      hold(!this.#first(role) || honest, "established over what the other end means alone");
    }
    if (client.session === null || server.session === null) return;
    const [one, two] = [client.session, server.session].map((session) =>
      session.exportKey("EXPORTER-fuzz", null, 32),
    );
    holdSame(one!, two!, "both have the same keys");
  }

  /** Whether this is the first time that an end is seen established. */
  #first(role: Role): boolean {
    const fresh = !this.#seen.has(role);
    this.#seen.add(role);
    return fresh;
  }
}

function connectionId(id: Uint8Array | undefined): { readonly connectionId?: Uint8Array } {
  return id === undefined ? {} : { connectionId: id };
}

function other(role: Role): Role {
  return role === "client" ? "server" : "client";
}
