/** A list of expected devices, as CSV and as QR texts: changes that put expected devices, or an ImportFailure. */
import { fromUtf8 } from "../../../src/base/bytes.ts";
import { isHostile } from "../../../src/base/text.ts";
import {
  importExpected,
  ImportFailure,
  MAX_EXPECTED,
} from "../../../src/policy/registry/import.ts";
import { EMPTY_REGISTRY } from "../../../src/policy/registry/registry.ts";
import { hold, outcome } from "../expect.ts";
import { openCrypto } from "../open-crypto.ts";

export function fuzz(bytes: Uint8Array): void {
  const text = fromUtf8(bytes);
  if (text === null) return;
  for (const format of ["csv", "qr"] as const) {
    const result = outcome(
      () => importExpected(text, format, EMPTY_REGISTRY, openCrypto),
      [ImportFailure],
    );
    if ("failure" in result) {
      hold(!isHostile(result.failure.message), `harmless: ${result.failure.message}`);
      continue;
    }
    const { changes } = result.value;
    hold(changes.length <= MAX_EXPECTED, "devices are bounded");
    hold(
      changes.every((change) => change.kind === "put" && change.record.state === "expected"),
      "devices are expected and no more",
    );
  }
}
