/**
 * Our TLS client and our TLS server, one of which lies as the input says, or an
 * attacker on the wire between two that are honest. Whoever is established has
 * got every octet that the other side means; two that are established have the
 * same keys, in the highest version they share; and honest ones meet.
 */
import { concat, utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { mono } from "../../src/base/machine.ts";
import { Choices } from "./choices.ts";
import { EditedChannel } from "./edited-channel.ts";
import { Edits } from "./edits.ts";
import { hold, holdSame } from "./expect.ts";
import {
  CLIENT_CERTIFICATE,
  clientConfig,
  ClientHandshake,
  clientKey,
  MemorySessions,
  serverConfig,
  ServerHandshake,
  serverKey,
  StreamConnection,
} from "./tls.ts";
import type {
  Channel,
  ClientTicket,
  TlsClientConfig,
  TlsInput,
  TlsOutput,
  TlsServerConfig,
  TlsSession,
  TlsVersion,
} from "./tls.ts";
import { realCrypto, toyCrypto } from "./toy-crypto.ts";

export type Role = "client" | "server";
export type Liar = Role | "wire";

const MOST_TURNS = 40;
/** Octets that one input may make a side send, beside what it is told to. */
const MOST_SENT = 40_000;
const PSK = { identity: utf8("lamp"), key: new Uint8Array(16).fill(9) };
const OCSP = utf8("stands for an OCSP response");
const VERSIONS: readonly (readonly TlsVersion[])[] = [
  ["TLS 1.3", "TLS 1.2"],
  ["TLS 1.2"],
  ["TLS 1.3"],
];

/** What both sides are configured with. The first octet of an input, bit by bit. */
export interface Terms {
  /** Of the client: 0 both, 1 TLS 1.2, 2 TLS 1.3; 3 both against a server of TLS 1.2. */
  readonly versions: number;
  readonly clientCertificate: boolean;
  readonly preSharedKey: boolean;
  readonly rawKeys: boolean;
  readonly ocsp: boolean;
  readonly resume: boolean;
  /** The client sends no key share of a group that the server takes. */
  readonly retry: boolean;
  readonly crypto: Crypto;
}

/** One octet of terms, and one that is 1 modulo 8 for the true curves, which cost time. */
export function termsFrom(choices: Choices): Terms {
  const bits = choices.octet();
  const bit = (at: number): boolean => ((bits >> at) & 1) === 1;
  return {
    versions: bits & 3,
    clientCertificate: bit(2),
    preSharedKey: bit(3),
    rawKeys: bit(4),
    ocsp: bit(5),
    resume: bit(6),
    retry: bit(7),
    crypto: choices.below(8) === 1 ? realCrypto : toyCrypto,
  };
}

export function clientSide(terms: Terms, resume: ClientTicket | null): TlsClientConfig {
  const { crypto, clientCertificate, preSharedKey, rawKeys, ocsp, retry } = terms;
  const publicKeyInfo = { publicKeyInfo: utf8("stands for the client's bare key") };
  const credential = { certificates: [CLIENT_CERTIFICATE], key: clientKey(crypto) };
  return clientConfig(crypto, {
    versions: VERSIONS[terms.versions] ?? VERSIONS[0]!,
    credential: clientCertificate ? { ...credential, ...(rawKeys ? publicKeyInfo : {}) } : null,
    // The certificate's curve is P-256, and in TLS 1.2 the list is for it too.
    groups: retry ? ["P-384", "X25519", "P-256"] : ["X25519", "P-256"],
    asksOcsp: ocsp,
    ...(rawKeys ? { serverCertificateTypes: ["raw-public-key", "x509"] as const } : {}),
    ...(preSharedKey ? { preSharedKey: PSK } : {}),
    ...(resume === null ? {} : { resume: { ticket: resume, ageMs: 1000 } }),
  });
}

export function serverSide(terms: Terms, sessions: MemorySessions<string> | null): TlsServerConfig {
  const { crypto, clientCertificate, preSharedKey, rawKeys, ocsp } = terms;
  return serverConfig(crypto, {
    versions: (terms.versions === 3 ? VERSIONS[1] : VERSIONS[0])!,
    clientCertificate: clientCertificate ? "required" : "none",
    groups: ["X25519"],
    ...(rawKeys
      ? {
          publicKeyInfo: utf8("stands for the server's bare key"),
          clientCertificateTypes: ["raw-public-key", "x509"] as const,
        }
      : {}),
    ...(preSharedKey ? { preSharedKey: (identity) => keyOf(identity) } : {}),
    ...(ocsp ? { ocspResponse: () => OCSP.slice() } : {}),
    ...(sessions === null ? {} : { sessions }),
  });
}

function keyOf(identity: Uint8Array): Uint8Array | null {
  const known = identity.length === PSK.identity.length && identity[0] === PSK.identity[0];
  return known ? PSK.key.slice() : null;
}

export function newSessions(): MemorySessions<string> {
  let drawn = 0;
  return new MemorySessions({
    // Each ticket its own.
    random: (length) => new Uint8Array(length).fill(0x70 + (drawn++ % 16)),
    now: () => mono(0),
    lifetimeSeconds: 3600,
    maxSessions: 4,
  });
}

/** The highest version that both sides speak. */
export function bestOf({ versions }: Terms): TlsVersion {
  return versions === 1 || versions === 3 ? "TLS 1.2" : "TLS 1.3";
}

/** One side, and what it has said. */
class Side {
  session: TlsSession | null = null;
  failed = false;
  over = false;
  data: Uint8Array = new Uint8Array();
  readonly tickets: ClientTicket[] = [];
  readonly edited: { channel: EditedChannel | null } = { channel: null };
  readonly #machine: StreamConnection;
  readonly #role: Role;
  readonly #crypto: Crypto;
  #sent = 0;

  constructor(role: Role, config: TlsClientConfig | TlsServerConfig, edits: Edits | null) {
    this.#role = role;
    this.#crypto = config.crypto;
    this.#machine = new StreamConnection(role, config, (plain) => {
      if (edits === null) return handshakeOver(config, plain);
      const channel = new EditedChannel(plain, edits);
      this.edited.channel = channel;
      return handshakeOver(config, channel.channel);
    });
  }

  /** What it sends in answer. It says yes to every chain. */
  tell(input: TlsInput): Uint8Array {
    const sent: Uint8Array[] = [];
    for (const output of this.#machine.handle(input, mono(0))) {
      hold(!this.over, `${output.kind} after the end`);
      sent.push(this.#take(output));
    }
    const bytes = concat(...sent);
    this.#sent += bytes.length;
    hold(this.#sent <= MOST_SENT, "what a side sends is bounded");
    return bytes;
  }

  #take(output: TlsOutput): Uint8Array {
    const nothing = new Uint8Array();
    switch (output.kind) {
      case "send":
        return output.bytes;
      case "verify-peer": {
        hold(this.session === null, "no question once established");
        const peer = this.#role === "client" ? serverKey : clientKey;
        return this.tell({ kind: "peer-accepted", publicKey: peer(this.#crypto).publicKey });
      }
      case "established":
        hold(this.session === null, "established once");
        this.session = output.session;
        return nothing;
      case "data":
        hold(this.session !== null, "data only after established");
        this.data = concat(this.data, output.bytes);
        return nothing;
      case "ticket":
        hold(this.session !== null && this.#role === "client", "tickets are for clients");
        this.tickets.push(output.ticket);
        return nothing;
      case "failed":
        this.failed = this.over = true;
        return nothing;
      case "closed":
        this.over = true;
        return nothing;
    }
  }
}

/** A server's configuration says what it wants of its client; a client's does not. */
function handshakeOver(
  config: TlsClientConfig | TlsServerConfig,
  channel: Channel,
): ClientHandshake | ServerHandshake {
  return "clientCertificate" in config
    ? new ServerHandshake(config, channel)
    : new ClientHandshake(config, channel);
}

export class Duel {
  readonly client: Side;
  readonly server: Side;
  readonly #terms: Terms;
  readonly #liar: Liar;
  readonly #edits: Edits;
  #judged = false;

  constructor(
    terms: Terms,
    liar: Liar,
    edits: Edits,
    sessions: MemorySessions<string> | null = null,
    resume: ClientTicket | null = null,
  ) {
    this.#terms = terms;
    this.#liar = liar;
    this.#edits = edits;
    const of = (role: Role): Edits | null => (liar === role ? edits : null);
    this.client = new Side("client", clientSide(terms, resume), of("client"));
    this.server = new Side("server", serverSide(terms, sessions), of("server"));
  }

  /** A whole conversation: the handshake, words both ways, new keys, the end. */
  run(): this {
    this.tell("client", { kind: "start" });
    const { client, server } = this;
    const both = client.session !== null && server.session !== null;
    hold(both || this.#edits.touched, "honest ends meet");
    for (const role of ["client", "server"] as const) {
      const words = utf8(`from the ${role}`);
      this.#tellLiving(role, { kind: "send", bytes: words });
      if (this[role].session?.version !== "TLS 1.3") continue;
      this.#tellLiving(role, { kind: "update-keys" });
      this.#tellLiving(role, { kind: "send", bytes: words });
    }
    this.#tellLiving("client", { kind: "close" });
    hold(this.#edits.touched || (client.over && server.over), "honest ends part");
    return this;
  }

  tell(role: Role, input: TlsInput): void {
    let speaking = role;
    let bytes = this[speaking].tell(input);
    for (let turns = 0; bytes.length > 0; turns++) {
      hold(turns < MOST_TURNS, "they come to an end");
      this.#judge();
      speaking = speaking === "client" ? "server" : "client";
      bytes = this[speaking].tell({ kind: "bytes", bytes: this.#carried(bytes) });
    }
    this.#judge();
  }

  #tellLiving(role: Role, input: TlsInput): void {
    const side = this[role];
    if (side.session !== null && !side.over) this.tell(role, input);
  }

  #carried(bytes: Uint8Array): Uint8Array {
    if (this.#liar !== "wire") return bytes;
    return concat(...this.#edits.pieces(0, bytes).map(({ content }) => content));
  }

  #judge(): void {
    const { client, server } = this;
    const liar = this.#liar === "wire" ? null : this[this.#liar];
    const victim = this.#liar === "client" ? server : client;
    if (!this.#judged && victim.session !== null) {
      this.#judged = true;
      const honest = liar?.edited.channel?.honest ?? true;
      hold(honest, "established over the octets that the other side means, and no others");
      hold(victim.session.version === bestOf(this.#terms), "the highest version both speak");
    }
    if (client.session === null || server.session === null) return;
    const [one, other] = [client.session, server.session].map((session) =>
      session.exportKey("EXPORTER-fuzz", null, 32),
    );
    holdSame(one!, other!, "both have the same keys");
    hold(client.session.resumed === server.session.resumed, "both know whether it is resumed");
  }
}

/** A ticket out of an honest handshake under these terms, good in its store. */
export function ticketUnder(terms: Terms, sessions: MemorySessions<string>): ClientTicket | null {
  const first = new Duel(
    { ...terms, retry: false },
    "wire",
    new Edits(new Choices(new Uint8Array())),
    sessions,
  );
  first.tell("client", { kind: "start" });
  const issued = first.server.session?.issuedTicket ?? null;
  if (issued !== null) sessions.tag(issued, "lamp");
  return first.client.tickets[0] ?? null;
}
