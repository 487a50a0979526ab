/** `homeca setup`: the router's own Wi-Fi asks HomeCA, and what it was before comes back with one word. */
import { HostFailure } from "../../host/host.ts";
import { SETUP_FOLDER } from "./setup/record.ts";
import type { Place } from "./setup/record.ts";
import { showEdits } from "../../policy/wireless/show.ts";
import {
  apply,
  confirm,
  resume,
  TRIAL_SECONDS,
  UP_SECONDS,
  undo,
  waitUntilUp,
  watch,
} from "./setup/change.ts";
import { answerRpcd } from "./setup/rpcd.ts";
import { stateOf } from "./setup/state.ts";
import type { SetupState } from "./setup/state.ts";
import { planFor, wishOf } from "./setup/wish.ts";
import type { Call, Command } from "./command.ts";
import { JSON_OUTPUT } from "./command.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import type { ExitStatus } from "./exit.ts";
import type { OptionRow } from "./options.ts";
import { facts } from "./text.ts";

const option = (name: string, value: string | null, doc: string): OptionRow => ({
  name,
  value,
  doc,
});

export const setup: Command = {
  name: "setup",
  alias: null,
  summary: "Make this router's Wi-Fi ask HomeCA, or undo that",
  operands: [
    { name: "confirm|undo|state", required: false },
    { name: "METHOD", required: false },
  ],
  options: [
    option("radio", "NAME", "Radio to set up: a wifi-device section such as radio0."),
    option("ssid", "NAME", "Name of the new network, 1 to 32 octets."),
    option("network", "NAME", "Network of admitted devices; lan unless told."),
    option(
      "security",
      "MODE",
      "wpa3, wpa3-mixed, wpa2, or auto: the best that the radio can and older devices still take.",
    ),
    option("country", "CODE", "Country of the radio, two letters; 6 GHz needs one."),
    option("subnet", "PREFIX", "IPv4 prefix of the quarantine; a free private one unless told."),
    option("vlan", "NUMBER", "VLAN of the quarantine, 1 to 4094; 77 unless told."),
    option("yes", null, "Apply what is shown."),
    option("force", null, "Undo although somebody changed the files since."),
    JSON_OUTPUT,
    option(
      "resume",
      null,
      "Put back what a power cut left unconfirmed; for the start of the router.",
    ),
    option("watch", null, "Put the set-up back unless it is confirmed in time; procd runs this."),
    option("rpcd", null, "Answer rpcd: list, or call METHOD with JSON on standard input."),
    option("root", "FOLDER", "Folder that stands for / where files are read and written."),
  ],
  description: [
    "Shows what would change in /etc/config; with --yes it changes that: a network with WPA3-Enterprise, a quarantine with its own VLAN, bridge, firewall zone and addresses, and HomeCA's list of RADIUS clients.",
    `After that it waits for homeca setup confirm, ${TRIAL_SECONDS} seconds. Without it, or if the network does not come up, everything is put back; after a power cut too.`,
    `homeca setup undo restores the files as they were before the first set-up, octet for octet. They are kept in ${SETUP_FOLDER}.`,
  ],
  examples: [
    "homeca setup --radio radio0 --ssid Home",
    "homeca setup --radio radio0 --ssid Home --yes",
    "homeca setup confirm",
    "homeca setup undo",
  ],
  asks: false,
  async run(call) {
    try {
      return await dispatch(call);
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      throw new CommandFailure(
        EXIT.refused,
        `${failure.message}: run this as root, on a router that can write its configuration`,
      );
    }
  },
};

function dispatch(call: Call): Promise<ExitStatus> {
  const place: Place = { files: call.host.files, root: call.option("root") ?? "" };
  const { flags } = call.words;
  if (flags.has("rpcd")) return answerRpcd(call, place);
  if (flags.has("watch")) return said(call, watch(call.host, place));
  if (flags.has("resume")) return said(call, resume(call.host, place));
  switch (call.words.operands[0]) {
    case undefined:
      return planned(call, place);
    case "confirm":
      return confirmed(call, place);
    case "undo":
      return undone(call, place);
    case "state":
      return shown(call, place);
    default:
      throw new CommandFailure(
        EXIT.usage,
        "setup takes confirm, undo or state: run homeca help setup",
      );
  }
}

async function planned(call: Call, place: Place): Promise<ExitStatus> {
  const wish = wishOf((name) => call.option(name));
  const plan = await planFor(call.host, place, wish);
  if (plan.edits.length === 0) {
    call.write("everything is set up so already: nothing to do\n");
    return EXIT.done;
  }
  call.write(showEdits(plan.edits));
  if (!call.words.flags.has("yes")) {
    call.write("\nnothing was changed: run this again with --yes to apply it\n");
    return EXIT.done;
  }
  await apply(call.host, place, plan);
  call.write(`\nwritten; waiting for ${plan.interface} to come up\n`);
  if (await waitUntilUp(call.host, place, plan.interface)) {
    call.write("it is up: run homeca setup confirm to keep it, otherwise everything is put back\n");
    return EXIT.done;
  }
  throw new CommandFailure(
    EXIT.refused,
    `${plan.interface} did not come up in ${UP_SECONDS} seconds, and everything is put back soon: look at logread -e hostapd`,
  );
}

async function confirmed(call: Call, place: Place): Promise<ExitStatus> {
  await confirm(call.host, place);
  call.write("the set-up stays; homeca setup undo takes it back\n");
  return EXIT.done;
}

async function undone(call: Call, place: Place): Promise<ExitStatus> {
  const replaced = await undo(call.host, place, call.words.flags.has("force"));
  call.write("everything is as it was before the set-up\n");
  if (replaced !== null) call.write(`what was there until now is kept in ${replaced}\n`);
  return EXIT.done;
}

const STEPS: Readonly<Record<SetupState["step"], string>> = {
  none: "not set up by HomeCA",
  trial: "waits for homeca setup confirm",
  kept: "set up",
  undoing: "an undo was cut short: run homeca setup undo again",
};

async function shown(call: Call, place: Place): Promise<ExitStatus> {
  return call.show(await stateOf(call.host, place), ({ step, networks }) =>
    facts([
      ["wireless", STEPS[step]],
      ...networks.map((each): [string, string] => [each.interface, each.status]),
    ]),
  );
}

/** For procd and the init script, whose log has what is written to standard error; nothing where nothing was done. */
async function said(call: Call, sentence: Promise<string | null>): Promise<ExitStatus> {
  const text = await sentence;
  if (text !== null) call.host.log("warning", text);
  return EXIT.done;
}
