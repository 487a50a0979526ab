/**
 * A whole daemon in memory, the same on both engines: virtual clock, files and
 * network, and stations that speak EAP through a RADIUS client. For tests and
 * for in-process figures.
 */
import { concat, utf8, Writer } from "../../src/base/bytes.ts";
import type { Crypto, SigningKey } from "../../src/base/crypto/crypto.ts";
import type { RandomSource } from "../../src/base/machine.ts";
import { unix } from "../../src/base/machine.ts";
import type { Daemon } from "../../src/daemon/daemon.ts";
import { startDaemon } from "../../src/daemon/daemon.ts";
import { MemoryClock } from "../../src/host/memory/clock.ts";
import { MemoryFiles, PowerCut } from "../../src/host/memory/files.ts";
import type { Torn } from "../../src/host/memory/files.ts";
import type { MemoryInterface } from "../../src/host/memory/multicast.ts";
import type { MemoryHost, ScriptedResult } from "../../src/host/memory/host.ts";
import type { UdpSocket } from "../../src/host/host.ts";
import { encodeSetupIdentity } from "../../src/policy/admission/setup.ts";
import { signCertificate } from "../../src/proto/x509/certificate.ts";
import { deviceName } from "../../src/proto/x509/device-id.ts";
import { subjectAltName } from "../../src/proto/x509/extensions.ts";
import { encodePublicKey } from "../../src/proto/x509/key.ts";
import { encodeName } from "../../src/proto/x509/name.ts";
import { OID } from "../../src/proto/x509/oids.ts";
import { decodePem, encodePem } from "../../src/proto/x509/pem.ts";
import { signRequest } from "../../src/proto/x509/request.ts";
import {
  attribute,
  CalledStationId,
  CallingStationId,
  FramedMtu,
  NasIdentifier,
  NasPortType,
  UserName,
} from "../../src/proto/radius/attributes.ts";
import type { Attribute } from "../../src/proto/radius/packet.ts";
import type { ClientTicket, TlsSession, TlsVersion } from "../../src/proto/tls/client.ts";
import { ContentType } from "../../src/proto/tls/wire.ts";
import { assert } from "./assert.ts";
import { PoweredHost } from "./powered-host.ts";
import { RadiusTestClient, type ClientAnswer } from "./radius-client.ts";
import { seeded } from "./random.ts";
import { clientKey, ScriptedClient } from "./tls-client.ts";
import { TlsStation } from "./tls-station.ts";

export const HOME_SECRET = "memory-secret-of-a-test";
const CONFIG = "/etc/config/homeca";
const SOCKET = "/var/run/homeca/homeca.sock";
const NAS = { address: "127.0.0.1", port: 0 };
const SERVER = { address: "127.0.0.1", port: 1812 };

const UCI = `config homeca 'main'
	option enforce 'nft'
	list interface 'lan1'
config radius 'radius'
	list listen '127.0.0.1'
config client 'accesspoint'
	option prefix '127.0.0.1'
	option secret '${HOME_SECRET}'
	option das_address '127.0.0.1'
`;

/** 2027-01-15T08:00:00Z: any day after the software's own date. */
const TODAY = unix(1_800_000_000);

export interface MemoryHomeOptions {
  readonly random?: RandomSource;
  readonly uci?: string;
  readonly script?: (command: readonly string[], input: string) => ScriptedResult;
  /** Another home whose clock and network this one shares; its addresses must be others. */
  readonly beside?: MemoryHome;
  /** What the wall clock shows at first. */
  readonly wall?: number;
  /** What stations compute with, where the home's own provider is watched. */
  readonly stationCrypto?: Crypto;
  /** A disk from another life; a fresh one with the configuration otherwise. */
  readonly files?: MemoryFiles;
  /** None unless told otherwise. */
  readonly interfaces?: readonly MemoryInterface[];
  /** What happens on the host before the daemon starts. */
  readonly prepare?: (host: MemoryHost) => void;
  /** Whose clock and network it shares; of its own otherwise. */
  readonly world?: Pick<MemoryHost, "clock" | "network">;
}

function freshDisk(uci: string): MemoryFiles {
  const files = new MemoryFiles();
  const folders = [
    "/etc",
    "/etc/config",
    "/var",
    "/var/run",
    "/sys",
    "/sys/class",
    "/sys/class/net",
    "/sys/class/net/lan1",
  ];
  for (const folder of folders) files.makeDirectory(folder, 0o755);
  files.plant("/sys/class/net/lan1/address", utf8("02:00:00:00:ff:01\n"));
  files.replaceDurably(CONFIG, utf8(uci), 0o600);
  return files;
}

export class MemoryHome {
  readonly host: PoweredHost;
  readonly #options: MemoryHomeOptions;
  readonly #socket: UdpSocket;
  #arrived: Uint8Array[] = [];
  #joins = 0;
  /** Milliseconds in which the daemon worked on datagrams. */
  serverMs = 0;
  readonly stationCrypto: Crypto;
  readonly #daemon: Daemon;

  constructor(crypto: Crypto, options: MemoryHomeOptions = {}) {
    this.#options = options;
    this.stationCrypto = options.stationCrypto ?? crypto;
    this.host = this.#boot(crypto, options.files ?? freshDisk(options.uci ?? UCI));
    this.#socket = this.host.udp(NAS, (bytes) => void this.#arrived.push(bytes));
    options.prepare?.(this.host);
    this.#daemon = startDaemon(this.host, CONFIG);
    this.host.clock.advance(0);
  }

  #boot(crypto: Crypto, files: MemoryFiles): PoweredHost {
    const { random, beside, wall, script, interfaces } = this.#options;
    const world = this.#options.world ?? beside?.host;
    const place = world ?? { clock: new MemoryClock(unix(wall ?? TODAY)) };
    return new PoweredHost(
      {
        crypto,
        random: random ?? seeded("memory home"),
        files,
        clock: place.clock,
        ...("network" in place ? { network: place.network } : {}),
        ...(script === undefined ? {} : { script }),
        ...(interfaces === undefined ? {} : { interfaces }),
      },
      () => !files.powerIsOff,
    );
  }

  /** A number of its own for each conversation: two with the same authenticators would be repeats. */
  nextJoin(): number {
    return ++this.#joins;
  }

  get lines(): readonly string[] {
    return this.host.logged.map(({ line }) => line);
  }

  /** The nft transactions so far, as text. */
  get nft(): readonly string[] {
    return this.host.ran.filter(({ command }) => command[1] === "-f").map(({ input }) => input);
  }

  /** Drops what the host kept of the past. */
  forget(): void {
    this.host.network.sent.length = 0;
    this.host.ran.length = 0;
    this.host.logged.length = 0;
  }

  /** Ends the daemon; gives its disk, for a home that boots from it. */
  stop(): MemoryFiles {
    this.#daemon.stop();
    // Its files were made by this kit.
    return (this.host.files as MemoryFiles).restart();
  }

  /** The power goes where it stands; gives the disk as it may be found then. */
  crash(torn?: Torn): MemoryFiles {
    this.host.cutPower();
    // What its program still tries stays unheard.
    try {
      this.#daemon.stop();
    } catch (failure) {
      if (!(failure instanceof PowerCut)) throw failure;
    }
    // Its files were made by this kit.
    return (this.host.files as MemoryFiles).restart(torn);
  }

  /** One datagram to the server and what came back at once; null for silence. */
  ask(datagram: Uint8Array): Uint8Array | null {
    this.#arrived = [];
    this.#socket.send(datagram, SERVER);
    const from = stopWatch();
    this.host.clock.advance(1);
    this.serverMs += stopWatch() - from;
    return this.#arrived[0] ?? null;
  }

  /** A management call as the command line makes it; `turns` bounds how long its answer is waited for. */
  async call(method: string, args: object = {}, turns = 50): Promise<Record<string, unknown>> {
    const client = this.host.localClient(SOCKET);
    client.send(
      `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "call", params: ["", "homeca", method, args] })}\n`,
    );
    for (let turn = 0; turn < turns && !client.received.includes("\n"); turn++) {
      this.host.clock.advance(0);
      await Promise.resolve();
    }
    client.close();
    this.host.clock.advance(0);
    const reply = JSON.parse(client.received) as { result: [number, Record<string, unknown>] };
    return { status: reply.result[0], ...reply.result[1] };
  }
}

/** Milliseconds of the best clock that the engine has; for figures alone. */
const stopWatch: () => number =
  globalThis.performance === undefined ? () => Date.now() : () => performance.now();

/** How a station came out of it. */
export interface Joined {
  readonly code: number;
  readonly answer: ClientAnswer;
  readonly rounds: number;
  /** Alerts the server sent. */
  readonly alerts: readonly (string | null)[];
  /** Null but for stations with `versions`, if they got a handshake through. */
  readonly session: TlsSession | null;
  /** A session to come back to. */
  readonly ticket: ClientTicket | null;
}

export interface StationOptions {
  readonly mac: string;
  readonly method: "tls" | "ttls";
  readonly identity?: string;
  /** DER, its own first; the key is the test client's. */
  readonly chain: readonly Uint8Array[] | null;
  /** Inner User-Name and User-Password of TTLS. */
  readonly inner?: { readonly name: Uint8Array; readonly password: string };
  /** Of a station with `versions`; the test client's unless told. */
  readonly key?: SigningKey;
  /** Speaks through our own TLS client then, and may come back to a session. */
  readonly versions?: readonly TlsVersion[];
  readonly resume?: ClientTicket;
}

const ACCEPT = 2;
const REJECT = 3;
const TYPES = { tls: 13, ttls: 21 } as const;

/** Lets a station authenticate against the home, one datagram at a time, until it is accepted or rejected. */
export function join(home: MemoryHome, station: StationOptions): Joined {
  const crypto = home.stationCrypto;
  const radius = new RadiusTestClient(crypto, seeded(`nas ${home.nextJoin()}`), utf8(HOME_SECRET));
  const peer = peerOf(crypto, station, home);
  const attributes: Attribute[] = [
    attribute(UserName, station.identity ?? "@homeca.home.arpa"),
    attribute(NasIdentifier, "accesspoint"),
    attribute(CalledStationId, "02-00-00-00-FF-01:Home"),
    attribute(CallingStationId, station.mac),
    attribute(NasPortType, 19),
    attribute(FramedMtu, 1400),
  ];
  let eap = peer.identity();
  for (let rounds = 1; rounds <= 40; rounds++) {
    const reply = home.ask(radius.accessRequest({ eap, attributes }));
    assert.ok(
      reply !== null,
      `silence in round ${rounds}; log: ${home.lines.slice(-3).join(" | ")}`,
    );
    const answer = radius.open(reply);
    if (answer.code === ACCEPT || answer.code === REJECT) {
      const { alerts, session, ticket } = peer;
      return { code: answer.code, answer, rounds, alerts, session, ticket };
    }
    assert.ok(answer.eap !== null, "a Challenge without EAP");
    eap = peer.respond(answer.eap);
  }
  return assert.fail("no end after 40 rounds");
}

function peerOf(
  crypto: Crypto,
  station: StationOptions,
  home: MemoryHome,
): ScriptedPeer | TlsStation {
  const { method, identity, chain, versions, resume, inner } = station;
  if (versions === undefined) return new ScriptedPeer(crypto, station);
  return new TlsStation(crypto, {
    ...{ method, versions, chain: chain ?? [], key: station.key ?? stationKey(crypto) },
    ...(identity === undefined ? {} : { identity }),
    ...(resume === undefined ? {} : { resume }),
    ...(inner === undefined ? {} : { inner: pap(inner.name, utf8(inner.password)) }),
    seed: `station ${home.nextJoin()}`,
  });
}

/** An honest EAP peer over the scripted TLS client. */
class ScriptedPeer {
  readonly session = null;
  readonly ticket = null;
  readonly #options: StationOptions;
  readonly #tls: ScriptedClient;
  #incoming: Uint8Array[] = [];
  #state: "hello" | "flight" | "finished" = "hello";

  constructor(crypto: Crypto, options: StationOptions) {
    this.#options = options;
    this.#tls = new ScriptedClient(crypto);
    // Which key the server has is for the test that knows it; here any that signs.
    this.#tls.trusting = true;
  }

  get alerts(): readonly (string | null)[] {
    return this.#tls.alerts.map(({ name }) => name);
  }

  identity(): Uint8Array {
    return packet(0, 1, utf8(this.#options.identity ?? "@homeca.home.arpa"));
  }

  respond(request: Uint8Array): Uint8Array {
    const identifier = request[1]!;
    const type = request[4]!;
    const wanted = TYPES[this.#options.method];
    if (type !== wanted) return packet(identifier, 3, Uint8Array.of(wanted));
    const flags = request[5]!;
    if ((flags & 0x20) === 0) {
      this.#incoming.push(request.subarray((flags & 0x80) === 0 ? 6 : 10));
      if ((flags & 0x40) !== 0) return packet(identifier, type, Uint8Array.of(0));
      this.#tls.receive(concat(...this.#incoming.splice(0)));
    }
    return packet(identifier, type, concat(Uint8Array.of(0), this.#next()));
  }

  #next(): Uint8Array {
    if (this.#tls.alerts.length > 0) return new Uint8Array(0);
    switch (this.#state) {
      case "hello":
        this.#state = "flight";
        return this.#tls.clientHello();
      case "flight":
        this.#state = "finished";
        return this.#tls.secondFlight(this.#options.chain ?? []);
      case "finished": {
        const { inner } = this.#options;
        if (inner === undefined) return new Uint8Array(0);
        return this.#tls.record(ContentType.applicationData, pap(inner.name, utf8(inner.password)));
      }
    }
  }
}

function packet(identifier: number, type: number, body: Uint8Array): Uint8Array {
  return new Writer()
    .u8(2)
    .u8(identifier)
    .u16(5 + body.length)
    .u8(type)
    .raw(body)
    .bytes();
}

function pap(name: Uint8Array, password: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil(Math.max(1, password.length) / 16) * 16);
  padded.set(password);
  return concat(avp(1, name), avp(2, padded));
}

function avp(code: number, value: Uint8Array): Uint8Array {
  const head = new Writer()
    .u32(code)
    .u8(0x40)
    .u24(8 + value.length)
    .raw(value);
  return head.raw(new Uint8Array((4 - (value.length % 4)) % 4)).bytes();
}

/** The test client's key: every scripted station has it. */
export function stationKey(crypto: Crypto): SigningKey {
  return clientKey(crypto);
}

/** A certificate of first contact: signed by its own key, valid for ever. */
export function selfSigned(crypto: Crypto, key: SigningKey = stationKey(crypto)): Uint8Array {
  const name = encodeName([{ type: OID.commonName, value: "a device" }]);
  return signCertificate(
    {
      serial: Uint8Array.of(1),
      issuer: name,
      subject: name,
      notBefore: unix(1_577_836_800),
      notAfter: unix(253_402_300_799),
      spki: encodePublicKey(key.publicKey),
      extensions: [subjectAltName([deviceName("abcdefghijklmnop")])],
    },
    key,
    null,
  );
}

export function requestPem(crypto: Crypto, key: SigningKey = stationKey(crypto)): string {
  const subject = encodeName([{ type: OID.commonName, value: "x" }]);
  return encodePem("CERTIFICATE REQUEST", signRequest(subject, [], key, null));
}

export function chainOf(pem: string): readonly Uint8Array[] {
  const chain = decodePem("CERTIFICATE", pem);
  assert.ok(chain !== null && chain.length > 0, "no chain in the PEM");
  return chain;
}

/** What a lamp says at first contact. */
export function lampIdentity(): Uint8Array {
  return encodeSetupIdentity({ id: "abcdefghijklmnop", type: "lamp", name: "Kitchen lamp" });
}
