/** A TLS server on a loopback port that pumps the machine, and certificates made by the openssl command. */
import { spawn, spawnSync } from "node:child_process";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Crypto, EcCurve, PublicKey, SigningKey } from "../../src/base/crypto/crypto.ts";
import { concat, fromBase64Url, utf8 } from "../../src/base/bytes.ts";
import { mono } from "../../src/base/machine.ts";
import type { TlsFailure } from "../../src/proto/tls/failure.ts";
import { TlsServer } from "../../src/proto/tls/server.ts";
import type { TlsInput, TlsServerConfig, TlsSession } from "../../src/proto/tls/server.ts";

/** A temporary folder with a CA, a server certificate and client certificates. */
export class Pki {
  readonly folder: string = mkdtempSync(path.join(tmpdir(), "homeca-tls-"));

  constructor() {
    this.#issue("ca", ["EC", "P-256"], null);
    this.#issue("server", ["EC", "P-256"], "ca");
    this.#issue("client", ["EC", "P-256"], "ca");
    this.#issue("client384", ["EC", "P-384"], "ca");
    this.#issue("clientRsa", ["RSA", "2048"], "ca");
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  der(name: string): Uint8Array {
    return new Uint8Array(new X509Certificate(readFileSync(this.file(`${name}.pem`))).raw);
  }

  /** The DER of a certificate's subject, cut out of the file by openssl. */
  subject(name: string): Uint8Array {
    const text = openssl("asn1parse", "-in", this.file(`${name}.pem`));
    // The second SEQUENCE at depth 2 with a SET below is the issuer; a CA's subject is the same.
    const found = /^ *(\d+):d=2 +hl=(\d+) l= *(\d+) cons: SEQUENCE *\n *\d+:d=3 .*SET/m.exec(text);
    if (found === null) throw new Error(text);
    const [from, header, length] = [Number(found[1]), Number(found[2]), Number(found[3])];
    return this.der(name).slice(from, from + header + length);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #issue(name: string, [kind, size]: [string, string], issuer: string | null): void {
    const key = this.file(`${name}.key`);
    const option = kind === "EC" ? `ec_paramgen_curve:${size}` : `rsa_keygen_bits:${size}`;
    openssl("genpkey", "-algorithm", kind, "-pkeyopt", option, "-out", key);
    const signer =
      issuer === null ? [] : ["-CA", this.file("ca.pem"), "-CAkey", this.file("ca.key")];
    const subject = ["-subj", `/CN=${name}.test`, "-days", "2", "-out", this.file(`${name}.pem`)];
    openssl("req", "-x509", "-new", "-key", key, ...signer, ...subject);
  }
}

export function has(program: string, ...versionArguments: string[]): boolean {
  return spawnSync(program, versionArguments).status === 0;
}

function openssl(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync("openssl", words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`openssl ${words.join(" ")}: ${stderr}`);
  return stdout;
}

/** A private key file of P-256 or P-384 as the port knows it. */
export function signingKey(crypto: Crypto, file: string): SigningKey {
  const { crv, d } = createPrivateKey(readFileSync(file)).export({ format: "jwk" });
  const scalar = fromBase64Url(String(d));
  if (scalar === null) throw new Error(`${file} is no EC key`);
  return crypto.signingKey(curve(crv), scalar);
}

function curve(name: unknown): EcCurve {
  if (name === "P-256" || name === "P-384") return name;
  throw new Error(`no curve for ${String(name)}`);
}

/** The public key of a DER certificate, read by Node. */
export function publicKeyOf(der: Uint8Array): PublicKey {
  return publicKeyOfObject(new X509Certificate(der).publicKey);
}

/** The same of a DER SubjectPublicKeyInfo. */
export function publicKeyOfInfo(der: Uint8Array): PublicKey {
  return publicKeyOfObject(createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" }));
}

function publicKeyOfObject(object: KeyObject): PublicKey {
  const key = object.export({ format: "jwk" });
  const number = (digits: unknown): Uint8Array => fromBase64Url(String(digits)) ?? new Uint8Array();
  if (key.kty === "RSA") return { kind: "rsa", modulus: number(key.n), exponent: number(key.e) };
  const point = concat(Uint8Array.of(4), number(key.x), number(key.y));
  return { kind: "ec", curve: curve(key.crv), point };
}

/** What became of one connection, and what the server's side saw of it. */
export interface Seen {
  readonly sessions: TlsSession[];
  readonly failures: TlsFailure[];
  /** The client's application data. */
  received: string;
  closed: boolean;
}

/** Serves on a random loopback port: says `hello`, then echoes in upper case. */
export class Loopback {
  readonly seen: Seen = { sessions: [], failures: [], received: "", closed: false };
  readonly #config: TlsServerConfig;
  readonly #server = createServer((socket) => this.#serve(socket));
  readonly #answer: (chain: readonly Uint8Array[]) => TlsInput;

  constructor(
    config: TlsServerConfig,
    answer: (chain: readonly Uint8Array[]) => TlsInput = ([own]) => ({
      kind: "peer-accepted",
      publicKey: publicKeyOf(own!),
    }),
  ) {
    this.#config = config;
    this.#answer = answer;
  }

  async listen(): Promise<number> {
    await new Promise<void>((done) => void this.#server.listen(0, "127.0.0.1", done));
    // A TCP server's address is an object; only a pipe's is text.
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    await new Promise((done) => void this.#server.close(done));
  }

  #serve(socket: Socket): void {
    const machine = new TlsServer(this.#config);
    const feed = (input: TlsInput): void => {
      for (const output of machine.handle(input, mono(0))) {
        switch (output.kind) {
          case "send":
            socket.write(output.bytes);
            break;
          case "verify-peer":
            feed(this.#answer(output.chain));
            break;
          case "established":
            this.seen.sessions.push(output.session);
            feed({ kind: "send", bytes: utf8("hello\n") });
            break;
          case "data": {
            const text = Buffer.from(output.bytes).toString();
            this.seen.received += text;
            feed({ kind: "send", bytes: utf8(text.toUpperCase()) });
            break;
          }
          case "failed":
            this.seen.failures.push(output.failure);
            socket.end();
            break;
          case "ticket":
            break;
          case "closed":
            this.seen.closed = true;
            socket.end();
            break;
        }
      }
    };
    socket.on("data", (bytes) => feed({ kind: "bytes", bytes: new Uint8Array(bytes) }));
    socket.on("error", () => socket.destroy());
  }
}

export interface Ran {
  readonly status: number | null;
  /** Standard output and standard error as they came. */
  readonly text: string;
}

/** One line for a program's standard input, once its output since the line before has `after`. */
export interface Line {
  readonly after: string;
  readonly text: string;
}

/** A client that has not ended by itself after this long is ended, and what it said fails its test. */
const PATIENCE_MS = 60_000;

/** Runs a client to its end; closes its input after the last line. */
export function run(
  command: string,
  words: readonly string[],
  lines: readonly Line[],
): Promise<Ran> {
  return new Promise((done, fail) => {
    const child = spawn(command, words, { stdio: "pipe" });
    const waiting = [...lines];
    if (waiting.length === 0) child.stdin.end();
    let text = "";
    // s_client reads a command letter at the start of what it reads and drops the rest: one line at a time.
    let from = 0;
    const patience = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    const heard = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      while (waiting[0] !== undefined && text.includes(waiting[0].after, from)) {
        const line = waiting.shift();
        from = text.length;
        child.stdin.write(line!.text);
        if (waiting.length === 0) child.stdin.end();
      }
    };
    child.stdout.on("data", heard);
    child.stderr.on("data", heard);
    child.stdin.on("error", () => {});
    child.on("error", fail);
    child.on("close", (status) => {
      clearTimeout(patience);
      done({ status, text });
    });
  });
}
