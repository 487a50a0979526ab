/** The owner's word carried out: what the management methods do in this house. */
import { toBase64, toHex } from "../base/bytes.ts";
import type { Unix } from "../base/machine.ts";
import { visible } from "../base/text.ts";
import { approve, deny, readmit, withdraw } from "../policy/admission/owner.ts";
import type { Word } from "../policy/admission/owner.ts";
import { HostFailure } from "../host/host.ts";
import { importExpected, ImportFailure } from "../policy/registry/import.ts";
import type { Authority, Issued } from "../policy/ca/authority.ts";
import { AuthorityFailure, explain } from "../policy/ca/failure.ts";
import { LifecycleFailure } from "../policy/lifecycle/step.ts";
import { BEGINNINGS, STATES } from "../policy/lifecycle/table.ts";
import type { State } from "../policy/lifecycle/table.ts";
import type { Change, RevocationReason } from "../policy/registry/change.ts";
import { RegistryFailure } from "../policy/registry/failure.ts";
import type { DeviceClass, DeviceRecord } from "../policy/registry/record.ts";
import {
  addressId,
  blankRecord,
  newWifiKey,
  recordId,
  titleOf,
  withKey,
} from "../policy/registry/record.ts";
import { isPlainText, MAX_NAME } from "../policy/registry/text.ts";
import { decodePem, encodePem } from "../proto/x509/pem.ts";
import { DEFAULT_ITERATIONS } from "../proto/x509/pbes2.ts";
import { encodePfx } from "../proto/x509/pkcs12.ts";
import type { PrivateKey } from "../proto/x509/pkcs8.ts";
import { encodePublicKey } from "../proto/x509/key.ts";
import type { Eviction } from "./eviction.ts";
import type { House } from "./house.ts";
import type { PublishedList } from "./list.ts";
import { ManagementFailure } from "./management/failure.ts";
import type * as service from "./management/service.ts";
import { passphraseBlock, wpaSupplicantBlock } from "./profile.ts";
import { macOf } from "./sessions.ts";
import { VERSION } from "./version.ts";

/** Phones and computers cannot renew by themselves, so their credential lasts a year; a device that can has the profile's 30 days. */
const HAND_INSTALLED_SECONDS = 365 * 86_400;

/** States in the order in which an owner cares. */
const ORDER: readonly State[] = [
  "pending",
  "approved",
  "active",
  "dormant",
  "expected",
  "denied",
  "revoked",
  "released",
];

/** A step behind the owner's word that failed: what did not happen, and what the owner does about it. */
interface Unfinished {
  readonly what: string;
  readonly fix: string;
}

/** What the household needs of the daemon around it. */
export interface Surroundings {
  readonly eviction: Eviction;
  readonly list: PublishedList;
  /** Addresses the RADIUS server listens at, for people. */
  readonly listening: () => readonly string[];
  readonly open: () => number;
  readonly endConversations: (device: string) => void;
  /** @throws ManagementFailure `bad-configuration` */
  readonly reload: () => readonly string[];
}

export class Household implements service.HomeService {
  readonly #house: House;
  readonly #around: Surroundings;

  constructor(house: House, around: Surroundings) {
    this.#house = house;
    this.#around = around;
  }

  status(): service.Status {
    const { house } = this;
    const { homeca, clients, warnings } = house.configuration;
    const counted = [...house.registry.devices.values()].map(({ state }) => state);
    const states = STATES.filter((state) => counted.includes(state));
    return {
      version: VERSION,
      homeName: homeca.homeName,
      uptimeSeconds: Math.floor((house.host.mono() - house.started) / 1000),
      timeKnown: house.clock.now() !== null,
      enforce: homeca.enforce,
      radius: this.#around.listening(),
      radiusClients: clients.length,
      devices: Object.fromEntries(
        states.map((state) => [state, counted.filter((one) => one === state).length]),
      ),
      authenticationsOpen: this.#around.open(),
      counters: house.counters.values,
      warnings: [...warnings, ...house.troubles()],
    };
  }

  devices({ state }: service.DeviceFilter): readonly service.DeviceSummary[] {
    const records = [...this.house.registry.devices.values()];
    return records
      .filter((record) => state === null || record.state === state)
      .toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state))
      .map((record) => this.#summary(record));
  }

  device(id: string): service.DeviceDetails {
    const record = this.#record(id);
    const { registry, events } = this.house;
    const certificates = record.keys.flatMap((key) =>
      key.role === "certificate"
        ? [
            {
              serial: key.serial,
              issuedAt: key.issuedAt,
              notAfter: key.notAfter,
              revoked: registry.revoked.has(key.serial),
            },
          ]
        : [],
    );
    return {
      ...this.#summary(record),
      nameBy: record.name?.by ?? null,
      claim: record.claim,
      certificates,
      proven: record.proven,
      keyCase: record.keyCase,
      placement: record.placement,
      theftLock: record.theftLock,
      firstSeen: record.firstSeen,
      decidedAt: record.decidedAt,
      decidedBy: record.decidedBy,
      why: events.select({ device: id, limit: 1 })[0]?.text ?? null,
    };
  }

  approve(id: string, { name, vlan }: service.Approval): service.Outcome {
    const record = this.#record(id);
    const named = name === null ? record : { ...record, name: ownersName(name) };
    const placed =
      vlan === null
        ? named
        : { ...named, placement: { network: this.house.rules.placement.network, vlan } };
    // The owner has looked: what held the record up is settled with the same word.
    const changes = this.#attempt(() => approve({ ...placed, alarm: null }, this.#word()));
    for (const { spkiHash } of record.keys) this.house.limits.forgive(spkiHash);
    for (const mac of record.macs) this.house.limits.forgive(mac);
    return this.#done(id, changes, `You approved ${shown(record)}.`);
  }

  async deny(id: string): Promise<service.Outcome> {
    const record = this.#record(id);
    const changes = this.#attempt(() => deny(record, this.#word()));
    const outcome = this.#done(id, changes, `You denied ${shown(record)}.`);
    return this.#followed(record, outcome, [await this.#putOut(record)]);
  }

  rename(id: string, name: string): service.Outcome {
    const record = this.#record(id);
    const renamed = { ...record, name: ownersName(name) };
    return this.#done(
      id,
      [{ kind: "put", record: renamed }],
      `You renamed ${shown(record)} to ${shown(renamed)}.`,
    );
  }

  revoke(id: string, reason: RevocationReason): Promise<service.Outcome> {
    return this.#withdraw(id, "revoke", reason, "revoked");
  }

  release(id: string): Promise<service.Outcome> {
    return this.#withdraw(id, "release", "privilegeWithdrawn", "released");
  }

  readmit(id: string): service.Outcome {
    const record = this.#record(id);
    const changes = this.#attempt(() => readmit(record, this.#word()));
    return this.#done(
      id,
      changes,
      `You took ${shown(record)} in again; it waits for your approval.`,
    );
  }

  remove(id: string): service.Outcome {
    const record = this.#record(id);
    this.#change([{ kind: "remove", id }]);
    this.#note(id, `You removed the record of ${shown(record)}.`);
    return { id, state: record.state };
  }

  issueFromRequest(id: string, requestPem: string): service.IssuedCertificate {
    const record = this.#mayHaveCertificate(this.#record(id));
    const [request, ...more] = decodePem("CERTIFICATE REQUEST", requestPem) ?? [];
    if (request === undefined || more.length > 0) {
      throw new ManagementFailure(
        "bad-request",
        "the request is no PEM with one CERTIFICATE REQUEST: make it with `openssl req -new`",
      );
    }
    const issued = this.#issue((issuing) =>
      issuing.issueDeviceByRequest(request, this.#grant(record), this.#time()),
    );
    this.#store(record, issued);
    const certificatePem = encodePem("CERTIFICATE", issued.der);
    return {
      id,
      certificatePem,
      chainPem: certificatePem + encodePem("CERTIFICATE", this.house.keys.issuing.certificate.der),
    };
  }

  issueNew(wanted: service.NewCredential): service.IssuedCredential {
    const { crypto, random } = this.house.host;
    const key: PrivateKey = { curve: "P-256", scalar: crypto.generateScalar("P-256", random) };
    const { publicKey } = crypto.signingKey("P-256", key.scalar);
    const hash = crypto.digest("sha256", encodePublicKey(publicKey));
    const record = this.#mayHaveCertificate(
      wanted.id === null ? this.#newRecord(hash, wanted) : this.#record(wanted.id),
    );
    const issued = this.#issue((issuing) =>
      issuing.issueDevice(publicKey, this.#grant(record), this.#time()),
    );
    const { root, issuing } = this.house.keys;
    const certificates = [issued.der, issuing.certificate.der, root.der];
    const encryption = {
      crypto,
      random,
      password: wanted.password,
      iterations: DEFAULT_ITERATIONS,
    };
    const p12 = encodePfx({ key, certificates }, titleOf(record), encryption);
    this.#store(record, issued);
    const { realm, serverName, homeName } = this.house.configuration.homeca;
    return {
      id: record.id,
      p12: toBase64(p12),
      wpaSupplicant: wpaSupplicantBlock({ ssid: homeName, realm, serverName }),
      caPem: encodePem("CERTIFICATE", root.der),
    };
  }

  cage({ name, class: deviceClass, mac: given }: service.NewCage): service.Caged {
    const { crypto, random } = this.house.host;
    const mac = ownAddress(given);
    const known = this.#cagedAt(mac);
    if (known !== null) {
      throw new ManagementFailure(
        "wrong-state",
        `${shown(known)} has this address already: run \`homeca revoke ${known.id}\` and \`homeca remove ${known.id}\` first`,
      );
    }
    const now = this.house.clock.now();
    const wifiKey = deviceClass === "legacy" ? newWifiKey(random) : null;
    const record: DeviceRecord = {
      ...blankRecord(addressId(crypto, mac), deviceClass, BEGINNINGS.issue),
      name: ownersName(name),
      macs: [mac],
      wifiKey,
      proven: "owner",
      firstSeen: now,
      decidedAt: now,
      decidedBy: "owner",
    };
    this.#change([{ kind: "put", record }]);
    this.#note(record.id, `You made a cage for ${shown(record)} at ${mac}.`);
    const { homeName } = this.house.configuration.homeca;
    return {
      id: record.id,
      wifiKey,
      wpaSupplicant: wifiKey === null ? null : passphraseBlock(homeName, wifiKey),
    };
  }

  importDevices(text: string, format: "csv" | "qr"): service.ImportOutcome {
    try {
      const { changes, imported, skipped } = importExpected(
        text,
        format,
        this.house.registry,
        this.house.host.crypto,
      );
      this.#change(changes);
      this.#note(null, `You imported ${imported} expected devices.`);
      return { imported, skipped };
    } catch (failure) {
      if (!(failure instanceof ImportFailure)) throw failure;
      throw new ManagementFailure("bad-request", failure.message);
    }
  }

  log({ device, limit }: service.LogFilter): readonly service.LogEvent[] {
    const wanted = device === null ? { limit } : { device, limit };
    return this.house.events
      .select(wanted)
      .map(({ at, kind, device: about, text }) => ({ at, kind, device: about, text }));
  }

  authority(): service.AuthoritySummary {
    const { root, server } = this.house.keys;
    const { crypto } = this.house.host;
    return {
      rootPem: encodePem("CERTIFICATE", root.der),
      rootFingerprint: fingerprint(crypto.digest("sha256", root.der)),
      rootKeyFingerprint: fingerprint(crypto.digest("sha256", root.spki)),
      notAfter: root.notAfter,
      serverName: this.house.configuration.homeca.serverName,
      serverNotAfter: server.certificate.notAfter,
    };
  }

  crl(): service.RevocationList {
    const { der, number, thisUpdate, nextUpdate } = this.#authorityAttempt(
      () => this.#around.list.current,
    );
    return {
      crlPem: encodePem("X509 CRL", der),
      number,
      thisUpdate,
      nextUpdate,
      revoked: this.house.registry.revoked.size,
    };
  }

  reload(): { readonly warnings: readonly string[] } {
    return { warnings: this.#around.reload() };
  }

  async #withdraw(
    id: string,
    event: "revoke" | "release",
    reason: RevocationReason,
    word: string,
  ): Promise<service.Outcome> {
    const record = this.#record(id);
    // Withdrawal must not wait for a clock: the newest time known will do on the list.
    const at = this.house.clock.now() ?? this.house.clock.floor;
    const stated = reason === "cessationOfOperation" ? "privilegeWithdrawn" : reason;
    const changes = this.#attempt(() => withdraw(record, event, stated, "owner", at));
    const outcome = this.#done(id, changes, `You ${word} ${shown(record)}.`);
    return this.#followed(record, outcome, [await this.#putOut(record), this.#publish()]);
  }

  /** The record says no already; from here on it is about what still runs. Null once that has ended. */
  async #putOut(record: DeviceRecord): Promise<Unfinished | null> {
    this.#around.endConversations(record.id);
    try {
      await this.#around.eviction.evict(record);
      return null;
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      // The sessions are gone, so the next look at the firewall finds what is too much there.
      return {
        what: `the firewall did not cut it off (${visible(failure.message)}), which is tried again within a minute`,
        fix: "switch the device off if it cannot wait",
      };
    }
  }

  /** The list follows the record, if need be at the next upkeep: admission asks the record. Null once it is signed. */
  #publish(): Unfinished | null {
    try {
      this.#around.list.sign();
      return null;
    } catch (failure) {
      if (failure instanceof HostFailure) {
        return {
          what: `the revocation list is not signed (${visible(failure.message)}), which is tried again within an hour`,
          fix: "nothing is left to do but to free space or rights where that is what is missing",
        };
      }
      if (!(failure instanceof AuthorityFailure)) throw failure;
      return {
        what: `the revocation list is not signed (${failure.reason}), which is tried again within an hour`,
        fix: clauseOf(explain(failure.reason)),
      };
    }
  }

  /** @throws ManagementFailure `unfinished` where the record is not all that there is to say */
  #followed(
    record: DeviceRecord,
    outcome: service.Outcome,
    steps: readonly (Unfinished | null)[],
  ): service.Outcome {
    const unfinished = steps.filter((step) => step !== null);
    const [first] = unfinished;
    if (first === undefined) return outcome;
    const what = unfinished.map((step) => step.what).join(", and ");
    const told = `${shown(record)} is ${outcome.state} on record, but ${what}: ${first.fix}`;
    this.house.log.error(`${told}.`);
    throw new ManagementFailure("unfinished", told);
  }

  #newRecord(
    spkiHash: Uint8Array,
    { name, class: deviceClass }: service.NewCredential,
  ): DeviceRecord {
    if (name === null)
      throw new ManagementFailure(
        "bad-argument",
        "a new device needs a name: give one with --name",
      );
    const now = this.house.clock.now();
    return {
      ...blankRecord(recordId(spkiHash), deviceClass, BEGINNINGS.issue),
      name: ownersName(name),
      proven: "owner",
      firstSeen: now,
      decidedAt: now,
      decidedBy: "owner",
    };
  }

  /** Who comes by this address already, whatever its medium or state: two records would make one of them deaf to the owner. */
  #cagedAt(mac: string): DeviceRecord | null {
    const records = [...this.house.registry.devices.values()];
    const isCaged = (record: DeviceRecord): boolean =>
      record.class === "legacy" || record.class === "wired";
    return records.find((record) => isCaged(record) && record.macs.includes(mac)) ?? null;
  }

  #mayHaveCertificate(record: DeviceRecord): DeviceRecord {
    switch (record.state) {
      case "approved":
      case "active":
      case "dormant":
        return record;
      case "pending":
        throw new ManagementFailure(
          "wrong-state",
          `${shown(record)} waits for your decision: run \`homeca approve ${record.id}\` first`,
        );
      case "expected":
        throw new ManagementFailure(
          "wrong-state",
          `${shown(record)} has not been here yet: it gets its certificate once it came`,
        );
      case "denied":
        throw new ManagementFailure(
          "wrong-state",
          `you denied ${shown(record)}: run \`homeca approve ${record.id}\` first`,
        );
      case "revoked":
      case "released":
        throw new ManagementFailure(
          "wrong-state",
          `${shown(record)} is ${record.state}: run \`homeca readmit ${record.id}\` and approve it first`,
        );
    }
  }

  /**
   * The device's name stays out of its certificate, which TLS 1.2 shows to
   * whoever listens. No rights are no extension: GnuTLS refuses a certificate
   * with an OID whose arcs exceed 64 bits, and ours does.
   */
  #grant(record: DeviceRecord): { readonly deviceId: string; readonly seconds?: number } {
    const lifetime = byHand(record.class) ? { seconds: HAND_INSTALLED_SECONDS } : {};
    return { deviceId: record.id, ...lifetime };
  }

  #time(): { readonly clock: Unix | "unknown"; readonly floor: Unix } {
    return { clock: this.house.clock.now() ?? "unknown", floor: this.house.clock.floor };
  }

  #issue(make: (issuing: Authority) => Issued): Issued {
    return this.#authorityAttempt(() => make(this.house.keys.issuing));
  }

  #authorityAttempt<T>(body: () => T): T {
    try {
      return body();
    } catch (failure) {
      if (!(failure instanceof AuthorityFailure)) throw failure;
      const reason =
        failure.reason === "time-unknown" || failure.reason === "clock-behind-floor"
          ? "time-unknown"
          : "bad-request";
      throw new ManagementFailure(reason, clauseOf(explain(failure.reason)));
    }
  }

  /** Before anyone sees the certificate, it is on record: what is not there is not admitted. */
  #store(record: DeviceRecord, issued: Issued): void {
    const { serial, spkiHash, notBefore, notAfter } = issued;
    const keyed = withKey(record, {
      role: "certificate",
      serial,
      spkiHash,
      issuedAt: notBefore,
      notAfter,
    });
    this.#change([
      { kind: "put", record: keyed },
      { kind: "issued", serial, device: record.id, spkiHash, notAfter },
    ]);
    this.#note(record.id, `Issued ${shown(record)} a certificate (serial ${serial}).`);
  }

  #summary(record: DeviceRecord): service.DeviceSummary {
    const [session] = this.house.sessions.ofDevice(record.id);
    const place = session === undefined ? "none" : session.kind === "admit" ? "home" : "quarantine";
    return {
      id: record.id,
      name: record.name?.value ?? record.claim?.name ?? null,
      type: record.type?.value ?? null,
      class: record.class,
      state: record.state,
      place,
      macs: record.macs,
      lastSeen: this.house.sightings.of(record.id)?.lastSeen ?? null,
      alarm: record.alarm,
    };
  }

  #record(id: string): DeviceRecord {
    const record = this.house.registry.devices.get(id);
    if (record !== undefined) return record;
    throw new ManagementFailure(
      "unknown-device",
      `there is no device ${visible(id)}: see \`homeca devices\` for those there are`,
    );
  }

  #word(): Word {
    return { by: "owner", at: this.house.clock.now() };
  }

  #attempt<T>(body: () => T): T {
    try {
      return body();
    } catch (failure) {
      if (failure instanceof LifecycleFailure)
        throw new ManagementFailure("wrong-state", clauseOf(failure.message));
      throw failure;
    }
  }

  #done(id: string, changes: readonly Change[], text: string): service.Outcome {
    this.#change(changes);
    this.#note(id, text);
    return { id, state: this.#record(id).state };
  }

  #change(changes: readonly Change[]): void {
    try {
      this.house.change(changes);
    } catch (failure) {
      if (!(failure instanceof RegistryFailure)) throw failure;
      const full = failure.reason === "too-many-devices" || failure.reason === "too-many-serials";
      throw new ManagementFailure(full ? "full" : "wrong-state", failure.message);
    }
  }

  #note(device: string | null, text: string): void {
    this.house.event("owner", device, null, text);
  }

  private get house(): House {
    return this.#house;
  }
}

function shown(record: DeviceRecord): string {
  return visible(titleOf(record));
}

/** A sentence as it stands behind a colon, or behind `homeca:` on a terminal. */
function clauseOf(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/u, "");
}

/** @throws ManagementFailure for text that would not be shown as it is */
function ownersName(name: string): { readonly value: string; readonly by: "owner" } {
  if (isPlainText(name, MAX_NAME)) return { value: name, by: "owner" };
  throw new ManagementFailure(
    "bad-argument",
    `the name has control characters or is not 1 to ${MAX_NAME} characters: choose another`,
  );
}

/** @throws ManagementFailure for what is not the address of one device */
function ownAddress(given: string): string {
  const mac = /^[0-9A-Fa-f:-]{12,17}$/u.test(given) ? macOf(given) : null;
  if (mac === null) {
    throw new ManagementFailure(
      "bad-argument",
      "the address is not six pairs of hexadecimal digits: write it as 02:00:00:00:00:01",
    );
  }
  // The lowest bit of the first octet is set in addresses of groups (IEEE 802 §8.2.2).
  if (Number.parseInt(mac.slice(0, 2), 16) % 2 === 1) {
    throw new ManagementFailure(
      "bad-argument",
      `${mac} is the address of a group: take the one on the device's label`,
    );
  }
  return mac;
}

function byHand(deviceClass: DeviceClass): boolean {
  return deviceClass !== "aware";
}

/** Pairs of upper-case hexadecimal with colons. */
function fingerprint(digest: Uint8Array): string {
  return toHex(digest).toUpperCase().match(/../gu)!.join(":");
}
