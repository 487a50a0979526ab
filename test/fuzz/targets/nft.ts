/**
 * What nft says the kernel holds: tables or null, whatever the text; the drift
 * from what should be is found, and each change it calls for can be rendered.
 * The last octets of an input choose faults in the JSON before them.
 */
import { fromUtf8 } from "../../../src/base/bytes.ts";
import { findDrift, parseKernel } from "../../../src/policy/firewall/drift.ts";
import { renderChange } from "../../../src/policy/firewall/render.ts";
import { Choices } from "../choices.ts";
import { hold } from "../expect.ts";
import { spoilJson } from "../json.ts";

const CONFIG = { interfaces: ["lan1"], bridges: ["br-lan"], udpPorts: [1812], tcpPorts: [443] };
const PLACED = [{ kind: "admit", mac: "02:00:00:00:00:01", seconds: 600 }] as const;

export function fuzz(bytes: Uint8Array): void {
  const end = bytes.indexOf(0);
  const text = fromUtf8(end < 0 ? bytes : bytes.subarray(0, end));
  if (text === null) return;
  const faults = new Choices(end < 0 ? new Uint8Array() : bytes.subarray(end + 1));
  const drift = findDrift(PLACED, CONFIG, parseKernel(spoilJson(text, faults)));
  if (drift.kind !== "changes") return;
  hold(drift.changes.length > 0, "changes are some");
  for (const change of drift.changes) renderChange(change, CONFIG);
}
