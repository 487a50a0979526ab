/** tlslite-ng, a TLS in Python (`tlslite/end.py`). */
import { isDatagram, usesPsk, usesRawKeys } from "../cell.ts";
import type { End } from "../end.ts";
import { written } from "../written.ts";

/** @param python - of an environment that has tlslite-ng, or null. */
export function tlslite(python: string | null, script: string): End {
  return written({
    name: "tlslite-ng",
    is: python === null ? null : "tlslite-ng 0.8.2",
    from: "pypi.org",
    command: python ?? "",
    words: [script],
    cannot(cell) {
      if (isDatagram(cell)) return "tlslite-ng has no DTLS";
      if (usesRawKeys(cell)) return "tlslite-ng has no raw public keys";
      if (usesPsk(cell)) {
        return "tlslite-ng has no PSK in TLS 1.2, and no importer (RFC 9258) in TLS 1.3";
      }
      return null;
    },
  });
}
