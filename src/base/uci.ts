/**
 * UCI text, OpenWrt's way of writing configuration: `config TYPE [NAME]` opens
 * a section, `option NAME VALUE` and `list NAME VALUE` fill it. Reads it as
 * libuci in its strict mode does, so that one file means the same to `uci`, to
 * LuCI and to us.
 *
 * @see https://openwrt.org/docs/guide-user/base-system/uci (File syntax)
 */

/** A home's configuration is a few kilobytes; what is larger is not one. */
export const MAX_UCI_CHARACTERS: number = 64 * 1024;

/** The router's own packages may hold hundreds of leases and rules. */
export const MAX_PACKAGE_CHARACTERS: number = 1024 * 1024;

export type UciReason =
  | "too-large"
  | "not-text"
  | "unknown-command"
  | "missing-word"
  | "too-many-words"
  | "bad-name"
  | "bad-type"
  | "open-quote"
  | "option-before-section"
  | "section-type-changed"
  | "other-package";

/** Text that is no UCI; the message is one sentence with the place, `homeca:12`. */
export class UciFailure extends Error {
  override readonly name = "UciFailure";
  readonly reason: UciReason;
  readonly line: number;

  constructor(reason: UciReason, file: string, line: number) {
    super(`${SENTENCES[reason]} (${file}:${line})`);
    this.reason = reason;
    this.line = line;
  }
}

const SENTENCES: Readonly<Record<UciReason, string>> = {
  "too-large": "the file is larger than a configuration can be: shorten it",
  "not-text": "the file holds a NUL character: write it as plain text",
  "unknown-command": "a line starts with none of config, option, list: correct its first word",
  "missing-word": "a word is missing: write config TYPE, option NAME VALUE or list NAME VALUE",
  "too-many-words": "there are too many words: put a value that has spaces into quotes",
  "bad-name": "a name has other characters than letters, digits and _: rename it",
  "bad-type": "a section type has characters that cannot be printed: correct it",
  "open-quote": "a quote is opened and never closed: close it",
  "option-before-section": "an option stands before the first section: put a config line above it",
  "section-type-changed": "a section has the name of one of another type: rename one of the two",
  "other-package": "the file names another package: move those sections to that package's file",
};

export interface UciValue {
  readonly text: string;
  readonly line: number;
}

export interface UciOption {
  readonly name: string;
  /** How it was written last: a list keeps all values, an option the last one. */
  readonly kind: "option" | "list";
  /** At least one; never an empty text, which in UCI means "not set". */
  readonly values: readonly UciValue[];
}

export interface UciSection {
  readonly type: string;
  /** Null for an anonymous section. */
  readonly name: string | null;
  readonly line: number;
  readonly options: ReadonlyMap<string, UciOption>;
}

interface OpenSection extends UciSection {
  readonly options: Map<string, UciOption>;
}

/**
 * Reads UCI text. Sections of one name and type are one section, as in libuci;
 * an option written twice has its last value; an empty value unsets.
 *
 * @param file - the package's name (`homeca`); it appears in messages, and a
 *   `package` line may say nothing else.
 * @throws {@link UciFailure}
 */
export function parseUci(
  text: string,
  file: string,
  maxCharacters: number = MAX_UCI_CHARACTERS,
): UciSection[] {
  const sections: OpenSection[] = [];
  let open: OpenSection | undefined;
  for (const command of uciCommands(text, file, maxCharacters)) {
    const [word = "", ...args] = command.words;
    const at = (reason: UciReason): UciFailure => new UciFailure(reason, file, command.line);
    switch (word) {
      case "package":
      case "p":
        if (takeWords(args, 1, 1, at)[0] !== file) throw at("other-package");
        break;
      case "config":
      case "c":
        open = openSection(sections, args, command.line, at);
        break;
      case "option":
      case "o":
      case "list":
      case "l":
        setOption(open, word.startsWith("l") ? "list" : "option", command, at);
        break;
      default:
        throw at("unknown-command");
    }
  }
  return sections;
}

/**
 * The commands of UCI text and where each stands, for whoever changes a file in place.
 * @throws {@link UciFailure}, also while it is walked
 */
export function uciCommands(
  text: string,
  file: string,
  maxCharacters: number = MAX_UCI_CHARACTERS,
): Iterable<UciCommand> {
  if (text.length > maxCharacters) throw new UciFailure("too-large", file, 1);
  return new Words(text, file);
}

type FailureAt = (reason: UciReason) => UciFailure;

function takeWords(args: readonly string[], least: number, most: number, at: FailureAt): string[] {
  // An empty word counts as none where a name is due.
  for (let index = 0; index < least; index++) if (!args[index]) throw at("missing-word");
  if (args.length > most) throw at("too-many-words");
  return [...args];
}

function openSection(
  sections: OpenSection[],
  args: readonly string[],
  line: number,
  at: FailureAt,
): OpenSection {
  const [type = "", name = ""] = takeWords(args, 1, 2, at);
  if (!/^[!-~]+$/.test(type)) throw at("bad-type");
  if (!/^\w*$/.test(name)) throw at("bad-name");
  const earlier = name === "" ? undefined : sections.find((section) => section.name === name);
  if (earlier !== undefined) {
    if (earlier.type !== type) throw at("section-type-changed");
    return earlier;
  }
  const section = { type, name: name === "" ? null : name, line, options: new Map() };
  sections.push(section);
  return section;
}

function setOption(
  section: OpenSection | undefined,
  kind: "option" | "list",
  { words, line }: UciCommand,
  at: FailureAt,
): void {
  if (section === undefined) throw at("option-before-section");
  const [name = "", text = ""] = takeWords(words.slice(1), 1, 2, at);
  if (!/^\w+$/.test(name)) throw at("bad-name");
  const earlier = section.options.get(name)?.values ?? [];
  if (text !== "") {
    const value = { text, line };
    const values = kind === "list" ? [...earlier, value] : [value];
    section.options.set(name, { name, kind, values });
  } else if (kind === "option") {
    section.options.delete(name);
  }
}

export interface UciCommand {
  /** Without quotes and backslashes. */
  readonly words: readonly string[];
  /** Of its first word, counted from 1. */
  readonly line: number;
  /** Where its first word begins and its last one ends in the text. */
  readonly start: number;
  readonly end: number;
}

/** Cuts text into commands and those into words: quotes, backslashes, comments, `;`. */
class Words implements Iterable<UciCommand> {
  #at = 0;
  #line = 1;
  readonly #text: string;
  readonly #file: string;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  *[Symbol.iterator](): Iterator<UciCommand> {
    while (this.#at < this.#text.length) {
      const line = this.#line;
      const command = this.#command();
      if (command.words.length > 0) yield { ...command, line };
    }
  }

  /** The words up to the end of the line, a comment or `;`. */
  #command(): Pick<UciCommand, "words" | "start" | "end"> {
    const words: string[] = [];
    let start = 0;
    let end = 0;
    for (;;) {
      const next = this.#text[this.#at];
      if (next === undefined) return { words, start, end };
      if (next === "#") this.#skipComment();
      else if (next === "\n" || next === ";") {
        this.#step();
        return { words, start, end };
      } else if (/\s/.test(next)) this.#step();
      else {
        if (words.length === 0) start = this.#at;
        words.push(this.#word());
        end = this.#at;
      }
    }
  }

  #word(): string {
    let word = "";
    for (;;) {
      const next = this.#text[this.#at];
      if (next === undefined || next === "#" || next === ";" || /\s/.test(next)) return word;
      if (next === "'") word += this.#singleQuoted();
      else if (next === '"') word += this.#doubleQuoted();
      else if (next === "\\") word += this.#escaped();
      else word += this.#step();
    }
  }

  #singleQuoted(): string {
    const opened = this.#line;
    this.#step();
    let body = "";
    while (this.#text[this.#at] !== "'") body += this.#inQuotes(opened);
    this.#step();
    return body;
  }

  #doubleQuoted(): string {
    const opened = this.#line;
    this.#step();
    let body = "";
    while (this.#text[this.#at] !== '"') {
      body += this.#text[this.#at] === "\\" ? this.#escaped() : this.#inQuotes(opened);
    }
    this.#step();
    return body;
  }

  #inQuotes(opened: number): string {
    if (this.#at >= this.#text.length) throw new UciFailure("open-quote", this.#file, opened);
    return this.#step();
  }

  /** The character behind a backslash itself; a backslash before the end of the line joins two lines. */
  #escaped(): string {
    this.#step();
    if (this.#text.startsWith("\r\n", this.#at)) this.#step();
    if (this.#text[this.#at] === "\n") {
      this.#step();
      return "";
    }
    return this.#at < this.#text.length ? this.#step() : "";
  }

  #skipComment(): void {
    while (this.#at < this.#text.length && this.#text[this.#at] !== "\n") this.#step();
  }

  #step(): string {
    const character = this.#text[this.#at]!;
    if (character === "\0") throw new UciFailure("not-text", this.#file, this.#line);
    if (character === "\n") this.#line++;
    this.#at++;
    return character;
  }
}
