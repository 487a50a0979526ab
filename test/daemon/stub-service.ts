/** A home of three devices for tests of the management methods and the command line; it keeps what it was told. */
import { ManagementFailure } from "../../src/daemon/management/failure.ts";
import type {
  AuditFilter,
  DeviceDetails,
  DeviceSummary,
  HomeService,
  Outcome,
  Released,
  Revoked,
  RightsSummary,
} from "../../src/daemon/management/service.ts";
import type { State } from "../../src/policy/lifecycle/table.ts";

export const DOOR = "abcdefghijklmnop";
export const PHONE = "qrstuvwxyz234567";
export const HOSTILE = "7654327654327654";

const device = (id: string, name: string | null, state: State): DeviceSummary => ({
  id,
  name,
  type: "garage-door",
  class: "aware",
  state,
  place: state === "active" ? "home" : "quarantine",
  macs: ["02:00:00:00:00:01"],
  lastSeen: 1_767_225_600,
  alarm: null,
  firstSeen: 1_767_225_600,
  certifiedUntil: 1_798_761_600,
  proven: "owner",
  theftLock: false,
  groups: [],
  words: [],
});

const details = (summary: DeviceSummary): DeviceDetails => ({
  ...summary,
  nameBy: "device",
  claim: { id: "aaaaaaaaaaaaaaaa", type: "garage-door", name: summary.name },
  certificates: [
    { serial: "0a1b", issuedAt: 1_767_225_600, notAfter: 1_798_761_600, revoked: false },
  ],
  keyCase: null,
  code: "505 257",
  placement: { network: "iot", vlan: 20 },
  silence: { hours: 27, dormantInHours: 213, days: 10, pinned: false },
  release: null,
  decidedAt: null,
  decidedBy: null,
  why: "Admitted Front door.",
});

const RIGHTS = (id: string): RightsSummary => ({
  id,
  rights: [{ to: PHONE, path: "/temperature", methods: ["GET"] }],
  words: [`may read /temperature of ${PHONE}`],
  groups: ["K\u00fcche"],
});

/** What was called, with what; results are fixed. `late` answers by promises. */
export class StubService implements HomeService {
  readonly calls: (readonly unknown[])[] = [];
  readonly #devices: readonly DeviceSummary[] = [
    device(PHONE, null, "pending"),
    device(HOSTILE, "\u001b[2Jevil\u202e\nrow", "pending"),
    device(DOOR, "Front door", "active"),
  ];

  status(): ReturnType<HomeService["status"]> {
    return {
      version: "0.1.0",
      homeName: "Stub home",
      uptimeSeconds: 93_784,
      timeKnown: true,
      enforce: "show",
      radius: ["127.0.0.1 1812", "127.0.0.1 1813"],
      radiusClients: 1,
      accessPoints: [{ name: "phy0-ap0", ssid: "Home", stations: 2 }],
      devices: { pending: 2, active: 1 },
      windowDays: 10.5,
      authenticationsOpen: 0,
      counters: { "eap.accepted": 3 },
      warnings: ["two devices wait: run homeca devices pending"],
      parts: [],
      search: { seconds: 0, types: [] },
    };
  }

  /** One in each answer: whoever wants them all asks on. */
  devices(filter: Parameters<HomeService["devices"]>[0]): ReturnType<HomeService["devices"]> {
    this.calls.push(["devices", filter]);
    const { from } = filter;
    const all = this.#devices.filter(
      ({ state }) => filter.state === null || filter.state === state,
    );
    const next = from + 1 < all.length ? from + 1 : null;
    return { devices: all.slice(from, from + 1), total: all.length, next };
  }

  device(id: string): DeviceDetails {
    return details(this.#known(id));
  }

  approve(id: string, approval: Parameters<HomeService["approve"]>[1]): Promise<Outcome> {
    return this.#late("approve", id, "approved", approval);
  }

  deny(id: string): Outcome {
    return this.#told("deny", id, "denied");
  }

  rename(id: string, name: string): Outcome {
    return this.#told("rename", id, "active", name);
  }

  async revoke(id: string, reason: string): Promise<Revoked> {
    const outcome = await this.#late("revoke", id, "revoked", reason);
    const proof = [
      { step: "record", milliseconds: 0, sentence: "The record says so." },
      { step: "firewall", milliseconds: 12, sentence: "The firewall lets nothing through." },
    ] as const;
    return { ...outcome, proof };
  }

  release(id: string): Released {
    if (id !== DOOR) {
      const sentence = `${id} holds no certificate: run homeca deny ${id}`;
      throw new ManagementFailure("wrong-state", sentence);
    }
    return { ...this.#told("release", id, "released"), confirmed: null };
  }

  readmit(id: string): Outcome {
    return this.#told("readmit", id, "pending");
  }

  remove(id: string): Outcome {
    return this.#told("remove", id, "pending");
  }

  lock(id: string): Outcome {
    return this.#told("lock", id, "active");
  }

  unlock(id: string): Outcome {
    return this.#told("unlock", id, "active");
  }

  patience(id: string, days: number | null): ReturnType<HomeService["patience"]> {
    this.#told("patience", id, "active", days);
    return { id, days: days ?? 12.5, pinned: days !== null };
  }

  issueFromRequest(id: string, requestPem: string): ReturnType<HomeService["issueFromRequest"]> {
    this.#told("sign", id, "approved", requestPem);
    return { id, certificatePem: "CERT\n", chainPem: "CERT\nROOT\n" };
  }

  issueNew(
    credential: Parameters<HomeService["issueNew"]>[0],
  ): ReturnType<HomeService["issueNew"]> {
    this.calls.push(["issue", credential]);
    const id = credential.id ?? PHONE;
    return { id, p12: "cDEy", wpaSupplicant: "network={\n}\n", caPem: "ROOT\n" };
  }

  profile(wanted: Parameters<HomeService["profile"]>[0]): ReturnType<HomeService["profile"]> {
    this.calls.push(["profile", wanted]);
    return {
      id: wanted.id ?? PHONE,
      files: [
        { name: "homeca.p12", type: "application/x-pkcs12", base64: "cDEy" },
        { name: "homeca-ca.pem", type: "application/x-pem-file", base64: "Uk9PVAo=" },
      ],
      steps: ["Open homeca.p12.\u0007", "Join Home."],
    };
  }

  link(
    wanted: Parameters<HomeService["link"]>[0],
    seconds: number,
  ): ReturnType<HomeService["link"]> {
    this.calls.push(["link", wanted, seconds]);
    return {
      id: wanted.id ?? PHONE,
      url: "https://192.168.1.1:8443/link/abcdefghijklmnopqrstuvwxyz",
      until: 1_767_226_500,
      file: "homeca.zip",
      steps: ["Open homeca.zip."],
      fingerprint: "AA:BB",
      hint: wanted.platform === "apple" ? "Only this router can open the link." : null,
    };
  }

  cage(cage: Parameters<HomeService["cage"]>[0]): ReturnType<HomeService["cage"]> {
    this.calls.push(["cage", cage]);
    if (cage.class === "wired") return { id: DOOR, wifiKey: null, wpaSupplicant: null };
    return {
      id: DOOR,
      wifiKey: "abcdefghij234567klmn",
      wpaSupplicant: 'network={\n\tpsk="abcdefghij234567klmn"\n}\n',
    };
  }

  rights(id: string): ReturnType<HomeService["rights"]> {
    this.calls.push(["rights", id]);
    return RIGHTS(id);
  }

  grant(id: string, grant: Parameters<HomeService["grant"]>[1]): ReturnType<HomeService["grant"]> {
    this.calls.push(["grant", id, grant]);
    return RIGHTS(id);
  }

  withhold(
    id: string,
    what: Parameters<HomeService["withhold"]>[1],
  ): ReturnType<HomeService["withhold"]> {
    this.calls.push(["withhold", id, what]);
    return { id, rights: [], words: [], groups: [] };
  }

  group(id: string, name: string): ReturnType<HomeService["group"]> {
    this.calls.push(["group", id, name]);
    return RIGHTS(id);
  }

  ungroup(id: string, name: string): ReturnType<HomeService["ungroup"]> {
    this.calls.push(["ungroup", id, name]);
    return RIGHTS(id);
  }

  search(order: Parameters<HomeService["search"]>[0]): ReturnType<HomeService["search"]> {
    this.calls.push(["search", order.seconds, order.types.join(" ")]);
    return { seconds: order.seconds, types: order.types };
  }

  importDevices(text: string, format: string): ReturnType<HomeService["importDevices"]> {
    this.calls.push(["import", text, format]);
    return { imported: 2, skipped: ["line 3: the code is too short"] };
  }

  log(filter: Parameters<HomeService["log"]>[0]): ReturnType<HomeService["log"]> {
    this.calls.push(["log", filter]);
    const text = "Started; the time is not known.\u0007";
    const events = [
      {
        number: 1,
        at: 1_767_225_600,
        kind: "admitted",
        device: DOOR,
        text: "Admitted Front door.",
      },
      { number: 2, at: null, kind: "started", device: null, text },
    ];
    return { events, newest: 2 };
  }

  why(question: Parameters<HomeService["why"]>[0]): ReturnType<HomeService["why"]> {
    this.calls.push(["why", question]);
    const fix = { label: "Let it in", method: "approve", arguments: { id: PHONE } };
    return question.id === PHONE
      ? { can: false, sentence: "Held it: it waits for you.", fix }
      : { can: true, sentence: "It is in the network.", fix: null };
  }

  pulse(): ReturnType<HomeService["pulse"]> {
    return { boot: "0123456789abcdef", revision: 5, events: 2 };
  }

  audit({ before }: AuditFilter): ReturnType<HomeService["audit"]> {
    const number = (before ?? 3) - 1;
    const text = number === 1 ? "Approved Front door." : "Issued Front door a certificate.\u0007";
    const serial = number === 1 ? null : "0a";
    const entry = { number, at: 1_767_225_600, kind: "owner", device: DOOR, serial, text };
    return { entries: number === 0 ? [] : [entry], before: number > 1 ? number : null };
  }

  verify(): ReturnType<HomeService["verify"]> {
    return { first: 1, last: 2, chain: "ab".repeat(32), trouble: null };
  }

  authority(): ReturnType<HomeService["authority"]> {
    return {
      rootPem: "ROOT\n",
      rootFingerprint: "AA:BB",
      rootKeyFingerprint: "CC:DD",
      notAfter: 2_082_758_400,
      issuingNotAfter: 1_830_297_600,
      issuingRenewsAt: 1_796_000_000,
      rootKeyHere: true,
      serverName: "homeca.home.arpa",
      serverNotAfter: 1_798_761_600,
      serverRenewsAt: 1_787_529_600,
    };
  }

  crl(): ReturnType<HomeService["crl"]> {
    return {
      crlPem: "CRL\n",
      number: 7,
      thisUpdate: 1_767_225_600,
      nextUpdate: 1_767_830_400,
      revoked: 1,
    };
  }

  replaced(): ReturnType<HomeService["replaced"]> {
    this.calls.push(["replaced"]);
    return { router: ["02:00:00:00:aa:01"] };
  }

  reload(): ReturnType<HomeService["reload"]> {
    this.calls.push(["reload"]);
    return { warnings: ["option 'x' is unknown in section 'main': remove it (homeca:3)"] };
  }

  #known(id: string): DeviceSummary {
    const found = this.#devices.find((candidate) => candidate.id === id);
    if (found !== undefined) return found;
    throw new ManagementFailure(
      "unknown-device",
      `no device has the id ${id}: run homeca devices for those there are`,
    );
  }

  #told(call: string, id: string, state: State, ...more: readonly unknown[]): Outcome {
    this.#known(id);
    this.calls.push([call, id, ...more]);
    return { id, state };
  }

  async #late(
    call: string,
    id: string,
    state: State,
    ...more: readonly unknown[]
  ): Promise<Outcome> {
    return this.#told(call, id, state, ...more);
  }
}
