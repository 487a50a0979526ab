/** Text for people: aligned tables, times, sentences. All that may come from outside is made visible here. */
import { oneLine, visible } from "../../base/text.ts";

/** What stands where there is nothing. */
const NOTHING = "-";
const MAX_CELL = 48;

/** Characters of a sentence of the daemon's; its parts from outside are visible already. */
export const MAX_SENTENCE = 512;

/** Rows beneath a heading, columns aligned by two spaces; the last column is not filled up. */
export function table(
  heading: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): string {
  const cells = rows.map((row) => row.map((cell) => visible(cell ?? NOTHING, MAX_CELL) || NOTHING));
  return aligned([heading, ...cells]);
}

/** `name  value` lines; values may be long and are not cut before 1024 characters. */
export function facts(pairs: readonly (readonly [string, string | null])[]): string {
  return aligned(pairs.map(([name, value]) => [name, visible(value ?? NOTHING, 1024) || NOTHING]));
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, width(cell));
  }
  const lines = rows.map((row) =>
    row
      .map((cell, at) =>
        at === row.length - 1 ? cell : cell + " ".repeat(widths[at]! - width(cell)),
      )
      .join("  "),
  );
  return `${lines.join("\n")}\n`;
}

/** Code points; wide characters take two columns in a terminal and are not measured. */
const width = (cell: string): number => Array.from(cell).length;

/** `2026-01-31 18:05Z`, in UTC as all times of HomeCA; null where the clock was not known. */
export function minute(seconds: number | null): string | null {
  if (seconds === null) return null;
  const text = new Date(seconds * 1000).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 16)}Z`;
}

/** `1 d 2 h`, `2 h 3 min`, `45 s`: the two largest parts. */
export function duration(seconds: number): string {
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [Math.floor(seconds) % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  const shown = first < 0 ? parts.slice(3) : parts.slice(first, first + 2);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(" ");
}

/**
 * JSON for programs that does no harm on a terminal either: what `oneLine`
 * would change is written as `\uXXXX`, which JSON reads back as it was.
 */
export function json(value: unknown): string {
  const text = JSON.stringify(value, null, 2);
  let shown = "";
  for (const unit of text) shown += unit === "\n" || oneLine(unit) === unit ? unit : escaped(unit);
  return `${shown}\n`;
}

function escaped(character: string): string {
  let text = "";
  for (let at = 0; at < character.length; at++) {
    text += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return text;
}

/** Lines of at most `columns` characters, each indented. */
export function wrap(text: string, indent: number, columns = 78): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((each) => `${" ".repeat(indent)}${each}\n`).join("");
}
