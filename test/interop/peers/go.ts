/** Go's crypto/tls and pion/dtls, both in one program (`go/main.go`). */
import { isDatagram, suiteNames, usesPsk, usesRawKeys } from "../cell.ts";
import type { End } from "../end.ts";
import { firstLine } from "../program.ts";
import { written } from "../written.ts";

/** What Go and pion are in `go/go.mod`. */
const PION = "pion/dtls v3.1.15";

/** @param program - the built program, or null with what is missing for it. */
export function goPeers(program: string | null): End[] {
  const go = program === null ? null : (firstLine("go", "env", "GOVERSION") ?? "go");
  const command = program ?? "";
  return [
    written({
      name: "Go crypto/tls",
      is: go,
      from: "go.dev",
      command,
      words: [],
      cannot(cell, role) {
        if (isDatagram(cell)) return "crypto/tls has no DTLS";
        if (usesRawKeys(cell)) return "crypto/tls has no raw public keys";
        if (usesPsk(cell)) return "crypto/tls has no external PSK";
        if (cell.suite.includes("CCM")) return "crypto/tls has no CCM";
        if (cell.flow === "retry" && role === "client" && cell.group !== "P-256") {
          return "crypto/tls orders groups itself: its first share is X25519 or P-256";
        }
        return null;
      },
    }),
    written({
      name: "pion/dtls",
      is: go === null ? null : PION,
      from: "proxy.golang.org",
      command,
      words: [],
      cannot(cell, role) {
        if (!isDatagram(cell)) return "pion has DTLS alone";
        if (cell.version === "DTLS 1.3") return "pion has no DTLS 1.3";
        if (usesRawKeys(cell)) return "pion has no raw public keys";
        if (suiteNames(cell).name.match(/ECDHE_PSK_WITH_AES_128_(GCM|CCM)/)) {
          return `pion has no ${cell.suite}`;
        }
        if (cell.flow === "resumed" && role === "server") {
          return "pion's server knows a session by its id alone, our client by a ticket alone";
        }
        return null;
      },
    }),
  ];
}
