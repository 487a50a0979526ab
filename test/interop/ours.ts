/** Our own end, in this very process. What the engine learns is a line in {@link ours.cannot} less. */
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { concat, hex, sameBytes, toHex, utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { mono } from "../../src/base/machine.ts";
import type { Machine } from "../../src/base/machine.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import type {
  CertificateType,
  ResumableSession,
  SessionStore,
  TlsInput,
  TlsOutput,
  TlsServerConfig,
  TlsSession,
} from "../../src/proto/tls/connection.ts";
import { TlsServer } from "../../src/proto/tls/server.ts";
import { SUITES, SUITES_13 } from "../../src/proto/tls/suites.ts";
import type { Suite } from "../../src/proto/tls/suites.ts";
import {
  connectionsOf,
  groupsFor,
  hasClientKey,
  isDatagram,
  usesPsk,
  usesRawKeys,
} from "./cell.ts";
import type { Cell, Role } from "./cell.ts";
import { answerCoap } from "./coap.ts";
import { EXPORTER } from "./end.ts";
import type { Application, End, Report } from "./end.ts";
import { PSK } from "./identities.ts";
import type { Identities } from "./identities.ts";
import { promised } from "./program.ts";
import { publicKeyOf, publicKeyOfInfo, signingKey } from "./tls-loopback.ts";

const CRYPTO: Crypto = nodeCrypto;

export const ours: End = {
  name: "HomeCA",
  application: "lines",
  is: "HomeCA",
  from: "",

  cannot(cell, role) {
    if (role === "client") return "HomeCA has no client yet";
    if (isDatagram(cell)) return "HomeCA has no DTLS yet";
    if (usesRawKeys(cell)) return "HomeCA has no raw public keys yet";
    if (usesPsk(cell)) return "HomeCA has no external PSK yet";
    if (cell.flow === "resumed") return "HomeCA resumes no session yet";
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
      new Conversation(machine, socket, { judge, application, ended }).begin();
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

  connect() {
    return Promise.reject(new Error("HomeCA has no client yet"));
  },
};

function suiteOf({ suite }: Cell): Suite | null {
  const all: readonly Suite[] = [...Object.values(SUITES), ...Object.values(SUITES_13)];
  return all.find(({ name }) => name === suite) ?? null;
}

function serverConfig(cell: Cell, identities: Identities): TlsServerConfig {
  const own = identities.own(cell, "server");
  const suite = suiteOf(cell);
  if (suite === null) throw new Error("not served");
  // A server without a certificate still has a key, which a PSK leaves unused.
  const key = signingKey(CRYPTO, own?.key ?? identities.file("server.key"));
  const raw: readonly CertificateType[] = ["raw-public-key"];
  return {
    crypto: CRYPTO,
    random: (length) => new Uint8Array(randomBytes(length)),
    certificates: [identities.der(own?.certificate ?? identities.file("server.pem"))],
    key,
    clientCertificate: hasClientKey(cell) ? "required" : "none",
    authorities: [],
    versions: cell.version === "TLS 1.3" ? ["TLS 1.3"] : ["TLS 1.2"],
    suites: [suite],
    suites13: [suite],
    groups: groupsFor(cell, "server"),
    ...(cell.flow === "resumed" ? { sessions: new Sessions() } : {}),
    ...(usesRawKeys(cell) && own !== null
      ? { publicKeyInfo: identities.der(own.publicKey), clientCertificateTypes: raw }
      : {}),
    ...(usesPsk(cell) ? { preSharedKey: keyOf } : {}),
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

interface Manners {
  readonly judge: Judge;
  readonly application: Application;
  ended(report: Report | Error): void;
}

/** A machine on a TCP socket, answering as a server does. */
class Conversation {
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
          this.#session = output.session;
          this.#exported = toHex(output.session.exportKey(EXPORTER.label, null, EXPORTER.length));
          break;
        case "data":
          this.#heard = concat(this.#heard, output.bytes);
          this.#feed({ kind: "send", bytes: this.#answer(output.bytes) });
          break;
        case "failed":
          this.#manners.ended(new Error(`our end failed: ${output.failure.message}`));
          this.#socket.end();
          break;
        case "closed":
          this.#socket.end();
          break;
        case "ticket":
          break;
      }
    }
  }

  #answer(bytes: Uint8Array): Uint8Array {
    if (this.#manners.application === "coap") return answerCoap(bytes, "stream");
    return utf8(Buffer.from(bytes).toString("latin1").toUpperCase());
  }

  #report(): Report | Error {
    const session = this.#session;
    if (session === null) return new Error("the client left before the handshake was over");
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
