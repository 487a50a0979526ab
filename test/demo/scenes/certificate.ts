/** A phone: it gets key and certificate in one file, and joins as any phone does. */
import { accessSync, constants, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ended } from "../observed.ts";
import { expect } from "../stage.ts";
import { certifiedPeer, identityIn, macOfThing } from "../things.ts";
import { expectRecord, joining } from "./cast.ts";
import type { Cast, Part } from "./cast.ts";

const PHONE = macOfThing(0x21);
const NAME = "Ada's phone";

export async function certificateScenes(cast: Cast): Promise<Part> {
  const { stage, observed } = cast;
  const { folder } = observed.home;
  const file = (name: string): string => path.join(folder, name);

  stage.chapter("A phone (class certificate: it takes in a file)");
  const { id, password } = await stage.step(
    "One command makes the file, a PKCS#12 with key and certificate",
    () => {
      const words = ["issue", "--name", NAME, "--p12", file("homeca.p12")];
      const more = ["--ca", file("homeca-ca.pem"), "--wpa", file("phone.conf")];
      return observed.owner<{ id: string; password: string }>(stage, ...words, ...more);
    },
  );
  const stranger = supplicant();
  await stage.step("It takes the file in, joins, and is admitted", async () => {
    if (stranger === null) {
      stage.note("Played by OpenSSL's TLS; with eapol_test installed, by that.");
      const identity = identityIn(new Uint8Array(readFileSync(file("homeca.p12"))), password);
      await joining(cast, PHONE, certifiedPeer(identity, cast.trust), "accepted");
    } else {
      stage.note("Played by eapol_test: Linux' and Android's Wi-Fi client without its radio.");
      await joinWithSupplicant(cast, stranger, password);
    }
    stage.note(await observed.firewall(PHONE));
    await expectRecord(cast, id, "active", "home");
  });
  return {
    row: {
      device: NAME,
      class: "certificate",
      proof: "certificate (PKCS#12 file)",
      place: "in the home",
    },
    record: { id, state: "active", place: "home" },
    said: null,
  };
}

/** Where eapol_test is, wpa_supplicant without a radio; null where it is not installed. */
function supplicant(): string | null {
  const searched = (process.env["PATH"] ?? "").split(":").filter((folder) => folder !== "");
  // Debian has it in sbin, which is in root's PATH alone.
  const folders = searched.flatMap((folder) => [folder, folder.replace(/\/bin$/u, "/sbin")]);
  for (const folder of folders) {
    const candidate = path.join(folder, "eapol_test");
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not here.
    }
  }
  return null;
}

/** HomeCA's own network block, the password filled in as its user would. */
async function joinWithSupplicant(cast: Cast, program: string, password: string): Promise<void> {
  const { home } = cast.observed;
  const block = path.join(home.folder, "phone.conf");
  writeFileSync(block, readFileSync(block, "utf8").replace('"PASSWORD"', `"${password}"`));
  const server = ["-a", "127.0.0.1", "-p", String(home.ports.auth), "-s", home.secret, "-t", "5"];
  const station = ["-M", PHONE.replaceAll("-", ":"), "-N", "30:s:02-00-00-00-FF-01:Home"];
  const words = ["-c", "phone.conf", ...server, ...station, "-N", "32:s:accesspoint"];
  const { status, out } = await ended(program, words, home.folder);
  const last = out.trimEnd().split("\n").at(-1) ?? "";
  expect(status === 0 && last === "SUCCESS", `eapol_test ended with ${status}: ${last}`);
}
