/**
 * A whole EAP-TLS or EAP-TTLS conversation over TLS 1.2 or 1.3, perhaps one that
 * takes up an earlier one, with a peer that is honest but for what the input
 * makes of its TLS messages and the packets it slips in between. The server
 * authenticates it only where every octet of the handshake is the one that the
 * peer means, and never throws.
 */
import { seeded } from "#kit";
import { concat, utf8 } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { EapServer } from "../../../src/proto/eap/server.ts";
import type { EapInput } from "../../../src/proto/eap/server.ts";
import { Choices } from "../choices.ts";
import { newSessions } from "../duel.ts";
import { Edits } from "../edits.ts";
import { hold } from "../expect.ts";
import { eapPacket } from "../station.ts";
import { clientKey, serverConfig } from "../tls.ts";
import type { ClientTicket, MemorySessions, TlsVersion } from "../tls.ts";
import { MachinePeer, ScriptedPeer } from "../tls-peer.ts";
import type { Method, TlsPeer } from "../tls-peer.ts";
import { toyCrypto } from "../toy-crypto.ts";

const LARGE = 1398;
const FLAG = { length: 0x80, more: 0x40, start: 0x20 } as const;
const MOST_ROUNDS = 60;

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const setup = choices.octet();
  const terms: Terms = {
    method: (setup & 1) === 0 ? "tls" : "ttls",
    // Without our own client: the script.
    version: (setup & 2) === 0 ? null : (setup & 8) === 0 ? "TLS 1.3" : "TLS 1.2",
    refused: (setup & 16) !== 0,
  };
  const fragment = 40 + 16 * choices.octet();
  const sessions = newSessions();
  let ticket: ClientTicket | null = null;
  if (terms.version !== null && (setup & 4) !== 0) {
    const first = new Peer(
      { ...terms, refused: false },
      1000,
      new Choices(new Uint8Array()),
      sessions,
      null,
    );
    hold(first.run().succeeded, "an honest peer is let in");
    ticket = first.tls.ticket;
    hold(ticket !== null, "it gets a ticket");
  }
  const peer = new Peer(terms, fragment, choices, sessions, ticket).run();
  const meddled = peer.edits.touched || peer.strayed;
  hold(meddled || peer.succeeded !== terms.refused, "an honest peer is let in");
  hold(meddled || terms.refused || peer.resumed === (ticket !== null), "it may come back");
}

interface Terms {
  readonly method: Method;
  readonly version: TlsVersion | null;
  /** Whether the server's owner refuses whoever it is. */
  readonly refused: boolean;
}

class Peer {
  readonly edits: Edits;
  readonly tls: TlsPeer;
  over = false;
  succeeded = false;
  resumed = false;
  /** Whether packets were slipped in. */
  strayed = false;
  readonly #terms: Terms;
  readonly #fragment: number;
  readonly #choices: Choices;
  readonly #sessions: MemorySessions<string>;
  readonly #server: EapServer;
  #request: Uint8Array = new Uint8Array();
  #incoming: Uint8Array[] = [];
  #outgoing: Uint8Array = new Uint8Array();
  #outgoingTotal = 0;

  constructor(
    terms: Terms,
    fragment: number,
    choices: Choices,
    sessions: MemorySessions<string>,
    ticket: ClientTicket | null,
  ) {
    const { method, version } = terms;
    this.#terms = terms;
    this.#fragment = fragment;
    this.#choices = choices;
    this.#sessions = sessions;
    this.edits = new Edits(choices);
    this.tls =
      version === null
        ? new ScriptedPeer(method, this.edits)
        : new MachinePeer(method, version, this.edits, ticket);
    this.#server = new EapServer({
      random: seeded("identifier"),
      methods: [method],
      tls: () =>
        serverConfig(toyCrypto, {
          clientCertificate: method === "tls" ? "required" : "none",
          versions: [version ?? "TLS 1.2"],
          sessions,
        }),
      maxPacket: LARGE,
    });
  }

  run(): this {
    this.say(eapPacket(0, 1, utf8("@home.arpa")));
    for (let round = 0; round < MOST_ROUNDS && !this.over; round++) this.answer();
    return this;
  }

  say(packet: Uint8Array): void {
    this.#tell({ kind: "response", packet, maxPacket: LARGE });
  }

  answer(): void {
    if (this.#choices.below(16) === 15) {
      this.strayed = true;
      this.say(this.#choices.stretch());
    }
    if (this.over) return;
    const type = this.#request[4] ?? 0;
    this.say(eapPacket(this.#request[1] ?? 0, type, this.#typeData()));
  }

  #tell(input: EapInput): void {
    const [output] = this.#server.handle(input, mono(0));
    switch (output?.kind) {
      case "request":
        this.#request = output.packet;
        return;
      case "verify-peer":
        return this.#tell({ kind: "peer-accepted", publicKey: clientKey(toyCrypto).publicKey });
      case "proven":
        hold(this.tls.honest, "proven over what the peer means alone");
        if (this.#terms.refused) return this.#tell({ kind: "refuse", reason: "the target's" });
        return this.#tell({ kind: "proceed" });
      case "authenticated":
        hold(this.tls.honest, "authenticated over what the peer means alone");
        if (this.#terms.refused) return this.#tell({ kind: "refuse", reason: "the target's" });
        return this.#tell({ kind: "admit" });
      case "success": {
        hold(!this.#terms.refused, "nobody comes in who was refused");
        const { resumed, ticket } = output.resumption;
        this.resumed = resumed;
        if (ticket !== null) this.#sessions.tag(ticket, "lamp");
        this.over = this.succeeded = true;
        return;
      }
      case "failure":
        this.over = true;
        return;
      case "ignored":
      case undefined:
        return;
    }
  }

  #typeData(): Uint8Array {
    const flags = this.#request[5] ?? 0;
    if (this.#outgoing.length > 0) return this.#nextFragment();
    let heard: Uint8Array = new Uint8Array();
    if ((flags & FLAG.start) === 0) {
      this.#incoming.push(this.#request.subarray((flags & FLAG.length) === 0 ? 6 : 10));
      if ((flags & FLAG.more) !== 0) return Uint8Array.of(0);
      heard = concat(...this.#incoming.splice(0));
    }
    this.#outgoing = this.tls.answer(heard);
    this.#outgoingTotal = this.#outgoing.length;
    return this.#nextFragment();
  }

  #nextFragment(): Uint8Array {
    const whole = this.#outgoing.length === this.#outgoingTotal;
    const bytes = this.#outgoing.subarray(0, this.#fragment);
    this.#outgoing = this.#outgoing.subarray(bytes.length);
    const more = this.#outgoing.length > 0 ? FLAG.more : 0;
    if (!whole || more === 0) return concat(Uint8Array.of(more), bytes);
    const total = this.#outgoingTotal;
    return concat(Uint8Array.of(more | FLAG.length, 0, 0, total >> 8, total & 0xff), bytes);
  }
}
