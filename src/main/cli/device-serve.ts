/** `homeca device run --serve`: what other devices of the home may ask of this one. */
import { programResource } from "../../device/resources.ts";
import type { Resources } from "../../device/resources.ts";
import type { Revocations } from "../../device/revocations.ts";
import { DEVICE_PORT, DeviceServer } from "../../device/server.ts";
import type { Asked } from "../../device/server.ts";
import type { StateFile } from "../../device/state.ts";
import type { Host } from "../../host/host.ts";
import { isLocalPart } from "../../policy/rights/local-part.ts";
import type { Call } from "./command.ts";
import { CommandFailure, EXIT } from "./exit.ts";

/** Null where nothing is served. @throws CommandFailure `usage` */
export function serverOf(
  host: Host,
  call: Call,
  file: StateFile,
  listed: Revocations,
  tell: (asked: Asked) => void,
): DeviceServer | null {
  const resources = resourcesOf(host, call);
  if (resources.size === 0) return null;
  const port = call.whole("serve-port") ?? DEVICE_PORT;
  const named = call.list("serve-at");
  const everywhere = named.length === 0 ? ["0.0.0.0", "::"] : named;
  const listen = everywhere.map((address) => ({ address, port }));
  return new DeviceServer(host, { file, listed, resources, listen, tell });
}

/** What `--serve` names; none where nothing is served. */
function resourcesOf(host: Host, call: Call): Resources {
  const rows = call.list("serve").map((text) => {
    const mark = text.indexOf("=");
    const path = mark < 0 ? "" : text.slice(0, mark);
    const program = text.slice(mark + 1);
    if (!isLocalPart(path) || program === "") {
      throw new CommandFailure(
        EXIT.usage,
        "--serve is no PATH=PROGRAM: write --serve /temperature=/usr/bin/read-temperature",
      );
    }
    return [path, programResource(host, program)] as const;
  });
  return new Map(rows);
}

export function askedSentence({ device: who, method, path, answer }: Asked): string {
  return `${who} asked ${method} ${path ?? "for nothing that has a path"}: ${answer}`;
}
