/** From the text of `/etc/config/homeca` to a typed {@link Configuration}, with a sentence for all that is wrong in it. */
import { fromUtf8 } from "../../base/bytes.ts";
import { visible } from "../../base/text.ts";
import type { Files } from "../../host/host.ts";
import { RadiusClients } from "../../proto/radius/clients.ts";
import type { RadiusClient } from "../../proto/radius/clients.ts";
import { CLIENT, COAPS, EST, HOMECA, LIMITS, RADIUS, SECTIONS } from "./schema.ts";
import type {
  ClientOptions,
  CoapsSettings,
  EstSettings,
  HomecaSettings,
  LimitSettings,
  Option,
  RadiusSettings,
  Table,
} from "./schema.ts";
import { MAX_UCI_CHARACTERS, parseUci, UciFailure } from "../../base/uci.ts";
import type { UciSection } from "../../base/uci.ts";

/** A RADIUS client (NAS), named as its section is, with its secrets read (1 to 128 octets). */
export interface ConfiguredClient extends RadiusClient {
  readonly requireMessageAuthenticator: boolean;
  readonly limitProxyState: boolean;
  /** Where Disconnect-Request goes, or null. */
  readonly das: {
    readonly address: string;
    readonly port: number;
    readonly secret: Uint8Array;
  } | null;
}

export interface Configuration {
  readonly homeca: HomecaSettings;
  readonly radius: RadiusSettings;
  readonly clients: readonly ConfiguredClient[];
  readonly coaps: CoapsSettings;
  readonly est: EstSettings;
  readonly limits: LimitSettings;
  /** One sentence each, ending in the place: `(homeca:12)`. */
  readonly warnings: readonly string[];
}

/** A configuration the daemon does not start with. `problems` has one sentence each; the message is the first. */
export class ConfigurationFailure extends Error {
  override readonly name = "ConfigurationFailure";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const [first = "the configuration is wrong", ...more] = problems;
    super(more.length === 0 ? first : `${first}; ${more.length} more`);
    this.problems = problems;
  }
}

/** Secrets of 12 octets or fewer are warned about (draft-ietf-radext-deprecating-radius, "Shared Secrets"). */
const SHORT_SECRET_OCTETS = 12;
const MAX_SECRET_OCTETS = 128;

/** What reading asks of the host. */
export type ConfigurationFiles = Pick<Files, "read" | "facts">;

/**
 * Reads the configuration at `path` and the secret files it names.
 *
 * @throws {@link ConfigurationFailure} with every problem found, not only the
 *   first. HostFailure passes through.
 */
export function loadConfiguration(files: ConfigurationFiles, path: string): Configuration {
  const bytes = files.read(path);
  const shown = visible(path);
  if (bytes === null) {
    throw new ConfigurationFailure([`there is no ${shown}: name one with --config`]);
  }
  const text = bytes.length > MAX_UCI_CHARACTERS * 4 ? null : fromUtf8(bytes);
  if (text === null) throw new ConfigurationFailure([`${shown} is no UTF-8 text: write it anew`]);
  return readConfiguration(text, path.slice(path.lastIndexOf("/") + 1), files);
}

/** {@link loadConfiguration} for text at hand; `file` is the name in messages. */
export function readConfiguration(
  text: string,
  file: string,
  files: ConfigurationFiles,
): Configuration {
  const reading = new Reading(file, files);
  let sections: UciSection[];
  try {
    sections = parseUci(text, file);
  } catch (failure) {
    if (!(failure instanceof UciFailure)) throw failure;
    throw new ConfigurationFailure([failure.message]);
  }
  return reading.configuration(sections);
}

/** Collects warnings and problems while sections are read. */
class Reading {
  readonly #file: string;
  readonly #files: ConfigurationFiles;
  readonly #warnings: string[] = [];
  readonly #problems: string[] = [];

  constructor(file: string, files: ConfigurationFiles) {
    this.#file = file;
    this.#files = files;
  }

  configuration(sections: readonly UciSection[]): Configuration {
    for (const section of sections) this.#warnOfUnknown(section);
    const homeca = this.#only(sections, "homeca", HOMECA);
    const radius = this.#only(sections, "radius", RADIUS);
    const est = this.#only(sections, "est", EST);
    const limits = this.#only(sections, "limits", LIMITS);
    const coaps = this.#only(sections, "coaps", COAPS);
    const clients = this.#clients(sections);
    if (homeca?.keyLog) this.#warn(`option 'key_log' writes TLS secrets: leave it out at home`);
    // The check for null is the compiler's: without a problem every section was read.
    if (
      homeca === null ||
      radius === null ||
      limits === null ||
      coaps === null ||
      est === null ||
      this.#problems.length > 0
    ) {
      throw new ConfigurationFailure(this.#problems);
    }
    return { homeca, radius, clients, coaps, est, limits, warnings: this.#warnings };
  }

  #only<T extends object>(
    sections: readonly UciSection[],
    type: string,
    table: Table<T>,
  ): T | null {
    const [section, second] = sections.filter((candidate) => candidate.type === type);
    if (second !== undefined) {
      this.#wrong(
        `there is a second section '${type}': move its options into the first`,
        second.line,
      );
    }
    return this.#read(section ?? { type, name: null, line: 1, options: new Map() }, table);
  }

  #clients(sections: readonly UciSection[]): ConfiguredClient[] {
    const clients: ConfiguredClient[] = [];
    for (const section of sections) {
      if (section.type !== "client") continue;
      const client = this.#client(section);
      if (client === null) continue;
      if (fits(clients, client)) clients.push(client);
      else {
        const line = section.options.get("prefix")?.values[0]?.line ?? section.line;
        const sentence = `client '${client.name}' has the prefix of another or is the 257th`;
        this.#wrong(`${sentence}: join the two, or use wider prefixes`, line);
      }
    }
    if (clients.length === 0 && this.#problems.length === 0) {
      this.#warn("no access point can ask: add a section 'client' with its prefix and secret");
    }
    return clients;
  }

  #client(section: UciSection): ConfiguredClient | null {
    const options = this.#read(section, CLIENT);
    if (section.name === null) {
      this.#wrong("a section 'client' has no name: write config client 'attic'", section.line);
    }
    const secret = this.#secret(section, "secret", options?.secret, options?.secretFile);
    const das = this.#secret(section, "das_secret", options?.dasSecret, options?.dasSecretFile);
    if (options === null || section.name === null) return null;
    if (secret === null) {
      // A file that cannot be used has been told of already.
      if (options.secretFile === null) {
        const sentence = `client '${section.name}' has no secret: set option 'secret_file'`;
        this.#wrong(sentence, section.line);
      }
      return null;
    }
    return { name: section.name, secret, ...common(options), das: dasOf(options, das ?? secret) };
  }

  /** A secret in place or from its file; null where neither is set, and after a problem. */
  #secret(
    section: UciSection,
    option: string,
    inPlace: Uint8Array | null | undefined,
    path: string | null | undefined,
  ): Uint8Array | null {
    const line = (name: string): number =>
      section.options.get(name)?.values[0]?.line ?? section.line;
    const fileOption = `${option}_file`;
    if (inPlace && path) {
      this.#wrong(`options '${option}' and '${fileOption}' are both set: keep one`, line(option));
    }
    const secret = path ? this.#secretFromFile(path, line(fileOption)) : inPlace;
    if (secret && secret.length <= SHORT_SECRET_OCTETS) {
      this.#warn(
        `the secret of client '${section.name ?? ""}' has ${secret.length} octets: use 24 or more`,
        line(path ? fileOption : option),
      );
    }
    return secret ?? null;
  }

  #secretFromFile(path: string, line: number): Uint8Array | null {
    const facts = this.#files.facts(path);
    const shown = `secret file '${visible(path)}'`;
    if (facts === null) return this.#wrong(`${shown} is missing: write it with mode 0600`, line);
    if (facts.kind !== "file") return this.#wrong(`${shown} is no plain file: write one`, line);
    if ((facts.mode & 0o077) !== 0) {
      const mode = facts.mode.toString(8).padStart(4, "0");
      return this.#wrong(
        `${shown} has mode ${mode}, others can use it: run chmod 600 and change the secret`,
        line,
      );
    }
    const bytes = facts.size > MAX_SECRET_OCTETS + 2 ? null : this.#files.read(path);
    const secret = bytes === null ? null : firstLine(bytes);
    if (secret === null) {
      return this.#wrong(`${shown} does not hold one line of 1 to 128 octets: write it anew`, line);
    }
    return secret;
  }

  /** All options of a section, each its own or its default; null after a problem. */
  #read<T extends object>(section: UciSection, table: Table<T>): T | null {
    const before = this.#problems.length;
    // Filled below with exactly the keys of the table, whose rows have the types of T.
    const settings = {} as { -readonly [K in keyof T]: T[K] };
    for (const field of Object.keys(table)) {
      // The keys of the table are those of T.
      const key = field as keyof T;
      const read = this.#option(section, table[key]);
      if (read !== null) settings[key] = read.value;
    }
    return this.#problems.length > before ? null : settings;
  }

  #option<T>(section: UciSection, option: Option<T>): { readonly value: T } | null {
    const written = section.options.get(option.name);
    if (written === undefined) {
      if (option.fallback !== null) return option.fallback;
      const where = `section '${section.name ?? section.type}'`;
      return this.#wrong(`${where} has no option '${option.name}': add it`, section.line);
    }
    const named = `option '${option.name}' in section '${section.name ?? section.type}'`;
    if (option.kind === "option" && written.values.length > 1) {
      return this.#wrong(`${named} takes one value: write it once`, written.values[1]!.line);
    }
    const result = option.read(written.values.map(({ text }) => text));
    if ("value" in result) return result;
    const { text, line } = written.values[result.wrong]!;
    const shown = option.name.includes("secret") ? "wrong" : `'${visible(text, 64)}'`;
    return this.#wrong(`${named} is ${shown}: use ${option.takes}`, line);
  }

  #warnOfUnknown(section: UciSection): void {
    const types = Object.keys(SECTIONS);
    if (!types.includes(section.type)) {
      const shown = visible(section.type, 64);
      const fix = suggestion(section.type, types, "remove it");
      this.#warn(`section type '${shown}' is unknown: ${fix}`, section.line);
      return;
    }
    // Checked above: the type is a key of the table.
    const options = SECTIONS[section.type as keyof typeof SECTIONS];
    const known = options.map(({ name }) => name);
    for (const { name, values } of section.options.values()) {
      if (known.includes(name)) continue;
      const where = `section '${section.name ?? section.type}'`;
      const fix = suggestion(name, known, "remove it");
      this.#warn(`option '${name}' is unknown in ${where}: ${fix}`, values[0]!.line);
    }
  }

  #warn(sentence: string, line?: number): void {
    this.#warnings.push(`${sentence} (${this.#file}${line === undefined ? "" : `:${line}`})`);
  }

  #wrong(sentence: string, line: number): null {
    this.#problems.push(`${sentence} (${this.#file}:${line})`);
    return null;
  }
}

/** Whether the table of RADIUS clients takes one more. */
function fits(clients: readonly RadiusClient[], client: RadiusClient): boolean {
  try {
    const table = new RadiusClients([...clients, client]);
    return table.find(client.prefix.replace(/\/.*/, "")) !== null;
  } catch (failure) {
    if (failure instanceof RangeError) return false;
    throw failure;
  }
}

function common(
  options: ClientOptions,
): Pick<ConfiguredClient, "prefix" | "requireMessageAuthenticator" | "limitProxyState"> {
  const { prefix, requireMessageAuthenticator, limitProxyState } = options;
  return { prefix, requireMessageAuthenticator, limitProxyState };
}

function dasOf(options: ClientOptions, secret: Uint8Array): ConfiguredClient["das"] {
  if (options.dasAddress === null) return null;
  return { address: options.dasAddress, port: options.dasPort, secret };
}

/** The one line of a file, without its end; null where it is empty, too long or not the only one. */
function firstLine(bytes: Uint8Array): Uint8Array | null {
  const newline = bytes.indexOf(0x0a);
  let end = newline < 0 ? bytes.length : newline;
  if (newline >= 0 && newline !== bytes.length - 1) return null;
  if (end > 0 && bytes[end - 1] === 0x0d) end--;
  return end === 0 || end > MAX_SECRET_OCTETS ? null : bytes.slice(0, end);
}

/** "did you mean 'x'?" for the nearest known word, at most two changes away; otherwise what else to do. */
function suggestion(word: string, known: readonly string[], otherwise: string): string {
  const ranked = known
    .map((candidate) => ({ candidate, away: distance(word.slice(0, 64), candidate) }))
    .sort((a, b) => a.away - b.away);
  const [nearest] = ranked;
  return nearest !== undefined && nearest.away <= 2
    ? `did you mean '${nearest.candidate}'?`
    : otherwise;
}

/** Insertions, deletions and changes between two words (Levenshtein). */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
