// An ISP's profile: one file of JSON, read strictly, for what is misspelt in it would be missing in a thousand homes.
import { readFileSync } from "node:fs";
import path from "node:path";
import { root } from "../bundle.mjs";
import { load } from "../generated.mjs";

/** The release of OpenWrt decides how a feed and its key are written. */
export const RELEASES = ["24.10", "25.12"];

/** Octets of an SSID (IEEE 802.11); `{mac}` becomes the last six digits of the router's label. */
const MAX_SSID = 32;
const MAC_DIGITS = 6;

const text = (value) =>
  typeof value === "string" &&
  value !== "" &&
  value.split("").every((sign) => sign >= " " && sign !== "\u007f");
const listOf = (check) => (value) => Array.isArray(value) && value.every(check);

/** Each member of a profile: what it has to be, in words and as a check; only some are needed. */
const MEMBERS = {
  name: {
    needed: true,
    takes: "a name of a-z, 0-9 and -",
    check: (value) => text(value) && /^[a-z0-9][a-z0-9-]{0,31}$/u.test(value),
  },
  release: {
    needed: true,
    takes: RELEASES.join(" or "),
    check: (value) => RELEASES.includes(value),
  },
  ssid: {
    takes: `text of at most ${MAX_SSID} octets, in which {mac} stands for six digits`,
    check: isSsid,
  },
  options: { takes: "sections of /etc/config/homeca with their options", check: isOptions },
  expected: { takes: "names of CSV files, as `homeca import` takes them", check: listOf(text) },
  feeds: { takes: "a list of name, url and key", check: listOf(isFeed) },
  packages: {
    takes: "a list of names, with - before one to leave out",
    check: listOf((value) => text(value) && /^-?[a-z0-9][a-z0-9+._-]*$/u.test(value)),
  },
  files: { takes: "a folder whose files go into the image too", check: text },
  banner: { takes: "lines of text that a login shows", check: listOf(text) },
};

function isSsid(value) {
  return (
    text(value) && Buffer.byteLength(value.replace("{mac}", "0".repeat(MAC_DIGITS))) <= MAX_SSID
  );
}

function isOptions(value) {
  const isValue = (each) => text(each) || (listOf(text)(each) && each.length > 0);
  return (
    isObject(value) &&
    Object.entries(value).every(
      ([section, options]) =>
        isWord(section) &&
        isObject(options) &&
        Object.entries(options).every(([name, each]) => isWord(name) && isValue(each)),
    )
  );
}

function isFeed(value) {
  if (!isObject(value) || Object.keys(value).some((key) => !["name", "url", "key"].includes(key)))
    return false;
  return (
    text(value.name) &&
    isWord(value.name) &&
    text(value.url) &&
    /^https?:\/\/[!-~]+$/u.test(value.url) &&
    text(value.key)
  );
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isWord = (value) => /^[a-z0-9_]{1,32}$/u.test(value);

/** A profile that no image is made from; the message is one sentence with the fix. */
export class ProfileFailure extends Error {}

/**
 * @returns the profile with paths made absolute, and the text of each list of expected devices
 * @throws ProfileFailure
 */
export async function readProfile(file) {
  const profile = parse(file);
  for (const key of Object.keys(profile)) {
    if (!(key in MEMBERS))
      throw new ProfileFailure(`'${key}' is no member of a profile: leave it out`);
  }
  for (const [key, { needed = false, takes, check }] of Object.entries(MEMBERS)) {
    if (!(key in profile) && !needed) continue;
    if (!check(profile[key])) throw new ProfileFailure(`'${key}' has to be ${takes}`);
  }
  const at = (name) => path.resolve(path.dirname(file), name);
  const lists = (profile.expected ?? []).map((name) => ({ name, text: readText(at(name)) }));
  const whole = {
    options: {},
    packages: [],
    banner: [],
    ...profile,
    ssid: profile.ssid ?? null,
    files: profile.files === undefined ? null : at(profile.files),
    feeds: (profile.feeds ?? []).map((feed) => ({ ...feed, keyText: readText(at(feed.key)) })),
    lists,
  };
  await judge(whole);
  return whole;
}

function parse(file) {
  let profile;
  try {
    profile = JSON.parse(readText(file));
  } catch (failure) {
    if (failure instanceof ProfileFailure) throw failure;
    throw new ProfileFailure(`${file} is no JSON: ${failure.message}`);
  }
  if (!isObject(profile)) throw new ProfileFailure(`${file} is no object of JSON`);
  return profile;
}

function readText(file) {
  try {
    return readFileSync(file, "utf8");
  } catch (failure) {
    throw new ProfileFailure(`${file} cannot be read (${failure.code}): correct the profile`);
  }
}

/** Configuration and lists are judged by the code that will read them on the router. */
async function judge({ options, lists }) {
  const daemon = await load(`
    export { ConfigurationFailure, readConfiguration } from "./src/daemon/config/configuration.ts";
    export { importExpected, ImportFailure } from "./src/policy/registry/import.ts";
    export { EMPTY_REGISTRY } from "./src/policy/registry/registry.ts";
    export { noble } from "./src/base/crypto/noble.ts";`);
  judgeOptions(daemon, options);
  for (const list of lists) judgeList(daemon, list);
}

function judgeOptions({ ConfigurationFailure, readConfiguration }, options) {
  const shipped = sectionsOf(readFileSync(path.join(root, "files/etc/config/homeca"), "utf8"));
  const names = [...shipped.keys()];
  const stranger = Object.keys(options).find((section) => !names.includes(section));
  if (stranger !== undefined) {
    throw new ProfileFailure(
      `there is no section '${stranger}' to set options in: name ${names.join(", ")}`,
    );
  }
  const lines = [...shipped].flatMap(([name, type]) => [
    `config ${type} '${name}'`,
    ...uciLines(options[name] ?? {}),
  ]);
  const noFiles = { read: () => null, facts: () => null };
  try {
    const { warnings } = readConfiguration(`${lines.join("\n")}\n`, "options", noFiles);
    const told = warnings.find((warning) => !warning.startsWith("no access point can ask"));
    if (told !== undefined) throw new ProfileFailure(`'options': ${told}`);
  } catch (failure) {
    if (!(failure instanceof ConfigurationFailure)) throw failure;
    throw new ProfileFailure(`'options': ${failure.message}`);
  }
}

function judgeList({ importExpected, ImportFailure, EMPTY_REGISTRY, noble }, { name, text: list }) {
  try {
    const { changes } = importExpected(list, "csv", EMPTY_REGISTRY, noble);
    if (changes.every(({ record }) => record.setupCode === null)) return;
  } catch (failure) {
    if (!(failure instanceof ImportFailure)) throw failure;
    throw new ProfileFailure(`${name}: ${failure.message}`);
  }
  throw new ProfileFailure(
    `${name} has setup codes, which are secrets: leave out the column 'code' and keep 'key'`,
  );
}

/** Types by their names. */
function sectionsOf(uci) {
  return new Map(
    [...uci.matchAll(/^config (\w+) '(\w+)'/gmu)].map(([, type, name]) => [name, type]),
  );
}

function uciLines(options) {
  const quoted = (value) => `'${value.replaceAll("'", `'\\''`)}'`;
  return Object.entries(options).flatMap(([name, value]) =>
    typeof value === "string"
      ? [`\toption ${name} ${quoted(value)}`]
      : value.map((each) => `\tlist ${name} ${quoted(each)}`),
  );
}
