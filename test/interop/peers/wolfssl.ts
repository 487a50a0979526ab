/** wolfSSL, by a program in C (`wolfssl/end.c`). */
import { isNew, usesPsk, usesRawKeys } from "../cell.ts";
import type { End } from "../end.ts";
import { written } from "../written.ts";

/** @param program - the built program, or null. @param version - of the library it was built with. */
export function wolfssl(program: string | null, version: string): End {
  return written({
    name: "wolfSSL",
    is: program === null ? null : `wolfSSL ${version}`,
    from: "Debian libwolfssl-dev",
    command: program ?? "",
    words: [],
    cannot(cell, role) {
      if (cell.version === "DTLS 1.3") return "Debian builds wolfSSL without DTLS 1.3";
      if (usesRawKeys(cell)) return "wolfSSL 5.5 has no raw public keys";
      if (usesPsk(cell) && isNew(cell)) return "wolfSSL 5.5 knows no importer (RFC 9258)";
      if (cell.suite === "TLS_PSK_WITH_AES_128_CCM_8") return "Debian builds wolfSSL without it";
      if (cell.suite === "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256")
        return "wolfSSL has no such suite";
      if (usesPsk(cell) && cell.group === "X25519")
        return "wolfSSL 5.5 agrees on no X25519 with a PSK";
      if (!isNew(cell) && role === "client") {
        return "Debian builds wolfSSL without a renegotiation indication (RFC 5746), which our server wants";
      }
      if (cell.flow === "fragmented") return "Debian builds wolfSSL without a choice of the MTU";
      return null;
    },
  });
}
