/**
 * An EAP peer for Node: EAP-TLS and EAP-TTLS/PAP over OpenSSL's TLS, so that
 * our server meets a stack that is not ours. It is an honest supplicant; packets
 * that no supplicant would send are the tests' own to make.
 */
import { Duplex } from "node:stream";
import tls from "node:tls";
import { setImmediate } from "node:timers/promises";
import { concat, utf8, Writer } from "../../src/base/bytes.ts";
import { mono } from "../../src/base/machine.ts";
import type { MethodName, PeerAnswer } from "../../src/proto/eap/methods/method.ts";
import type { EapInput, EapOutput, EapProof, EapServer } from "../../src/proto/eap/server.ts";

const METHODS = {
  tls: { type: 13, keyLabel: "client EAP encryption" },
  ttls: { type: 21, keyLabel: "ttls keying material" },
} as const;

const CODE = { request: 1, response: 2, success: 3, failure: 4 } as const;
const TYPE = { identity: 1, notification: 2, nak: 3 } as const;
const FLAG = { length: 0x80, more: 0x40, start: 0x20 } as const;
const HEADER_LENGTH = 5;

/** Where the random stands in a first flight: record header 5, handshake header 4, version 2. */
const RANDOM_AT = 11;
const RANDOM_LENGTH = 32;

/** OpenSSL works within a few turns of the event loop; this many without a sign of it mean that it waits. */
const QUIET_TURNS = 8;
const PATIENCE_TURNS = 200;

export interface EapPeerOptions {
  readonly method: MethodName;
  /** The outer identity. */
  readonly identity: string;
  /** PEM, the peer's own certificate first; none for a peer without. */
  readonly certificate?: string;
  readonly key?: string;
  /** PEM of the anchor for the server's certificate; none takes any certificate. */
  readonly trustAnchor?: string;
  /** The name the server's certificate must have, where there is an anchor; also sent as SNI. */
  readonly serverName?: string;
  /** The inner User-Name and User-Password of TTLS. */
  readonly innerName?: string;
  readonly password?: string;
  /** The longest packet to send, in bytes; default 1398 as in wpa_supplicant. */
  readonly fragmentSize?: number;
  /** Default TLS 1.2. */
  readonly version?: "TLSv1.2" | "TLSv1.3";
}

/** One run of one peer. `respond` takes a packet of the server's and returns the answer, if there is one. */
export class EapPeer {
  readonly #options: EapPeerOptions;
  readonly #method: (typeof METHODS)[MethodName];
  #result: "pending" | "success" | "failure" = "pending";
  #tls: TlsClient | null = null;
  #incoming: Uint8Array[] = [];
  #outgoing: Uint8Array = new Uint8Array(0);
  #sent = 0;
  #serverRandom: Uint8Array | null = null;
  #clientRandom: Uint8Array | null = null;

  constructor(options: EapPeerOptions) {
    this.#options = options;
    this.#method = METHODS[options.method];
  }

  get result(): "pending" | "success" | "failure" {
    return this.#result;
  }

  /** What OpenSSL holds against the connection: its code for the server's alert, or for the server's certificate. */
  get tlsError(): string | null {
    return this.#tls?.error ?? null;
  }

  /** 64 bytes; the handshake must be over. */
  get msk(): Uint8Array {
    return this.#keyMaterial().slice(0, 64);
  }

  /** 64 bytes; the handshake must be over. */
  get emsk(): Uint8Array {
    return this.#keyMaterial().slice(64);
  }

  get sessionId(): Uint8Array {
    const type = Uint8Array.of(this.#method.type);
    if (this.#options.version === "TLSv1.3") {
      return concat(type, this.#export13("EXPORTER_EAP_TLS_Method-Id", 64));
    }
    if (this.#clientRandom === null || this.#serverRandom === null) throw new Error("no handshake");
    return concat(type, this.#clientRandom, this.#serverRandom);
  }

  /**
   * The answer to a request; null for the conversation's result, for what is no
   * EAP of a server's, and where the peer leaves because it does not trust the
   * server's certificate.
   */
  async respond(packet: Uint8Array): Promise<Uint8Array | null> {
    const [code, identifier, , , type] = packet;
    if (code === CODE.success || code === CODE.failure) this.#end(code);
    if (code !== CODE.request || identifier === undefined || type === undefined) return null;
    const typeData = packet.subarray(HEADER_LENGTH);
    switch (type) {
      case TYPE.identity:
        return response(identifier, TYPE.identity, utf8(this.#options.identity));
      case TYPE.notification:
        return response(identifier, TYPE.notification, new Uint8Array(0));
      case this.#method.type: {
        const answer = await this.#onMethod(typeData);
        return this.#tls?.refusesServer === true ? null : response(identifier, type, answer);
      }
      default:
        return response(identifier, TYPE.nak, Uint8Array.of(this.#method.type));
    }
  }

  #end(code: number): void {
    this.#result = code === CODE.success ? "success" : "failure";
    this.#tls?.stop();
  }

  async #onMethod(typeData: Uint8Array): Promise<Uint8Array> {
    const flags = typeData[0] ?? 0;
    if ((flags & FLAG.start) !== 0) {
      this.#tls = new TlsClient(this.#options);
      return this.#begin(await this.#tls.flight(new Uint8Array(0)));
    }
    if (this.#sent < this.#outgoing.length) return this.#fragment();
    this.#incoming.push(typeData.slice((flags & FLAG.length) === 0 ? 1 : 5));
    if ((flags & FLAG.more) !== 0) return Uint8Array.of(0);
    const message = concat(...this.#incoming);
    this.#incoming = [];
    return this.#begin(await this.#onMessage(message));
  }

  async #onMessage(message: Uint8Array): Promise<Uint8Array> {
    if (this.#tls === null) throw new Error("the server did not start");
    this.#serverRandom ??= message.slice(RANDOM_AT, RANDOM_AT + RANDOM_LENGTH);
    const wasOpen = this.#tls.open;
    const flight = await this.#tls.flight(message);
    if (this.#options.method !== "ttls" || wasOpen || !this.#tls.open) return flight;
    return concat(flight, await this.#tls.flight(new Uint8Array(0), this.#pap()));
  }

  #begin(message: Uint8Array): Uint8Array {
    if (message.length > 0) {
      this.#clientRandom ??= message.slice(RANDOM_AT, RANDOM_AT + RANDOM_LENGTH);
    }
    this.#outgoing = message;
    this.#sent = 0;
    return this.#fragment();
  }

  #fragment(): Uint8Array {
    const room = (this.#options.fragmentSize ?? 1398) - HEADER_LENGTH;
    const rest = this.#outgoing.length - this.#sent;
    const head = new Writer();
    if (rest + 1 <= room) head.u8(0);
    else if (this.#sent > 0) head.u8(FLAG.more);
    else head.u8(FLAG.length | FLAG.more).u32(this.#outgoing.length);
    const from = this.#sent;
    this.#sent += Math.min(rest, room - head.length);
    return head.raw(this.#outgoing.subarray(from, this.#sent)).bytes();
  }

  #pap(): Uint8Array {
    const password = utf8(this.#options.password ?? "");
    const padded = new Uint8Array(Math.max(16, Math.ceil(password.length / 16) * 16));
    padded.set(password);
    return concat(avp(1, utf8(this.#options.innerName ?? "")), avp(2, padded));
  }

  #keyMaterial(): Uint8Array {
    if (this.#options.version === "TLSv1.3") {
      return this.#export13("EXPORTER_EAP_TLS_Key_Material", 128);
    }
    if (this.#tls === null) throw new Error("no handshake");
    return this.#tls.exportKey(this.#method.keyLabel, 128);
  }

  #export13(label: string, length: number): Uint8Array {
    if (this.#tls === null) throw new Error("no handshake");
    return this.#tls.exportKey(label, length, Uint8Array.of(this.#method.type));
  }
}

/** OpenSSL's client between two queues of bytes. */
class TlsClient {
  readonly #socket: tls.TLSSocket;
  readonly #wire: Duplex;
  #written: Uint8Array[] = [];
  /** Counts signs of life: writes, the end of the handshake, errors. */
  #signs = 0;
  #open = false;
  #error: string | null = null;

  constructor(options: EapPeerOptions) {
    this.#wire = new Duplex({
      read: () => {},
      write: (chunk: Uint8Array, _encoding, done) => {
        this.#written.push(Uint8Array.from(chunk));
        this.#signs++;
        done();
      },
    });
    this.#socket = tls.connect({
      socket: this.#wire,
      minVersion: options.version ?? "TLSv1.2",
      maxVersion: options.version ?? "TLSv1.2",
      rejectUnauthorized: options.trustAnchor !== undefined,
      ...(options.trustAnchor === undefined ? {} : { ca: options.trustAnchor }),
      ...(options.serverName === undefined ? {} : { servername: options.serverName }),
      ...(options.certificate === undefined ? {} : { cert: options.certificate }),
      ...(options.key === undefined ? {} : { key: options.key }),
    });
    this.#socket.on("secureConnect", () => {
      this.#open = true;
      this.#signs++;
    });
    this.#socket.on("error", (failure: NodeJS.ErrnoException) => {
      this.#error ??= failure.code ?? failure.message;
      this.#open = false;
      this.#signs++;
    });
  }

  /** Whether the handshake is over and held. */
  get open(): boolean {
    return this.#open;
  }

  get error(): string | null {
    return this.#error;
  }

  /** Node checks the server's certificate after the handshake and then sends no alert. */
  get refusesServer(): boolean {
    return this.#error !== null && !this.#error.startsWith("ERR_SSL_");
  }

  /** Hands OpenSSL records from the server and plaintext to send, and waits until it has said its part. */
  async flight(records: Uint8Array, plaintext: Uint8Array | null = null): Promise<Uint8Array> {
    const before = this.#signs;
    if (records.length > 0) this.#wire.push(records);
    if (plaintext !== null) this.#socket.write(plaintext);
    for (let turn = 0; this.#signs === before && turn < PATIENCE_TURNS; turn++) {
      await setImmediate();
    }
    for (let quiet = 0, signs = this.#signs; quiet < QUIET_TURNS; quiet++) {
      await setImmediate();
      if (this.#signs !== signs) quiet = 0;
      signs = this.#signs;
    }
    const flight = concat(...this.#written);
    this.#written = [];
    return flight;
  }

  exportKey(label: string, length: number, context: Uint8Array | null = null): Uint8Array {
    // Node takes no context for "none", as RFC 5705 tells it from an empty one; its types demand a buffer.
    const noContext = undefined as unknown as Buffer;
    const given = context === null ? noContext : Buffer.from(context);
    return Uint8Array.from(this.#socket.exportKeyingMaterial(length, label, given));
  }

  /** Lets go of the socket's hold on the event loop; keys can still be exported. */
  stop(): void {
    this.#socket.unref();
  }
}

function response(identifier: number, type: number, typeData: Uint8Array): Uint8Array {
  const length = HEADER_LENGTH + typeData.length;
  return new Writer().u8(CODE.response).u8(identifier).u16(length).u8(type).raw(typeData).bytes();
}

/** An AVP with the M flag (RFC 5281 §10.1). */
function avp(code: number, value: Uint8Array): Uint8Array {
  const length = 8 + value.length;
  const padding = new Uint8Array((4 - (length % 4)) % 4);
  return new Writer().u32(code).u8(0x40).u24(length).raw(value).raw(padding).bytes();
}

export interface ConversationOptions {
  /** The longest packet the server may send, in bytes. */
  readonly maxPacket: number;
  readonly verify: (chain: readonly Uint8Array[]) => PeerAnswer;
  /** The answer to `proven`; `proceed` unless told otherwise. */
  readonly preview?: (proof: EapProof) => Extract<EapInput, { kind: "proceed" | "refuse" }>;
  readonly decide: (proof: EapProof) => Extract<EapInput, { kind: "admit" | "refuse" }>;
}

export interface Conversation {
  readonly end: Extract<EapOutput, { kind: "success" | "failure" }>;
  /** What the server said was proved, null where it never came to that. */
  readonly proof: EapProof | null;
  /** The server's packets, the last one too. */
  readonly sent: readonly Uint8Array[];
  /** The peer's packets. */
  readonly received: readonly Uint8Array[];
}

/** Lets a peer and a server machine talk, without RADIUS between them, until the server is done. */
export async function runConversation(
  peer: EapPeer,
  server: EapServer,
  { maxPacket, verify, preview = () => ({ kind: "proceed" }), decide }: ConversationOptions,
): Promise<Conversation> {
  const sent: Uint8Array[] = [];
  const received: Uint8Array[] = [];
  let proof: EapProof | null = null;
  let input: EapInput = { kind: "response", packet: new Uint8Array(0), maxPacket };
  for (;;) {
    const outputs: EapOutput[] = server.handle(input, mono(0));
    const output = outputs[0];
    if (output === undefined || outputs.length > 1) throw new Error("not one output");
    switch (output.kind) {
      case "request": {
        sent.push(output.packet);
        const packet = await peer.respond(output.packet);
        if (packet === null) throw new Error(`the peer has gone: ${peer.tlsError}`);
        received.push(packet);
        input = { kind: "response", packet, maxPacket };
        break;
      }
      case "verify-peer":
        input = verify(output.chain);
        break;
      case "proven":
        input = preview(output.proof);
        break;
      case "authenticated":
        proof = output.proof;
        input = decide(proof);
        break;
      case "success":
      case "failure":
        sent.push(output.packet);
        await peer.respond(output.packet);
        return { end: output, proof, sent, received };
      case "ignored":
        throw new Error(`the server ignored a packet: ${output.reason}`);
    }
  }
}
