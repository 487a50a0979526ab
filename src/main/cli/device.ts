/** `homeca device`: a Linux device that belongs to a home, from its first key on. */
import { isIP } from "node:net";
import { hex, sameBytes, toHex, utf8 } from "../../base/bytes.ts";
import { visible } from "../../base/text.ts";
import { DeviceAgent, LIST_FILE, PRESENCE_FILE, SEARCH_FILE } from "../../device/agent.ts";
import type { DeviceEvent } from "../../device/agent.ts";
import { credentialOf, newDevice, StateFailure, StateFile } from "../../device/state.ts";
import { eraseMember, writeFirstContact, writeMember } from "../../device/supplicant.ts";
import { ownId } from "../../device/fellow.ts";
import { DEVICE_PORT } from "../../device/server.ts";
import { HomeSearch } from "../../device/home-search.ts";
import { showPresence } from "../../device/presence.ts";
import { Revocations } from "../../device/revocations.ts";
import type { SupplicantSettings } from "../../device/supplicant.ts";
import { COAPS_PORT } from "../../daemon/house.ts";
import type { Host } from "../../host/host.ts";
import { HostFailure } from "../../host/host.ts";
import { nodeFiles } from "../../host/node/files.ts";
import { nodeHost } from "../../host/node/index.ts";
import { claimedId, deviceIdHash } from "../../policy/admission/setup.ts";
import { dayText } from "../../policy/admission/reasons.ts";
import { normalSetupCode } from "../../policy/registry/record.ts";
import { isPlainText, isType, MAX_NAME } from "../../policy/registry/text.ts";
import { encodePublicKey } from "../../proto/x509/key.ts";
import { rightsIn } from "../../policy/rights/certified.ts";
import type { Right } from "../../policy/rights/rights.ts";
import { words } from "../../policy/rights/words.ts";
import { parseCertificate } from "../../proto/x509/certificate.ts";
import { isHomeLost, pairing } from "../../policy/window/passive-release.ts";
import type { PairingReason, PresenceProof } from "../../policy/window/passive-release.ts";
import type { Call, Command } from "./command.ts";
import { ask } from "./device-ask.ts";
import { askedSentence, serverOf } from "./device-serve.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import type { ExitStatus } from "./exit.ts";
import { duration, facts, json } from "./text.ts";

const DEFAULT_STATE = "/etc/homeca-device.json";
const DEFAULT_CONTROL = "/var/run/wpa_supplicant";

export const device: Command = {
  name: "device",
  alias: null,
  summary: "Be a device: make its key, join a home, live there, leave it",
  operands: [
    { name: "ACTION", required: true },
    { name: "ADDRESS", required: false },
    { name: "PATH", required: false },
  ],
  options: [
    {
      name: "state",
      value: "FILE",
      doc: `What the device remembers; ${DEFAULT_STATE} unless told.`,
    },
    {
      name: "type",
      value: "TYPE",
      doc: "init: what it is, such as lamp; 1 to 16 of a-z, 0-9 and -.",
    },
    { name: "name", value: "NAME", doc: "init: its name for people, at most 64 characters." },
    { name: "model", value: "MODEL", doc: "init: what it is made as." },
    {
      name: "serial",
      value: "SERIAL",
      doc: "init: what its id is made from; a random one unless told.",
    },
    {
      name: "code",
      value: "CODE",
      doc: "init and pair: the setup code on its label, 12 to 32 letters and digits.",
    },
    {
      name: "no-randomness",
      value: null,
      doc: "init: it has no random source of its own; the home is told that its key is only as secret as its first one.",
    },
    {
      name: "home",
      value: "ADDRESS",
      doc: "run, release: where the home is; without it the device looks for one by multicast DNS.",
    },
    {
      name: "port",
      value: "PORT",
      doc: `run, release: UDP port of the home; ${COAPS_PORT} unless told.`,
    },
    {
      name: "pin",
      value: "HASH",
      doc: "run: SHA-256 of the home's key in hexadecimal, where it is known.",
    },
    {
      name: "supplicant",
      value: "FOLDER",
      doc: "run, release: where wpa_supplicant.conf and its keys are written.",
    },
    {
      name: "ssid",
      value: "SSID",
      doc: "run: name of the wireless network; on a cable leave it out.",
    },
    {
      name: "control",
      value: "FOLDER",
      doc: `run: ctrl_interface of wpa_supplicant, for wpa_cli; ${DEFAULT_CONTROL} unless told.`,
    },
    {
      name: "hook",
      value: "PROGRAM",
      doc: "run, release: called with one word for what happened: first, joined, renewed, lives, home-lost, pairing, found, released, release-refused, list-refused or failed, and the steps of joining: waits-for-owner, approved, key-agreed, certified. With erase it has to erase what the owner left, and the device waits for it.",
    },
    {
      name: "serve",
      value: "PATH=PROGRAM",
      repeats: true,
      doc: "run: what other devices may ask here as their rights allow. The program is called with the method and the id of who asks; what it writes is the answer, and what was sent is on its standard input. It may stand more than once.",
    },
    {
      name: "serve-at",
      value: "ADDRESS",
      repeats: true,
      doc: "run: where other devices reach this one; 0.0.0.0 and :: unless told.",
    },
    {
      name: "serve-port",
      value: "PORT",
      doc: `run and ask: UDP port of devices; ${DEVICE_PORT} unless told.`,
    },
    {
      name: "device",
      value: "ID",
      doc: "ask: the device that has to answer, by its id in the home.",
    },
    { name: "method", value: "METHOD", doc: "ask: GET, POST, PUT or DELETE; GET unless told." },
    { name: "body", value: "TEXT", doc: "ask: what is sent." },
    {
      name: "json",
      value: null,
      doc: "Write JSON, for programs; run writes a line for each event.",
    },
  ],
  description: [
    "ACTION is init, run, show, ask, pair or release. init makes the device's first key, once. run finds the home, asks to be taken in, agrees with it on a new key, gets its certificate, and from then on reports and renews. show tells what the device remembers, without its secrets. release asks the home to be released: the device then erases what it has of the home, confirms that, and can be given away; stop run first.",
    "ask asks another device of the home for PATH, with this device's certificate, and writes what it answers. ADDRESS is its IP address. Both ends check that the other is of their home; the one asked goes by the rights in the certificate of the one that asks.",
    "pair is for a device whose home is lost: it shows the running agent that somebody has the device in their hands. It then asks the home it finds to be taken in, and belongs to its old one until the other's owner says yes. A device with a setup code wants it for that; one that is theft-locked is never paired anew.",
    "run stays until SIGTERM. With --supplicant it writes what wpa_supplicant needs, before the device belongs to the home and after; a --hook can tell wpa_supplicant to read it again.",
  ],
  examples: [
    "homeca device init --state lamp.json --type lamp --name 'Kitchen lamp' --code K7QP-2M4X-9RTD",
    "homeca device run --state sensor.json --serve /temperature=/usr/bin/read-temperature",
    "homeca device ask 192.168.1.31 /temperature --state lamp.json",
    "homeca device run --state lamp.json --home 192.168.1.1 --supplicant /etc/lamp --hook /etc/lamp/hook",
    "homeca device release --state lamp.json --home 192.168.1.1 --supplicant /etc/lamp",
  ],
  asks: false,
  run: async (call) => {
    const action = call.operand(0);
    try {
      switch (action) {
        case "init":
          return init(call);
        case "run":
          return await run(call);
        case "show":
          return show(call);
        case "release":
          return await release(call);
        case "ask":
          return await ask(call, ...opened(call));
        case "pair":
          return pair(call);
        default:
          throw new CommandFailure(
            EXIT.usage,
            `there is no action ${visible(action)}: write init, run, show, ask, pair or release; \`homeca show ID\` shows a record of the home`,
          );
      }
    } catch (failure) {
      if (failure instanceof StateFailure) throw new CommandFailure(EXIT.refused, failure.message);
      if (!(failure instanceof HostFailure)) throw failure;
      throw new CommandFailure(EXIT.refused, `the system refused (${failure.message})`);
    }
  },
};

function statePath(call: Call): string {
  return call.option("state") ?? DEFAULT_STATE;
}

function deviceHost(): Host {
  return nodeHost({ files: nodeFiles, logStyle: "plain" });
}

function opened(call: Call): [Host, StateFile] {
  const host = deviceHost();
  return [host, StateFile.open(host.files, statePath(call))];
}

function init(call: Call): ExitStatus {
  const host = deviceHost();
  const { crypto, random, files } = host;
  const type = call.option("type") ?? "";
  if (!isType(type)) {
    throw new CommandFailure(
      EXIT.usage,
      "--type is missing or no word of a-z, 0-9 and -: write --type lamp",
    );
  }
  const serial = call.option("serial");
  const identity = {
    deviceId:
      serial === null ? random(32) : deviceIdHash(crypto, [{ kind: "serial", value: serial }]),
    type,
    name: shownText(call, "name"),
    model: shownText(call, "model"),
    setupCode: setupCode(call),
    hasRandomness: !call.words.flags.has("no-randomness"),
  };
  const state = newDevice(identity, crypto.generateScalar("P-256", random));
  try {
    StateFile.create(files, statePath(call), state);
  } catch (failure) {
    if (!(failure instanceof HostFailure) || failure.errno !== "EEXIST") throw failure;
    throw new CommandFailure(
      EXIT.refused,
      `there is a device in ${statePath(call)} already: name another file with --state`,
    );
  }
  return show(call);
}

function shownText(call: Call, option: string): string | null {
  const text = call.option(option);
  if (text === null || isPlainText(text, MAX_NAME)) return text;
  throw new CommandFailure(
    EXIT.usage,
    `--${option} has control characters or is too long: choose another`,
  );
}

function setupCode(call: Call): string | null {
  const typed = call.option("code");
  if (typed === null) return null;
  const code = normalSetupCode(typed);
  if (code !== null) return code;
  throw new CommandFailure(
    EXIT.usage,
    "--code is not 12 to 32 letters and digits: look at the label again",
  );
}

interface Shown {
  /** What a list of expected devices has beside the code. */
  readonly id: string;
  readonly type: string;
  readonly name: string | null;
  readonly model: string | null;
  readonly keyHash: string;
  readonly owned: boolean;
  readonly home: string | null;
  readonly certificateEnds: number | null;
  readonly newKeyWaits: boolean;
  readonly theftLock: boolean;
  readonly releases: number;
  /** Its id in the home; null without one. */
  readonly homeId: string | null;
  readonly groups: readonly string[];
  /** One sentence for each right, beginning with `may`. */
  readonly rights: readonly string[];
  /** Hours in which it found no home since it last did. */
  readonly missedHours: number;
  /** Days of them after which it may be paired anew; null for never. */
  readonly releaseDays: number | null;
  readonly homeLost: boolean;
  /** Number of the revocation list it holds; 0 for none. */
  readonly list: number;
}

/** Nothing that is secret. */
function show(call: Call): ExitStatus {
  const host = deviceHost();
  const file = StateFile.open(host.files, statePath(call));
  const { state } = file;
  const { identity, owner, next, scalar } = state;
  const { point } = host.crypto.signingKey("P-256", scalar).publicKey;
  const spki = encodePublicKey({ kind: "ec", curve: "P-256", point });
  const { search } = new HomeSearch(host, file.beside(SEARCH_FILE));
  const shown: Shown = {
    id: claimedId(identity.deviceId),
    type: identity.type,
    name: identity.name,
    model: identity.model,
    keyHash: toHex(host.crypto.digest("sha256", spki)),
    owned: owner !== null,
    home: owner?.serverName ?? null,
    certificateEnds: owner?.notAfter ?? null,
    newKeyWaits: next !== null,
    theftLock: state.tenure.state === "owned" && state.tenure.theftLock,
    releases: state.releases,
    homeId: owner === null ? null : ownId(owner),
    groups: owner?.groups ?? [],
    rights: owner === null ? [] : rightsIn(parseCertificate(owner.chain[0]!)).map(wordsOf),
    missedHours: search.hours,
    releaseDays: search.releaseDays,
    homeLost: isHomeLost(search),
    list: new Revocations(host, file.beside(LIST_FILE), file).held?.number ?? 0,
  };
  if (call.words.flags.has("json")) {
    call.write(json(shown));
    return EXIT.done;
  }
  call.write(
    facts([
      ["id", shown.id],
      ["type", shown.type],
      ["name", shown.name],
      ["model", shown.model],
      ["key (SHA-256)", shown.keyHash],
      ["home", shown.home ?? "none yet"],
      ["certificate ends", owner === null ? null : dayText(owner.notAfter)],
      ["a new key waits", shown.newKeyWaits ? "yes" : "no"],
      ["theft lock", shown.theftLock ? "yes" : "no"],
      ["releases so far", String(shown.releases)],
      ["id in the home", shown.homeId],
      ["groups", shown.groups.map((name) => `@${name}`).join(", ") || "none"],
      ...shown.rights.map((right): [string, string] => ["right", right]),
      ...(owner === null ? [] : missing(shown)),
    ]),
  );
  return EXIT.done;
}

/** Names are with the home; here a device is its id, and a resource its path. */
function wordsOf(right: Right): string {
  return words(right, { device: () => null, resource: () => null });
}

function missing({ missedHours, releaseDays, homeLost, list }: Shown): [string, string][] {
  const missed = missedHours === 0 ? "no" : `for ${duration(missedHours * 3600)}`;
  const pairs =
    releaseDays === null ? "never: theft-locked" : `after ${Math.round(releaseDays)} days`;
  return [
    ["misses its home", missed],
    ["may be paired anew", homeLost ? "now, with homeca device pair" : pairs],
    ["revocation list", list === 0 ? "none yet" : String(list)],
  ];
}

/** Shows the agent that somebody is there. Nothing happens where the home is not lost: the answer says why. */
function pair(call: Call): ExitStatus {
  const host = deviceHost();
  const file = StateFile.open(host.files, statePath(call));
  const { owner, identity } = file.state;
  if (owner === null) {
    throw new CommandFailure(
      EXIT.refused,
      "the device belongs to no home: it asks the one it finds by itself",
    );
  }
  const proof = presenceOf(call, identity.setupCode);
  const answer = pairing(new HomeSearch(host, file.beside(SEARCH_FILE)).search, proof);
  if (answer.kind === "closed") {
    throw new CommandFailure(EXIT.refused, CLOSED[answer.reason]);
  }
  showPresence(host.files, file.beside(PRESENCE_FILE), answer.by);
  call.write("the device asks the home it finds to be taken in: say yes there within an hour\n");
  return EXIT.done;
}

const CLOSED: Readonly<Record<PairingReason, string>> = {
  "home-not-lost":
    "its home is not lost: release it there, or see homeca device show for how long it has to be missed",
  "theft-locked": "its owner has theft-locked it: only its home can release it",
  "nobody-present": "nobody has shown to be there",
};

/** The code on the label where there is one; else that who calls this administers the device. */
function presenceOf(call: Call, code: string | null): PresenceProof {
  if (code === null) return "button";
  const typed = setupCode(call);
  if (typed === null) {
    throw new CommandFailure(EXIT.usage, "--code is missing: write the one on the device's label");
  }
  if (!sameBytes(utf8(typed), utf8(code))) {
    throw new CommandFailure(EXIT.refused, "--code is not the device's: look at the label again");
  }
  return "setup-code";
}

async function run(call: Call): Promise<ExitStatus> {
  const { host, file, supplicant, agent } = awake(call, () => server?.refresh());
  const server = serverOf(host, call, file, agent.revocations, (asked) =>
    call.write(
      call.words.flags.has("json") ? `${JSON.stringify(asked)}\n` : `${askedSentence(asked)}\n`,
    ),
  );
  server?.refresh();
  const told = new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  if (supplicant !== null && file.state.owner === null) {
    writeFirstContact(host.files, host.crypto, file.state, supplicant);
    hook(host, call, "first");
  }
  agent.start();
  await told;
  agent.stop();
  server?.stop();
  return EXIT.done;
}

/** Stays until the home has let go, or did not. */
async function release(call: Call): Promise<ExitStatus> {
  let settle: (event: DeviceEvent) => void = () => {};
  const end = new Promise<DeviceEvent>((resolve) => {
    settle = resolve;
  });
  const ends = new Set<DeviceEvent["kind"]>(["released", "release-refused", "failed"]);
  const { agent, file } = awake(call, (event) => {
    if (ends.has(event.kind)) settle(event);
  });
  if (credentialOf(file.state) === null && file.state.receiptFor === null) {
    throw new CommandFailure(
      EXIT.refused,
      "the device belongs to no home: there is nothing to leave",
    );
  }
  agent.leave();
  const { kind } = await end;
  agent.stop();
  return kind === "released" ? EXIT.done : EXIT.refused;
}

interface Awake {
  readonly host: Host;
  readonly file: StateFile;
  readonly supplicant: SupplicantSettings | null;
  readonly agent: DeviceAgent;
}

/** The device at work, alone on its state. */
function awake(call: Call, also: (event: DeviceEvent) => void): Awake {
  const host = deviceHost();
  const address = call.option("home");
  if (address !== null && isIP(address) === 0) {
    throw new CommandFailure(EXIT.usage, "--home is no IP address: write the router's address");
  }
  const port = portOf(call);
  const pinned = pinOf(call);
  const file = StateFile.open(host.files, statePath(call));
  if (!host.files.lock(`${statePath(call)}.lock`)) {
    throw new CommandFailure(
      EXIT.refused,
      `the device of ${statePath(call)} runs already: stop that first`,
    );
  }
  const supplicant = settingsOf(call);
  const tell = (event: DeviceEvent): void => {
    call.write(
      call.words.flags.has("json") ? `${JSON.stringify(plain(event))}\n` : `${sentence(event)}\n`,
    );
    if (supplicant !== null) follow(host, file, event, supplicant);
    hook(host, call, event.kind);
    also(event);
  };
  const agent = new DeviceAgent(host, {
    file,
    home: address === null ? null : { address, port },
    pinned,
    erase: async () => {
      await erase(host, call);
      if (supplicant !== null) eraseMember(host.files, host.crypto, file.state, supplicant);
    },
    tell,
    serves: call.list("serve").length > 0,
  });
  return { host, file, supplicant, agent };
}

function settingsOf(call: Call): SupplicantSettings | null {
  const folder = call.option("supplicant");
  return folder === null
    ? null
    : {
        folder,
        ssid: call.option("ssid"),
        control: call.option("control") ?? DEFAULT_CONTROL,
      };
}

function portOf(call: Call): number {
  const port = call.whole("port") ?? COAPS_PORT;
  if (port >= 1 && port <= 65_535) return port;
  throw new CommandFailure(EXIT.usage, "--port is no UDP port: write 1 to 65535");
}

function pinOf(call: Call): Uint8Array | null {
  const text = call.option("pin");
  if (text === null) return null;
  if (/^[0-9a-f]{64}$/.test(text)) return hex(text);
  throw new CommandFailure(EXIT.usage, "--pin is not 64 hexadecimal digits: copy it again");
}

/** The network is joined with what the device has now. */
function follow(
  host: Host,
  file: StateFile,
  event: DeviceEvent,
  settings: SupplicantSettings,
): void {
  const { state } = file;
  if (event.kind === "pairing") return writeFirstContact(host.files, host.crypto, state, settings);
  const credential = credentialOf(state);
  const isMember = event.kind === "joined" || event.kind === "renewed" || event.kind === "found";
  if (credential === null || !isMember) return;
  writeMember(host.files, host.crypto, credential.scalar, credential.owner, settings);
}

function hook(host: Host, call: Call, kind: string): void {
  const program = call.option("hook");
  if (program === null) return;
  host.run([program, kind], "", ({ status, stderr }) => {
    if (status !== 0) call.write(`the hook failed (${status}): ${visible(stderr, 200)}\n`);
  });
}

/** Nobody is given the device before its hook has said that nothing of the last owner is left. */
function erase(host: Host, call: Call): Promise<void> {
  const program = call.option("hook");
  if (program === null) return Promise.resolve();
  return new Promise((erased, failed) => {
    host.run([program, "erase"], "", ({ status }) => {
      if (status === 0) erased();
      else failed(new HostFailure(`run ${program} erase`, `status ${status}`));
    });
  });
}

function plain(event: DeviceEvent): object {
  switch (event.kind) {
    case "joined":
      return { kind: event.kind, home: event.owner.serverName };
    case "lives":
      return { kind: event.kind, periodSeconds: event.answer.periodSeconds };
    case "waits-for-owner":
    case "approved":
    case "key-agreed":
    case "certified":
    case "renewed":
    case "released":
    case "release-refused":
    case "list-refused":
    case "home-lost":
    case "pairing":
    case "found":
    case "failed":
      return event;
  }
}

function sentence(event: DeviceEvent): string {
  switch (event.kind) {
    case "waits-for-owner":
      return "waiting for the owner to say yes";
    case "approved":
      return "the owner said yes";
    case "key-agreed":
      return `agreed on a new key; the home must show the number ${event.code}`;
    case "certified":
      return `got a certificate until ${dayText(event.notAfter)}`;
    case "joined":
      return `belongs to ${event.owner.serverName ?? "a home"} now`;
    case "lives":
      return "reported to the home";
    case "renewed":
      return `renewed its certificate until ${dayText(event.notAfter)}`;
    case "released":
      return "belongs to nobody now: what it had of the home is erased, and the home knows";
    case "release-refused":
      return `was not released (${event.reason})`;
    case "list-refused":
      return "the revocation list it was sent is not its home's, or damaged: it keeps the one it has";
    case "home-lost":
      return "its home is lost: run homeca device pair to let another one have it";
    case "pairing":
      return "asks the home it finds to be taken in; it belongs to its old one until then";
    case "found":
      return "its home is there again";
    case "failed":
      return `did not work (${event.reason}); again in ${Math.ceil(event.againMs / 1000)} seconds`;
  }
}
