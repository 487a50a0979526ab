/** Eclipse Californium's scandium, a DTLS in Java (`scandium/End.java`). */
import { isDatagram, suiteNames } from "../cell.ts";
import type { End } from "../end.ts";
import { written } from "../written.ts";

/** @param classes - the folder of the compiled class and the libraries, or null. */
export function scandium(classes: string | null): End {
  return written({
    name: "Californium",
    is: classes === null ? null : "Californium scandium 3.13.0",
    from: "Maven Central",
    command: "java",
    // One short program: no second compiler, no second collector's threads.
    words: ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", `${classes}:${classes}/*`, "End"],
    cannot(cell, role) {
      if (!isDatagram(cell)) return "scandium has DTLS alone";
      if (cell.version === "DTLS 1.3") return "scandium has no DTLS 1.3";
      if (suiteNames(cell).name.includes("CHACHA20")) return "scandium has no ChaCha20";
      if (cell.flow === "resumed" && role === "server") {
        return "scandium's server knows a session by its id alone, our client by a ticket alone";
      }
      return null;
    },
  });
}
