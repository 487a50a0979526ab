/** s_client against a server of ours on a loopback port, with certificates made for it. */
import { randomBytes } from "node:crypto";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import type { TlsInput, TlsServerConfig } from "../../src/proto/tls/server.ts";
import { Loopback, Pki, run, signingKey } from "./tls-loopback.ts";
import type { Line, Ran, Seen } from "./tls-loopback.ts";

/** Waits for our greeting, says one thing, waits for its echo, and leaves in order. */
export const TALK: readonly Line[] = [
  { after: "hello\n", text: "talk\n" },
  { after: "TALK\n", text: "Q\n" },
];

export class OpensslBench {
  readonly pki: Pki = new Pki();
  readonly #crypto: Crypto;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  /** A server that asks for no certificate. */
  config(changes: Partial<TlsServerConfig> = {}): TlsServerConfig {
    const crypto = changes.crypto ?? this.#crypto;
    return {
      crypto,
      random: (length) => new Uint8Array(randomBytes(length)),
      certificates: [this.pki.der("server")],
      key: signingKey(crypto, this.pki.file("server.key")),
      clientCertificate: "none",
      authorities: [],
      ...changes,
    };
  }

  /** One client against a server that serves while it runs. */
  async serving<T>(loopback: Loopback, use: (port: number) => Promise<T>): Promise<T & Seen> {
    const result = await use(await loopback.listen());
    await loopback.stop();
    return { ...result, ...loopback.seen };
  }

  sClient(
    server: TlsServerConfig,
    words: readonly string[],
    lines: readonly Line[] = TALK,
    answer?: (chain: readonly Uint8Array[]) => TlsInput,
  ): Promise<Ran & Seen> {
    const trust = ["-CAfile", this.pki.file("ca.pem"), "-verify_return_error"];
    return this.serving(new Loopback(server, answer), (port) =>
      run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...trust, ...words], lines),
    );
  }

  /** Options that make s_client show a certificate. */
  identity(name: string): string[] {
    return ["-cert", this.pki.file(`${name}.pem`), "-key", this.pki.file(`${name}.key`)];
  }
}
