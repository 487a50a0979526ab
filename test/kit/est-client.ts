/** A client of EST over HTTPS in one memory: our TLS client, and requests as text. */
import { concat, fromUtf8, utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import type { StreamConnection } from "../../src/host/host.ts";
import { MemoryFiles } from "../../src/host/memory/files.ts";
import { MemoryHost } from "../../src/host/memory/host.ts";
import { TlsClient } from "../../src/proto/tls/client.ts";
import type { TlsInput, TlsSession, TlsVersion } from "../../src/proto/tls/client.ts";
import type { Credential } from "../../src/proto/tls/connection.ts";
import { parseCertificate } from "../../src/proto/x509/certificate.ts";
import { seeded } from "./random.ts";

/** A machine at another address of the same network. */
export function neighbour(host: MemoryHost, address: string): MemoryHost {
  const { crypto, clock, network } = host;
  const random = seeded(`neighbour ${address}`);
  return new MemoryHost({ crypto, random, files: new MemoryFiles(), clock, network, address });
}

export interface EstClientOptions {
  readonly credential?: Credential | null;
  readonly version?: TlsVersion;
  readonly port?: number;
  /** A request that leaves in one piece with the end of our handshake, before anybody has judged our chain. */
  readonly behindFinished?: string;
}

let clients = 0;

export class EstClient {
  readonly #host: MemoryHost;
  readonly #tls: TlsClient;
  readonly #behindFinished: string | null;
  #connection: StreamConnection | null = null;
  #heard: Uint8Array[] = [];
  session: TlsSession | null = null;
  /** Of the TLS connection's end, where it failed. */
  alert: string | null = null;
  /** How the TCP connection went. */
  state: "new" | "open" | "refused" | "closed" = "new";

  /** Connects; the handshake begins as soon as `start` is told. */
  constructor(crypto: Crypto, host: MemoryHost, options: EstClientOptions = {}) {
    this.#host = host;
    this.#behindFinished = options.behindFinished ?? null;
    this.#tls = new TlsClient({
      crypto,
      random: seeded(`est client ${++clients}`),
      versions: [options.version ?? "TLS 1.3"],
      serverName: "homeca.home.arpa",
      applicationProtocols: ["http/1.1"],
      credential: options.credential ?? null,
    });
    host.connectTcp(
      { address: "127.0.0.1", port: options.port ?? 8443 },
      (connection) => {
        this.#connection = connection;
        this.state = "open";
        return {
          onBytes: (bytes) => this.#tell({ kind: "bytes", bytes }),
          onEnd: () => connection.end(),
          onDrained: () => {},
          onClose: () => void (this.state = "closed"),
        };
      },
      () => void (this.state = "refused"),
    );
    host.clock.advance(0);
  }

  /** All that came through the connection, as text. */
  get text(): string {
    return fromUtf8(concat(...this.#heard)) ?? "";
  }

  /** Makes the handshake. */
  start(): this {
    this.#tell({ kind: "start" });
    this.#host.clock.advance(0);
    return this;
  }

  /** From now on it reads nothing. */
  pause(): void {
    this.#connection?.pause();
  }

  /** Octets as they are, without TLS. */
  sendRaw(bytes: Uint8Array): void {
    this.#connection?.send(bytes);
    this.#host.clock.advance(0);
  }

  send(text: string): this {
    this.#tell({ kind: "send", bytes: utf8(text) });
    this.#host.clock.advance(0);
    return this;
  }

  /** Sends a request; gives the whole response. */
  ask(text: string): string {
    this.#heard = [];
    return this.send(text).text;
  }

  /** What one input causes leaves in one piece. */
  #tell(input: TlsInput): void {
    const parts: Uint8Array[] = [];
    this.#take(input, parts);
    if (parts.length > 0) this.#connection?.send(concat(...parts));
  }

  #take(input: TlsInput, parts: Uint8Array[]): void {
    for (const output of this.#tls.handle(input, this.#host.mono())) {
      if (output.kind === "send") parts.push(output.bytes);
      else if (output.kind === "data") this.#heard.push(output.bytes);
      else if (output.kind === "failed") this.alert = output.failure.alert;
      else if (output.kind === "established") {
        this.session = output.session;
        if (this.#behindFinished === null) continue;
        this.#take({ kind: "send", bytes: utf8(this.#behindFinished) }, parts);
      } else if (output.kind === "verify-peer") {
        const { publicKey } = parseCertificate(output.chain[0]!);
        this.#take({ kind: "peer-accepted", publicKey }, parts);
      }
    }
  }
}
