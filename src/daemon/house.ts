/**
 * What the parts of the daemon share: the configuration in force, the stored
 * registry, the authority's keys, who is on the network, and the firewall. It
 * decides nothing; it is where decisions become lasting.
 */
import { concat, toBase64Url, toHex, utf8 } from "../base/bytes.ts";
import type { Mono, Unix } from "../base/machine.ts";
import { visible } from "../base/text.ts";
import { OnboardingLimits } from "../policy/admission/limits.ts";
import type { Rules } from "../policy/admission/proof.ts";
import type { KernelPlacement } from "../policy/firewall/drift.ts";
import type { FirewallChange, FirewallConfig } from "../policy/firewall/render.ts";
import { FirewallFailure, renderAll, renderChange } from "../policy/firewall/render.ts";
import { KeyUpdates } from "../policy/devices/key-updates.ts";
import { Releases } from "../policy/ownership/releases.ts";
import type { Change } from "../policy/registry/change.ts";
import type { Registry } from "../policy/registry/registry.ts";
import type { EapServerConfig } from "../proto/eap/server.ts";
import type { MethodName } from "../proto/eap/methods/method.ts";
import type { TlsServerConfig, TlsVersion } from "../proto/tls/server.ts";
import { DEFAULT_SUITES_DATAGRAM } from "../proto/tls/suites.ts";
import { KnownSignatures } from "../proto/x509/path.ts";
import type { Files, Host } from "../host/host.ts";
import { HostFailure } from "../host/host.ts";
import { Board } from "./board.ts";
import { HouseClock } from "./clock.ts";
import type { Configuration } from "./config/configuration.ts";
import type { Applied } from "./enforcement.ts";
import { Enforcement } from "./enforcement.ts";
import type { EventKind } from "./events.ts";
import { Events } from "./events.ts";
import { keysTrouble, renewKeys } from "./keys.ts";
import type { HomeKeys } from "./keys.ts";
import { Counters, type Log } from "./log.ts";
import type { AccessPoint, Fix, Part, Pulse, Trouble } from "./management/service.ts";
import type { PeerRules } from "./peer.ts";
import { Links } from "./links.ts";
import { Presences } from "./presences.ts";
import { endOf, Sessions } from "./sessions.ts";
import type { Store } from "./store/journal.ts";
import { Stapling } from "./stapling.ts";
import { limitScript } from "./script.ts";
import { Audit } from "./store/audit.ts";
import type { AuditKind, AuditNote } from "./store/audit.ts";
import { Sightings } from "./store/sightings.ts";
import { Tickets } from "./tickets.ts";

/** The port of CoAPs unless told (RFC 7252 §12.7). */
export const COAPS_PORT = 5684;

/** How long the persisted time may lag behind the clock: writing it more often wears the flash. */
const FLOOR_STEP_SECONDS = 86_400;

/** Devices whose certificate's signature need not be verified again when they come back. */
const MAX_KNOWN_LEAVES = 256;

/** Octets of the key log, which each handshake makes longer. */
export const MAX_KEY_LOG_BYTES: number = 1024 * 1024;

/** Notes that wait for room on the flash. */
const MAX_UNKEPT = 64;

const NETWORK_FOLDER = "/sys/class/net";

export class House {
  readonly host: Host;
  readonly log: Log;
  readonly store: Store;
  #keys: HomeKeys;
  readonly clock: HouseClock;
  readonly limits: OnboardingLimits;
  readonly sessions: Sessions = new Sessions();
  readonly events: Events;
  readonly counters: Counters = new Counters();
  readonly sightings: Sightings;
  readonly presences: Presences;
  readonly tickets: Tickets;
  /** Profiles that wait for their devices. */
  readonly links: Links;
  readonly keyUpdates: KeyUpdates;
  readonly releases: Releases;
  readonly audit: Audit;
  readonly board: Board;
  /** By device: the number of its last key update, which it shows as well where it can. As many as there are records. */
  readonly codes: Map<string, string> = new Map();
  readonly #stapling = new Stapling();
  readonly started: Mono;
  readonly #known = new KnownSignatures();
  readonly #knownLeaves = new KnownSignatures(MAX_KNOWN_LEAVES);
  #configuration: Configuration;
  #enforcement: Enforcement;
  #surroundings: Surroundings;
  /** Whether the owner searches for devices at the moment; discovery tells. */
  isSearching: () => boolean = () => false;
  /** What the audit log could not take yet. */
  #unkept: readonly AuditNote[] = [];
  /** Why the last write failed; null once one has done. */
  #unwritten: HostFailure | null = null;
  readonly #moreTroubles: { readonly part: Part; readonly told: () => readonly string[] }[] = [];
  readonly #boot: string;
  #revision = 0;
  /** Access points of this router; whoever sees them tells. */
  accessPoints: () => readonly AccessPoint[] = () => [];
  readonly #watchers: (() => void)[] = [];
  /** Addresses that nft is letting in, and how many transactions do so. */
  readonly #coming = new Map<string, number>();

  constructor(
    host: Host,
    log: Log,
    store: Store,
    keys: HomeKeys,
    clock: HouseClock,
    configuration: Configuration,
  ) {
    this.host = host;
    this.log = log;
    this.store = store;
    this.#keys = keys;
    this.clock = clock;
    this.#configuration = configuration;
    this.events = new Events(configuration.limits.eventsMax);
    this.limits = new OnboardingLimits(configuration.limits.onboardingPerMinute);
    this.#enforcement = new Enforcement(host, configuration.homeca.enforce);
    this.#surroundings = lookAround(host.files, configuration);
    const seen = `${configuration.homeca.stateDir}/sightings`;
    this.sightings = new Sightings(host.files, host.crypto, seen);
    this.presences = new Presences(this.sightings, () => this.registry);
    this.tickets = new Tickets({
      random: host.random,
      mono: () => host.mono(),
      registry: () => this.registry,
      time: () => this.clock.now(),
    });
    this.links = new Links({
      random: host.random,
      mono: () => host.mono(),
      registry: () => this.registry,
    });
    this.keyUpdates = new KeyUpdates(host.crypto, host.random);
    const { crypto, random } = host;
    this.releases = new Releases({ crypto, random, key: keys.issuingKey });
    this.audit = new Audit({
      files: host.files,
      crypto,
      folder: `${configuration.homeca.stateDir}/audit`,
      report: (line) => log.warning(line),
    });
    this.board = new Board(host.files, configuration.homeca.stateDir, log);
    this.started = host.mono();
    this.#boot = toHex(random(8));
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  get keys(): HomeKeys {
    return this.#keys;
  }

  /** Renews certificates of the authority where that is due: a router runs for years. @throws as {@link renewKeys} */
  renewKeys(now: Unix): void {
    const { serverName } = this.#configuration.homeca;
    const before = this.#keys;
    const keys = renewKeys(this.host, this.#keysFolder, serverName, before, now);
    this.#keys = keys;
    if (keys.issuing !== before.issuing) {
      const { serial } = keys.issuing.certificate;
      const text = "The certificate of the issuing CA was renewed, under the same key.";
      this.recorded("authority", [{ device: null, serial, text }]);
    }
    if (keys.server !== before.server) {
      const { serial } = keys.server.certificate;
      const text = "The certificate that devices check was renewed, under the same key.";
      this.recorded("authority", [{ device: null, serial, text }]);
    }
  }

  /** Keeps in the audit log what of the authority was made for this start. */
  recordMade(): void {
    const { made, issuing, server } = this.#keys;
    if (made === null) return;
    const certificates =
      made === "server"
        ? []
        : [{ serial: issuing.certificate.serial, text: "The root and the issuing CA were made." }];
    const { serial } = server.certificate;
    const text = "The certificate that devices check was made.";
    const done = [...certificates, { serial, text }].map((one) => ({ device: null, ...one }));
    this.recorded("authority", done);
  }

  get #keysFolder(): string {
    return `${this.#configuration.homeca.stateDir}/ca`;
  }

  get registry(): Registry {
    return this.store.registry;
  }

  get enforces(): boolean {
    return this.#enforcement.mode !== "off";
  }

  get enforcement(): Enforcement {
    return this.#enforcement;
  }

  /** What the firewall is told of this router; it may change as interfaces come and go. */
  get firewall(): FirewallConfig {
    return this.#surroundings.firewall;
  }

  get rules(): Rules {
    const { radius, limits } = this.#configuration;
    return {
      placement: { network: "lan", vlan: radius.normalVlan },
      sessionSeconds: radius.sessionSeconds,
      quarantineSeconds: radius.quarantineSeconds,
      maxPending: limits.pendingMax,
      onboarding: limits.onboarding === "always" || this.isSearching(),
    };
  }

  /**
   * Stores changes, with the time where it has moved on by a day.
   * @throws HostFailure, RegistryFailure; nothing has changed then
   */
  change(changes: readonly Change[]): void {
    const now = this.clock.now();
    const floor = this.registry.timeFloor ?? 0;
    const due = now !== null && now - floor >= FLOOR_STEP_SECONDS;
    const before = this.registry;
    try {
      this.store.commit(due ? [...changes, { kind: "time-floor", unix: now }] : changes);
    } catch (failure) {
      if (failure instanceof HostFailure) this.notWritten(failure);
      throw failure;
    }
    if (changes.length > 0) this.#unwritten = null;
    this.presences.follow(before, changes);
    this.look();
  }

  /** The owner is told until a change has been stored. */
  notWritten(failure: HostFailure): void {
    this.#unwritten = failure;
  }

  /** Something that can be observed may be otherwise now. */
  look(): void {
    this.touch();
    for (const look of this.#watchers) look();
  }

  /** `look` is called after each change of the registry, and of the revocation list; it must not throw. */
  watch(look: () => void): void {
    this.#watchers.push(look);
  }

  /** Notes what happened for `homeca log`, and writes it to the system's log. `text` is safe to show. */
  event(kind: EventKind, device: string | null, mac: string | null, text: string): void {
    this.events.add({ at: this.clock.now(), kind, device, mac, text });
    this.touch();
    this.counters.add(kind);
    this.log.limited(kind, kind === "refused" ? "warning" : "notice", text);
  }

  /**
   * As {@link House.event}, and kept in the audit log: what owner, authority and
   * house did. What cannot be written now is written with the next.
   */
  recorded(
    kind: AuditKind,
    done: readonly {
      readonly device: string | null;
      readonly serial?: string;
      readonly text: string;
    }[],
  ): void {
    const at = this.clock.now();
    const notes = done.map(({ device, serial = null, text }) => ({
      at,
      kind,
      device,
      serial,
      text,
    }));
    for (const { device, text } of notes) this.event(kind, device, null, text);
    try {
      this.#keep(notes);
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      this.notWritten(failure);
      this.log.limited(
        "audit",
        "error",
        `The audit log could not be written (${visible(failure.message)}): free space on the flash.`,
      );
    }
  }

  /**
   * Keeps in the audit log that a certificate was issued, before anyone sees it.
   * @throws HostFailure; then it must not be handed out
   */
  attest(kind: AuditKind, device: string, serial: string, text: string): void {
    this.#keep([{ at: this.clock.now(), kind, device, serial, text }]);
  }

  /** @throws HostFailure; the notes wait for the next time, the oldest of too many are lost */
  #keep(notes: readonly AuditNote[]): void {
    const waiting = [...this.#unkept, ...notes];
    this.#unkept = [];
    this.audit.append(waiting, (left) => (this.#unkept = left.slice(-MAX_UNKEPT)));
  }

  /** Counts a fault of ours and tells it to the log; `where` says what it ended. */
  fault(where: string, fault: unknown): void {
    this.counters.add("faults");
    this.log.fault(where, fault);
  }

  /** What the owner should look at. */
  troubles(): Trouble[] {
    const found: Trouble[] = [];
    const tell = (part: Part, sentence: string, fix: Fix | null = null): void =>
      void found.push({ part, sentence, fix });
    const now = this.clock.now();
    if (this.board.isAnother) {
      const label = "Confirm the new router";
      tell("authority", this.board.trouble, { label, method: "replaced", arguments: {} });
    }
    const ending = now === null ? null : keysTrouble(this.keys, this.#keysFolder, now);
    if (ending !== null) tell("authority", ending);
    if (now === null) {
      tell(
        "time",
        "The time is not known, so nobody is admitted: check that the router reaches a time server.",
      );
    }
    if (this.configuration.clients.length === 0) {
      tell("radius", "No access point may ask: add a section 'client' to the configuration.");
    }
    const { enforce, interfaces } = this.configuration.homeca;
    if (enforce === "nft" && interfaces.length === 0) {
      tell(
        "firewall",
        "No interface is controlled, so nobody is held back: add `list interface` to the configuration.",
      );
    }
    if (this.#unwritten !== null) {
      tell(
        "storage",
        `What changes cannot be stored (${visible(this.#unwritten.message)}), so nothing new is admitted: free space on the flash.`,
      );
    }
    for (const { part, told } of this.#moreTroubles) for (const text of told()) tell(part, text);
    return found;
  }

  /** Further sentences for {@link House.troubles}, of parts that know them. */
  moreTroubles(part: Part, told: () => readonly string[]): void {
    this.#moreTroubles.push({ part, told });
  }

  /** Something that is shown may be otherwise. */
  touch(): void {
    this.#revision++;
  }

  /** See {@link Pulse}. */
  get pulse(): Pulse {
    return { boot: this.#boot, revision: this.#revision, events: this.events.newest };
  }

  /** Takes over what the kernel holds from before this process; which device it is shows at its next authentication. */
  adopt({ kind, mac, seconds, port }: KernelPlacement, now: Mono): void {
    const record = [...this.registry.devices.values()].find(({ macs }) => macs.includes(mac));
    // Its end was stored, and the daemon's came before it was put out.
    if (record?.state === "revoked" || record?.state === "released") return;
    const nas = { client: "", identifier: null };
    this.sessions.put({
      mac,
      device: record?.id ?? null,
      kind,
      until: endOf(now, seconds),
      port,
      nas,
      class: "",
      accounting: null,
    });
  }

  /** Places or cuts one station in the kernel; `done` gets null once it holds. */
  place(change: FirewallChange, done: Applied): void {
    if (!this.enforces) return done(null);
    let text: string;
    try {
      text = renderChange(change, this.firewall);
    } catch (failure) {
      if (!(failure instanceof FirewallFailure)) throw failure;
      return done(new HostFailure(failure.message, "EINVAL"));
    }
    if (change.kind === "cut") return this.#enforcement.apply(text, done);
    const { mac } = change;
    this.#coming.set(mac, (this.#coming.get(mac) ?? 0) + 1);
    this.#enforcement.apply(text, (failure) => {
      const others = this.#coming.get(mac)! - 1;
      if (others === 0) this.#coming.delete(mac);
      else this.#coming.set(mac, others);
      done(failure);
    });
  }

  /** Stations that nft is letting in right now, by whichever door: each will have a session, if it has none. */
  get coming(): number {
    let coming = 0;
    for (const mac of this.#coming.keys()) if (this.sessions.find(mac) === null) coming++;
    return coming;
  }

  /** The base ruleset with everyone who is in; every controlled port is closed to all others. */
  placeAll(done: Applied): void {
    if (!this.enforces) return done(null);
    let text: string;
    try {
      text = renderAll(this.sessions.placements(this.host.mono()), this.firewall);
    } catch (failure) {
      if (!(failure instanceof FirewallFailure)) throw failure;
      return done(new HostFailure(failure.message, "EINVAL"));
    }
    this.#enforcement.apply(text, done);
  }

  /** The controlled interface with this address: where a local access point says a station is. Null where there is none. */
  portOf(mac: string | null): string | null {
    return mac === null ? null : (this.#surroundings.portsByMac.get(mac) ?? null);
  }

  /**
   * Takes another configuration, all of it. Listening sockets and the store stay as they are.
   * @throws FirewallFailure, HostFailure; the old one stays in force then
   */
  reconfigure(configuration: Configuration): void {
    const surroundings = lookAround(this.host.files, configuration);
    this.#configuration = configuration;
    limitScript(this.host, configuration.limits);
    if (configuration.homeca.enforce !== this.#enforcement.mode) {
      this.#enforcement = new Enforcement(this.host, configuration.homeca.enforce);
    }
    this.log.level = configuration.homeca.logLevel;
    this.limits.conversationsPerMinute = configuration.limits.onboardingPerMinute;
    this.#surroundings = surroundings;
  }

  /** Whether a device could reach this house: where interfaces are controlled, one of them at least is up. */
  get isReachable(): boolean {
    if (!this.enforces || this.firewall.interfaces.length === 0) return true;
    return this.firewall.interfaces.some((name) => isUp(this.host.files, name));
  }

  /** Looks again which interfaces there are: wireless ones come and go. */
  lookAtInterfaces(): void {
    this.#surroundings = lookAround(this.host.files, this.#configuration);
  }

  eapConfig(): EapServerConfig {
    return {
      random: this.host.random,
      methods: ["tls", "ttls"],
      tls: (method) => this.#tlsConfig(method),
      maxPacket: this.#configuration.radius.fragmentSize,
    };
  }

  /** What devices are met with over CoAPs: the same certificate as in EAP, so that they can know it again. */
  coapsTls(): TlsServerConfig {
    const chain = (): readonly Uint8Array[] => this.keys.server.chain;
    return {
      ...this.#tlsIdentity(),
      // Read at each handshake: this configuration outlives the certificate.
      get certificates() {
        return chain();
      },
      clientCertificate: "required",
      suites: DEFAULT_SUITES_DATAGRAM,
      sessions: this.tickets.of("coaps"),
    };
  }

  peerRules(): PeerRules {
    return {
      crypto: this.host.crypto,
      anchors: [this.keys.root],
      intermediates: [this.keys.issuing.certificate],
      known: this.#known,
      knownLeaves: this.#knownLeaves,
      registry: this.registry,
      now: this.clock.now(),
    };
  }

  /** What one NAS knows a device by (RFC 4372 §2): stable, and different at another NAS. */
  pseudonym(client: string, device: string): string {
    const { crypto } = this.host;
    const mac = crypto.hmac(
      "sha256",
      this.keys.pseudonymKey,
      concat(utf8(client), Uint8Array.of(0), utf8(device)),
    );
    return toBase64Url(mac.subarray(0, 12));
  }

  /** For enrolment over HTTPS: nobody comes back to a session, so that every connection proves its key. */
  estTlsConfig(): TlsServerConfig {
    return {
      ...this.#tlsIdentity(),
      // Who only wants to read needs none.
      clientCertificate: "asked",
      applicationProtocols: ["http/1.1"],
    };
  }

  #tlsConfig(method: MethodName): TlsServerConfig {
    return {
      ...this.#tlsIdentity(),
      versions: TLS_VERSIONS[this.#configuration.radius.tlsVersions],
      // EAP-TLS is nothing without a certificate; in EAP-TTLS a visitor may have none.
      clientCertificate: method === "tls" ? "required" : "asked",
      sessions: this.tickets.of(method),
    };
  }

  /** What all TLS servers of this home share. */
  #tlsIdentity(): Omit<TlsServerConfig, "clientCertificate"> {
    const { crypto, random } = this.host;
    const { keyLog } = this.#configuration.homeca;
    return {
      crypto,
      random,
      certificates: this.keys.server.chain,
      key: this.keys.server.key,
      // X25519 costs the router half of what P-256 does; who wants P-256 alone gets it.
      groups: ["X25519", "P-256"],
      // Empty: a device at first contact signs its own, and would not find itself on a list.
      authorities: [],
      ocspResponse: () => this.#stapling.response(this.keys, this.clock.now(), this.clock.floor),
      ...(keyLog === null ? {} : { keyLog: (line: string) => this.#logKey(keyLog, line) }),
    };
  }

  /** What helps a developer read a capture must refuse nobody, and not fill the disk. */
  #logKey(path: string, line: string): void {
    const { files } = this.host;
    const bytes = utf8(`${line}\n`);
    try {
      const size = files.facts(path)?.size ?? 0;
      if (size + bytes.length > MAX_KEY_LOG_BYTES) throw new HostFailure(`write ${path}`, "EFBIG");
      const file = files.openAppend(path, 0o600, size);
      try {
        file.appendDurably(bytes);
      } finally {
        file.close();
      }
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      this.log.limited(
        "key log",
        "warning",
        `A TLS secret was not written (${visible(failure.message)}); remove the file, or take \`key_log\` out.`,
      );
    }
  }
}

/** The versions by their option. */
const TLS_VERSIONS: Readonly<
  Record<Configuration["radius"]["tlsVersions"], readonly TlsVersion[]>
> = { "1.2 1.3": ["TLS 1.2", "TLS 1.3"], "1.2": ["TLS 1.2"], "1.3": ["TLS 1.3"] };

/** Whether the interface is there and not down (the kernel's sysfs-class-net, operstate); `unknown` is what tunnels say. */
function isUp(files: Files, name: string): boolean {
  const folder = `${NETWORK_FOLDER}/${name}`;
  if (files.facts(folder) === null) return false;
  const bytes = files.read(`${folder}/operstate`);
  const state = bytes === null ? "unknown" : String.fromCharCode(...bytes).trim();
  return state === "up" || state === "unknown";
}

/** What the router is like at the moment, as far as the firewall must know. */
interface Surroundings {
  readonly firewall: FirewallConfig;
  /** Names of the controlled interfaces by their addresses. */
  readonly portsByMac: ReadonlyMap<string, string>;
}

/** @throws FirewallFailure for a configuration no ruleset can be made of, HostFailure */
function lookAround(
  files: Files,
  { homeca: { enforce, interfaces }, coaps, est }: Configuration,
): Surroundings {
  const present = enforce === "nft" ? files.list(NETWORK_FOLDER) : [];
  const bridges = present.filter((name) => {
    const folder = `${NETWORK_FOLDER}/${name}/brif`;
    const ports = files.facts(folder) === null ? [] : files.list(folder);
    return ports.some((port) => interfaces.includes(port));
  });
  const addresses = interfaces.flatMap((name): [string, string][] => {
    const bytes = present.includes(name) ? files.read(`${NETWORK_FOLDER}/${name}/address`) : null;
    return bytes === null ? [] : [[String.fromCharCode(...bytes).trim(), name]];
  });
  const firewall = { interfaces, bridges, udpPorts: [coaps.port], tcpPorts: [est.port] };
  if (enforce !== "off") renderAll([], firewall);
  return { firewall, portsByMac: new Map(addresses) };
}
