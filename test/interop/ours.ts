/** Our own end, in this very process. What the engine learns is a line in {@link ours.cannot} less. */
import { randomBytes } from "node:crypto";
import { connect as connectTcp, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { concat, hex, sameBytes, toHex, utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { mono } from "../../src/base/machine.ts";
import type { Machine } from "../../src/base/machine.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { TlsClient } from "../../src/proto/tls/client.ts";
import type {
  CertificateType,
  ClientTicket,
  Credential,
  ResumableSession,
  SessionStore,
  TlsClientConfig,
  TlsConfig,
  TlsInput,
  TlsOutput,
  TlsServerConfig,
  TlsSession,
} from "../../src/proto/tls/connection.ts";
import { TlsServer } from "../../src/proto/tls/server.ts";
import { SUITES, SUITES_13 } from "../../src/proto/tls/suites.ts";
import type { Suite } from "../../src/proto/tls/suites.ts";
import { connectionsOf, groupsFor, hasClientKey, isDatagram, isNew } from "./cell.ts";
import { usesPsk, usesRawKeys } from "./cell.ts";
import type { Cell, Role } from "./cell.ts";
import { answerCoap, contentOf, getRequest } from "./coap.ts";
import { EXPORTER, lineOf } from "./end.ts";
import type { Application, End, Report } from "./end.ts";
import { PSK } from "./identities.ts";
import type { Identities, Own } from "./identities.ts";
import { promised } from "./program.ts";
import { publicKeyOf, publicKeyOfInfo, signingKey } from "./tls-loopback.ts";

const CRYPTO: Crypto = nodeCrypto;

export const ours: End = {
  name: "HomeCA",
  application: "lines",
  is: "HomeCA",
  from: "",

  cannot(cell) {
    if (isDatagram(cell)) return "HomeCA has no DTLS yet";
    if (usesPsk(cell) && cell.flow === "resumed") {
      return "HomeCA resumes no session that began with a PSK: the key itself is as quick";
    }
    if (suiteOf(cell) === null) return `HomeCA has no ${cell.suite}`;
    return null;
  },

  async serve(cell, identities, application) {
    const reports: Report[] = [];
    const config = serverConfig(cell, identities);
    const wanted = connectionsOf(cell);
    const done = promised<readonly Report[]>();
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      const ended = (report: Report | Error): void => {
        if (report instanceof Error) done.reject(report);
        else if (reports.push(report) === wanted) done.resolve(reports);
      };
      const judge = judgeOf(cell, "client", identities);
      const machine = new TlsServer(config);
      new Conversation(machine, socket, { judge, ended, ...serverManners(application) }).begin();
    });
    await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
    return {
      // A TCP server's address is an object; only a pipe's is text.
      port: (server.address() as AddressInfo).port,
      reports: done.promise,
      stop: () => {
        for (const socket of sockets) socket.destroy();
        done.reject(new Error("our server was stopped before it had served"));
        return new Promise((stopped) => void server.close(() => stopped()));
      },
    };
  },

  async connect(cell, identities, port, application) {
    const reports: Report[] = [];
    let kept: { readonly ticket: ClientTicket; readonly since: number } | null = null;
    for (let count = 1; count <= connectionsOf(cell); count++) {
      const resume =
        kept === null ? {} : { resume: { ticket: kept.ticket, ageMs: Date.now() - kept.since } };
      const done = promised<Report>();
      const socket = connectTcp(port, "127.0.0.1");
      const machine = new TlsClient({ ...clientConfig(cell, identities), ...resume });
      const judge = judgeOf(cell, "server", identities);
      const ended = (report: Report | Error): void => {
        if (report instanceof Error) done.reject(report);
        else done.resolve(report);
      };
      const manners = { judge, ended, ...clientManners(application, count) };
      const talk = new Conversation(machine, socket, manners);
      talk.begin();
      reports.push(await done.promise);
      if (talk.ticket !== null) kept = { ticket: talk.ticket, since: Date.now() };
    }
    return reports;
  },
};

function suiteOf({ suite }: Cell): Suite | null {
  const all: readonly Suite[] = [...Object.values(SUITES), ...Object.values(SUITES_13)];
  return all.find(({ name }) => name === suite) ?? null;
}

/** What both roles are told. */
function commonConfig(cell: Cell, role: Role): TlsConfig {
  const suite = suiteOf(cell);
  if (suite === null) throw new Error(`no suite ${cell.suite}`);
  return {
    crypto: CRYPTO,
    random: (length) => new Uint8Array(randomBytes(length)),
    versions: isNew(cell) ? ["TLS 1.3"] : ["TLS 1.2"],
    suites: [suite],
    suites13: [suite],
    groups: groupsFor(cell, role),
  };
}

const RAW: readonly CertificateType[] = ["raw-public-key"];

function serverConfig(cell: Cell, identities: Identities): TlsServerConfig {
  return {
    ...commonConfig(cell, "server"),
    // A server that has a PSK still has a certificate, which none of these clients can ask for.
    ...(credentialOf(cell, "server", identities) ??
      credential(identities.named("server"), identities)),
    clientCertificate: hasClientKey(cell) ? "required" : "none",
    authorities: [],
    ...(usesRawKeys(cell) ? { clientCertificateTypes: RAW } : {}),
    ...(cell.flow === "resumed" ? { sessions: new Sessions() } : {}),
    ...(usesPsk(cell) ? { preSharedKey: keyOf } : {}),
  };
}

function clientConfig(cell: Cell, identities: Identities): TlsClientConfig {
  return {
    ...commonConfig(cell, "client"),
    serverName: "peer.test",
    credential: credentialOf(cell, "client", identities),
    ...(usesRawKeys(cell) ? { serverCertificateTypes: RAW } : {}),
    ...(usesPsk(cell) ? { preSharedKey: { identity: utf8(PSK.identity), key: hex(PSK.hex) } } : {}),
  };
}

function credentialOf(cell: Cell, role: Role, identities: Identities): Credential | null {
  const own = identities.own(cell, role);
  if (own === null) return null;
  const certified = credential(own, identities);
  if (!usesRawKeys(cell)) return certified;
  return { ...certified, certificates: [], publicKeyInfo: identities.der(own.publicKey) };
}

function credential(own: Own, identities: Identities): Credential {
  return {
    certificates: [identities.der(own.certificate)],
    key: signingKey(CRYPTO, own.key),
  };
}

function keyOf(identity: Uint8Array): Uint8Array | null {
  return sameBytes(identity, utf8(PSK.identity)) ? hex(PSK.hex) : null;
}

/** Sessions as a caller keeps them who stands by each of them, once. */
class Sessions implements SessionStore {
  readonly #kept = new Map<string, ResumableSession>();

  keep(session: ResumableSession): ReturnType<SessionStore["keep"]> {
    const ticket = new Uint8Array(randomBytes(16));
    this.#kept.set(toHex(ticket), session);
    return { ticket, lifetimeSeconds: 3600 };
  }

  find(ticket: Uint8Array): ResumableSession | null {
    return this.#kept.get(toHex(ticket)) ?? null;
  }

  spend(ticket: Uint8Array): void {
    this.#kept.delete(toHex(ticket));
  }
}

type Judge = (shown: Extract<TlsOutput, { kind: "verify-peer" }>) => TlsInput;

/** Takes the very certificate or key that the other end was given, and no other. */
function judgeOf(cell: Cell, role: Role, identities: Identities): Judge {
  const expected = identities.own(cell, role);
  return ({ chain, certificateType }) => {
    const raw = certificateType === "raw-public-key";
    const file = raw ? expected?.publicKey : expected?.certificate;
    const [leaf] = chain;
    const good = file !== undefined && leaf !== undefined && sameBytes(leaf, identities.der(file));
    if (!good || raw !== usesRawKeys(cell)) {
      return { kind: "peer-rejected", alert: "bad_certificate", reason: "not the one given" };
    }
    return { kind: "peer-accepted", publicKey: raw ? publicKeyOfInfo(leaf) : publicKeyOf(leaf) };
  };
}

/** How an end behaves: what it says once it may, and what to what it hears. */
interface Manners {
  readonly judge: Judge;
  readonly opening: Uint8Array | null;
  /** Null ends the connection; nothing waits for more. */
  answer(bytes: Uint8Array, heard: Uint8Array): Uint8Array | null;
  ended(report: Report | Error): void;
}

function serverManners(application: Application): Pick<Manners, "opening" | "answer"> {
  const loud = (bytes: Uint8Array): Uint8Array =>
    utf8(Buffer.from(bytes).toString("latin1").toUpperCase());
  const answer = application === "coap" ? (bytes: Uint8Array) => answerCoap(bytes, "stream") : loud;
  return { opening: null, answer };
}

function clientManners(
  application: Application,
  count: number,
): Pick<Manners, "opening" | "answer"> {
  const coap = application === "coap";
  const opening = coap ? getRequest("stream", count) : utf8(`${lineOf(count)}\n`);
  const whole = (heard: Uint8Array): boolean =>
    coap ? contentOf(heard, "stream") !== null : heard.length >= opening.length;
  return { opening, answer: (_bytes, heard) => (whole(heard) ? null : new Uint8Array()) };
}

/** A peer that says nothing for so long has failed its cell. */
const PATIENCE_MS = 15_000;

/** A machine on a TCP socket. */
class Conversation {
  ticket: ClientTicket | null = null;
  readonly #machine: Machine<TlsInput, TlsOutput>;
  readonly #socket: Socket;
  readonly #manners: Manners;
  #session: TlsSession | null = null;
  #exported = "";
  #peer: NonNullable<Report["peer"]> = "nothing";
  #heard: Uint8Array = new Uint8Array();

  constructor(machine: Machine<TlsInput, TlsOutput>, socket: Socket, manners: Manners) {
    this.#machine = machine;
    this.#socket = socket;
    this.#manners = manners;
  }

  begin(): void {
    const socket = this.#socket;
    socket.on("data", (bytes) => this.#guarded({ kind: "bytes", bytes: new Uint8Array(bytes) }));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#manners.ended(this.#report()));
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    if (this.#manners.opening !== null) this.#guarded({ kind: "start" });
  }

  /** What breaks in our machine fails the cell, not the run. */
  #guarded(input: TlsInput): void {
    try {
      this.#feed(input);
    } catch (fault) {
      this.#manners.ended(fault instanceof Error ? fault : new Error(String(fault)));
      this.#socket.destroy();
    }
  }

  #feed(input: TlsInput): void {
    // The times are those of a clock that stands still: no ticket of a cell gets old.
    for (const output of this.#machine.handle(input, mono(0))) {
      switch (output.kind) {
        case "send":
          this.#socket.write(output.bytes);
          break;
        case "verify-peer":
          this.#peer = output.certificateType === "x509" ? "certificate" : "raw public key";
          this.#feed(this.#manners.judge(output));
          break;
        case "established":
          this.#established(output.session);
          break;
        case "data":
          this.#hear(output.bytes);
          break;
        case "failed":
          this.#manners.ended(new Error(`our end failed: ${output.failure.message}`));
          this.#socket.end();
          break;
        case "closed":
          this.#socket.end();
          break;
        case "ticket":
          this.ticket = output.ticket;
          break;
      }
    }
  }

  #established(session: TlsSession): void {
    const { opening } = this.#manners;
    this.#session = session;
    this.#exported = toHex(session.exportKey(EXPORTER.label, null, EXPORTER.length));
    if (opening !== null) this.#feed({ kind: "send", bytes: opening });
  }

  #hear(bytes: Uint8Array): void {
    this.#heard = concat(this.#heard, bytes);
    const answer = this.#manners.answer(bytes, this.#heard);
    if (answer === null) {
      this.#feed({ kind: "close" });
      // Some servers wait for the end of the stream, and some for ours before theirs.
      this.#socket.end();
    } else if (answer.length > 0) this.#feed({ kind: "send", bytes: answer });
  }

  #report(): Report | Error {
    const session = this.#session;
    if (session === null) return new Error("the other side left before the handshake was over");
    return {
      version: session.version,
      suite: session.suite.name,
      group: session.group ?? "none",
      exported: this.#exported,
      peer: this.#peer,
      heard: Buffer.from(this.#heard).toString("latin1"),
      resumed: session.resumed,
    };
  }
}
