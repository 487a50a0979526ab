/**
 * A TLS 1.3 client for tests, in the manner of `tls-client.ts`: every message
 * and record is made one by one, so that a test can spoil any of them. It is
 * honest unless told otherwise, and checks the server's signature and Finished.
 */
import { concat, Reader, sameBytes, Writer } from "../../src/base/bytes.ts";
import type { Crypto, EcdhGroup, EcdhKey } from "../../src/base/crypto/crypto.ts";
import { mono } from "../../src/base/machine.ts";
import { parseAlert } from "../../src/proto/tls/alert.ts";
import type { AlertName } from "../../src/proto/tls/alert.ts";
import type { TlsFailure } from "../../src/proto/tls/failure.ts";
import {
  applicationSecrets,
  binderKey,
  earlySecret,
  handshakeSecrets,
  kdf13,
  nextSecret,
  resumptionSecret,
  ticketKey,
  trafficKeys,
  verifyData13,
} from "../../src/proto/tls/key-schedule13.ts";
import type { Kdf13 } from "../../src/proto/tls/key-schedule13.ts";
import { handshakeMessage } from "../../src/proto/tls/messages.ts";
import { encodeMessageHash, signedContent } from "../../src/proto/tls/messages13.ts";
import { RecordProtection13 } from "../../src/proto/tls/record13.ts";
import { TlsServer } from "../../src/proto/tls/server.ts";
import type {
  TlsInput,
  TlsOutput,
  TlsServerConfig,
  TlsSession,
} from "../../src/proto/tls/server.ts";
import { groupCode, SUITES_13 } from "../../src/proto/tls/suites.ts";
import { ContentType, ExtensionType, HandshakeType } from "../../src/proto/tls/wire.ts";
import { assert } from "./assert.ts";
import { seeded } from "./random.ts";
import { clientKey, CLIENT_CERTIFICATE, encodeHello, extension, serverKey } from "./tls-client.ts";
import type { Extension, Hello } from "./tls-client.ts";

const SUITE = SUITES_13.TLS_AES_128_GCM_SHA256;
const HASH = "sha256";

/** A key_share of a ClientHello. */
export function keyShares(...shares: readonly (readonly [number, Uint8Array])[]): Extension {
  const list = new Writer();
  for (const [group, key] of shares) list.u16(group).vector16(key);
  return [ExtensionType.keyShare, new Writer().vector16(list.bytes()).bytes()];
}

/** A key that the client offers. */
export interface OfferedKey {
  readonly identity: Uint8Array;
  readonly key: Uint8Array;
  readonly of: "res" | "imp";
}

/** A ticket, and all that came with it. */
export interface TakenTicket extends OfferedKey {
  readonly lifetimeSeconds: number;
  readonly ageAdd: number;
  readonly nonce: Uint8Array;
}

/** The client and the server it talks to, in memory. */
export class Wire13 {
  readonly crypto: Crypto;
  readonly hello: Hello;
  readonly key: EcdhKey;
  readonly outputs: TlsOutput[] = [];
  /** What the server said by alert, in the clear or protected. */
  readonly alerts: (AlertName | null)[] = [];
  data: Uint8Array = new Uint8Array();
  session: TlsSession | null = null;
  failure: TlsFailure | null = null;
  /** Types of the server's handshake messages, in order. */
  readonly heard: number[] = [];
  /** The body of the server's last message of each type. */
  readonly bodies: Map<number, Uint8Array> = new Map<number, Uint8Array>();
  readonly tickets: TakenTicket[] = [];
  /** The place of the key that the server took; null for certificates. */
  taken: number | null = null;
  /** Whether the server's signature is taken as it comes. */
  trusting = false;
  #offered: readonly OfferedKey[] = [];
  readonly #server: TlsServer;
  readonly #kdf: Kdf13;
  #transcript: Uint8Array = new Uint8Array();
  #reading: RecordProtection13 | null = null;
  #writing: RecordProtection13 | null = null;
  #clientSecret: Uint8Array = new Uint8Array();
  #serverSecret: Uint8Array = new Uint8Array();
  #handshake: ReturnType<typeof handshakeSecrets> | null = null;
  #resumption: Uint8Array = new Uint8Array();

  constructor(
    config: TlsServerConfig,
    changes: Partial<Hello> = {},
    group: EcdhGroup = "X25519",
    extensions: (own: Extension) => readonly Extension[] = honest13,
  ) {
    this.crypto = config.crypto;
    this.#kdf = kdf13(config.crypto, HASH);
    const random = seeded("tls 1.3 client");
    this.key = this.crypto.ecdhKey(group, random);
    this.hello = {
      version: 0x0303,
      random: random(32),
      sessionId: random(32),
      suites: [0x1301],
      compressions: [0],
      extensions: extensions(keyShares([groupCode(group), this.key.publicKey])),
      ...changes,
    };
    this.#server = new TlsServer(config);
  }

  /** Hands records to the server and reads what it says. */
  give(...records: readonly Uint8Array[]): void {
    this.tell({ kind: "bytes", bytes: concat(...records) });
  }

  tell(input: TlsInput): void {
    for (const output of this.#server.handle(input, mono(0))) {
      this.outputs.push(output);
      switch (output.kind) {
        case "send":
          this.#read(output.bytes);
          break;
        case "established":
          this.session = output.session;
          break;
        case "failed":
          this.failure = output.failure;
          break;
        case "verify-peer":
        case "data":
        case "ticket":
        case "closed":
          break;
      }
    }
  }

  /** One record as things stand. */
  record(type: number, content: Uint8Array): Uint8Array {
    if (this.#writing === null) return this.plain(type, content);
    // Tests send types that the union rightly has not.
    return this.plain(
      ContentType.applicationData,
      this.#writing.seal(type as ContentType, content),
    );
  }

  plain(type: number, fragment: Uint8Array): Uint8Array {
    return new Writer().u8(type).u16(0x0303).vector16(fragment).bytes();
  }

  /** A handshake message, noted in the transcript, without its record. */
  message(type: number, body: Uint8Array): Uint8Array {
    // As above.
    const message = handshakeMessage(type as HandshakeType, body);
    this.#transcript = concat(this.#transcript, message);
    return message;
  }

  helloRecord(hello: Hello = this.hello): Uint8Array {
    return this.plain(22, this.message(HandshakeType.clientHello, encodeHello(hello)));
  }

  /**
   * A hello that offers keys, each with its binder.
   *
   * @param spoil - Changes the binders on the way.
   */
  keyedHello(
    keys: readonly OfferedKey[],
    hello: Hello = this.hello,
    spoil: (binders: Uint8Array[]) => Uint8Array[] = (binders) => binders,
  ): Uint8Array {
    this.#offered = keys;
    const identities = keys.map(({ identity }) => identity);
    const bare = keys.map(() => new Uint8Array(32));
    const unbound = withExtension(hello, extension.preSharedKeys(identities, bare));
    const message = handshakeMessage(HandshakeType.clientHello, encodeHello(unbound));
    const bound = message.subarray(0, message.length - 2 - 33 * keys.length);
    const hash = this.crypto.digest(HASH, concat(this.#transcript, bound));
    const binders = keys.map(({ key, of }) => {
      const secret = binderKey(this.#kdf, earlySecret(this.#kdf, key), of);
      return verifyData13(this.#kdf, secret, hash);
    });
    const offer = extension.preSharedKeys(identities, spoil(binders));
    return this.helloRecord(withExtension(hello, offer));
  }

  certificate(chain: readonly Uint8Array[] = [CLIENT_CERTIFICATE]): Uint8Array {
    const list = new Writer();
    for (const one of chain) list.vector24(one).vector16(new Uint8Array());
    const body = new Writer().vector8(new Uint8Array()).vector24(list.bytes());
    return this.message(HandshakeType.certificate, body.bytes());
  }

  certificateVerify(scheme = 0x0403, role: "client" | "server" = "client"): Uint8Array {
    const signed = signedContent(role, this.#hash());
    const signature = clientKey(this.crypto).sign("sha256", signed, null);
    const body = new Writer().u16(scheme).vector16(signature);
    return this.message(HandshakeType.certificateVerify, body.bytes());
  }

  /** @param spoil - Changes verify_data on the way. */
  finished(spoil: (verifyData: Uint8Array) => Uint8Array = (bytes) => bytes): Uint8Array {
    const verifyData = verifyData13(this.#kdf, this.#handshake!.client, this.#hash());
    const message = this.message(HandshakeType.finished, spoil(verifyData));
    this.#resumption = resumptionSecret(this.#kdf, this.#handshake!.main, this.#hash());
    return message;
  }

  /** From here on the client writes with application keys. */
  switchKeys(): void {
    this.#writing = this.#protection(this.#clientSecret);
  }

  updateKeys(): void {
    this.#clientSecret = nextSecret(this.#kdf, this.#clientSecret);
    this.switchKeys();
  }

  /** Hello and Finished of an honest client without a certificate. */
  establish(): void {
    this.give(this.helloRecord());
    this.give(this.record(22, this.finished()));
    this.switchKeys();
    assert.ok(this.session !== null, this.failure?.message);
  }

  #hash(): Uint8Array {
    return this.crypto.digest(HASH, this.#transcript);
  }

  #protection(secret: Uint8Array): RecordProtection13 {
    return new RecordProtection13(this.crypto, SUITE, trafficKeys(this.#kdf, SUITE, secret));
  }

  #read(bytes: Uint8Array): void {
    const wire = new Reader(bytes, () => new Error("half a record"));
    while (wire.remaining > 0) {
      const type = wire.u8();
      assert.equal(wire.u16(), 0x0303);
      const fragment = wire.vector16();
      if (type === ContentType.applicationData) {
        const record = this.#reading?.open(fragment) ?? null;
        assert.ok(record !== null, "the server's record does not open");
        this.#onContent(record.type, record.fragment);
      } else if (type !== ContentType.changeCipherSpec) this.#onContent(type, fragment);
    }
  }

  #onContent(type: number, content: Uint8Array): void {
    if (type === ContentType.alert) this.alerts.push(parseAlert(content)?.name ?? null);
    else if (type === ContentType.applicationData) this.data = concat(this.data, content);
    else {
      const messages = new Reader(content, () => new Error("half a message"));
      while (messages.remaining > 0) {
        const kind = messages.u8();
        const body = messages.vector24();
        this.#onMessage(kind, body, new Writer().u8(kind).vector24(body).bytes());
      }
    }
  }

  #onMessage(kind: number, body: Uint8Array, whole: Uint8Array): void {
    this.heard.push(kind);
    this.bodies.set(kind, body.slice());
    switch (kind) {
      case HandshakeType.newSessionTicket:
        return this.#onTicket(body);
      case HandshakeType.serverHello:
        return this.#onServerHello(body, whole);
      case HandshakeType.certificateVerify: {
        const signature = body.subarray(4);
        const { publicKey } = serverKey(this.crypto);
        const signed = signedContent("server", this.#hash());
        const scheme = { kind: "ecdsa", hash: "sha256" } as const;
        const held = this.trusting || this.crypto.verify(scheme, publicKey, signed, signature);
        assert.ok(held, "server's signature");
        break;
      }
      case HandshakeType.finished: {
        const expected = verifyData13(this.#kdf, this.#handshake!.server, this.#hash());
        assert.ok(sameBytes(expected, body), "the server's Finished");
        this.#transcript = concat(this.#transcript, whole);
        const { main } = this.#handshake!;
        const application = applicationSecrets(this.#kdf, main, this.#hash());
        this.#clientSecret = application.client;
        this.#serverSecret = application.server;
        this.#reading = this.#protection(application.server);
        return;
      }
      case HandshakeType.keyUpdate:
        this.#serverSecret = nextSecret(this.#kdf, this.#serverSecret);
        this.#reading = this.#protection(this.#serverSecret);
        return;
      default:
        break;
    }
    this.#transcript = concat(this.#transcript, whole);
  }

  #onTicket(body: Uint8Array): void {
    const message = new Reader(body, () => new Error("half a ticket"));
    const lifetimeSeconds = message.u32();
    const ageAdd = message.u32();
    const nonce = message.vector8().slice();
    const identity = message.vector16().slice();
    assert.equal(message.vector16().length, 0);
    assert.equal(message.remaining, 0);
    const key = ticketKey(this.#kdf, this.#resumption, nonce);
    this.tickets.push({ identity, key, of: "res", lifetimeSeconds, ageAdd, nonce });
  }

  #onServerHello(body: Uint8Array, whole: Uint8Array): void {
    const hello = new Reader(body, () => new Error("half a ServerHello"));
    hello.u16();
    hello.take(32);
    assert.ok(sameBytes(hello.vector8(), this.hello.sessionId), "session id sent back");
    hello.take(3);
    const block = new Reader(hello.vector16(), () => new Error("half a block"));
    let share: Uint8Array | null = null;
    while (block.remaining > 0) {
      const type = block.u16();
      const value = block.vector16();
      if (type === ExtensionType.keyShare && value.length > 4) share = value.subarray(4);
      if (type === ExtensionType.preSharedKey) this.taken = value[0]! * 256 + value[1]!;
    }
    if (share === null) {
      // HelloRetryRequest: the hash stands for the first hello from here on.
      this.#transcript = concat(encodeMessageHash(this.#hash()), whole);
      return;
    }
    this.#transcript = concat(this.#transcript, whole);
    const shared = this.key.agree(share);
    assert.ok(shared !== null, "the server's share is no good");
    this.#handshake = handshakeSecrets(
      this.#kdf,
      earlySecret(this.#kdf, this.taken === null ? null : this.#offered[this.taken]!.key),
      shared,
      this.#hash(),
    );
    this.#reading = this.#protection(this.#handshake.server);
    this.#writing = this.#protection(this.#handshake.client);
  }
}

function withExtension(hello: Hello, added: Extension): Hello {
  return { ...hello, extensions: [...(hello.extensions ?? []), added] };
}

/** What an honest client offers. */
export function honest13(own: Extension): readonly Extension[] {
  return [
    extension.versions([0x0304]),
    extension.groups([29, 23]),
    extension.schemes([0x0403, 0x0503, 0x0804]),
    own,
  ];
}
