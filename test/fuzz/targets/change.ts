/**
 * A change of the registry out of JSON, and what the registry makes of it: taken
 * or a RegistryFailure. The last octets of an input choose faults in the JSON.
 */
import { fromUtf8 } from "../../../src/base/bytes.ts";
import { parseChange } from "../../../src/policy/registry/change.ts";
import { RegistryFailure } from "../../../src/policy/registry/failure.ts";
import { applyChanges, EMPTY_REGISTRY } from "../../../src/policy/registry/registry.ts";
import { Choices } from "../choices.ts";
import { hold, valueOf } from "../expect.ts";
import { spoilJson } from "../json.ts";

export function fuzz(bytes: Uint8Array): void {
  const end = bytes.indexOf(0);
  const text = fromUtf8(end < 0 ? bytes : bytes.subarray(0, end));
  if (text === null) return;
  const faults = new Choices(end < 0 ? new Uint8Array() : bytes.subarray(end + 1));
  let json: unknown;
  try {
    json = JSON.parse(spoilJson(text, faults));
  } catch {
    return;
  }
  const change = valueOf(() => parseChange(json), [RegistryFailure]);
  if (change === null) return;
  const again = parseChange(JSON.parse(JSON.stringify(change)));
  hold(JSON.stringify(again) === JSON.stringify(change), "a change survives");
  valueOf(() => applyChanges(EMPTY_REGISTRY, [change]), [RegistryFailure]);
}
