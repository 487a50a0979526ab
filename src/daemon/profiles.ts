/** What phones and laptops are given: a profile as files, or behind a link that opens once. */
import { toBase64 } from "../base/bytes.ts";
import { isSsid, MAX_SSID_OCTETS } from "../policy/profiles/facts.ts";
import { oneFile } from "../policy/profiles/profile.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import type { SocketAddress } from "../host/host.ts";
import { shown } from "./answers.ts";
import type { Credentials, IssuedProfile, MadeKey } from "./credentials.ts";
import type { House } from "./house.ts";
import { isReachable, linkUrl } from "./link-http.ts";
import { MAX_LINKS } from "./links.ts";
import { ManagementFailure } from "./management/failure.ts";
import type { NewProfile, ProfileFiles, ProfileLink } from "./management/service.ts";
import { fingerprint } from "./summaries.ts";

const NO_LINKS =
  "links are opened over HTTPS, and nothing listens for it: set `option enabled '1'` in section 'est', add the router's address to its `list listen`, and restart HomeCA";
const ONLY_HERE =
  "Only this router can open the link: add its address in your network to `list listen` in section 'est' and restart HomeCA.";

/** Whom a key made here is for; throws ManagementFailure where nobody may have one. */
export type KeyFor = (wanted: Pick<NewProfile, "id" | "name">) => {
  readonly record: DeviceRecord;
  readonly made: MadeKey;
};

export class Profiles {
  readonly #house: House;
  readonly #credentials: Credentials;
  readonly #keyFor: KeyFor;
  readonly #linkedAt: () => readonly SocketAddress[];

  /** @param linkedAt - where links are opened */
  constructor(
    house: House,
    credentials: Credentials,
    keyFor: KeyFor,
    linkedAt: () => readonly SocketAddress[],
  ) {
    this.#house = house;
    this.#credentials = credentials;
    this.#keyFor = keyFor;
    this.#linkedAt = linkedAt;
  }

  /** @throws ManagementFailure; nothing is issued then */
  files(wanted: NewProfile): ProfileFiles {
    const { record, profile } = this.#make(wanted);
    const files = profile.files.map(({ name, type, bytes }) => {
      return { name, type, base64: toBase64(bytes) };
    });
    return { id: record.id, files, steps: profile.steps };
  }

  /** @throws ManagementFailure; nothing is issued then */
  link(wanted: NewProfile, seconds: number): ProfileLink {
    const { links, clock, configuration, keys, host } = this.#house;
    const addresses = this.#linkedAt();
    if (addresses.length === 0) throw new ManagementFailure("bad-configuration", NO_LINKS);
    if (links.isFull) {
      throw new ManagementFailure(
        "full",
        `there are ${MAX_LINKS} links that wait already: open one, or wait until one ends`,
      );
    }
    const { record, serial, profile } = this.#make(wanted);
    const file = oneFile(profile);
    const token = links.add({ device: record.id, serial, file }, seconds);
    const text = `You made a link to the profile of ${shown(record)}; it opens once, for ${seconds} seconds.`;
    this.#house.recorded("owner", [{ device: record.id, text }]);
    const now = clock.now();
    return {
      id: record.id,
      url: linkUrl(addresses, configuration.homeca.serverName, token),
      until: now === null ? null : now + seconds,
      file: file.name,
      steps: profile.steps,
      fingerprint: fingerprint(host.crypto.digest("sha256", keys.server.certificate.der)),
      hint: addresses.some(isReachable) ? null : ONLY_HERE,
    };
  }

  #make({ platform, ssid, password, ...wanted }: NewProfile): IssuedProfile {
    if (!isSsid(ssid)) {
      throw new ManagementFailure(
        "bad-argument",
        `the name of the network has control characters or is not 1 to ${MAX_SSID_OCTETS} octets: write it as your access point has it`,
      );
    }
    const { record, made } = this.#keyFor(wanted);
    return this.#credentials.issueProfile(record, made, password, { platform, ssid });
  }
}
