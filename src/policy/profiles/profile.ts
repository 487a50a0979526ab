/** The profile for one device, by the system that it runs. */
import { utf8 } from "../../base/bytes.ts";
import { encodePem } from "../../proto/x509/pem.ts";
import { androidProfile } from "./android.ts";
import { appleProfile } from "./apple.ts";
import { FILE } from "./facts.ts";
import type { Platform, Profile, ProfileFacts, ProfileFile } from "./facts.ts";
import { networkManagerProfile } from "./network-manager.ts";
import { windowsProfile } from "./windows.ts";
import { wpaSupplicantBlock } from "./wpa-supplicant.ts";
import { zip } from "./zip.ts";

/** What the device is given and what its owner does with it. The password is in none of it. */
export function makeProfile(platform: Platform, facts: ProfileFacts): Profile {
  switch (platform) {
    case "apple":
      return appleProfile(facts);
    case "windows":
      return windowsProfile(facts);
    case "android":
      return androidProfile(facts);
    case "networkmanager":
      return networkManagerProfile(facts);
    case "wpa_supplicant":
      return wpaSupplicantProfile(facts);
  }
}

/** The profile as one file, for a link that can be opened once. */
export function oneFile({ files }: Profile): ProfileFile {
  const [first, ...more] = files;
  if (first !== undefined && more.length === 0) return first;
  return { name: FILE.archive, type: "application/zip", bytes: zip(files) };
}

function wpaSupplicantProfile(facts: ProfileFacts): Profile {
  return {
    files: [
      { name: FILE.p12, type: "application/x-pkcs12", bytes: facts.p12 },
      {
        name: FILE.root,
        type: "application/x-pem-file",
        bytes: utf8(encodePem("CERTIFICATE", facts.root)),
      },
      { name: FILE.wpaSupplicant, type: "text/plain", bytes: utf8(wpaSupplicantBlock(facts)) },
    ],
    steps: [
      `Put ${FILE.p12} and ${FILE.root} into a folder that only root reads, such as /etc/wpa_supplicant.`,
      `Add what ${FILE.wpaSupplicant} holds to wpa_supplicant.conf, with the whole paths of the two files and the password that was shown in place of PASSWORD.`,
      "Let wpa_supplicant read it again: wpa_cli reconfigure",
    ],
  };
}
