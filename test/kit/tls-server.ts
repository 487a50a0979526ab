/**
 * TLS servers for tests, one for each version, in the manner of `tls-client.ts`:
 * every message and record is made one by one, so that a test can leave out,
 * repeat, reorder or spoil any of them. They are honest unless told otherwise.
 */
import { concat, Reader, Writer } from "../../src/base/bytes.ts";
import type { Crypto, EcdhGroup, EcdhKey, SigningKey } from "../../src/base/crypto/crypto.ts";
import { mono } from "../../src/base/machine.ts";
import { parseAlert } from "../../src/proto/tls/alert.ts";
import type { AlertName } from "../../src/proto/tls/alert.ts";
import { parseClientHello } from "../../src/proto/tls/client-hello.ts";
import type { ClientHello } from "../../src/proto/tls/client-hello.ts";
import { TlsClient } from "../../src/proto/tls/client.ts";
import type { ClientTicket, TlsClientConfig } from "../../src/proto/tls/client.ts";
import type { TlsInput, TlsOutput, TlsSession } from "../../src/proto/tls/connection.ts";
import type { TlsFailure } from "../../src/proto/tls/failure.ts";
import { extendedMasterSecret, KeySchedule } from "../../src/proto/tls/key-schedule.ts";
import {
  applicationSecrets,
  earlySecret,
  handshakeSecrets,
  kdf13,
  nextSecret,
  trafficKeys,
  verifyData13,
} from "../../src/proto/tls/key-schedule13.ts";
import type { HandshakeSecrets, Kdf13 } from "../../src/proto/tls/key-schedule13.ts";
import {
  encodeCertificate,
  encodeEcdhParams,
  handshakeMessage,
} from "../../src/proto/tls/messages.ts";
import { encodeMessageHash, RETRY_RANDOM, signedContent } from "../../src/proto/tls/messages13.ts";
import { RecordProtection } from "../../src/proto/tls/record.ts";
import { RecordProtection13 } from "../../src/proto/tls/record13.ts";
import { groupCode, SUITES, SUITES_13 } from "../../src/proto/tls/suites.ts";
import { ContentType, ExtensionType, HandshakeType } from "../../src/proto/tls/wire.ts";
import { assert } from "./assert.ts";
import { seeded } from "./random.ts";
import { extension, SERVER_CERTIFICATE, serverKey } from "./tls-client.ts";
import type { Extension } from "./tls-client.ts";

const HASH = "sha256";
const NONE: Uint8Array = new Uint8Array();

/** The client's machine and what it has said, whichever version. */
export class Wire {
  readonly crypto: Crypto;
  readonly outputs: TlsOutput[] = [];
  /** What the client said by alert, in the clear or protected. */
  readonly alerts: (AlertName | null)[] = [];
  /** Types of the client's handshake messages, in order. */
  readonly heard: number[] = [];
  data: Uint8Array = NONE;
  /** Whether the client's chain questions are answered with yes at once. */
  trusting = true;
  protected transcript: Uint8Array = NONE;
  readonly #client: TlsClient;
  #hello: ClientHello | null = null;

  constructor(config: TlsClientConfig) {
    this.crypto = config.crypto;
    this.#client = new TlsClient(config);
  }

  /** The client's last hello. */
  get hello(): ClientHello {
    assert.ok(this.#hello !== null, "the client has not said hello");
    return this.#hello;
  }

  get session(): TlsSession | null {
    for (const output of this.outputs) if (output.kind === "established") return output.session;
    return null;
  }

  get failure(): TlsFailure | null {
    for (const output of this.outputs) if (output.kind === "failed") return output.failure;
    return null;
  }

  get tickets(): ClientTicket[] {
    return this.outputs.flatMap((output) => (output.kind === "ticket" ? [output.ticket] : []));
  }

  give(...records: readonly Uint8Array[]): void {
    this.tell({ kind: "bytes", bytes: concat(...records) });
  }

  tell(input: TlsInput): void {
    for (const output of this.#client.handle(input, mono(0))) {
      this.outputs.push(output);
      if (output.kind === "send") this.#read(output.bytes);
      if (output.kind === "verify-peer" && this.trusting) this.accept();
    }
  }

  accept(key: SigningKey = serverKey(this.crypto)): void {
    this.tell({ kind: "peer-accepted", publicKey: key.publicKey });
  }

  plain(type: number, fragment: Uint8Array, version = 0x0303): Uint8Array {
    return new Writer().u8(type).u16(version).vector16(fragment).bytes();
  }

  /** A handshake message, noted in the transcript, without its record. */
  message(type: number, body: Uint8Array): Uint8Array {
    // Tests send types that the union rightly has not.
    return this.noted(handshakeMessage(type as HandshakeType, body));
  }

  noted(message: Uint8Array): Uint8Array {
    this.transcript = concat(this.transcript, message);
    return message;
  }

  /** Of the transcript so far. */
  hash(): Uint8Array {
    return this.crypto.digest(HASH, this.transcript);
  }

  #read(bytes: Uint8Array): void {
    const wire = new Reader(bytes, () => new Error("half a record"));
    while (wire.remaining > 0) {
      const type = wire.u8();
      assert.equal(wire.u16(), 0x0303);
      const [inner, content] = this.opened(type, wire.vector16());
      if (inner === ContentType.alert) this.alerts.push(parseAlert(content)?.name ?? null);
      else if (inner === ContentType.applicationData) this.data = concat(this.data, content);
      else if (inner === ContentType.handshake) this.#messages(content);
    }
  }

  /** A client's record without its protection. */
  protected opened(type: number, fragment: Uint8Array): readonly [number, Uint8Array] {
    return [type, fragment];
  }

  /** Keys change behind some of them. */
  protected onMessage(_type: number, _body: Uint8Array): void {}

  #messages(content: Uint8Array): void {
    const messages = new Reader(content, () => new Error("half a message"));
    while (messages.remaining > 0) {
      const type = messages.u8();
      const body = messages.vector24();
      this.heard.push(type);
      if (type === HandshakeType.clientHello) this.#hello = parseClientHello(body);
      // A KeyUpdate is in no transcript, and nothing is made over it any more.
      this.noted(new Writer().u8(type).vector24(body).bytes());
      this.onMessage(type, body);
    }
  }
}

/** The fields of a ServerHello. */
export interface Answer {
  readonly version: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly suite: number;
  readonly compression: number;
  readonly extensions: readonly Extension[];
  /** Octets behind the extensions. */
  readonly tail: Uint8Array;
}

function encodeAnswer(answer: Answer): Uint8Array {
  return new Writer()
    .u16(answer.version)
    .raw(answer.random)
    .vector8(answer.sessionId)
    .u16(answer.suite)
    .u8(answer.compression)
    .vector16(block(answer.extensions))
    .raw(answer.tail)
    .bytes();
}

function block(extensions: readonly Extension[]): Uint8Array {
  const writer = new Writer();
  for (const [type, body] of extensions) writer.u16(type).vector16(body);
  return writer.bytes();
}

/** A signature scheme and what it says it signed. */
export interface Signed {
  readonly scheme: number;
  readonly signature: Uint8Array;
}

/** What an honest server of TLS 1.2 answers. */
export function honestAnswers(): Extension[] {
  return [extension.renegotiationInfo(), extension.extendedMasterSecret()];
}

/** A server of TLS 1.2. */
export class Server12 extends Wire {
  readonly random: Uint8Array;
  readonly #suite = SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
  readonly #source = seeded("scripted server");
  readonly #ephemeral: EcdhKey;
  #keys: KeySchedule | null = null;
  #reading: RecordProtection | null = null;
  #writing: RecordProtection | null = null;

  constructor(config: TlsClientConfig) {
    super({ versions: ["TLS 1.2"], ...config });
    this.random = this.#source(32);
    this.#ephemeral = this.crypto.ecdhKey("P-256", this.#source);
    this.tell({ kind: "start" });
  }

  get keys(): KeySchedule {
    assert.ok(this.#keys !== null, "no keys yet");
    return this.#keys;
  }

  /** One record as things stand. */
  record(type: number, content: Uint8Array): Uint8Array {
    // Tests send types that the union rightly has not.
    return this.plain(type, this.#writing?.seal(type as ContentType, content) ?? content);
  }

  serverHello(changes: Partial<Answer> = {}): Uint8Array {
    const answer = {
      ...{ version: 0x0303, random: this.random, sessionId: NONE, suite: this.#suite.code },
      ...{ compression: 0, extensions: honestAnswers(), tail: NONE },
      ...changes,
    };
    return this.message(HandshakeType.serverHello, encodeAnswer(answer));
  }

  certificate(chain: readonly Uint8Array[] = [SERVER_CERTIFICATE]): Uint8Array {
    return this.noted(encodeCertificate(chain));
  }

  /** ServerECDHParams. */
  params(
    group: EcdhGroup = "P-256",
    publicKey: Uint8Array = this.#ephemeral.publicKey,
  ): Uint8Array {
    return encodeEcdhParams(group, publicKey);
  }

  sign(params: Uint8Array = this.params(), hash: "sha256" | "sha384" = "sha256"): Uint8Array {
    const signed = concat(this.hello.random, this.random, params);
    return serverKey(this.crypto).sign(hash, signed, null);
  }

  serverKeyExchange(
    params: Uint8Array = this.params(),
    { scheme = 0x0403, signature = this.sign(params) }: Partial<Signed> = {},
    tail: Uint8Array = NONE,
  ): Uint8Array {
    const body = new Writer().raw(params).u16(scheme).vector16(signature).raw(tail);
    return this.message(HandshakeType.serverKeyExchange, body.bytes());
  }

  certificateRequest(
    types: readonly number[] = [64],
    schemes: readonly number[] = [0x0403],
  ): Uint8Array {
    const list = new Writer();
    for (const scheme of schemes) list.u16(scheme);
    const body = new Writer().vector8(Uint8Array.from(types)).vector16(list.bytes()).vector16(NONE);
    return this.message(HandshakeType.certificateRequest, body.bytes());
  }

  done(body: Uint8Array = NONE): Uint8Array {
    return this.message(HandshakeType.serverHelloDone, body);
  }

  newSessionTicket(ticket: Uint8Array, lifetimeSeconds = 100): Uint8Array {
    const body = new Writer().u32(lifetimeSeconds).vector16(ticket).bytes();
    return this.message(HandshakeType.newSessionTicket, body);
  }

  /** The record; what follows is protected. */
  changeCipherSpec(body: Uint8Array = Uint8Array.of(1)): Uint8Array {
    const record = this.record(ContentType.changeCipherSpec, body);
    const { server } = this.keys.recordKeys(this.#suite);
    this.#writing = new RecordProtection(this.crypto, this.#suite, server);
    return record;
  }

  /** @param spoil - Changes verify_data on the way. */
  finished(spoil: (verifyData: Uint8Array) => Uint8Array = (bytes) => bytes): Uint8Array {
    return this.message(HandshakeType.finished, spoil(this.keys.verifyData("server", this.hash())));
  }

  /** The honest flight up to ServerHelloDone, in one record. */
  flight(changes: Partial<Answer> = {}): Uint8Array {
    return this.record(
      22,
      concat(this.serverHello(changes), this.certificate(), this.serverKeyExchange(), this.done()),
    );
  }

  /** A whole honest handshake. */
  establish(changes: Partial<Answer> = {}): this {
    this.give(this.flight(changes));
    this.give(this.changeCipherSpec(), this.record(22, this.finished()));
    assert.ok(this.session !== null, this.failure?.message);
    return this;
  }

  /** Takes up a session, as a server does that knows the ticket. */
  resume(secret: Uint8Array): void {
    const randoms = { client: this.hello.random, server: this.random };
    this.#keys = new KeySchedule(this.crypto, HASH, randoms, secret.slice());
  }

  protected override opened(type: number, fragment: Uint8Array): readonly [number, Uint8Array] {
    if (type === ContentType.changeCipherSpec) {
      const { client } = this.keys.recordKeys(this.#suite);
      this.#reading = new RecordProtection(this.crypto, this.#suite, client);
      return [type, fragment];
    }
    // The types a client sends are the union's.
    return [type, this.#reading?.open(type as ContentType, fragment) ?? fragment];
  }

  protected override onMessage(type: number, body: Uint8Array): void {
    if (type !== HandshakeType.clientKeyExchange) return;
    const premaster = this.#ephemeral.agree(body.subarray(1));
    assert.ok(premaster !== null, "the client's share");
    const randoms = { client: this.hello.random, server: this.random };
    const master = extendedMasterSecret(this.crypto, HASH, premaster, this.hash());
    this.#keys = new KeySchedule(this.crypto, HASH, randoms, master);
  }
}

/** A server of TLS 1.3. */
export class Server13 extends Wire {
  readonly random: Uint8Array;
  readonly share: EcdhKey;
  readonly #group: EcdhGroup;
  readonly #suite = SUITES_13.TLS_AES_128_GCM_SHA256;
  readonly #kdf: Kdf13;
  #secrets: HandshakeSecrets | null = null;
  #clientSecret: Uint8Array = NONE;
  #serverSecret: Uint8Array = NONE;
  #reading: RecordProtection13 | null = null;
  #writing: RecordProtection13 | null = null;

  constructor(config: TlsClientConfig, group: EcdhGroup = "P-256") {
    super({ versions: ["TLS 1.3"], ...config });
    const random = seeded("scripted server");
    this.random = random(32);
    this.#group = group;
    this.share = this.crypto.ecdhKey(group, random);
    this.#kdf = kdf13(this.crypto, HASH);
    this.tell({ kind: "start" });
  }

  /** One record as things stand. */
  record(type: number, content: Uint8Array): Uint8Array {
    if (this.#writing === null) return this.plain(type, content);
    // Tests send types that the union rightly has not.
    const sealed = this.#writing.seal(type as ContentType, content);
    return this.plain(ContentType.applicationData, sealed);
  }

  /** What supported_versions and key_share say in an honest ServerHello. */
  answers(): Extension[] {
    const share = new Writer().u16(groupCode(this.#group)).vector16(this.share.publicKey);
    return [selected(), [ExtensionType.keyShare, share.bytes()]];
  }

  serverHello(changes: Partial<Answer> = {}, psk: Uint8Array | null = null): Uint8Array {
    const message = this.#answer({ random: this.random, extensions: this.answers(), ...changes });
    const own = this.hello.keyShares?.find(({ group }) => group === groupCode(this.#group));
    const shared = own === undefined ? null : this.share.agree(own.publicKey);
    if (shared === null) return message;
    this.#secrets = handshakeSecrets(this.#kdf, earlySecret(this.#kdf, psk), shared, this.hash());
    return message;
  }

  /** @param wanted - Extensions beside supported_versions. */
  retryRequest(wanted: readonly Extension[], changes: Partial<Answer> = {}): Uint8Array {
    this.transcript = encodeMessageHash(this.hash());
    return this.#answer({ random: RETRY_RANDOM, extensions: [selected(), ...wanted], ...changes });
  }

  #answer(changes: Partial<Answer>): Uint8Array {
    const answer = {
      ...{ version: 0x0303, random: this.random, sessionId: this.hello.sessionId },
      ...{ suite: this.#suite.code, compression: 0, extensions: [], tail: NONE },
      ...changes,
    };
    return this.message(HandshakeType.serverHello, encodeAnswer(answer));
  }

  /** Both sides protect from here on. */
  protect(): void {
    assert.ok(this.#secrets !== null, "no keys yet");
    this.#writing = this.#protection(this.#secrets.server);
    this.#reading = this.#protection(this.#secrets.client);
  }

  encryptedExtensions(extensions: readonly Extension[] = [], tail: Uint8Array = NONE): Uint8Array {
    const body = new Writer().vector16(block(extensions)).raw(tail).bytes();
    return this.message(HandshakeType.encryptedExtensions, body);
  }

  certificateRequest(
    extensions: readonly Extension[] = [extension.schemes([0x0403])],
    context: Uint8Array = NONE,
  ): Uint8Array {
    const body = new Writer().vector8(context).vector16(block(extensions)).bytes();
    return this.message(HandshakeType.certificateRequest, body);
  }

  certificate(
    chain: readonly Uint8Array[] = [SERVER_CERTIFICATE],
    extensions: readonly Extension[] = [],
    context: Uint8Array = NONE,
  ): Uint8Array {
    const list = new Writer();
    for (const one of chain) list.vector24(one).vector16(block(extensions));
    const body = new Writer().vector8(context).vector24(list.bytes()).bytes();
    return this.message(HandshakeType.certificate, body);
  }

  certificateVerify(
    scheme = 0x0403,
    role: "client" | "server" = "server",
    key: SigningKey = serverKey(this.crypto),
  ): Uint8Array {
    const signature = key.sign("sha256", signedContent(role, this.hash()), null);
    const body = new Writer().u16(scheme).vector16(signature).bytes();
    return this.message(HandshakeType.certificateVerify, body);
  }

  /** @param spoil - Changes verify_data on the way. */
  finished(spoil: (verifyData: Uint8Array) => Uint8Array = (bytes) => bytes): Uint8Array {
    assert.ok(this.#secrets !== null, "no keys yet");
    const verifyData = verifyData13(this.#kdf, this.#secrets.server, this.hash());
    const message = this.message(HandshakeType.finished, spoil(verifyData));
    const application = applicationSecrets(this.#kdf, this.#secrets.main, this.hash());
    this.#clientSecret = application.client;
    this.#serverSecret = application.server;
    return message;
  }

  /** From here on we write with application keys. */
  switchKeys(): void {
    this.#writing = this.#protection(this.#serverSecret);
  }

  updateKeys(): void {
    this.#serverSecret = nextSecret(this.#kdf, this.#serverSecret);
    this.switchKeys();
  }

  ticket({
    lifetimeSeconds = 100,
    ticket = Uint8Array.of(1, 2, 3),
    extensions = [],
  }: {
    readonly lifetimeSeconds?: number;
    readonly ticket?: Uint8Array;
    readonly extensions?: readonly Extension[];
  } = {}): Uint8Array {
    const body = new Writer().u32(lifetimeSeconds).u32(7).vector8(Uint8Array.of(0));
    const message = body.vector16(ticket).vector16(block(extensions)).bytes();
    return handshakeMessage(HandshakeType.newSessionTicket, message);
  }

  /** ServerHello, and keys. */
  greet(changes: Partial<Answer> = {}): this {
    this.give(this.plain(22, this.serverHello(changes)));
    this.protect();
    return this;
  }

  /** A whole honest handshake. */
  establish(): this {
    this.greet();
    this.give(
      this.record(
        22,
        concat(
          this.encryptedExtensions(),
          this.certificate(),
          this.certificateVerify(),
          this.finished(),
        ),
      ),
    );
    this.switchKeys();
    assert.ok(this.session !== null, this.failure?.message);
    return this;
  }

  #protection(secret: Uint8Array): RecordProtection13 {
    return new RecordProtection13(
      this.crypto,
      this.#suite,
      trafficKeys(this.#kdf, this.#suite, secret),
    );
  }

  protected override opened(type: number, fragment: Uint8Array): readonly [number, Uint8Array] {
    if (type !== ContentType.applicationData) return [type, fragment];
    // The first record under keys comes before we have switched.
    if (this.#reading === null) this.protect();
    const record = this.#reading?.open(fragment) ?? null;
    assert.ok(record !== null, "the client's record does not open");
    return [record.type, record.fragment];
  }

  protected override onMessage(type: number): void {
    if (type === HandshakeType.finished) this.#reading = this.#protection(this.#clientSecret);
    if (type !== HandshakeType.keyUpdate) return;
    this.#clientSecret = nextSecret(this.#kdf, this.#clientSecret);
    this.#reading = this.#protection(this.#clientSecret);
  }
}

/** supported_versions as a server answers it. */
export function selected(version = 0x0304): Extension {
  return [ExtensionType.supportedVersions, new Writer().u16(version).bytes()];
}
