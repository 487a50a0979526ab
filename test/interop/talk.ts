/** One connection of ours as a conversation: what our end says to what its machine tells it, over whatever carries it. */
import { concat, toHex, utf8 } from "../../src/base/bytes.ts";
import type {
  ClientTicket,
  PeerCredential,
  TlsInput,
  TlsOutput,
  TlsSession,
} from "../../src/proto/tls/connection.ts";
import { isDatagram } from "./cell.ts";
import type { Cell } from "./cell.ts";
import { answerCoap, contentOf, getRequest } from "./coap.ts";
import { EXPORTER, lineOf } from "./end.ts";
import type { Application, Report } from "./end.ts";
import type { Judge } from "./our-config.ts";

/** What a machine tells its user, over streams and datagrams alike. */
export type Told = Exclude<TlsOutput, { readonly kind: "send" }>;

/** What its user tells it. */
export type Says = Exclude<TlsInput, { readonly kind: "start" | "bytes" | "update-keys" }>;

/** How an end behaves: what it says once it may, and what to what it hears. */
export interface Manners {
  readonly judge: Judge;
  readonly opening: Uint8Array | null;
  /** Null ends the connection; nothing waits for more. */
  answer(bytes: Uint8Array, heard: Uint8Array): Uint8Array | null;
}

export function serverManners(cell: Cell, application: Application, judge: Judge): Manners {
  const loud = (bytes: Uint8Array): Uint8Array =>
    utf8(Buffer.from(bytes).toString("latin1").toUpperCase());
  const coap = (bytes: Uint8Array): Uint8Array => answerCoap(bytes, transportOf(cell));
  return { judge, opening: null, answer: application === "coap" ? coap : loud };
}

/** @param count - Of the connection, from 1. */
export function clientManners(
  cell: Cell,
  application: Application,
  judge: Judge,
  count: number,
): Manners {
  const transport = transportOf(cell);
  const coap = application === "coap";
  const opening = coap ? getRequest(transport, count) : utf8(`${lineOf(count)}\n`);
  const whole = (heard: Uint8Array): boolean =>
    coap ? contentOf(heard, transport) !== null : heard.length >= opening.length;
  return { judge, opening, answer: (_bytes, heard) => (whole(heard) ? null : new Uint8Array()) };
}

function transportOf(cell: Cell): "stream" | "datagram" {
  return isDatagram(cell) ? "datagram" : "stream";
}

export class Talk {
  ticket: ClientTicket | null = null;
  readonly #cell: Cell;
  readonly #manners: Manners;
  #session: TlsSession | null = null;
  #fault: Error | null = null;
  #exported = "";
  #peer: NonNullable<Report["peer"]> = "nothing";
  #heard: Uint8Array = new Uint8Array();

  constructor(cell: Cell, manners: Manners) {
    this.#cell = cell;
    this.#manners = manners;
  }

  /** What to tell the machine in answer, if anything. */
  hear(told: Told): Says | null {
    switch (told.kind) {
      case "verify-peer":
        return this.#verify(told);
      case "established":
        return this.#established(told.session);
      case "data":
        return this.#data(told.bytes);
      case "ticket":
        this.ticket = told.ticket;
        return null;
      case "failed":
        this.fail(new Error(`our end failed: ${told.failure.message}`));
        return null;
      case "closed":
        return null;
    }
  }

  /** Whatever comes after: this connection was none. */
  fail(fault: Error): void {
    this.#fault ??= fault;
  }

  /** What is to be said of the connection when it is over. */
  report(): Report | Error {
    const session = this.#session;
    if (this.#fault !== null) return this.#fault;
    if (session === null) return new Error("the other side left before the handshake was over");
    return {
      version: isDatagram(this.#cell) ? `D${session.version}` : session.version,
      suite: session.suite.name,
      group: session.group ?? "none",
      exported: this.#exported,
      peer: this.#peer,
      heard: Buffer.from(this.#heard).toString("latin1"),
      resumed: session.resumed,
    };
  }

  #verify(shown: PeerCredential): Says {
    this.#peer = shown.certificateType === "x509" ? "certificate" : "raw public key";
    return this.#manners.judge(shown);
  }

  #established(session: TlsSession): Says | null {
    const { opening } = this.#manners;
    this.#session = session;
    this.#exported = toHex(session.exportKey(EXPORTER.label, null, EXPORTER.length));
    return opening === null ? null : { kind: "send", bytes: opening };
  }

  #data(bytes: Uint8Array): Says | null {
    this.#heard = concat(this.#heard, bytes);
    const answer = this.#manners.answer(bytes, this.#heard);
    if (answer === null) return { kind: "close" };
    return answer.length > 0 ? { kind: "send", bytes: answer } : null;
  }
}
