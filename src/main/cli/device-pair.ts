/** `homeca device pair`: somebody has a device in their hands whose home is lost. */
import { sameBytes, utf8 } from "../../base/bytes.ts";
import { PRESENCE_FILE, SEARCH_FILE } from "../../device/agent.ts";
import { HomeSearch } from "../../device/home-search.ts";
import { showPresence } from "../../device/presence.ts";
import { pairing } from "../../policy/window/passive-release.ts";
import type { PairingReason, PresenceProof } from "../../policy/window/passive-release.ts";
import type { Call } from "./command.ts";
import { opened, setupCode } from "./device-call.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import type { ExitStatus } from "./exit.ts";

/** Shows the agent that somebody is there. Nothing happens where the home is not lost: the answer says why. */
export function pair(call: Call): ExitStatus {
  const [host, file] = opened(call);
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
