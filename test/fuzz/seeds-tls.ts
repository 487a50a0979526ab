/** First inputs for the targets in which our own TLS and DTLS clients speak. */
import { concat, utf8, Writer } from "../../src/base/bytes.ts";
import { mono } from "../../src/base/machine.ts";
import type { Machine } from "../../src/base/machine.ts";
import { parseCertificate } from "../../src/proto/x509/certificate.ts";
import { encodeRawPublicKey } from "../../src/proto/x509/raw-key.ts";
import { CHAIN, OCSP } from "./chain.ts";
import { DatagramSide } from "./datagram-side.ts";
import { clientSide, serverSide, termsFrom } from "./duel.ts";
import { Choices } from "./choices.ts";
import { encodeAck, encodeFragment, encodeHelloVerify, encodeNewConnectionId } from "./dtls.ts";
import { OPEN_KEY } from "./open-conversation.ts";
import { openCrypto } from "./open-crypto.ts";
import { configFrom as clientFrom } from "./targets/tls-client-open.ts";
import { configFrom as serverFrom } from "./targets/tls-server.ts";
import { ClientHandshake, ServerHandshake, StreamConnection, TlsClient, TlsServer } from "./tls.ts";
import type { Channel, TlsInput, TlsOutput } from "./tls.ts";

type Seed = (target: string, name: string, bytes: Uint8Array) => void;

const octets = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);
const stretch = (bytes: Uint8Array): Uint8Array => new Writer().vector16(bytes).bytes();

/** Terms as `termsFrom` reads them. */
const TERMS: Readonly<Record<string, number>> = {
  both: 0,
  12: 1,
  13: 2,
  fallback: 3,
  "certificate-12": 5,
  "certificate-13": 6,
  "psk-12": 9,
  "psk-13": 10,
  "raw-12": 0x15,
  "raw-13": 0x16,
  "ocsp-12": 0x21,
  "ocsp-13": 0x22,
  "resume-12": 0x45,
  "resume-13": 0x46,
  "retry-13": 0x86,
  "all-13": 0xf6,
};

export function tlsSeeds(seed: Seed): void {
  for (const [name, terms] of Object.entries(TERMS)) {
    seed("tls-client", name, octets(terms, 0));
    seed("tls-resumption", name, octets(terms, 0));
    seed("dtls-association", name, concat(octets(terms, 0, 0), TALK));
    if (/^(13|both|certificate-13|psk-13)$/.test(name)) {
      for (const liar of [0, 1, 2]) seed("tls-retry", `${name}-${liar}`, octets(liar, terms, 0));
    }
    if (terms < 16) seed("dtls-endpoint", name, concat(octets(terms), MEET));
  }
  for (const terms of [5, 6]) seed("tls-client", `curves-${terms}`, octets(terms, 1));
  seed("dtls-endpoint", "retry-13", concat(octets(0x16), MEET));
  seed("dtls-endpoint", "ids-12", concat(octets(0x21), MEET));
  seed("dtls-endpoint", "ids-13", concat(octets(0x22), MEET));
  seed("dtls-association", "ids-12", concat(octets(1, 0, 0xd0), TALK));
  seed("dtls-association", "ids-13", concat(octets(2, 0, 0xb0), TALK));
  seed("dtls-association", "lies", octets(6, 0, 1, 4, 9, 40, 1, 0));
  seed("dtls-association", "small-path", concat(octets(6, 0, 4), TALK));
  seed("dtls-association", "worn-keys", concat(octets(2, 0, 8), TALK));
  const state = octets(0x13, 1, 0, 0x1d, ...new Uint8Array(64));
  seed("tls-retry", "forms", concat(octets(7), stretch(state), stretch(octets(0, 2, 1, 2))));
  for (const setup of [2, 3, 6, 7, 0x0a, 0x0e, 0x0f, 0x12, 0x16]) {
    seed("eap-peer", `client-${setup}`, octets(setup, 90));
  }
  seed("eap-peer", "client-fragments", octets(2, 1));
  opened(seed);
  x509(seed);
  datagrams(seed);
  serverMessages(seed);
}

/** Deliveries with words, new keys, a loss, a repeat and a wait among them. */
const TALK = octets(
  ...[0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 16, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 18, 0, 18, 1],
  ...[0, 0, 0, 0, 20, 0, 20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 17, 100, 18, 0, 0, 0, 22, 0, 0, 0],
);

/** Two clients meet the server; one says something, moves and goes on; the other parts. */
const MEET = concat(
  ...Array.from({ length: 20 }, (_, at) => octets(0, at % 2)),
  octets(15, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 14, 0, 3, 15, 0, 0, 0, 20, 0, 0, 20, 0, 1, 0, 0),
  ...Array.from({ length: 6 }, () => octets(20, 0, 0)),
  octets(22, 0, 0, 15, 0, 0, 0, 0, 0, 17, 0, 90, 16, 1, 0, 1, 0, 1),
);

/** One side, and what it was given. */
class Recorded {
  readonly given: Uint8Array[] = [];
  readonly #machine: Machine<TlsInput, TlsOutput>;
  established = false;

  constructor(machine: Machine<TlsInput, TlsOutput>) {
    this.#machine = machine;
  }

  tell(input: TlsInput): Uint8Array {
    if (input.kind === "bytes") this.given.push(input.bytes);
    const sent: Uint8Array[] = [];
    for (const output of this.#machine.handle(input, mono(0))) {
      if (output.kind === "send") sent.push(output.bytes);
      if (output.kind === "established") this.established = true;
      if (output.kind === "failed") throw output.failure;
      if (output.kind !== "verify-peer") continue;
      sent.push(this.tell({ kind: "peer-accepted", publicKey: OPEN_KEY }));
    }
    return concat(...sent);
  }
}

/** Whole conversations with every lock open, as each side hears them, and in EAP. */
function opened(seed: Seed): void {
  const pairs: readonly (readonly [name: string, client: number, server: number])[] = [
    ["plain-12", 1, 9],
    ["plain-13", 2, 10],
    ["certificate-12", 5, 1],
    ["certificate-13", 6, 2],
    ["ticket-12", 0x11, 0x29],
    ["ticket-13", 0x12, 0x2a],
    ["psk-12", 0x21, 0x49],
    ["psk-13", 0x22, 0x4a],
    ["raw-12", 0x45, 0x81],
    ["raw-13", 0x46, 0x82],
    ["ocsp-alpn-12", 0x89, 0x99],
    ["ocsp-alpn-13", 0x8a, 0x9a],
  ];
  for (const [name, clientSettings, serverSettings] of pairs) {
    const client = new Recorded(new TlsClient(clientFrom(clientSettings)));
    const server = new Recorded(new TlsServer(serverFrom(serverSettings)));
    const flights: Uint8Array[] = [];
    const tell = (input: TlsInput): void => {
      for (let bytes = client.tell(input); bytes.length > 0;) {
        flights.push(bytes);
        bytes = server.tell({ kind: "bytes", bytes });
        if (bytes.length > 0) bytes = client.tell({ kind: "bytes", bytes });
      }
    };
    tell({ kind: "start" });
    if (!client.established || !server.established) throw new Error(`${name}: not established`);
    tell({ kind: "send", bytes: utf8("hello") });
    if (name.endsWith("13")) tell({ kind: "update-keys" });
    client.tell({ kind: "bytes", bytes: server.tell({ kind: "send", bytes: utf8("hello") }) });
    tell({ kind: "close" });
    seed("tls-client-open", name, concat(octets(clientSettings, 1, 254), ...client.given));
    seed("tls-server", `client-${name}`, concat(octets(serverSettings, 1, 254), ...server.given));
    if (/^(certificate|ticket)-13$/.test(name)) inEap(seed, name, flights);
  }
}

function inEap(seed: Seed, name: string, [hello, second]: readonly Uint8Array[]): void {
  const identity = utf8("@home.arpa");
  const say = (flight: Uint8Array): Uint8Array =>
    concat(octets(2), stretch(concat(octets(0), flight)));
  const steps = [
    concat(octets(0, identity.length), identity),
    ...[say(hello!), say(second!), say(new Uint8Array()), octets(14, 0)],
  ];
  const sessions = name.startsWith("ticket") ? 128 + 8 : 0;
  seed("eap-server", `client-${name}`, concat(octets(3 + 32 + sessions), ...steps));
  seed("eap-server", `refused-${name}`, concat(octets(3 + 32 + 64 + sessions), ...steps));
}

function x509(seed: Seed): void {
  seed("ocsp", "good", concat(octets(0), OCSP.good));
  seed("ocsp", "revoked", concat(octets(0), OCSP.revoked));
  seed("ocsp", "changed-good", octets(1, 0));
  seed("ocsp", "changed-revoked", octets(1, 1));
  seed("raw-key", "p256", parseCertificate(CHAIN.leaf).spki);
  const modulus = new Uint8Array(256).fill(0xab);
  const exponent = octets(1, 0, 1);
  seed("raw-key", "rsa", encodeRawPublicKey({ kind: "rsa", modulus, exponent }));
}

/** What two associations say with every lock open. */
function datagrams(seed: Seed): void {
  for (const [name, bits] of [
    ["12", 5],
    ["13", 6],
  ] as const) {
    const terms = { ...termsFrom(new Choices(octets(bits, 0))), crypto: openCrypto };
    const options = { mtu: null };
    const client = new DatagramSide("client", terms, options, null, null, null);
    const server = new DatagramSide("server", terms, options, null, null, null);
    const all: Uint8Array[] = [];
    const carry = (from: DatagramSide, sent: readonly Uint8Array[]): void => {
      all.push(...sent);
      const to = from === client ? server : client;
      for (const bytes of sent) carry(to, to.tell({ kind: "datagram", bytes }, 0));
    };
    carry(client, client.tell({ kind: "start" }, 0));
    if (client.session === null || server.session === null) throw new Error(`D${name}`);
    carry(client, client.say(1, 0));
    const parts = all.map(stretch);
    seed("dtls-records", `talk-${name}`, concat(octets(0), ...parts.slice(0, 3)));
    seed("dtls-records", `talk-${name}-end`, concat(octets(1), ...parts.slice(3)));
  }
  for (const setup of [0x80, 0x81, 0x84, 0x85]) {
    const write = octets(2, 3, 1, 2, 3, 0, 1, 1, 9, 0, 0, 2, 5, 5, 77);
    seed("dtls-records", `written-${setup}`, concat(octets(setup), write));
  }
  const body = new Uint8Array(40).fill(3);
  const whole = encodeFragment({ type: 1, seq: 0, body }, 0, 40);
  const [front, end] = [
    encodeFragment({ type: 2, seq: 1, body }, 0, 30),
    encodeFragment({ type: 2, seq: 1, body }, 20, 40),
  ];
  const push = (content: Uint8Array): Uint8Array => concat(octets(0, 0), stretch(content));
  const pushes = [push(end), push(whole), octets(6), push(front), octets(6, 7, 2)];
  seed("dtls-messages", "reassembly", concat(octets(0, 0), ...pushes));
  seed("dtls-messages", "joined", octets(1, 2, 90, 40, 10, 1, 0, 50, 0, 20, 60, 0, 0, 30));
  seed("dtls-messages", "fragments", concat(octets(2), whole, front));
  const numbers = [
    { epoch: 2, sequence: 1 },
    { epoch: 2, sequence: 3 },
  ];
  seed("dtls-messages", "ack", concat(octets(3, 2), encodeAck(numbers)));
  const cids = [octets(1, 2, 3), octets(4, 5, 6)];
  const ids = encodeNewConnectionId({ cids, immediate: true });
  seed("dtls-messages", "connection-ids", concat(octets(4, 1), ids));
  seed("dtls-messages", "connection-id", octets(4, 0, 3, 1, 2, 3));
  seed("dtls-messages", "verify", concat(octets(5, 1), encodeHelloVerify(body.subarray(0, 20))));
  const hello = concat(octets(0xfe, 0xfd), new Uint8Array(33), octets(2, 8, 9, 0, 2, 0xc0, 0x2b));
  seed("dtls-messages", "cookie", concat(octets(5, 0, 2, 7, 7), hello));
}

/** The bodies of what a server says, by their place in the target's list. */
function serverMessages(seed: Seed): void {
  const places: Readonly<Record<number, number>> = { 2: 0, 8: 1, 12: 5, 22: 9 };
  for (const [version, bits] of [
    ["12", 0x25],
    ["13", 0x26],
  ] as const) {
    const terms = { ...termsFrom(new Choices(octets(bits, 0))), crypto: openCrypto };
    const [clientConfig, serverConfig] = [clientSide(terms, null), serverSide(terms, null)];
    const heard: Uint8Array[] = [];
    const server = new Recorded(
      new StreamConnection("server", serverConfig, (plain) => {
        return new ServerHandshake(serverConfig, overheard(plain, heard));
      }),
    );
    const client = new StreamConnection(
      "client",
      clientConfig,
      (plain) => new ClientHandshake(clientConfig, plain),
    );
    const [hello] = client.handle({ kind: "start" }, mono(0));
    if (hello?.kind === "send") server.tell({ kind: "bytes", bytes: hello.bytes });
    for (const message of heard) {
      const type = message[0]!;
      const request = version === "12" ? 2 : 3;
      const place = type === 13 ? request : type === 11 && version === "13" ? 4 : places[type];
      if (place === undefined) continue;
      const name = `${version}-${type}`;
      seed("tls-server-messages", name, concat(octets(place), message.subarray(4)));
    }
  }
  const ticket = [0, 0, 1, 0, 0, 0, 0, 7, 1, 0, 0, 2, 5, 6, 0, 0];
  seed("tls-server-messages", "ticket-13", octets(8, ...ticket));
  seed("tls-server-messages", "ticket-12", octets(7, 0, 0, 1, 0, 0, 2, 5, 6));
  const binder = [32, ...new Uint8Array(32)];
  const offer = [0, 8, 0, 2, 5, 6, 0, 0, 0, 0, 0, 33, ...binder];
  seed("tls-server-messages", "offer", octets(12, ...offer));
  seed("tls-server-messages", "identity", octets(11, 0, 2, 5, 6, 0, 0, 3, 4, 0, 1));
}

function overheard(plain: Channel, heard: Uint8Array[]): Channel {
  const send: Channel["send"] = (message) => {
    heard.push(message);
    return plain.send(message);
  };
  return new Proxy(plain, {
    get: (target, name) => {
      const value: unknown = name === "send" ? send : Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
