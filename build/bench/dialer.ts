/** Shakes hands with a server on loopback, again and again: over a stream with Node's own TLS client, over datagrams with ours. */
import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { readFileSync } from "node:fs";
import path from "node:path";
import { connect } from "node:tls";
import type { ConnectionOptions } from "node:tls";
import { concat, fromBase64Url } from "../../src/base/bytes.ts";
import type { PublicKey } from "../../src/base/crypto/crypto.ts";
import { mono } from "../../src/base/machine.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import type { ClientTicket, Credential, TlsClientConfig } from "../../src/proto/tls/connection.ts";
import { DtlsClient } from "../../src/proto/tls/datagram/client.ts";
import type { DtlsInput } from "../../src/proto/tls/datagram/dtls.ts";
import { SUITES } from "../../src/proto/tls/suites.ts";

/** What both s_server and its drivers speak. OpenSSL has no DTLS 1.3. */
export type Protocol = "TLS 1.2" | "TLS 1.3" | "DTLS 1.2";
export type Asking = "none" | "required";
export type Kind = "full" | "resumed";

export interface DialerOptions {
  readonly folder: string;
  readonly protocol: Protocol;
  readonly clientCertificate: Asking;
  readonly port: number;
}

/** What a server that lost a datagram, or dislikes one, leaves us waiting for. */
const PATIENCE_MS = 10_000;

/** The same for every server: P-256, AES-128-GCM, SHA-256. */
export class Dialer {
  readonly #options: DialerOptions;
  readonly #dial: (resume: boolean) => Promise<boolean>;
  readonly #socket: Socket | null;

  constructor(options: DialerOptions) {
    this.#options = options;
    const datagrams = options.protocol === "DTLS 1.2";
    this.#socket = datagrams ? createSocket("udp4") : null;
    this.#dial = this.#socket ? this.#overDatagrams(this.#socket) : this.#overStream();
  }

  /** `count` handshakes one after the other. @throws Error when one fails, or is not of that kind. */
  async dial(kind: Kind, count: number): Promise<void> {
    const resumes = kind === "resumed";
    if (resumes) await this.#dial(false);
    for (let done = 0; done < count; done++) {
      if ((await this.#dial(resumes)) !== resumes) throw new Error(`not ${kind}`);
    }
  }

  close(): void {
    this.#socket?.close();
  }

  #file(name: string): Buffer {
    return readFileSync(path.join(this.#options.folder, name));
  }

  #overStream(): (resume: boolean) => Promise<boolean> {
    const { protocol, port, clientCertificate } = this.#options;
    const version = protocol === "TLS 1.2" ? "TLSv1.2" : "TLSv1.3";
    const own = { cert: this.#file("client.pem"), key: this.#file("client.key") };
    const options: ConnectionOptions = {
      ...{ host: "127.0.0.1", port, servername: "home.example", rejectUnauthorized: false },
      ...{ minVersion: version, maxVersion: version, ecdhCurve: "P-256" },
      ciphers: "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256",
      ...(clientCertificate === "required" ? own : {}),
    };
    let session: Buffer | undefined;
    return async (resume) => {
      const socket = connect(resume && session ? { ...options, session } : options);
      return new Promise<boolean>((resolve, reject) => {
        let resumed: boolean | null = null;
        socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error("no answer")));
        socket.once("error", reject);
        const leave = (fresh: Buffer | undefined): void => {
          session = fresh;
          // Not at once: the engine is still reading, and would end without its close_notify.
          setImmediate(() => socket.end());
        };
        socket.once("secureConnect", () => {
          resumed = socket.isSessionReused();
          if (version === "TLSv1.2") leave(socket.getSession());
        });
        // In TLS 1.3 the ticket comes behind the handshake.
        if (version === "TLSv1.3") socket.once("session", leave);
        socket.once("close", () =>
          resumed === null ? reject(new Error("closed too early")) : resolve(resumed),
        );
        socket.resume();
      });
    };
  }

  #overDatagrams(socket: Socket): (resume: boolean) => Promise<boolean> {
    const tls = this.#datagramConfig();
    const publicKey = publicKeyOf(this.#file("server.pem"));
    let ticket: ClientTicket | null = null;
    return (resume) =>
      new Promise((resolve, reject) => {
        const again = resume && ticket ? { resume: { ticket, ageMs: 0 } } : {};
        const client = new DtlsClient({ tls: { ...tls, ...again }, mtu: null });
        const timer = setInterval(() => tell({ kind: "timeout" }), 1000);
        const leave = (): void => {
          clearTimeout(timer);
          socket.off("message", onMessage);
        };
        const tell = (input: DtlsInput): void => {
          for (const output of client.handle(input, mono(Math.floor(performance.now())))) {
            if (output.kind === "datagram") {
              socket.send(output.bytes, this.#options.port, "127.0.0.1");
            }
            if (output.kind === "verify-peer") tell({ kind: "peer-accepted", publicKey });
            if (output.kind === "ticket") ticket = output.ticket;
            if (output.kind === "failed") {
              leave();
              reject(output.failure);
            }
            if (output.kind === "established") {
              const { resumed } = output.session;
              setImmediate(() => {
                tell({ kind: "close" });
                leave();
                resolve(resumed);
              });
            }
          }
        };
        const onMessage = (bytes: Buffer): void =>
          tell({ kind: "datagram", bytes: new Uint8Array(bytes) });
        socket.on("message", onMessage);
        tell({ kind: "start" });
      });
  }

  #datagramConfig(): TlsClientConfig {
    const asked = this.#options.clientCertificate === "required";
    return {
      crypto: nodeCrypto,
      random: (length) => new Uint8Array(randomBytes(length)),
      versions: ["TLS 1.2"],
      suites: [SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256],
      groups: ["P-256"],
      serverName: "home.example",
      credential: asked ? this.#credential() : null,
    };
  }

  #credential(): Credential {
    const { d } = createPrivateKey(this.#file("client.key")).export({ format: "jwk" });
    const key = nodeCrypto.signingKey("P-256", fromBase64Url(String(d))!);
    return {
      certificates: [new Uint8Array(new X509Certificate(this.#file("client.pem")).raw)],
      key,
    };
  }
}

function publicKeyOf(pem: Buffer): PublicKey {
  const { x, y } = new X509Certificate(pem).publicKey.export({ format: "jwk" });
  const point = concat(Uint8Array.of(4), fromBase64Url(String(x))!, fromBase64Url(String(y))!);
  return { kind: "ec", curve: "P-256", point };
}
