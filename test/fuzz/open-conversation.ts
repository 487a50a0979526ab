/**
 * One TLS machine with all its locks open, told any octets in any chunking. It
 * never throws, says the same whatever the chunking, sends whole records and not
 * many, gives no data before it is established, is established once and never
 * without the proof it requires, and says nothing after its end.
 */
import { concat, Reader } from "../../src/base/bytes.ts";
import type { PublicKey } from "../../src/base/crypto/crypto.ts";
import { mono } from "../../src/base/machine.ts";
import type { Machine } from "../../src/base/machine.ts";
import type { Choices } from "./choices.ts";
import { Broken, hold, holdSame } from "./expect.ts";
import { BAD, openCrypto } from "./open-crypto.ts";
import type {
  ResumableSession,
  SessionStore,
  TlsInput,
  TlsOutput,
  TlsSession,
  TlsVersion,
} from "./tls.ts";
import { SUITES, SUITES_13 } from "./tls.ts";

/** Octets a side may send for nothing but its flight, and for each octet it got. */
const FLIGHT = 4096;
const PER_OCTET = 6;

export const OPEN_KEY: PublicKey = openCrypto.signingKey(
  "P-256",
  new Uint8Array(32).fill(1),
).publicKey;
/** Counts itself, for hashes are all alike here. */
export const sevens = (length: number): Uint8Array => new Uint8Array(length).fill(7);
export const OPEN_PSK: Uint8Array = Uint8Array.of(0x6b, 0x65, 0x79);
export const OPEN_TICKET: Uint8Array = new Uint8Array(16).fill(0x74);

/** What a ticket of these locks stands for, in either version. */
export function openSession(version: TlsVersion, chain: readonly Uint8Array[]): ResumableSession {
  return {
    version,
    suite:
      version === "TLS 1.2"
        ? SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        : SUITES_13.TLS_AES_128_GCM_SHA256,
    secret: new Uint8Array(version === "TLS 1.2" ? 48 : 32),
    serverName: null,
    alpn: null,
    peerChain: chain,
    peerCertificateType: "x509",
    until: null,
  };
}

/** First octet of tickets that are issued. */
const ISSUED = 0x75;

/** Knows {@link OPEN_TICKET} of one version, once. */
export class OpenStore implements SessionStore {
  readonly #session: ResumableSession;
  #spent = false;

  constructor(session: ResumableSession) {
    this.#session = session;
  }

  keep(_session: ResumableSession, id: Uint8Array | null): ReturnType<SessionStore["keep"]> {
    return { ticket: id ?? new Uint8Array(16).fill(ISSUED), lifetimeSeconds: 600 };
  }

  find(ticket: Uint8Array): ResumableSession | null {
    const known = ticket[0] === OPEN_TICKET[0] && !this.#spent;
    return known ? { ...this.#session, secret: this.#session.secret.slice() } : null;
  }

  spend(ticket: Uint8Array): void {
    // One that was issued in a handshake that came to nothing.
    if (ticket[0] === ISSUED) return;
    hold(ticket[0] === OPEN_TICKET[0] && !this.#spent, "what was found is spent, once");
    this.#spent = true;
  }
}

export interface Promises {
  readonly role: "client" | "server";
  /** Whether whoever is established has been asked about a chain, now or before. */
  readonly requiresPeer: boolean;
}

/** The rest of the input: whether to close at the end, how to cut, and what to say. */
export function converse(
  make: () => Machine<TlsInput, TlsOutput>,
  promises: Promises,
  choices: Choices,
): void {
  const close = choices.flag();
  const chunk = 1 + choices.below(255);
  const stream = choices.rest();
  const whole = new Conversation(make(), promises).run(stream, stream.length, close);
  const pieces = new Conversation(make(), promises).run(stream, chunk, close);
  holdSame(pieces.sent, whole.sent, "what is sent does not depend on chunking");
  holdSame(pieces.data, whole.data, "what is received does not depend on chunking");
  hold(pieces.story === whole.story, `${pieces.story} in pieces, ${whole.story} at once`);
}

class Conversation {
  sent: Uint8Array = new Uint8Array();
  data: Uint8Array = new Uint8Array();
  /** What happened besides, in order. */
  story = "";
  readonly #machine: Machine<TlsInput, TlsOutput>;
  readonly #promises: Promises;
  #established = false;
  #verified = false;
  #ended = false;
  #received = 0;

  constructor(machine: Machine<TlsInput, TlsOutput>, promises: Promises) {
    this.#machine = machine;
    this.#promises = promises;
  }

  run(stream: Uint8Array, chunk: number, close: boolean): this {
    if (this.#promises.role === "client") this.#tell({ kind: "start" });
    for (let at = 0; at < stream.length; at += chunk) {
      const bytes = stream.subarray(at, at + chunk);
      this.#received += bytes.length;
      this.#tell({ kind: "bytes", bytes });
    }
    if (close) this.#tell({ kind: "close" });
    return this;
  }

  #tell(input: TlsInput): void {
    for (const output of this.#machine.handle(input, mono(0))) this.#take(output);
  }

  #take(output: TlsOutput): void {
    hold(!this.#ended, `${output.kind} after the end`);
    switch (output.kind) {
      case "send":
        checkRecords(output.bytes);
        this.sent = concat(this.sent, output.bytes);
        hold(this.sent.length <= FLIGHT + PER_OCTET * this.#received, "little is sent for little");
        return;
      case "verify-peer":
        return this.#verify(output.chain);
      case "established":
        hold(!this.#established, "established once");
        this.#established = true;
        this.#checkSession(output.session);
        break;
      case "data":
        hold(this.#established, "data only after established");
        this.data = concat(this.data, output.bytes);
        return;
      case "ticket":
        hold(this.#established && this.#promises.role === "client", "tickets are for clients");
        break;
      case "failed":
        this.story += ` ${output.failure.reason}`;
        this.#ended = true;
        break;
      case "closed":
        this.#ended = true;
        break;
    }
    this.story += ` ${output.kind}`;
  }

  #checkSession(session: TlsSession): void {
    const { resumed, pskIdentity, peerChain } = session;
    hold(!resumed || pskIdentity === null, "resumed, or by a key both were given");
    const earlier = pskIdentity !== null || (resumed && peerChain.length > 0);
    const proven = this.#verified || earlier;
    hold(!this.#promises.requiresPeer || proven, "a proof required is a proof had");
    hold(peerChain.length === 0 || this.#verified || resumed, "a chain shown is a chain verified");
    session.exportKey("EXPERIMENTAL fuzz", null, 32);
  }

  #verify(chain: readonly Uint8Array[]): void {
    hold(!this.#established && !this.#verified, "one question about the peer");
    const first = chain[0];
    if (first === undefined) throw new Broken("no question about nobody");
    this.story += ` verify ${chain.length}`;
    this.#verified = first[0] !== BAD;
    this.#tell(
      this.#verified
        ? { kind: "peer-accepted", publicKey: OPEN_KEY }
        : { kind: "peer-rejected", alert: "bad_certificate", reason: "the target says so" },
    );
  }
}

function checkRecords(bytes: Uint8Array): void {
  const records = new Reader(bytes, () => new Broken("whole records are sent"));
  while (records.remaining > 0) {
    const type = records.u8();
    hold(type >= 20 && type <= 23, "a known type of record");
    const version = records.u16();
    hold(
      version === 0x0303 || version === 0x0301,
      "the version of all records, or of first hellos",
    );
    hold(records.vector16().length <= 2 ** 14 + 256, "no record above the bound");
  }
}
