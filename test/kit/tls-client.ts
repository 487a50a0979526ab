/**
 * A TLS 1.2 client for tests: every message and record is made one by one, so
 * that a test can leave out, repeat, reorder or spoil any of them. It is honest
 * unless told otherwise, and checks what the server sends.
 */
import { concat, Reader, sameBytes, utf8, Writer } from "../../src/base/bytes.ts";
import type { Crypto, EcdhGroup, EcdhKey, SigningKey } from "../../src/base/crypto/crypto.ts";
import { mono } from "../../src/base/machine.ts";
import type { RandomSource } from "../../src/base/machine.ts";
import { parseAlert } from "../../src/proto/tls/alert.ts";
import type { Alert } from "../../src/proto/tls/alert.ts";
import type { TlsFailure } from "../../src/proto/tls/failure.ts";
import type { PreSharedKey } from "../../src/proto/tls/connection.ts";
import {
  extendedMasterSecret,
  KeySchedule,
  pskPremaster,
} from "../../src/proto/tls/key-schedule.ts";
import { encodeCertificate, handshakeMessage } from "../../src/proto/tls/messages.ts";
import { Reading12, RecordProtection, RecordReader } from "../../src/proto/tls/record.ts";
import type { EpochKeys } from "../../src/proto/tls/record.ts";
import { TlsServer } from "../../src/proto/tls/server.ts";
import type {
  TlsInput,
  TlsOutput,
  TlsServerConfig,
  TlsSession,
} from "../../src/proto/tls/server.ts";
import { findSuite, groupCode } from "../../src/proto/tls/suites.ts";
import type { Suite } from "../../src/proto/tls/suites.ts";
import { ContentType, ExtensionType, HandshakeType } from "../../src/proto/tls/wire.ts";
import { assert } from "./assert.ts";
import { seeded } from "./random.ts";

/** Certificates are opaque to the machines, so any octets will do. */
export const SERVER_CERTIFICATE: Uint8Array = utf8("stands for the server's certificate");
export const CLIENT_CERTIFICATE: Uint8Array = utf8("stands for the client's certificate");

/** Fixed keys: tests only. */
export function serverKey(crypto: Crypto): SigningKey {
  return crypto.signingKey("P-256", new Uint8Array(32).fill(0x51));
}
export function clientKey(crypto: Crypto): SigningKey {
  return crypto.signingKey("P-256", new Uint8Array(32).fill(0xc1));
}

/** A server that asks for no certificate, with a random source that repeats itself. */
export function serverConfig(
  crypto: Crypto,
  changes: Partial<TlsServerConfig> = {},
): TlsServerConfig {
  return {
    crypto,
    random: seeded("tls server"),
    certificates: [SERVER_CERTIFICATE],
    key: serverKey(crypto),
    clientCertificate: "none",
    authorities: [],
    ...changes,
  };
}

export type Extension = readonly [type: number, body: Uint8Array];

export interface Hello {
  readonly version: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly suites: readonly number[];
  readonly compressions: readonly number[];
  /** Null leaves the whole block out. */
  readonly extensions: readonly Extension[] | null;
}

/** Bodies of the extensions that tests vary. */
export const extension = {
  serverName: (name: string): Extension => {
    const entry = new Writer().u8(0).vector16(utf8(name)).bytes();
    return [ExtensionType.serverName, new Writer().vector16(entry).bytes()];
  },
  groups: (codes: readonly number[]): Extension => [
    ExtensionType.supportedGroups,
    new Writer().vector16(numbers(codes)).bytes(),
  ],
  pointFormats: (formats: readonly number[]): Extension => [
    ExtensionType.ecPointFormats,
    new Writer().vector8(Uint8Array.from(formats)).bytes(),
  ],
  schemes: (codes: readonly number[]): Extension => [
    ExtensionType.signatureAlgorithms,
    new Writer().vector16(numbers(codes)).bytes(),
  ],
  protocols: (names: readonly string[]): Extension => {
    const list = new Writer();
    for (const name of names) list.vector8(utf8(name));
    return [ExtensionType.applicationProtocols, new Writer().vector16(list.bytes()).bytes()];
  },
  versions: (codes: readonly number[]): Extension => [
    ExtensionType.supportedVersions,
    new Writer().vector8(numbers(codes)).bytes(),
  ],
  maxFragmentLength: (code: number): Extension => [
    ExtensionType.maxFragmentLength,
    Uint8Array.of(code),
  ],
  recordSizeLimit: (octets: number): Extension => [
    ExtensionType.recordSizeLimit,
    new Writer().u16(octets).bytes(),
  ],
  extendedMasterSecret: (): Extension => [ExtensionType.extendedMasterSecret, new Uint8Array()],
  sessionTicket: (ticket: Uint8Array = new Uint8Array()): Extension => [
    ExtensionType.sessionTicket,
    ticket,
  ],
  /** A client that wants an OCSP response, from whomever. */
  statusRequest: (): Extension => [ExtensionType.statusRequest, Uint8Array.of(1, 0, 0, 0, 0)],
  clientCertificateTypes: (codes: readonly number[]): Extension => [
    ExtensionType.clientCertificateType,
    new Writer().vector8(Uint8Array.from(codes)).bytes(),
  ],
  serverCertificateTypes: (codes: readonly number[]): Extension => [
    ExtensionType.serverCertificateType,
    new Writer().vector8(Uint8Array.from(codes)).bytes(),
  ],
  pskModes: (modes: readonly number[]): Extension => [
    ExtensionType.pskKeyExchangeModes,
    new Writer().vector8(Uint8Array.from(modes)).bytes(),
  ],
  /** Each identity without an age. */
  preSharedKeys: (identities: readonly Uint8Array[], binders: readonly Uint8Array[]): Extension => {
    const [names, proofs] = [new Writer(), new Writer()];
    for (const identity of identities) names.vector16(identity).u32(0);
    for (const binder of binders) proofs.vector8(binder);
    const body = new Writer().vector16(names.bytes()).vector16(proofs.bytes());
    return [ExtensionType.preSharedKey, body.bytes()];
  },
  renegotiationInfo: (verifyData: Uint8Array = new Uint8Array()): Extension => [
    ExtensionType.renegotiationInfo,
    new Writer().vector8(verifyData).bytes(),
  ],
} as const;

export function numbers(codes: readonly number[]): Uint8Array {
  const list = new Writer();
  for (const code of codes) list.u16(code);
  return list.bytes();
}

/** A ClientHello's body from its fields. */
export function encodeHello(hello: Hello): Uint8Array {
  const body = new Writer()
    .u16(hello.version)
    .raw(hello.random)
    .vector8(hello.sessionId)
    .vector16(numbers(hello.suites))
    .vector8(Uint8Array.from(hello.compressions));
  if (hello.extensions === null) return body.bytes();
  const block = new Writer();
  for (const [type, value] of hello.extensions) block.u16(type).vector16(value);
  return body.vector16(block.bytes()).bytes();
}

/** What the server's flight said. */
interface ServerFlight {
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly suite: Suite;
  /** Null where a session is resumed, and the share is empty. */
  readonly group: EcdhGroup | null;
  readonly publicKey: Uint8Array;
  readonly extensions: ReadonlyMap<number, Uint8Array>;
  /** The body of CertificateRequest. */
  readonly certificateRequest: Uint8Array | null;
}

export class ScriptedClient {
  readonly crypto: Crypto;
  readonly hello: Hello;
  /** Alerts, application data and sizes of plaintext records from the server, in order. */
  readonly alerts: Alert[] = [];
  readonly recordSizes: number[] = [];
  data: Uint8Array = new Uint8Array();
  finishedHeld = false;
  serverFinished: Uint8Array = new Uint8Array();
  /** Whether the server's signature is taken as it comes. */
  trusting = false;
  /** The master secret of a session that the hello asks to resume. */
  resuming: Uint8Array | null = null;
  /** What both sides were given, for a suite with a pre-shared key. */
  preSharedKey: PreSharedKey | null = null;
  readonly #random: RandomSource = seeded("tls client");
  readonly #reader = new RecordReader();
  #messages: Uint8Array[] = [];
  #pending: Uint8Array = new Uint8Array();
  #flight: ServerFlight | null = null;
  #ephemeral: EcdhKey | null = null;
  #keys: KeySchedule | null = null;
  #writing: RecordProtection | null = null;
  #reading: EpochKeys | null = null;

  constructor(crypto: Crypto, changes: Partial<Hello> = {}) {
    this.crypto = crypto;
    this.#reader.follow(new Reading12());
    this.hello = {
      version: 0x0303,
      random: this.#random(32),
      sessionId: new Uint8Array(),
      suites: [0xc02b, 0xcca9, 0xc02c],
      compressions: [0],
      extensions: honestExtensions(),
      ...changes,
    };
  }

  /** The server's flight; only after it came. */
  get flight(): ServerFlight {
    assert.ok(this.#flight !== null, "the server's flight did not come");
    return this.#flight;
  }

  /** The body of the server's last message of that type; null where none came. */
  heard(type: HandshakeType): Uint8Array | null {
    return this.#messages.findLast((message) => message[0] === type)?.subarray(4) ?? null;
  }

  /** The handshake's keys; only after ClientKeyExchange. */
  get keys(): KeySchedule {
    assert.ok(this.#keys !== null, "no ClientKeyExchange was made");
    return this.#keys;
  }

  /** One record as things stand: protected after {@link changeCipherSpec}. */
  record(type: number, content: Uint8Array, version = 0x0303): Uint8Array {
    // Tests send types that the union rightly has not.
    const fragment = this.#writing?.seal(type as ContentType, content) ?? content;
    return this.plainRecord(type, fragment, version);
  }

  /** One record in the clear whatever was agreed. */
  plainRecord(type: number, fragment: Uint8Array, version = 0x0303): Uint8Array {
    return new Writer().u8(type).u16(version).vector16(fragment).bytes();
  }

  /** A handshake message, noted in the transcript and in a record of its own. */
  message(type: HandshakeType, body: Uint8Array): Uint8Array {
    return this.handshake(handshakeMessage(type, body));
  }

  /** Like {@link message} for one that has its header. */
  handshake(message: Uint8Array): Uint8Array {
    this.note(message);
    return this.record(ContentType.handshake, message);
  }

  /** Puts a message into the transcript alone. */
  note(message: Uint8Array): void {
    this.#messages.push(message);
  }

  clientHello(): Uint8Array {
    return this.message(HandshakeType.clientHello, encodeHello(this.hello));
  }

  certificate(chain: readonly Uint8Array[] = [CLIENT_CERTIFICATE]): Uint8Array {
    return this.handshake(encodeCertificate(chain));
  }

  /** @param publicKey - What to send instead of the honest share. */
  clientKeyExchange(publicKey?: Uint8Array): Uint8Array {
    const { group, publicKey: serverShare, suite, random } = this.flight;
    assert.ok(group !== null, "a resumed session has no key exchange");
    this.#ephemeral = this.crypto.ecdhKey(group, this.#random);
    const share = publicKey ?? this.#ephemeral.publicKey;
    const body = new Writer();
    if (suite.keyExchange === "ecdhe-psk") body.vector16(required(this.preSharedKey).identity);
    const bytes = this.message(HandshakeType.clientKeyExchange, body.vector8(share).bytes());
    const shared = this.#ephemeral.agree(serverShare);
    assert.ok(shared !== null, "the server's share is no good");
    const premaster =
      suite.keyExchange === "ecdhe-psk"
        ? pskPremaster(shared, required(this.preSharedKey).key.slice())
        : shared;
    const randoms = { client: this.hello.random, server: random };
    const hash = this.#transcriptHash();
    const master = extendedMasterSecret(this.crypto, suite.hash, premaster, hash);
    this.#keys = new KeySchedule(this.crypto, suite.hash, randoms, master);
    return bytes;
  }

  /** A signature over the transcript as it stands. */
  signature(
    hash: "sha256" | "sha384" = "sha256",
    key: SigningKey = clientKey(this.crypto),
  ): Uint8Array {
    return key.sign(hash, concat(...this.#messages), null);
  }

  certificateVerify(scheme = 0x0403, signature: Uint8Array = this.signature()): Uint8Array {
    const body = new Writer().u16(scheme).vector16(signature).bytes();
    return this.message(HandshakeType.certificateVerify, body);
  }

  /** ChangeCipherSpec in the clear; what follows is protected. */
  changeCipherSpec(): Uint8Array {
    const bytes = this.record(ContentType.changeCipherSpec, Uint8Array.of(1));
    const { suite } = this.flight;
    const { client, server } = this.keys.recordKeys(suite);
    this.#writing = new RecordProtection(this.crypto, suite, client);
    this.#reading ??= { version: "TLS 1.2", suite, keys: server, epoch: 1 };
    return bytes;
  }

  verifyData(): Uint8Array {
    return this.keys.verifyData("client", this.#transcriptHash());
  }

  finished(verifyData: Uint8Array = this.verifyData()): Uint8Array {
    return this.message(HandshakeType.finished, verifyData);
  }

  applicationData(text: string): Uint8Array {
    return this.record(ContentType.applicationData, utf8(text));
  }

  alert(level: number, description: number): Uint8Array {
    return this.record(ContentType.alert, Uint8Array.of(level, description));
  }

  /** Everything from the key exchange to Finished, with the certificate in front if there is to be one. */
  secondFlight(chain: readonly Uint8Array[] | null = null): Uint8Array {
    const parts: Uint8Array[] = [];
    if (chain !== null) parts.push(this.certificate(chain));
    parts.push(this.clientKeyExchange());
    if (chain !== null && chain.length > 0) parts.push(this.certificateVerify());
    parts.push(this.changeCipherSpec(), this.finished());
    return concat(...parts);
  }

  /** Takes what the server sent and checks it. */
  receive(bytes: Uint8Array): void {
    this.#reader.push(bytes);
    for (let record = this.#reader.next(); record !== null; record = this.#reader.next()) {
      this.recordSizes.push(record.fragment.length);
      switch (record.type) {
        case ContentType.alert: {
          const alert = parseAlert(record.fragment);
          assert.ok(alert !== null, "the server's alert is malformed");
          this.alerts.push(alert);
          break;
        }
        case ContentType.changeCipherSpec:
          assert.ok(this.#reading !== null, "ChangeCipherSpec before the keys");
          this.#reader.rules.protect(this.crypto, this.#reading);
          break;
        case ContentType.handshake:
          this.#pending = concat(this.#pending, record.fragment);
          this.#joined();
          break;
        case ContentType.applicationData:
          this.data = concat(this.data, record.fragment);
          break;
      }
    }
  }

  #joined(): void {
    while (this.#pending.length >= 4) {
      const length = new Reader(this.#pending.subarray(1), cut).u24();
      if (this.#pending.length < 4 + length) return;
      const message = this.#pending.slice(0, 4 + length);
      this.#pending = this.#pending.slice(4 + length);
      if (message[0] === HandshakeType.finished) this.#checkFinished(message.subarray(4));
      this.note(message);
      if (message[0] === HandshakeType.serverHello) this.#readHello();
      if (message[0] === HandshakeType.serverHelloDone) this.#readExchange();
    }
  }

  #checkFinished(verifyData: Uint8Array): void {
    const expected = this.keys.verifyData("server", this.#transcriptHash());
    assert.ok(sameBytes(verifyData, expected), "the server's Finished does not hold");
    this.serverFinished = verifyData.slice();
    this.finishedHeld = true;
  }

  #readHello(): void {
    const hello = new Reader(required(this.heard(HandshakeType.serverHello)), cut);
    assert.equal(hello.u16(), 0x0303);
    const random = hello.take(32);
    const sessionId = hello.vector8();
    const code = hello.u16();
    const suite = findSuite(code);
    assert.ok(suite !== null && this.hello.suites.includes(code), "a suite that was not offered");
    assert.equal(hello.u8(), 0);
    const extensions = new Map<number, Uint8Array>();
    const block = new Reader(hello.vector16(), cut);
    while (block.remaining > 0) extensions.set(block.u16(), block.vector16());
    assert.equal(hello.remaining, 0);
    this.#flight = {
      ...{ random, sessionId, suite, extensions },
      ...{ group: null, publicKey: new Uint8Array(), certificateRequest: null },
    };
    const taken = sessionId.length > 0 && sameBytes(sessionId, this.hello.sessionId);
    if (this.resuming === null || !taken) return;
    const randoms = { client: this.hello.random, server: random };
    this.#keys = new KeySchedule(this.crypto, suite.hash, randoms, this.resuming.slice());
    const keys = this.#keys.recordKeys(suite).server;
    this.#reading = { version: "TLS 1.2", suite, keys, epoch: 1 };
  }

  /** Reads what came after ServerHello and checks the signature over the server's share. */
  #readExchange(): void {
    const { random, suite } = this.flight;
    const signs = suite.keyExchange !== "ecdhe-psk";
    const exchange = new Reader(required(this.heard(HandshakeType.serverKeyExchange)), cut);
    if (!signs) assert.equal(exchange.vector16().length, 0, "no hint");
    const params = exchange.take(4);
    const share = exchange.take(params[3]!);
    if (signs) {
      const code = exchange.u16();
      const signed = concat(this.hello.random, random, params, share);
      this.#checkSignature(code, signed, exchange.vector16());
    }
    assert.equal(exchange.remaining, 0);

    const groups: readonly EcdhGroup[] = ["P-256", "P-384", "X25519"];
    const group = groups.find((candidate) => groupCode(candidate) === params[2]);
    assert.ok(group !== undefined, "an unknown group");
    const certificateRequest = this.heard(HandshakeType.certificateRequest);
    this.#flight = { ...this.flight, group, publicKey: share, certificateRequest };
  }

  #checkSignature(code: number, signed: Uint8Array, signature: Uint8Array): void {
    if (this.trusting) return;
    assert.equal(code, 0x0403);
    const { publicKey } = serverKey(this.crypto);
    const scheme = { kind: "ecdsa", hash: "sha256" } as const;
    assert.ok(this.crypto.verify(scheme, publicKey, signed, signature), "the server's signature");
  }

  #transcriptHash(): Uint8Array {
    return this.crypto.digest(this.flight.suite.hash, concat(...this.#messages));
  }
}

/** What an honest client offers. */
export function honestExtensions(): Extension[] {
  return [
    extension.renegotiationInfo(),
    extension.extendedMasterSecret(),
    extension.groups([23, 29]),
    extension.pointFormats([0]),
    extension.schemes([0x0403, 0x0503]),
  ];
}

/** The honest offer with these in place of those of their type, or beside them. */
export function extensionsWith(...changed: readonly Extension[]): Extension[] {
  const types = new Set(changed.map(([type]) => type));
  return [...honestExtensions().filter(([type]) => !types.has(type)), ...changed];
}

/** The honest offer without one extension. */
export function extensionsWithout(left: number): Extension[] {
  return honestExtensions().filter(([type]) => type !== left);
}

/** A server machine and a scripted client on one wire. */
export class Duplex {
  readonly client: ScriptedClient;
  readonly server: TlsServer;
  /** All the server put out, and all the bytes it sent. */
  readonly outputs: TlsOutput[] = [];
  sent: Uint8Array = new Uint8Array();

  constructor(config: TlsServerConfig, hello: Partial<Hello> = {}) {
    this.server = new TlsServer({ versions: ["TLS 1.2"], ...config });
    this.client = new ScriptedClient(config.crypto, hello);
  }

  /** Carries bytes to the server, and to the client what the server sends. */
  give(...bytes: readonly Uint8Array[]): void {
    this.input({ kind: "bytes", bytes: concat(...bytes) });
  }

  input(input: TlsInput): void {
    for (const output of this.server.handle(input, mono(0))) {
      this.outputs.push(output);
      if (output.kind !== "send") continue;
      this.sent = concat(this.sent, output.bytes);
      this.client.receive(output.bytes);
    }
  }

  /** Says yes to the client's chain. */
  accept(): void {
    this.input({ kind: "peer-accepted", publicKey: clientKey(this.client.crypto).publicKey });
  }

  /** ClientHello and the server's answer. */
  hellos(): this {
    this.give(this.client.clientHello());
    return this;
  }

  /** A whole honest handshake; with a chain the server is told to accept it. */
  establish(chain: readonly Uint8Array[] | null = null): this {
    this.hellos();
    this.give(this.client.secondFlight(chain));
    if (chain !== null && chain.length > 0) this.accept();
    assert.ok(this.session !== null, "not established");
    assert.ok(this.client.finishedHeld, "no Finished from the server");
    return this;
  }

  get session(): TlsSession | null {
    for (const output of this.outputs) if (output.kind === "established") return output.session;
    return null;
  }

  get failure(): TlsFailure | null {
    for (const output of this.outputs) if (output.kind === "failed") return output.failure;
    return null;
  }

  /** The client's half of an abbreviated handshake. */
  resume(master: Uint8Array): this {
    this.client.resuming = master;
    this.hellos();
    assert.ok(this.client.finishedHeld, "no Finished from the server");
    this.give(this.client.changeCipherSpec(), this.client.finished());
    return this;
  }

  /** Application data that reached the server's user. */
  get received(): Uint8Array {
    return concat(
      ...this.outputs.map((output) => (output.kind === "data" ? output.bytes : new Uint8Array())),
    );
  }
}

function required<T>(value: T | null): T {
  assert.ok(
    value !== null,
    "a message is missing from the server's flight, or a key from the test",
  );
  return value;
}

function cut(): Error {
  return new Error("the server's message is cut short");
}
