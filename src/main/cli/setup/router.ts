/** What the set-up must know of this router before it plans: its files, its scripts, its radio. */
import { fromUtf8, toBase32 } from "../../../base/bytes.ts";
import { isHostile, visible } from "../../../base/text.ts";
import { MAX_PACKAGE_CHARACTERS, parseUci, UciFailure } from "../../../base/uci.ts";
import type { UciSection } from "../../../base/uci.ts";
import { ConfigurationFailure, loadConfiguration } from "../../../daemon/config/configuration.ts";
import type { Configuration } from "../../../daemon/config/configuration.ts";
import { variantTrouble } from "../../../daemon/ubus/installed.ts";
import type { Host, ProcessResult } from "../../../host/host.ts";
import type { Access, Router } from "../../../policy/wireless/wish.ts";
import { subnetAround } from "../../../policy/wireless/subnet.ts";
import type { PackageName, Packages } from "../../../policy/wireless/wanted.ts";
import { RadiusClients } from "../../../proto/radius/clients.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { configPath, eachPackage, isObject } from "./record.ts";
import type { Place, SavedFile, SavedFiles, SetupRecord } from "./record.ts";

/** Octets of a new secret: 32 characters of base32. */
const SECRET_OCTETS = 20;

export function run(host: Host, command: readonly string[]): Promise<ProcessResult> {
  return new Promise((resolve) => host.run(command, "", resolve));
}

/** The files as they are now; null for one that is not there. @throws {@link CommandFailure} */
export function readPackage(place: Place, name: PackageName): SavedFile | null {
  const path = configPath(place, name);
  const facts = place.files.facts(path);
  const bytes = facts === null ? null : place.files.read(path);
  if (facts === null || bytes === null) return null;
  const text = bytes.length > MAX_PACKAGE_CHARACTERS * 4 ? null : fromUtf8(bytes);
  if (text === null)
    throw new CommandFailure(EXIT.refused, `${path} is no UTF-8 text: write it anew`);
  return { text, mode: facts.mode };
}

/** All of them. @throws {@link CommandFailure} where one is not there */
export function readPackages(place: Place): SavedFiles {
  const all = eachPackage((name) => readPackage(place, name));
  if (all !== null) return all;
  throw new CommandFailure(EXIT.refused, "a file in /etc/config is gone: restore it from a backup");
}

/** What is known of the router, asked of its files and programs. @throws {@link CommandFailure} */
export async function lookAtRouter(
  host: Host,
  place: Place,
  radio: string,
  record: SetupRecord | null,
): Promise<Router> {
  const configuration = configurationOf(place);
  const packages: Record<PackageName, readonly UciSection[] | null> = {
    wireless: sectionsOf("wireless", readPackage(place, "wireless")),
    network: sectionsOf("network", readPackage(place, "network")),
    firewall: sectionsOf("firewall", readPackage(place, "firewall")),
    dhcp: sectionsOf("dhcp", readPackage(place, "dhcp")),
    homeca: sectionsOf("homeca", readPackage(place, "homeca")),
  };
  return {
    generation: generationOf(place),
    hostapdTrouble: variantTrouble(rooted(place)),
    mfp: await canProtect(host, radio),
    inUse: host.interfaces().flatMap(({ name, ipv4 }) =>
      ipv4.flatMap(({ address, prefixLength }) => {
        const subnet = subnetAround(address, String(prefixLength));
        return subnet === null ? [] : [{ ...subnet, by: name }];
      }),
    ),
    packages,
    before: record === null ? null : sectionsBefore(record.originals),
    access: accessOf(configuration),
    freshSecret: toBase32(host.random(SECRET_OCTETS)),
  };
}

function sectionsOf(name: PackageName, file: SavedFile | null): UciSection[] | null {
  if (file === null) return null;
  try {
    return parseUci(file.text, name, MAX_PACKAGE_CHARACTERS);
  } catch (failure) {
    if (!(failure instanceof UciFailure)) throw failure;
    throw new CommandFailure(EXIT.refused, failure.message);
  }
}

function sectionsBefore(originals: SavedFiles): Packages | null {
  return eachPackage((name) => sectionsOf(name, originals[name]));
}

function configurationOf(place: Place): Configuration {
  try {
    return loadConfiguration(place.files, configPath(place, "homeca"));
  } catch (failure) {
    if (!(failure instanceof ConfigurationFailure)) throw failure;
    throw new CommandFailure(EXIT.configuration, failure.problems.join("\n"));
  }
}

function generationOf({ files, root }: Place): Router["generation"] {
  if (files.facts(`${root}/usr/share/ucode/wifi/ap.uc`) !== null) return "ucode";
  if (files.facts(`${root}/lib/netifd/hostapd.sh`) !== null) return "shell";
  throw new CommandFailure(
    EXIT.refused,
    "neither OpenWrt's ucode nor its shell scripts for Wi-Fi are here: run this on a router with OpenWrt 24.10 or later",
  );
}

/** The package managers' lists are below the root too. */
function rooted({ files, root }: Place): Parameters<typeof variantTrouble>[0] {
  return {
    facts: (path) => files.facts(root + path),
    list: (path) => files.list(root + path),
  };
}

/** The client that answers to the loopback, asked as the daemon asks. */
function accessOf({ clients }: Configuration): Access | null {
  const client = new RadiusClients(clients).find("127.0.0.1");
  const found = clients.find(({ name }) => name === client?.name);
  if (found === undefined) return null;
  const das =
    found.das === null ? null : { ...found.das, secret: secretOf(found.das.secret, found.name) };
  return { section: found.name, secret: secretOf(found.secret, found.name), das };
}

function secretOf(octets: Uint8Array, name: string): string {
  const text = fromUtf8(octets);
  // hostapd reads the secret of Disconnect-Request as a word of a line.
  if (text !== null && !isHostile(text) && !/\s/.test(text)) return text;
  throw new CommandFailure(
    EXIT.refused,
    `the secret of client '${visible(name, 64)}' has characters that hostapd's configuration cannot hold: give it one of letters and digits`,
  );
}

/** Whether the radio's ciphers have BIP-CMAC-128, as management frame protection asks. What cannot be asked is taken to have it, as nearly all have. */
async function canProtect(host: Host, radio: string): Promise<boolean> {
  const request = JSON.stringify({ device: radio });
  const info = await run(host, ["ubus", "-t", "5", "call", "iwinfo", "info", request]);
  const phy = info.status === 0 ? fieldOf(info.stdout, "phy") : null;
  if (phy === null || !/^[\w.-]{1,32}$/.test(phy)) return true;
  const told = await run(host, ["iw", "phy", phy, "info"]);
  const ciphers = told.status === 0 && told.stdout.includes("Supported Ciphers");
  return !ciphers || /\bCMAC\b/.test(told.stdout);
}

/** What hostapd says of a BSS: `ENABLED` once it is on the air; otherwise why it is not known, in words. */
export async function bssStatus(host: Host, device: string): Promise<string> {
  const told = await run(host, ["ubus", "-t", "5", "call", `hostapd.${device}`, "get_status"]);
  if (told.status === 127) return "not known, for there is no program ubus";
  if (told.status !== 0) return "not known to hostapd";
  return visible(fieldOf(told.stdout, "status") ?? "not told by hostapd", 64);
}

function fieldOf(text: string, name: string): string | null {
  try {
    const value: unknown = JSON.parse(text);
    const field = isObject(value) ? value[name] : null;
    return typeof field === "string" ? field : null;
  } catch {
    return null;
  }
}
