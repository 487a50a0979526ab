/** `homeca device`: a Linux device that belongs to a home, from its first key on. */
import { parseAddress } from "../../base/address.ts";
import { hex } from "../../base/bytes.ts";
import { visible } from "../../base/text.ts";
import { DeviceAgent } from "../../device/agent.ts";
import type { DeviceEvent } from "../../device/agent.ts";
import { DEVICE_PORT } from "../../device/server.ts";
import { credentialOf, newDevice, StateFailure, StateFile } from "../../device/state.ts";
import { eraseMember, writeFirstContact, writeMember } from "../../device/supplicant.ts";
import type { SupplicantSettings } from "../../device/supplicant.ts";
import { COAPS_PORT } from "../../daemon/house.ts";
import type { Host } from "../../host/host.ts";
import { HostFailure } from "../../host/host.ts";
import { deviceIdHash } from "../../policy/admission/setup.ts";
import { isPlainText, isType, MAX_NAME } from "../../policy/registry/text.ts";
import type { Call, Command } from "./command.ts";
import { ask } from "./device-ask.ts";
import { DEFAULT_STATE, opened, setupCode, statePath } from "./device-call.ts";
import { pair } from "./device-pair.ts";
import { askedSentence, serverOf } from "./device-serve.ts";
import { show } from "./device-show.ts";
import { plain, say, sentence } from "./device-told.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import type { ExitStatus } from "./exit.ts";

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

function init(call: Call): ExitStatus {
  const { crypto, random, files } = call.host;
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

async function run(call: Call): Promise<ExitStatus> {
  const { host, file, supplicant, agent } = awake(call, () => server?.refresh());
  const server = serverOf(host, call, file, agent.revocations, (asked) =>
    say(call, asked, askedSentence(asked)),
  );
  server?.refresh();
  const told = call.stopped();
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
  const { host } = call;
  const address = call.option("home");
  if (address !== null && parseAddress(address) === null) {
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
    say(call, plain(event), sentence(event));
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
