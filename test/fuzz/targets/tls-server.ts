/**
 * The TLS server of both versions with all its locks open: any octets, however
 * chunked, go as far as they can. It never throws, says the same whatever the
 * chunking, sends whole records and not many, gives no data before it is
 * established, is established once and never without the certificate it
 * requires, and says nothing after its end.
 */
import { concat, Reader } from "../../../src/base/bytes.ts";
import type { PublicKey } from "../../../src/base/crypto/crypto.ts";
import { mono } from "../../../src/base/machine.ts";
import { Choices } from "../choices.ts";
import { Broken, hold, holdSame } from "../expect.ts";
import { BAD, openCrypto } from "../open-crypto.ts";
import { serverConfig, TlsServer } from "../tls.ts";
import type { TlsInput, TlsOutput, TlsServerConfig } from "../tls.ts";

/** Octets a server may send for nothing but its flight, and for each octet it got. */
const FLIGHT = 4096;
const PER_OCTET = 6;

const KEY: PublicKey = openCrypto.signingKey("P-256", new Uint8Array(32).fill(1)).publicKey;

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const settings = choices.take(1);
  const close = choices.flag();
  const chunk = 1 + choices.below(255);
  const stream = choices.rest();
  const whole = new Conversation(configFrom(settings)).run(stream, stream.length, close);
  const pieces = new Conversation(configFrom(settings)).run(stream, chunk, close);
  holdSame(pieces.sent, whole.sent, "what is sent does not depend on chunking");
  holdSame(pieces.data, whole.data, "what is received does not depend on chunking");
  hold(pieces.story === whole.story, `${pieces.story} in pieces, ${whole.story} at once`);
}

function configFrom(settings: Uint8Array): TlsServerConfig {
  const choices = new Choices(settings);
  const option = choices.octet();
  // Two bits each: which versions, and what is asked of the client; one for ALPN.
  const versions = ([["TLS 1.3", "TLS 1.2"], ["TLS 1.2"], ["TLS 1.3"]] as const)[option & 3];
  const clientCertificate = (["required", "asked", "none"] as const)[(option >> 2) & 3];
  return serverConfig(openCrypto, {
    // Counts itself, for hashes are all alike here.
    random: (length) => new Uint8Array(length).fill(7),
    ...(versions === undefined ? {} : { versions }),
    clientCertificate: clientCertificate ?? "required",
    ...((option & 16) === 0 ? {} : { applicationProtocols: ["homeca", "h2"] }),
  });
}

class Conversation {
  sent: Uint8Array = new Uint8Array();
  data: Uint8Array = new Uint8Array();
  /** What happened besides, in order. */
  story = "";
  readonly #config: TlsServerConfig;
  readonly #server: TlsServer;
  #established = false;
  #verified = false;
  #ended = false;
  #received = 0;

  constructor(config: TlsServerConfig) {
    this.#config = config;
    this.#server = new TlsServer(config);
  }

  run(stream: Uint8Array, chunk: number, close: boolean): this {
    for (let at = 0; at < stream.length; at += chunk) {
      const bytes = stream.subarray(at, at + chunk);
      this.#received += bytes.length;
      this.#tell({ kind: "bytes", bytes });
    }
    if (close) this.#tell({ kind: "close" });
    return this;
  }

  #tell(input: TlsInput): void {
    for (const output of this.#server.handle(input, mono(0))) this.#take(output);
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
        hold(
          this.#config.clientCertificate !== "required" || this.#verified,
          "a certificate required is a certificate verified",
        );
        output.session.exportKey("EXPERIMENTAL fuzz", null, 32);
        break;
      case "data":
        hold(this.#established, "data only after established");
        this.data = concat(this.data, output.bytes);
        return;
      case "ticket":
        throw new Broken("tickets are for clients");
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

  #verify(chain: readonly Uint8Array[]): void {
    hold(!this.#established && !this.#verified, "one question about the peer");
    const first = chain[0];
    if (first === undefined) throw new Broken("no question about nobody");
    this.story += ` verify ${chain.length}`;
    this.#verified = first[0] !== BAD;
    this.#tell(
      this.#verified
        ? { kind: "peer-accepted", publicKey: KEY }
        : { kind: "peer-rejected", alert: "bad_certificate", reason: "the target says so" },
    );
  }
}

function checkRecords(bytes: Uint8Array): void {
  const records = new Reader(bytes, () => new Broken("whole records are sent"));
  while (records.remaining > 0) {
    const type = records.u8();
    hold(type >= 20 && type <= 23, "a known type of record");
    hold(records.u16() === 0x0303, "the version of all records");
    hold(records.vector16().length <= 2 ** 14 + 256, "no record above the bound");
  }
}
