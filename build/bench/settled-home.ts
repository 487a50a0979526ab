/**
 * The disk of a home that has stood for a year: its authority, devices that have
 * renewed for as long, and what it knows of their comings. Nothing is adopted:
 * what a home would have written is written.
 */
import { toHex } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { unix } from "../../src/base/machine.ts";
import type { RandomSource, Unix } from "../../src/base/machine.ts";
import { openAuthority } from "../../src/daemon/keys.ts";
import type { HomeKeys } from "../../src/daemon/keys.ts";
import { encodeSnapshot, journalHeader } from "../../src/daemon/store/format.ts";
import { Sightings } from "../../src/daemon/store/sightings.ts";
import { MemoryHost } from "../../src/host/memory/host.ts";
import type { Change, IssuedSerial } from "../../src/policy/registry/change.ts";
import { blankRecord, MAX_KEYS, recordId } from "../../src/policy/registry/record.ts";
import type { DeviceKey, DeviceRecord } from "../../src/policy/registry/record.ts";
import { NEW_HOME, tick } from "../../src/policy/window/home.ts";
import type { HomeWindow } from "../../src/policy/window/home.ts";
import { certificateSeconds, releaseDays } from "../../src/policy/window/periods.ts";
import { contact, firstContact, MAX_GAPS, withRelease } from "../../src/policy/window/presence.ts";
import type { Presence } from "../../src/policy/window/presence.ts";
import { spkiHash } from "../../src/proto/x509/certificate.ts";
import { encodePublicKey } from "../../src/proto/x509/key.ts";
import type { Member } from "../../test/kit/member-visit.ts";
import { cheapRandom } from "./cheap-random.ts";
import type { MeteredFiles } from "./metered-files.ts";

const DAY = 86_400;

/** The defaults of `state_dir` and `server_name`. */
export const STATE_DIR = "/etc/homeca";
const SERVER_NAME = "homeca.home.arpa";

/** What `authority.ts` lets a certificate begin before it is issued. */
const BACKDATED_SECONDS = DAY;
/** What of its life is gone when `live.ts` asks a device to renew. */
const RENEWED_AT = 2 / 3;
/** So long ago that the server's certificate holds for the days to come. */
const FOUNDED_SECONDS: number = 100 * DAY;

export interface Settled {
  /** Spread over the devices, and their certificates' ages over the time to renewal. */
  readonly members: readonly Member[];
  /** Days from one certificate of a device to its next. */
  readonly renewalDays: number;
}

export interface SettledPlan {
  readonly devices: number;
  /** How many devices have a key: the others are on record alone. */
  readonly reporting: number;
  /** Whether every fourth of these is to renew at its next report: a sample has few that come of age by themselves. */
  readonly hurried: boolean;
  readonly now: Unix;
}

/** Fills a disk that has its configuration. */
export function settle(crypto: Crypto, files: MeteredFiles, plan: SettledPlan): Settled {
  const { devices, reporting, hurried, now } = plan;
  const random = cheapRandom(7);
  files.makeDirectory(STATE_DIR, 0o700);
  const host = new MemoryHost({ crypto, random, files });
  const founded = unix(now - FOUNDED_SECONDS);
  const keys = openAuthority(host, `${STATE_DIR}/ca`, SERVER_NAME, founded);
  const window = quietWindow(devices);
  const seconds = Math.round(certificateSeconds(window.days));
  const renewalSeconds = (seconds + BACKDATED_SECONDS) * RENEWED_AT - BACKDATED_SECONDS;
  const register = new Register({ crypto, random, keys, seconds, renewalSeconds, now });
  const every = Math.floor(devices / reporting);
  for (let one = 0; one < devices; one++) {
    const isMember = one % every === 0 && one / every < reporting;
    const isDue = hurried && isMember && (one / every) % 4 === 0;
    register.add(one, isDue ? 1 : one / devices, isMember);
  }
  register.store(files);
  seeDaily(files, crypto, register.ids, window, now);
  return { members: register.members, renewalDays: renewalSeconds / DAY };
}

interface Making {
  readonly crypto: Crypto;
  readonly random: RandomSource;
  readonly keys: HomeKeys;
  /** Of a certificate's life, and until its device renews. */
  readonly seconds: number;
  readonly renewalSeconds: number;
  readonly now: Unix;
}

/** The records while they are made. */
class Register {
  readonly #making: Making;
  readonly #issued: IssuedSerial[] = [];
  readonly #records: DeviceRecord[] = [];
  readonly members: Member[] = [];

  constructor(making: Making) {
    this.#making = making;
  }

  get ids(): readonly string[] {
    return this.#records.map(({ id }) => id);
  }

  /** @param age - of its certificate, as a part of the time to renewal */
  add(number: number, age: number, isMember: boolean): void {
    const { random, renewalSeconds, now } = this.#making;
    const first = random(32);
    const id = recordId(first);
    const issuedAt = unix(now - Math.floor(age * renewalSeconds));
    const present = isMember ? this.#certify(id, issuedAt) : this.#pretend(issuedAt, null);
    const keys: DeviceKey[] = [present];
    while (keys.length < MAX_KEYS - 1) {
      const before = unix(issuedAt - Math.floor(keys.length * renewalSeconds));
      keys.unshift(this.#pretend(before, present.spkiHash));
    }
    keys.unshift({ role: "first-contact", spkiHash: toHex(first) });
    for (const key of keys) {
      if (key.role !== "certificate" || key.notAfter < now) continue;
      const { serial, spkiHash: hash, notAfter } = key;
      this.#issued.push({ serial, device: id, spkiHash: hash, notAfter });
    }
    this.#records.push({
      ...blankRecord(id, "aware", "active"),
      name: { value: `Lamp ${number}`, by: "device" },
      type: { value: "lamp", by: "device" },
      claim: { id: recordId(random(32)), type: "lamp", name: `Lamp ${number}` },
      deviceId: toHex(random(32)),
      ...{ model: "Lamp 3", keys, proven: "owner", keyCase: "good-known", keyUpdates: 1 },
      discoveryKey: toHex(random(32)),
      ...{ firstSeen: issuedAt, decidedAt: issuedAt, decidedBy: "homeca" },
    });
  }

  store(files: MeteredFiles): void {
    const { crypto } = this.#making;
    const changes: Change[] = [
      ...this.#issued.map((issued) => ({ kind: "issued", ...issued }) as const),
      ...this.#records.map((record) => ({ kind: "put", record }) as const),
    ];
    const snapshot = encodeSnapshot(crypto, { sequence: 1, changes });
    files.replaceDurably(`${STATE_DIR}/snapshot`, snapshot, 0o600);
    files.replaceDurably(`${STATE_DIR}/journal`, journalHeader(1), 0o600);
  }

  #certify(id: string, issuedAt: Unix): DeviceKey & { readonly role: "certificate" } {
    const { crypto, random, keys, seconds } = this.#making;
    const scalar = crypto.generateScalar("P-256", random);
    const { publicKey } = crypto.signingKey("P-256", scalar);
    const time = { clock: issuedAt, floor: issuedAt };
    const issued = keys.issuing.issueDevice(publicKey, { deviceId: id, seconds }, time);
    this.members.push({ scalar, chain: [issued.der, keys.issuing.certificate.der] });
    const { serial, notAfter } = issued;
    const hash = spkiHash(encodePublicKey(publicKey), crypto);
    return { role: "certificate", spkiHash: hash, serial, issuedAt, notAfter };
  }

  /** A certificate that nobody shows any more. */
  #pretend(
    issuedAt: Unix,
    spkiHashHex: string | null,
  ): DeviceKey & { readonly role: "certificate" } {
    const { random, seconds } = this.#making;
    return {
      role: "certificate",
      spkiHash: spkiHashHex ?? toHex(random(32)),
      serial: toHex(random(16)),
      issuedAt,
      notAfter: unix(issuedAt + seconds),
    };
  }
}

/** The window after a year in which nobody came or went. */
function quietWindow(devices: number): HomeWindow {
  let window = NEW_HOME;
  for (let day = 0; day < 365; day++) window = nextDay(window, devices);
  return window;
}

function nextDay(window: HomeWindow, devices: number): HomeWindow {
  return tick(window, 24, { clockKnown: true, reachable: true, devices });
}

/** Each device was seen daily: as many gaps are known as a home remembers. */
function seeDaily(
  files: MeteredFiles,
  crypto: Crypto,
  ids: readonly string[],
  before: HomeWindow,
  now: Unix,
): void {
  let window = before;
  let presence: Presence = firstContact(window, releaseDays(window.days));
  for (let day = 0; day < MAX_GAPS; day++) {
    window = nextDay(window, ids.length);
    presence = contact(presence, window).presence;
  }
  presence = withRelease(presence, releaseDays(window.days));
  const sightings = new Sightings(files, crypto, `${STATE_DIR}/sightings`);
  sightings.window = window;
  for (const id of ids) {
    sightings.note(id, now);
    sightings.setPresence(id, presence);
  }
  sightings.flush("all");
}
