/**
 * What nft says the kernel holds: tables or null, whatever the text; the drift
 * from what should be is found, and each change it calls for can be rendered.
 */
import { fromUtf8 } from "../../../src/base/bytes.ts";
import { findDrift, parseKernel } from "../../../src/policy/firewall/drift.ts";
import { renderChange } from "../../../src/policy/firewall/render.ts";
import { hold } from "../expect.ts";

const CONFIG = { interfaces: ["lan1"], bridges: ["br-lan"], udpPorts: [1812], tcpPorts: [443] };
const PLACED = [{ kind: "admit", mac: "02:00:00:00:00:01", seconds: 600 }] as const;

export function fuzz(bytes: Uint8Array): void {
  const text = fromUtf8(bytes);
  if (text === null) return;
  const drift = findDrift(PLACED, CONFIG, parseKernel(text));
  if (drift.kind !== "changes") return;
  hold(drift.changes.length > 0, "changes are some");
  for (const change of drift.changes) renderChange(change, CONFIG);
}
