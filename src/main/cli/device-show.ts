/** `homeca device show`: what a device remembers. */
import { toHex } from "../../base/bytes.ts";
import { LIST_FILE, SEARCH_FILE } from "../../device/agent.ts";
import { ownId } from "../../device/fellow.ts";
import { HomeSearch } from "../../device/home-search.ts";
import { Revocations } from "../../device/revocations.ts";
import { isTheftLocked } from "../../device/tenure.ts";
import { claimedId } from "../../policy/admission/setup.ts";
import { dayText } from "../../policy/admission/reasons.ts";
import { rightsIn } from "../../policy/rights/certified.ts";
import type { Right } from "../../policy/rights/rights.ts";
import { words } from "../../policy/rights/words.ts";
import { isHomeLost } from "../../policy/window/passive-release.ts";
import { parseCertificate } from "../../proto/x509/certificate.ts";
import { encodePublicKey } from "../../proto/x509/key.ts";
import type { Call } from "./command.ts";
import { opened } from "./device-call.ts";
import { EXIT } from "./exit.ts";
import type { ExitStatus } from "./exit.ts";
import { duration, facts, json } from "./text.ts";

interface Shown {
  /** What a list of expected devices has beside the code. */
  readonly id: string;
  readonly type: string;
  readonly name: string | null;
  readonly model: string | null;
  readonly keyHash: string;
  readonly owned: boolean;
  readonly home: string | null;
  readonly certificateEnds: number | null;
  readonly newKeyWaits: boolean;
  readonly theftLock: boolean;
  readonly releases: number;
  /** Its id in the home; null without one. */
  readonly homeId: string | null;
  readonly groups: readonly string[];
  /** One sentence for each right, beginning with `may`. */
  readonly rights: readonly string[];
  /** Hours in which it found no home since it last did. */
  readonly missedHours: number;
  /** Days of them after which it may be paired anew; null for never. */
  readonly releaseDays: number | null;
  readonly homeLost: boolean;
  /** Number of the revocation list it holds; 0 for none. */
  readonly list: number;
}

/** Nothing that is secret. */
export function show(call: Call): ExitStatus {
  const [host, file] = opened(call);
  const { state } = file;
  const { identity, owner, next, scalar } = state;
  const { point } = host.crypto.signingKey("P-256", scalar).publicKey;
  const spki = encodePublicKey({ kind: "ec", curve: "P-256", point });
  const { search } = new HomeSearch(host, file.beside(SEARCH_FILE));
  const shown: Shown = {
    id: claimedId(identity.deviceId),
    type: identity.type,
    name: identity.name,
    model: identity.model,
    keyHash: toHex(host.crypto.digest("sha256", spki)),
    owned: owner !== null,
    home: owner?.serverName ?? null,
    certificateEnds: owner?.notAfter ?? null,
    newKeyWaits: next !== null,
    theftLock: isTheftLocked(state.tenure),
    releases: state.releases,
    homeId: owner === null ? null : ownId(owner),
    groups: owner?.groups ?? [],
    rights: owner === null ? [] : rightsIn(parseCertificate(owner.chain[0]!)).map(wordsOf),
    missedHours: search.hours,
    releaseDays: search.releaseDays,
    homeLost: isHomeLost(search),
    list: new Revocations(host, file.beside(LIST_FILE), file).held?.number ?? 0,
  };
  if (call.words.flags.has("json")) {
    call.write(json(shown));
    return EXIT.done;
  }
  call.write(
    facts([
      ["id", shown.id],
      ["type", shown.type],
      ["name", shown.name],
      ["model", shown.model],
      ["key (SHA-256)", shown.keyHash],
      ["home", shown.home ?? "none yet"],
      ["certificate ends", owner === null ? null : dayText(owner.notAfter)],
      ["a new key waits", shown.newKeyWaits ? "yes" : "no"],
      ["theft lock", shown.theftLock ? "yes" : "no"],
      ["releases so far", String(shown.releases)],
      ["id in the home", shown.homeId],
      ["groups", shown.groups.map((name) => `@${name}`).join(", ") || "none"],
      ...shown.rights.map((right): [string, string] => ["right", right]),
      ...(owner === null ? [] : missing(shown)),
    ]),
  );
  return EXIT.done;
}

/** Names are with the home; here a device is its id, and a resource its path. */
function wordsOf(right: Right): string {
  return words(right, { device: () => null, resource: () => null });
}

function missing({ missedHours, releaseDays, homeLost, list }: Shown): [string, string][] {
  const missed = missedHours === 0 ? "no" : `for ${duration(missedHours * 3600)}`;
  const pairs =
    releaseDays === null ? "never: theft-locked" : `after ${Math.round(releaseDays)} days`;
  return [
    ["misses its home", missed],
    ["may be paired anew", homeLost ? "now, with homeca device pair" : pairs],
    ["revocation list", list === 0 ? "none yet" : String(list)],
  ];
}
