/**
 * All records of this home, in memory. A registry is a value: changes make the
 * next one, so whoever stores changes first and then adopts the next registry
 * can never show what is not stored.
 */
import type { Unix } from "../../base/machine.ts";
import { FORGETTABLE } from "../lifecycle/table.ts";
import type { Change, IssuedSerial, RevokedSerial } from "./change.ts";
import { RegistryFailure } from "./failure.ts";
import { comesByAddress } from "./record.ts";
import type { DeviceRecord, Medium } from "./record.ts";

/** Devices that one home may have. */
export const MAX_DEVICES = 1024;
/** Certificates remembered until they end and no record has them, and the same number of revocations. */
export const MAX_SERIALS = 8192;

/** A home's devices, certificates and counters at one moment. Made by {@link applyChanges} from {@link EMPTY_REGISTRY}. */
export interface Registry {
  readonly devices: ReadonlyMap<string, DeviceRecord>;
  /** Ids of the records that know a key, by the key's SubjectPublicKeyInfo hash. */
  readonly holders: ReadonlyMap<string, readonly string[]>;
  readonly issued: ReadonlyMap<string, IssuedSerial>;
  readonly revoked: ReadonlyMap<string, RevokedSerial>;
  /** 0 before the first CRL. */
  readonly crlNumber: number;
  readonly timeFloor: Unix | null;
}

export const EMPTY_REGISTRY: Registry = {
  devices: new Map(),
  holders: new Map(),
  issued: new Map(),
  revoked: new Map(),
  crlNumber: 0,
  timeFloor: null,
};

/** The record that knows the key; where several do, all carry an alarm and the one of the lowest id is given. */
export function deviceByKey(registry: Registry, spkiHash: string): DeviceRecord | null {
  const first = registry.holders.get(spkiHash)?.[0];
  return first === undefined ? null : (registry.devices.get(first) ?? null);
}

/** The record that a certificate of ours was issued to. */
export function deviceBySerial(registry: Registry, serial: string): DeviceRecord | null {
  const device = registry.issued.get(serial)?.device ?? null;
  return device === null ? null : (registry.devices.get(device) ?? null);
}

/**
 * The record that may come by this MAC address alone: of a class that can hold
 * no certificate, for the medium it was made for. One that holds a certificate
 * all the same is not found: its address would undo what the certificate proves.
 */
export function deviceByAddress(
  registry: Registry,
  mac: string,
  medium: Medium,
): DeviceRecord | null {
  for (const record of registry.devices.values()) {
    if (record.macs.includes(mac) && comesByAddress(record, medium)) return record;
  }
  return null;
}

/** Records in the state, oldest first. */
export function devicesIn(registry: Registry, state: DeviceRecord["state"]): DeviceRecord[] {
  return [...registry.devices.values()].filter((record) => record.state === state);
}

/**
 * The registry after the changes, all of them or none.
 * @throws {@link RegistryFailure} for a change that does not fit; the registry given is untouched.
 */
export function applyChanges(registry: Registry, changes: readonly Change[]): Registry {
  const draft = new Draft(registry);
  for (const change of changes) draft.apply(change);
  return draft.seal();
}

/** The fewest changes that make this registry out of the empty one: what a snapshot holds. */
export function changesOf(registry: Registry): Change[] {
  const changes: Change[] = [];
  for (const issued of registry.issued.values()) changes.push({ kind: "issued", ...issued });
  for (const { serial, reason, at } of registry.revoked.values()) {
    changes.push({ kind: "revoke-serial", serial, reason, at });
  }
  for (const record of registry.devices.values()) changes.push({ kind: "put", record });
  if (registry.crlNumber > 0) changes.push({ kind: "crl-number", number: registry.crlNumber });
  if (registry.timeFloor !== null) changes.push({ kind: "time-floor", unix: registry.timeFloor });
  return changes;
}

/** The maps while changes are going in; nobody else sees them before `seal`. */
class Draft {
  readonly #devices: Map<string, DeviceRecord>;
  readonly #holders: Map<string, readonly string[]>;
  readonly #issued: Map<string, IssuedSerial>;
  readonly #revoked: Map<string, RevokedSerial>;
  #crlNumber: number;
  #timeFloor: Unix | null;

  constructor(from: Registry) {
    this.#devices = new Map(from.devices);
    this.#holders = new Map(from.holders);
    this.#issued = new Map(from.issued);
    this.#revoked = new Map(from.revoked);
    this.#crlNumber = from.crlNumber;
    this.#timeFloor = from.timeFloor;
  }

  apply(change: Change): void {
    switch (change.kind) {
      case "put":
        return this.#put(change.record);
      case "remove":
        return this.#remove(change.id);
      case "issued":
        return this.#issue(change);
      case "revoke-serial":
        return this.#revoke(change);
      case "crl-number":
        if (change.number <= this.#crlNumber) {
          throw new RegistryFailure(
            "crl-number-not-higher",
            `CRL number ${change.number} is not above ${this.#crlNumber}`,
          );
        }
        this.#crlNumber = change.number;
        return;
      case "time-floor":
        if (this.#timeFloor === null || change.unix > this.#timeFloor) {
          this.#timeFloor = change.unix;
        }
        return;
      case "forget-serials":
        return this.#forgetSerials(change.before);
    }
  }

  seal(): Registry {
    return {
      devices: this.#devices,
      holders: this.#holders,
      issued: this.#issued,
      revoked: this.#revoked,
      crlNumber: this.#crlNumber,
      timeFloor: this.#timeFloor,
    };
  }

  #put(record: DeviceRecord): void {
    const before = this.#devices.get(record.id);
    if (before === undefined && this.#devices.size >= MAX_DEVICES) {
      throw new RegistryFailure("too-many-devices", `a home has at most ${MAX_DEVICES} devices`);
    }
    if (before !== undefined) this.#unhold(before);
    this.#devices.set(record.id, record);
    for (const hash of new Set(record.keys.map((key) => key.spkiHash))) {
      // Sorted, so that the order does not depend on how the registry came about.
      this.#holders.set(hash, [...(this.#holders.get(hash) ?? []), record.id].sort());
    }
    this.#alarmDuplicates(record);
  }

  /** Two records with one key: which of them is the device nobody can tell, so both are held (a cloned or shared key). */
  #alarmDuplicates(record: DeviceRecord): void {
    for (const { spkiHash } of record.keys) {
      const holders = this.#holders.get(spkiHash)!;
      if (holders.length < 2) continue;
      for (const id of holders) {
        const holder = this.#devices.get(id)!;
        if (holder.alarm === null) this.#devices.set(id, { ...holder, alarm: "duplicate-key" });
      }
    }
  }

  #remove(id: string): void {
    const record = this.#devices.get(id);
    if (record === undefined) throw new RegistryFailure("no-such-device", `no device ${id}`);
    if (!FORGETTABLE.has(record.state)) {
      throw new RegistryFailure(
        "not-forgettable",
        `${id} is ${record.state}: revoke or release it before it is forgotten`,
      );
    }
    this.#unhold(record);
    this.#devices.delete(id);
  }

  #unhold(record: DeviceRecord): void {
    for (const { spkiHash } of record.keys) {
      const others = (this.#holders.get(spkiHash) ?? []).filter((id) => id !== record.id);
      if (others.length === 0) this.#holders.delete(spkiHash);
      else this.#holders.set(spkiHash, others);
    }
  }

  #issue({ serial, device, spkiHash, notAfter }: IssuedSerial): void {
    if (this.#issued.has(serial) || this.#revoked.has(serial)) {
      throw new RegistryFailure("serial-issued-twice", `serial ${serial} was issued before`);
    }
    this.#requireRoom(this.#issued);
    this.#issued.set(serial, { serial, device, spkiHash, notAfter });
  }

  /**
   * The first revocation stands, but a certificate withdrawn for silence can
   * still be revoked in earnest: dormancy is the only way back from.
   */
  #revoke({ serial, reason, at }: Change & { readonly kind: "revoke-serial" }): void {
    const before = this.#revoked.get(serial);
    if (before !== undefined && before.reason !== "cessationOfOperation") return;
    if (before === undefined) this.#requireRoom(this.#revoked);
    const notAfter = this.#issued.get(serial)?.notAfter ?? null;
    this.#revoked.set(serial, { serial, reason, at, notAfter });
  }

  #requireRoom(serials: ReadonlyMap<string, unknown>): void {
    if (serials.size >= MAX_SERIALS) {
      throw new RegistryFailure("too-many-serials", `more than ${MAX_SERIALS} live certificates`);
    }
  }

  /** One that its device's record still has finds that device, which may renew it, and says whether it was revoked. */
  #forgetSerials(before: Unix): void {
    const kept = this.#serialsOnRecord();
    for (const { serial, notAfter } of this.#issued.values()) {
      if (notAfter < before && !kept.has(serial)) this.#issued.delete(serial);
    }
    for (const { serial, notAfter } of this.#revoked.values()) {
      const ended = notAfter !== null && notAfter < before;
      if (ended && !kept.has(serial)) this.#revoked.delete(serial);
    }
  }

  #serialsOnRecord(): ReadonlySet<string> {
    const serials = new Set<string>();
    for (const { keys } of this.#devices.values()) {
      for (const key of keys) if (key.role === "certificate") serials.add(key.serial);
    }
    return serials;
  }
}
