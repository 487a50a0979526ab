/**
 * Changes UCI text in place: what an edit does not name stays as it was, octet
 * for octet, comments and odd spacing included. Each result is read again and
 * compared with what was meant; a text that resists is left alone.
 */
import { MAX_PACKAGE_CHARACTERS, parseUci, uciCommands } from "./uci.ts";
import type { UciCommand, UciSection } from "./uci.ts";

/** Sections go by their name, anonymous ones as `@type[n]`, n from 0 and counting those with a name too. */
export type UciEdit =
  /** A named section at the end of the file; without effect where it is there. */
  | { readonly kind: "section"; readonly type: string; readonly section: string }
  /** Exactly these values in place of what there was; none takes the option away. */
  | {
      readonly kind: "option" | "list";
      readonly section: string;
      readonly option: string;
      readonly values: readonly string[];
    };

/** An edit that would not have come out as it was meant; nothing is changed. */
export class UciEditFailure extends Error {
  override readonly name = "UciEditFailure";

  constructor(file: string, { section }: UciEdit) {
    super(
      `section '${section}' cannot be changed without touching its neighbours: write ${file} in its usual form with uci commit`,
    );
  }
}

/**
 * The text after all edits, in their order.
 *
 * @param file - the package's name, as for {@link parseUci}
 * @throws {@link UciEditFailure}; UciFailure where the text is no UCI
 */
export function editUci(text: string, file: string, edits: readonly UciEdit[]): string {
  return edits.reduce((before, edit) => applyEdit(before, file, edit), text);
}

/** The section of that name or `@type[n]` among sections as {@link parseUci} reads them; null where there is none. */
export function uciSection(sections: readonly UciSection[], address: string): UciSection | null {
  const [, type, index] = /^@([!-~]+)\[(\d{1,4})\]$/.exec(address) ?? [];
  if (type === undefined) return sections.find(({ name }) => name === address) ?? null;
  return sections.filter((section) => section.type === type)[Number(index)] ?? null;
}

function applyEdit(text: string, file: string, edit: UciEdit): string {
  const before = parse(text, file);
  const changed =
    edit.kind === "section"
      ? withSection(text, before, edit)
      : withValues(text, file, edit, () => new UciEditFailure(file, edit));
  const intended = intendedBy(before, edit);
  if (intended === null || meaning(parse(changed, file)) !== intended) {
    throw new UciEditFailure(file, edit);
  }
  return changed;
}

const parse = (text: string, file: string): UciSection[] =>
  parseUci(text, file, MAX_PACKAGE_CHARACTERS);

function withSection(
  text: string,
  before: readonly UciSection[],
  { type, section }: Extract<UciEdit, { kind: "section" }>,
): string {
  if (uciSection(before, section) !== null) return text;
  const gap = text === "" || text.endsWith("\n\n") ? "" : text.endsWith("\n") ? "\n" : "\n\n";
  return `${text}${gap}config ${type} '${section}'\n`;
}

type Values = Exclude<UciEdit, { kind: "section" }>;

function withValues(text: string, file: string, edit: Values, failure: () => Error): string {
  const own = commandsOf(text, file, edit.section);
  const last = own.at(-1);
  if (last === undefined) throw failure();
  const lines = edit.values.map((value) => `${edit.kind} ${edit.option} ${quoted(value)}`);
  const [first, ...others] = own.slice(1).filter(({ words }) => words[1] === edit.option);
  if (first === undefined)
    return lines.reduceRight((so, line) => insertBehind(so, last, line), text);
  // From the end on, so that the places of those before stay true.
  const without = others.reduceRight(cutOut, text);
  if (lines.length === 0) return cutOut(without, first);
  return without.slice(0, first.start) + lines.join("\n\t") + without.slice(first.end);
}

/** The commands that make a section, its `config` line first; the same section may be opened twice. */
function commandsOf(text: string, file: string, address: string): UciCommand[] {
  const [, type, index] = /^@([!-~]+)\[(\d{1,4})\]$/.exec(address) ?? [];
  const own: UciCommand[] = [];
  const names = new Set<string>();
  let isOpen = false;
  let seen = -1;
  for (const command of uciCommands(text, file, MAX_PACKAGE_CHARACTERS)) {
    const [word = "", first = "", second = ""] = command.words;
    if (word.startsWith("c")) {
      const isNew = second === "" || !names.has(second);
      names.add(second);
      if (first === type && isNew) seen++;
      isOpen =
        type === undefined ? second === address : first === type && isNew && seen === Number(index);
    }
    if (isOpen && !word.startsWith("p")) own.push(command);
  }
  return own;
}

/** A line of its own behind a command, and behind the comment that follows it. */
function insertBehind(text: string, { end }: UciCommand, line: string): string {
  const newline = text.indexOf("\n", end);
  const lineEnd = newline < 0 ? text.length : newline;
  const at = /^\s*(?:#.*)?$/s.test(text.slice(end, lineEnd)) ? lineEnd : end;
  return `${text.slice(0, at)}\n\t${line}${text.slice(at)}`;
}

/** A command goes, with its line where nothing else stands on it. */
function cutOut(text: string, { start, end }: UciCommand): string {
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const newline = text.indexOf("\n", end);
  const lineEnd = newline < 0 ? text.length : newline + 1;
  const alone =
    text.slice(lineStart, start).trim() === "" && text.slice(end, lineEnd).trim() === "";
  return alone
    ? text.slice(0, lineStart) + text.slice(lineEnd)
    : text.slice(0, start) + text.slice(end);
}

/** In single quotes, as `uci` writes it. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

/** What sections mean, as text that can be compared. */
function meaning(sections: readonly UciSection[]): string {
  return JSON.stringify(sections.map(plain));
}

type Plain = readonly [
  string,
  string | null,
  readonly (readonly [string, string, readonly string[]])[],
];

function plain({ type, name, options }: UciSection): Plain {
  const rows = [...options.values()].map(
    (option) => [option.name, option.kind, option.values.map(({ text }) => text)] as const,
  );
  return [type, name, rows.sort(([a], [b]) => (a < b ? -1 : 1))];
}

/** The {@link meaning} the edit is after, worked out on sections and not on text; null where its section is not there. */
function intendedBy(before: readonly UciSection[], edit: UciEdit): string | null {
  const found = uciSection(before, edit.section);
  if (edit.kind === "section") {
    if (found !== null) return found.type === edit.type ? meaning(before) : null;
    return JSON.stringify([...before.map(plain), [edit.type, edit.section, []]]);
  }
  if (found === null || edit.values.includes("")) return null;
  const { kind, option: name } = edit;
  const options = new Map(found.options);
  options.delete(name);
  const values = edit.values.map((text) => ({ text, line: 0 }));
  if (values.length > 0) options.set(name, { name, kind, values });
  return meaning(before.map((section) => (section === found ? { ...found, options } : section)));
}
