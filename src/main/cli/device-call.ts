/** What the actions of `homeca device` share: the state they work on, and the code on the label. */
import { StateFile } from "../../device/state.ts";
import type { Host } from "../../host/host.ts";
import { normalSetupCode } from "../../policy/registry/record.ts";
import type { Call } from "./command.ts";
import { CommandFailure, EXIT } from "./exit.ts";

export const DEFAULT_STATE = "/etc/homeca-device.json";

export function statePath(call: Call): string {
  return call.option("state") ?? DEFAULT_STATE;
}

export function opened(call: Call): [Host, StateFile] {
  return [call.host, StateFile.open(call.host.files, statePath(call))];
}

/** What `--code` says; null without it. @throws CommandFailure `usage` */
export function setupCode(call: Call): string | null {
  const typed = call.option("code");
  if (typed === null) return null;
  const code = normalSetupCode(typed);
  if (code !== null) return code;
  throw new CommandFailure(
    EXIT.usage,
    "--code is not 12 to 32 letters and digits: look at the label again",
  );
}
