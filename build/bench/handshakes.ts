/**
 * The server's side of one handshake, in memory: our client against our server
 * over a stream or over datagrams, of which only the server's time counts. Runs
 * on both engines.
 *
 * P-256 throughout, one certificate for each side. A client's certificate is
 * answered for at once with its key: path validation is not the handshake's.
 */
import { concat } from "../../src/base/bytes.ts";
import type { Crypto, SigningKey } from "../../src/base/crypto/crypto.ts";
import type { RandomSource } from "../../src/base/machine.ts";
import { mono, unix } from "../../src/base/machine.ts";
import { TlsClient } from "../../src/proto/tls/client.ts";
import type { TlsClientConfig } from "../../src/proto/tls/client.ts";
import type {
  ClientTicket,
  Credential,
  TlsInput,
  TlsSession,
  TlsVersion,
} from "../../src/proto/tls/connection.ts";
import { DtlsClient } from "../../src/proto/tls/datagram/client.ts";
import type { DtlsInput } from "../../src/proto/tls/datagram/dtls.ts";
import { DtlsServer } from "../../src/proto/tls/datagram/server.ts";
import type { EndpointInput } from "../../src/proto/tls/datagram/server.ts";
import { TlsServer } from "../../src/proto/tls/server.ts";
import type { TlsServerConfig } from "../../src/proto/tls/server.ts";
import { MemorySessions } from "../../src/proto/tls/session-store.ts";
import { signCertificate } from "../../src/proto/x509/certificate.ts";
import { subjectAltName } from "../../src/proto/x509/extensions.ts";
import { encodePublicKey } from "../../src/proto/x509/key.ts";
import { encodeName } from "../../src/proto/x509/name.ts";
import { OID } from "../../src/proto/x509/oids.ts";
import { seeded } from "../../test/kit/random.ts";
import { middle, noParts, taken, watched } from "./stop-watch.ts";
import type { Parts, Taken } from "./stop-watch.ts";

export type Protocol = TlsVersion | "DTLS 1.2" | "DTLS 1.3";

const PROTOCOLS: readonly Protocol[] = ["TLS 1.2", "TLS 1.3", "DTLS 1.2", "DTLS 1.3"];
const ASKING = ["none", "required"] as const;
const KINDS = ["full", "resumed"] as const;
/** Any time will do: nothing here waits. */
const NOW = mono(0);

/** One figure: milliseconds of the server per handshake, and where they go. */
export interface HandshakeRow extends Taken {
  readonly provider: string;
  readonly protocol: Protocol;
  readonly clientCertificate: (typeof ASKING)[number];
  readonly kind: (typeof KINDS)[number];
}

/** How often each handshake is measured, full and resumed, and how often before without. */
export interface Plan {
  readonly full: number;
  readonly resumed: number;
  readonly warmUp: number;
}

/** A server, a client that knows it, and the time the server has taken. */
export class House {
  readonly #protocol: Protocol;
  readonly #now: () => number;
  readonly #server: TlsServerConfig;
  readonly #client: TlsClientConfig;
  readonly #serverKey: SigningKey;
  readonly #clientKey: SigningKey;
  readonly #sessions: MemorySessions<string>;
  /** Behind one socket, where there are datagrams. */
  readonly endpoint: DtlsServer;
  /** With `stays`: what the server's user keeps of each client. */
  readonly held: TlsSession[] = [];
  /** Whether associations are left standing once their handshake is over. */
  stays = false;
  serverMs = 0;
  #addresses = 0;

  /**
   * @param crypto - The server's; the client has `clientCrypto`, so that stop watches on the former count the server alone.
   * @param keeps - Whether the server keeps sessions and issues tickets.
   */
  constructor(
    protocol: Protocol,
    clientCertificate: HandshakeRow["clientCertificate"],
    crypto: Crypto,
    clientCrypto: Crypto,
    now: () => number,
    keeps = true,
  ) {
    this.#protocol = protocol;
    this.#now = now;
    const random = seeded("sessions");
    const limits = { lifetimeSeconds: 3600, maxSessions: 64 };
    this.#sessions = new MemorySessions({ random, now: () => NOW, ...limits });
    const versions = [protocol.endsWith("1.2") ? "TLS 1.2" : "TLS 1.3"] as const;
    this.#serverKey = crypto.signingKey("P-256", new Uint8Array(32).fill(0x51));
    this.#clientKey = clientCrypto.signingKey("P-256", new Uint8Array(32).fill(0xc1));
    this.#server = {
      ...{ crypto, versions, clientCertificate, authorities: [], random: cheap("server") },
      ...credential(this.#serverKey, "home.example"),
      ...(keeps ? { sessions: this.#sessions } : {}),
    };
    this.#client = {
      ...{ crypto: clientCrypto, versions, serverName: "home.example", random: cheap("client") },
      credential: credential(this.#clientKey, "a device"),
    };
    const room = { maxAssociations: 1024, idleMs: null, mtu: null };
    this.endpoint = new DtlsServer({ tls: this.#server, ...room });
  }

  /** One handshake. @returns What the client may come back with; null where the server keeps nothing. */
  greet(resume: ClientTicket | null): ClientTicket | null {
    const client = { ...this.#client, ...(resume && { resume: { ticket: resume, ageMs: 0 } }) };
    const ends = this.#protocol.startsWith("D") ? this.#overDatagrams(client) : this.#over(client);
    let toServer = ends.start();
    while (toServer.length > 0) toServer = ends.client(ends.server(toServer));
    const { session, ticket } = ends;
    if (session() === null) throw new Error(`${this.#protocol}: no session`);
    if (session()!.resumed !== (resume !== null)) throw new Error("full and resumed are mixed up");
    if (!session()!.resumed && session()!.group !== "P-256") throw new Error("not with P-256");
    ends.leave();
    return ticket();
  }

  #over(config: TlsClientConfig): Ends {
    const client = new TlsClient(config);
    const server = this.#timed(() => new TlsServer(this.#server));
    let session: TlsSession | null = null;
    let ticket: ClientTicket | null = null;
    const tellClient = (input: TlsInput): Uint8Array[] =>
      client.handle(input, NOW).flatMap((output) => {
        if (output.kind === "ticket") ticket = output.ticket;
        if (output.kind === "failed") throw output.failure;
        if (output.kind === "send") return [output.bytes];
        return output.kind === "verify-peer" ? tellClient(this.#serverGood) : [];
      });
    const tellServer = (input: TlsInput): Uint8Array[] =>
      this.#timed(() => server.handle(input, NOW)).flatMap((output) => {
        if (output.kind === "established") session = this.#keep(output.session);
        if (output.kind === "failed") throw output.failure;
        if (output.kind === "send") return [output.bytes];
        return output.kind === "verify-peer" ? tellServer(this.#clientGood) : [];
      });
    /** One read takes what several writes have put onto the wire. */
    const together = (sent: Uint8Array[]): Uint8Array[] =>
      sent.length === 0 ? [] : [concat(...sent)];
    const bytes = (one: Uint8Array): TlsInput => ({ kind: "bytes", bytes: one });
    return {
      start: () => together(tellClient({ kind: "start" })),
      client: (sent) => together(sent.flatMap((one) => tellClient(bytes(one)))),
      server: (sent) => together(sent.flatMap((one) => tellServer(bytes(one)))),
      leave: () => {},
      session: () => session,
      ticket: () => ticket,
    };
  }

  #overDatagrams(config: TlsClientConfig): Ends {
    const client = new DtlsClient({ tls: config, mtu: null });
    const from = `192.0.2.1:${++this.#addresses}`;
    let session: TlsSession | null = null;
    let ticket: ClientTicket | null = null;
    const tellClient = (input: DtlsInput): Uint8Array[] =>
      client.handle(input, NOW).flatMap((output) => {
        if (output.kind === "ticket") ticket = output.ticket;
        if (output.kind === "failed") throw output.failure;
        if (output.kind === "datagram") return [output.bytes];
        return output.kind === "verify-peer" ? tellClient(this.#serverGood) : [];
      });
    const tellServer = (input: EndpointInput): Uint8Array[] =>
      this.#timed(() => this.endpoint.handle(input, NOW)).flatMap((output) => {
        if (output.kind === "established") session = this.#keep(output.session);
        if (output.kind === "failed") throw output.failure;
        if (output.kind === "datagram") return [output.bytes];
        if (output.kind !== "verify-peer") return [];
        return tellServer({ ...this.#clientGood, association: output.association });
      });
    const hear = (bytes: Uint8Array): Uint8Array[] => tellServer({ kind: "datagram", from, bytes });
    return {
      start: () => tellClient({ kind: "start" }),
      client: (sent) => sent.flatMap((bytes) => tellClient({ kind: "datagram", bytes })),
      server: (sent) => sent.flatMap(hear),
      leave: () => {
        if (this.stays) this.held.push(session!);
        else tellClient({ kind: "close" }).forEach(hear);
      },
      session: () => session,
      ticket: () => ticket,
    };
  }

  get #serverGood(): TlsInput & DtlsInput & { readonly kind: "peer-accepted" } {
    return { kind: "peer-accepted", publicKey: this.#serverKey.publicKey };
  }

  get #clientGood(): TlsInput & DtlsInput & { readonly kind: "peer-accepted" } {
    return { kind: "peer-accepted", publicKey: this.#clientKey.publicKey };
  }

  #keep(session: TlsSession): TlsSession {
    if (session.issuedTicket !== null) this.#sessions.tag(session.issuedTicket, "a client");
    return session;
  }

  #timed<T>(work: () => T): T {
    const from = this.#now();
    try {
      return work();
    } finally {
      this.serverMs += this.#now() - from;
    }
  }
}

/** The two ends of one handshake, and the wire between them. */
interface Ends {
  readonly start: () => Uint8Array[];
  readonly client: (sent: Uint8Array[]) => Uint8Array[];
  readonly server: (sent: Uint8Array[]) => Uint8Array[];
  readonly leave: () => void;
  readonly session: () => TlsSession | null;
  readonly ticket: () => ClientTicket | null;
}

/** Octets drawn beforehand, from a new place each time: what the source costs is the host's. */
function cheap(seed: string): RandomSource {
  const pool = seeded(seed)(4096);
  let at = 0;
  return (length) => {
    const bytes = pool.slice(at, at + length);
    at = (at + length) % 2048;
    // No two handshakes have one random.
    pool[at]! += 1;
    return bytes;
  };
}

function credential(key: SigningKey, commonName: string): Credential {
  const name = encodeName([{ type: OID.commonName, value: commonName }]);
  const certificate = signCertificate(
    {
      serial: Uint8Array.of(1),
      issuer: name,
      subject: name,
      notBefore: unix(1_577_836_800),
      notAfter: unix(253_402_300_799),
      spki: encodePublicKey(key.publicKey),
      extensions: [subjectAltName([{ kind: "dns", name: "home.example" }])],
    },
    key,
    null,
  );
  return { certificates: [certificate], key };
}

/** Every protocol, with and without a client's certificate, full and resumed. */
export function* measureHandshakes(
  crypto: Crypto,
  now: () => number,
  plan: Plan,
): Generator<HandshakeRow> {
  for (const protocol of PROTOCOLS) {
    for (const clientCertificate of ASKING) {
      const parts = noParts();
      const server = watched(crypto, parts, now);
      const house = new House(protocol, clientCertificate, server, crypto, now);
      for (const kind of KINDS) {
        const figures = measureOne(house, parts, kind, plan);
        yield { provider: crypto.name, protocol, clientCertificate, kind, ...figures };
      }
    }
  }
}

function measureOne(house: House, parts: Parts, kind: HandshakeRow["kind"], plan: Plan): Taken {
  const runs: Taken[] = [];
  let ticket = kind === "resumed" ? house.greet(null) : null;
  for (let run = -plan.warmUp; run < plan[kind]; run++) {
    Object.assign(parts, noParts());
    house.serverMs = 0;
    const next = house.greet(ticket);
    if (run >= 0) runs.push(taken(parts, house.serverMs));
    // In TLS 1.2 a session may be come back to by its first ticket.
    if (kind === "resumed") ticket = next ?? ticket;
  }
  return middle(runs);
}
