/** The owner's word carried out: what the management methods do in this house. */
import type { Mono } from "../base/machine.ts";
import { visible } from "../base/text.ts";
import {
  approve,
  comeBack,
  deny,
  readmit,
  withdraw,
  withdrawUnlisted,
} from "../policy/admission/owner.ts";
import type { Word } from "../policy/admission/owner.ts";
import type { SocketAddress } from "../host/host.ts";
import { HostFailure } from "../host/host.ts";
import { BEGINNINGS } from "../policy/lifecycle/table.ts";
import type { State } from "../policy/lifecycle/table.ts";
import type { Change, RevocationReason } from "../policy/registry/change.ts";
import { importExpected, ImportFailure } from "../policy/registry/import.ts";
import type { DeviceClass, DeviceRecord } from "../policy/registry/record.ts";
import { addressId, blankRecord, newWifiKey, recordId } from "../policy/registry/record.ts";
import { isPlainText, isType, MAX_NAME } from "../policy/registry/text.ts";
import { encodePem } from "../proto/x509/pem.ts";
import { authorityAnswer, lifecycleAnswer, registryAnswer, shown } from "./answers.ts";
import type { MadeKey } from "./credentials.ts";
import { Credentials } from "./credentials.ts";
import type { Discovery, Search } from "./discovery.ts";
import type { House } from "./house.ts";
import { ManagementFailure } from "./management/failure.ts";
import { lastPortionOf, portionOf } from "./management/portion.ts";
import type * as service from "./management/service.ts";
import { passphraseBlock } from "../policy/profiles/wpa-supplicant.ts";
import { Profiles } from "./profiles.ts";
import { granted, grouped, rightsSummary, ungrouped, withheld } from "./rights.ts";
import type { RightsChange } from "./rights.ts";
import { macOf } from "./sessions.ts";
import { authorityOf, detailsOf, stampOf, statusOf, summariesOf, tenths } from "./summaries.ts";
import { whyHere, whyMay } from "./why.ts";
import type { Reach } from "./withdrawal.ts";
import { Withdrawal } from "./withdrawal.ts";

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

/** What the household needs of the daemon around it. */
export interface Surroundings extends Reach {
  /** Addresses the RADIUS server listens at, for people. */
  readonly listening: () => readonly string[];
  /** EAP conversations under way. */
  readonly open: () => number;
  /** @throws ManagementFailure `bad-configuration` */
  readonly reload: () => readonly string[];
  /** Where links to profiles are opened; none where nothing listens. */
  readonly linkedAt: () => readonly SocketAddress[];
  readonly discovery: Pick<Discovery, "begin" | "end" | "search">;
}

export class Household implements service.HomeService {
  readonly #house: House;
  readonly #around: Surroundings;
  readonly #credentials: Credentials;
  readonly #profiles: Profiles;
  readonly #withdrawal: Withdrawal;
  #stamp = "";

  constructor(house: House, around: Surroundings) {
    this.#house = house;
    this.#around = around;
    this.#credentials = new Credentials(house);
    this.#profiles = new Profiles(
      house,
      this.#credentials,
      (wanted) => this.#credentialFor({ ...wanted, class: "certificate" }),
      around.linkedAt,
    );
    this.#withdrawal = new Withdrawal(house.log, around, () => house.host.mono());
  }

  status(): service.Status {
    const { listening, open } = this.#around;
    return statusOf(this.#house, listening(), open(), this.#search());
  }

  devices({ state, from }: service.DeviceFilter): service.DevicePage {
    const records = [...this.#house.registry.devices.values()]
      .filter((record) => state === null || record.state === state)
      .toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
    const devices = portionOf(summariesOf(this.#house, records.slice(from)));
    const next = from + devices.length;
    return { devices, total: records.length, next: next < records.length ? next : null };
  }

  why({ id, to, path, method, at }: service.Question): service.Explanation {
    const record = this.#record(id);
    if (to === null) return whyHere(this.#house, record, at);
    return whyMay(this.#house, record, { to, path, method });
  }

  pulse(): service.Pulse {
    // What is not told by a change of the record is compared.
    const stamp = stampOf(this.#house, this.#search());
    if (stamp !== this.#stamp) this.#house.touch();
    this.#stamp = stamp;
    return this.#house.pulse;
  }

  device(id: string): service.DeviceDetails {
    return detailsOf(this.#house, this.#record(id));
  }

  approve(id: string, { name, vlan }: service.Approval): service.Outcome {
    const record = this.#record(id);
    const { keyUpdates, host } = this.#house;
    // The same yes once more: what is asked for is that it tries again.
    if (name === null && vlan === null && keyUpdates.pardon(id, host.mono())) {
      return this.#done(id, [], `You let ${shown(record)} try again to agree on a key.`);
    }
    const named = name === null ? record : { ...record, name: ownersName(name) };
    const placed =
      vlan === null
        ? named
        : { ...named, placement: { network: this.#house.rules.placement.network, vlan } };
    // The owner has looked: what held the record up is settled with the same word.
    const changes = lifecycleAnswer(() => approve({ ...placed, alarm: null }, this.#word()));
    for (const { spkiHash } of record.keys) this.#house.limits.forgive(spkiHash);
    for (const mac of record.macs) this.#house.limits.forgive(mac);
    return this.#done(id, changes, `You approved ${shown(record)}.`);
  }

  async deny(id: string): Promise<service.Outcome> {
    const record = this.#record(id);
    const changes = lifecycleAnswer(() => deny(record, this.#word()));
    const outcome = this.#done(id, changes, `You denied ${shown(record)}.`);
    return this.#withdrawal.denied(record, outcome);
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

  async revoke(id: string, reason: RevocationReason): Promise<service.Revoked> {
    const proof = this.#withdrawal.begin();
    const record = this.#record(id);
    const outcome = this.#withdraw(record, "revoke", reason, "revoked");
    return this.#withdrawal.withdrawn(record, outcome, proof);
  }

  async release(id: string): Promise<service.Released> {
    const record = this.#record(id);
    if (record.theftLock && record.state !== "released") {
      throw new ManagementFailure(
        "wrong-state",
        `${shown(record)} is locked against theft: run \`homeca unlock ${id}\` first`,
      );
    }
    const outcome = this.#withdraw(record, "release", "privilegeWithdrawn", "released");
    return this.#withdrawal.released(this.#record(id), outcome);
  }

  /** A device was released by its own wish: that is on record, and the rest follows. */
  async left(id: string): Promise<void> {
    const record = this.#record(id);
    try {
      await this.#withdrawal.released(record, { id, state: record.state });
    } catch (failure) {
      // What is unfinished was told to the log by then, and nobody asked.
      if (!(failure instanceof ManagementFailure)) this.#house.fault("a release", failure);
    }
  }

  readmit(id: string): service.Outcome {
    const record = this.#record(id);
    const changes = lifecycleAnswer(() => readmit(record, this.#word()));
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

  lock(id: string): service.Outcome {
    return this.#lock(id, true);
  }

  unlock(id: string): service.Outcome {
    return this.#lock(id, false);
  }

  patience(id: string, days: number | null): service.PatienceOutcome {
    const { presences, sightings } = this.#house;
    const record = this.#record(id);
    if (!presences.pin(id, days)) {
      throw new ManagementFailure(
        "wrong-state",
        `${shown(record)} is ${record.state}: only the silence of a device that is active or dormant is measured`,
      );
    }
    this.#note(
      id,
      days === null
        ? `You let the home decide how long ${shown(record)} may be silent.`
        : `You let ${shown(record)} be silent for ${days} days.`,
    );
    this.#written(() => sightings.flush("due"), shown(record));
    return { id, days: tenths(presences.patience(id)!.days), pinned: days !== null };
  }

  issueFromRequest(id: string, requestPem: string): service.IssuedCertificate {
    const record = this.#mayHaveCertificate(this.#record(id));
    return this.#credentials.issueFromRequest(record, requestPem);
  }

  issueNew(wanted: service.NewCredential): service.IssuedCredential {
    const { record, made } = this.#credentialFor(wanted);
    return this.#credentials.issueNew(record, made, wanted.password);
  }

  profile(wanted: service.NewProfile): service.ProfileFiles {
    return this.#profiles.files(wanted);
  }

  link(wanted: service.NewProfile, seconds: number): service.ProfileLink {
    return this.#profiles.link(wanted, seconds);
  }

  cage({ name, class: deviceClass, mac: given }: service.NewCage): service.Caged {
    const { crypto, random } = this.#house.host;
    const mac = ownAddress(given);
    const known = this.#cagedAt(mac);
    if (known !== null) {
      throw new ManagementFailure(
        "wrong-state",
        `${shown(known)} has this address already: run \`homeca revoke ${known.id}\` and \`homeca remove ${known.id}\` first`,
      );
    }
    const wifiKey = deviceClass === "legacy" ? newWifiKey(random) : null;
    const record: DeviceRecord = {
      ...this.#ownersRecord(addressId(crypto, mac), deviceClass, name),
      macs: [mac],
      wifiKey,
    };
    this.#change([{ kind: "put", record }]);
    this.#note(record.id, `You made a cage for ${shown(record)} at ${mac}.`);
    const { homeName } = this.#house.configuration.homeca;
    return {
      id: record.id,
      wifiKey,
      wpaSupplicant: wifiKey === null ? null : passphraseBlock(homeName, wifiKey),
    };
  }

  rights(id: string): service.RightsSummary {
    return rightsSummary(this.#house.registry, this.#record(id));
  }

  grant(id: string, grant: service.Grant): service.RightsSummary {
    return this.#changeRights(id, granted(this.#house.registry, this.#record(id), grant));
  }

  withhold(id: string, what: service.Withholding): service.RightsSummary {
    const { registry, clock } = this.#house;
    const at = clock.now() ?? clock.floor;
    const summary = this.#changeRights(id, withheld(registry, this.#record(id), what, at));
    this.#withdrawal.listed(this.#record(id));
    return summary;
  }

  group(id: string, name: string): service.RightsSummary {
    return this.#changeRights(id, grouped(this.#record(id), name));
  }

  ungroup(id: string, name: string): service.RightsSummary {
    return this.#changeRights(id, ungrouped(this.#record(id), name));
  }

  search({ seconds, types }: service.SearchOrder): service.SearchState {
    const { discovery } = this.#around;
    const wrong = types.find((type) => !isType(type));
    if (wrong !== undefined) {
      throw new ManagementFailure(
        "bad-argument",
        `${visible(wrong)} is no type: write lower-case letters, digits and hyphens, such as heating`,
      );
    }
    if (seconds === 0) discovery.end();
    else {
      discovery.begin(seconds, types);
      this.#note(null, `You search for devices, for ${seconds} seconds.`);
    }
    return this.#search();
  }

  importDevices(text: string, format: "csv" | "qr"): service.ImportOutcome {
    try {
      const { changes, imported, skipped } = importExpected(
        text,
        format,
        this.#house.registry,
        this.#house.host.crypto,
      );
      this.#change(changes);
      this.#note(null, `You imported ${imported} expected devices.`);
      return { imported, skipped };
    } catch (failure) {
      if (!(failure instanceof ImportFailure)) throw failure;
      throw new ManagementFailure("bad-request", failure.message);
    }
  }

  log({ device, limit, after }: service.LogFilter): service.LogPage {
    const { events } = this.#house;
    const wanted = device === null ? { limit, after } : { device, limit, after };
    const found = events.select(wanted).map(({ number, at, kind, device: about, text }) => ({
      number,
      at,
      kind,
      device: about,
      text,
    }));
    return { events: lastPortionOf(found), newest: events.newest };
  }

  audit({ device, before, limit }: service.AuditFilter): service.AuditPage {
    const entries = this.#house.audit.select({ device, before, limit });
    const fitting = lastPortionOf(entries);
    const isOldest = fitting.length === entries.length && entries.length < limit;
    return { entries: fitting, before: isOldest ? null : (fitting[0]?.number ?? null) };
  }

  verify(): service.AuditVerdict {
    return this.#house.audit.check();
  }

  authority(): service.AuthoritySummary {
    return authorityOf(this.#house);
  }

  crl(): service.RevocationList {
    const { der, number, thisUpdate, nextUpdate } = authorityAnswer(
      () => this.#around.list.current,
    );
    return {
      crlPem: encodePem("X509 CRL", der),
      number,
      thisUpdate,
      nextUpdate,
      revoked: this.#house.registry.revoked.size,
    };
  }

  reload(): { readonly warnings: readonly string[] } {
    return { warnings: this.#around.reload() };
  }

  replaced(): { readonly router: readonly string[] } {
    const { board } = this.#house;
    const wasAnother = board.isAnother;
    const router = board.remember();
    if (wasAnother) {
      const text = "You confirmed that this router took the place of the one before.";
      this.#house.recorded("owner", [{ device: null, text }]);
    }
    return { router };
  }

  /** Whom a key made here is for. @throws ManagementFailure */
  #credentialFor(wanted: Pick<service.NewCredential, "id" | "name" | "class">): {
    readonly record: DeviceRecord;
    readonly made: MadeKey;
  } {
    const made = this.#credentials.makeKey();
    const record = this.#mayHaveCertificate(
      wanted.id === null ? this.#newRecord(made.spkiHash, wanted) : this.#record(wanted.id),
    );
    return { record, made };
  }

  #lock(id: string, theftLock: boolean): service.Outcome {
    const record = this.#record(id);
    if (record.class !== "aware") {
      throw new ManagementFailure(
        "wrong-state",
        `${shown(record)} frees itself never: only a device that speaks with its home is theft-locked`,
      );
    }
    if (record.state === "released") {
      throw new ManagementFailure(
        "wrong-state",
        `${shown(record)} is released and hears nothing of this home any more: lock it once it is taken in again`,
      );
    }
    const word = theftLock ? "theft-locked" : "took the theft lock off";
    const put = { kind: "put", record: { ...record, theftLock } } as const;
    return this.#done(id, [put], `You ${word} ${shown(record)}; it hears so at its next report.`);
  }

  /** The owner's word is on the medium before it is acknowledged. @throws ManagementFailure `unfinished` */
  #written(write: () => void, of: string): void {
    try {
      write();
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      throw new ManagementFailure(
        "unfinished",
        `it holds for ${of} until HomeCA stops, but could not be written (${visible(failure.message)}): free space or rights there`,
      );
    }
  }

  #changeRights(id: string, { changes, text }: RightsChange): service.RightsSummary {
    this.#change(changes);
    this.#note(id, text);
    return this.rights(id);
  }

  #withdraw(
    record: DeviceRecord,
    event: "revoke" | "release",
    reason: RevocationReason,
    word: string,
  ): service.Outcome {
    // Withdrawal must not wait for a clock: the newest time known will do on the list.
    const at = this.#house.clock.now() ?? this.#house.clock.floor;
    const stated = reason === "cessationOfOperation" ? "privilegeWithdrawn" : reason;
    const changes = lifecycleAnswer(() => [
      ...withdraw(record, event, stated, "owner", at),
      ...withdrawUnlisted(this.#house.registry, record, stated, at),
    ]);
    return this.#done(record.id, changes, `You ${word} ${shown(record)}.`);
  }

  #newRecord(
    spkiHash: Uint8Array,
    { name, class: deviceClass }: Pick<service.NewCredential, "name" | "class">,
  ): DeviceRecord {
    if (name === null)
      throw new ManagementFailure(
        "bad-argument",
        "a new device needs a name: give one with --name",
      );
    return this.#ownersRecord(recordId(spkiHash), deviceClass, name);
  }

  /** A device that is in because the owner says so, before it was ever here. */
  #ownersRecord(id: string, deviceClass: DeviceClass, name: string): DeviceRecord {
    const now = this.#house.clock.now();
    return {
      ...blankRecord(id, deviceClass, BEGINNINGS.issue),
      name: ownersName(name),
      proven: "owner",
      firstSeen: now,
      decidedAt: now,
      decidedBy: "owner",
    };
  }

  /** Who comes by this address already, whatever its medium or state: two records would make one of them deaf to the owner. */
  #cagedAt(mac: string): DeviceRecord | null {
    const records = [...this.#house.registry.devices.values()];
    const isCaged = (record: DeviceRecord): boolean =>
      record.class === "legacy" || record.class === "wired";
    return records.find((record) => isCaged(record) && record.macs.includes(mac)) ?? null;
  }

  /** @throws ManagementFailure `wrong-state`, with what the owner does first */
  #mayHaveCertificate(record: DeviceRecord): DeviceRecord {
    switch (record.state) {
      case "approved":
      case "active":
        return record;
      case "dormant":
        // The owner has it in hands; what it had stays withdrawn.
        return comeBack(record);
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

  #record(id: string): DeviceRecord {
    const record = this.#house.registry.devices.get(id);
    if (record !== undefined) return record;
    throw new ManagementFailure(
      "unknown-device",
      `there is no device ${visible(id)}: see \`homeca devices\` for those there are`,
    );
  }

  #search(): service.SearchState {
    return searchState(this.#around.discovery.search, this.#house.host.mono());
  }

  #word(): Word {
    return { by: "owner", at: this.#house.clock.now() };
  }

  #done(id: string, changes: readonly Change[], text: string): service.Outcome {
    this.#change(changes);
    this.#note(id, text);
    return { id, state: this.#record(id).state };
  }

  #change(changes: readonly Change[]): void {
    registryAnswer(() => this.#house.change(changes));
  }

  #note(device: string | null, text: string): void {
    this.#house.recorded("owner", [{ device, text }]);
  }
}

function searchState(search: Search | null, now: Mono): service.SearchState {
  return {
    seconds: search === null ? 0 : Math.ceil((search.until - now) / 1000),
    types: search?.types ?? [],
  };
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
