/** One end of a DTLS association under test, and what it has said. */
import { concat, utf8 } from "../../src/base/bytes.ts";
import { mono } from "../../src/base/machine.ts";
import { Association } from "./dtls.ts";
import type { DtlsConfig, DtlsInput, DtlsOutput } from "./dtls.ts";
import { clientSide, serverSide } from "./duel.ts";
import type { Role, Terms } from "./duel.ts";
import { EditedChannel } from "./edited-channel.ts";
import type { Edits } from "./edits.ts";
import { hold } from "./expect.ts";
import { ClientHandshake, clientKey, ServerHandshake, serverKey } from "./tls.ts";
import type { Channel, ClientTicket, MemorySessions, TlsSession } from "./tls.ts";

/** Octets and datagrams that one input may cause: a flight with all its records. */
const MOST_OCTETS = 20_000;
const MOST_DATAGRAMS = 40;

export class DatagramSide {
  session: TlsSession | null = null;
  over = false;
  data: Uint8Array[] = [];
  readonly tickets: ClientTicket[] = [];
  readonly association: Association;
  edited: EditedChannel | null = null;
  readonly #role: Role;
  readonly #terms: Terms;

  constructor(
    role: Role,
    terms: Terms,
    options: Omit<DtlsConfig, "tls">,
    edits: Edits | null,
    sessions: MemorySessions<string> | null,
    resume: ClientTicket | null,
  ) {
    this.#role = role;
    this.#terms = terms;
    const config = role === "client" ? clientSide(terms, resume) : serverSide(terms, sessions);
    this.association = new Association(role, { ...options, tls: config }, (plain) => {
      if (edits !== null) this.edited = new EditedChannel(plain, edits);
      const channel: Channel = this.edited?.channel ?? plain;
      return "clientCertificate" in config
        ? new ServerHandshake(config, channel)
        : new ClientHandshake(config, channel);
    });
  }

  /** The datagrams that come of it. It says yes to every chain. */
  tell(input: DtlsInput, now: number): Uint8Array[] {
    const sent = this.#told(input, now);
    const octets = sent.reduce((sum, { length }) => sum + length, 0);
    hold(octets <= MOST_OCTETS && sent.length <= MOST_DATAGRAMS, "little comes of one input");
    const { wakeAt } = this.association;
    hold(!this.over || wakeAt === null, "nothing is due after the end");
    hold(input.kind !== "timeout" || wakeAt === null || wakeAt > now, "a timeout is dealt with");
    return sent;
  }

  #told(input: DtlsInput, now: number): Uint8Array[] {
    return this.association.handle(input, mono(now)).flatMap((output) => this.#take(output, now));
  }

  #take(output: DtlsOutput, now: number): Uint8Array[] {
    hold(!this.over, `${output.kind} after the end`);
    switch (output.kind) {
      case "datagram":
        return [output.bytes];
      case "verify-peer": {
        hold(this.session === null, "no question once established");
        const key = this.#role === "client" ? serverKey : clientKey;
        const { publicKey } = key(this.#terms.crypto);
        return this.#told({ kind: "peer-accepted", publicKey }, now);
      }
      case "established":
        hold(this.session === null, "established once");
        this.session = output.session;
        return [];
      case "data":
        hold(this.session !== null, "data only after established");
        this.data.push(output.bytes);
        return [];
      case "ticket":
        hold(this.session !== null && this.#role === "client", "tickets are for clients");
        this.tickets.push(output.ticket);
        return [];
      case "failed":
      case "closed":
        this.over = true;
        return [];
    }
  }

  /** Numbered words, so that a repeat shows. */
  say(number: number, now: number): Uint8Array[] {
    if (this.session === null || this.over) return [];
    return this.tell({ kind: "send", bytes: utf8(`${this.#role} ${number}`) }, now);
  }

  /** What it has heard, as text, without order. */
  get heard(): readonly string[] {
    return this.data.map((bytes) => String.fromCharCode(...concat(bytes)));
  }
}
