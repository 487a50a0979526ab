/**
 * Text from outside: which characters stand on their own, and how the others
 * are shown. Whoever writes a name, a sentence or a log line that a device, a
 * list or a file had a part in goes through here.
 *
 * The table is written out because `\p{…}` follows the engine's Unicode
 * version: text that one engine lets pass must not be refused by the other.
 */

/**
 * First and last code points that are hostile, in order: controls (C0, DEL,
 * C1), invisible and direction-changing characters, spaces other than U+0020,
 * line separators, surrogates, private use, noncharacters and tags.
 *
 * @see RFC 8264 §9 (Controls, PrecisIgnorableProperties, and Spaces mapped by nobody here)
 */
const HOSTILE: readonly (readonly [number, number])[] = [
  [0x0000, 0x001f],
  [0x007f, 0x00a0],
  [0x00ad, 0x00ad],
  [0x034f, 0x034f],
  [0x061c, 0x061c],
  [0x115f, 0x1160],
  [0x1680, 0x1680],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x2000, 0x200f],
  [0x2028, 0x202f],
  [0x205f, 0x206f],
  [0x3000, 0x3000],
  [0x3164, 0x3164],
  [0xd800, 0xf8ff],
  [0xfdd0, 0xfdef],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xffff],
  [0x1bca0, 0x1bca3],
  [0x1d173, 0x1d17a],
  [0x1fffe, 0x1ffff],
  [0x2fffe, 0x2ffff],
  [0x3fffe, 0x10ffff],
];

const BACKSLASH = "\\";
const ELLIPSIS = "…";

/** Characters that are shown of a text unless told otherwise. */
export const SHOWN_CHARACTERS = 256;

/** Whether the text has a character that could move a cursor, hide, reorder its neighbours or pass for another. */
export function isHostile(text: string): boolean {
  for (const character of text) if (isHostileCode(character.codePointAt(0)!)) return true;
  return false;
}

/**
 * Text from outside as it may stand in a log line, a table or a sentence.
 * Hostile characters become `\xHH` below U+0100 and `\u{H…}` above, a backslash
 * becomes `\\`: no two texts of `maxCharacters` or fewer are shown alike, and
 * no escape can be forged. So it is for text as it came in, once: shown text
 * shown again has its backslashes doubled again. For a line that has been
 * through here there is {@link oneLine}.
 *
 * @param maxCharacters - of the text, before escapes; a longer one is cut and ends in `…`
 */
export function visible(text: string, maxCharacters: number = SHOWN_CHARACTERS): string {
  return mapped(cut(text, maxCharacters), (character) =>
    character === BACKSLASH ? BACKSLASH + BACKSLASH : harmless(character),
  );
}

/**
 * A line of ours, whose parts from outside are {@link visible} already, made
 * safe for a terminal whatever was forgotten: as `visible`, but a backslash
 * stays. Applied again it changes nothing, unless it cuts.
 */
export function oneLine(line: string, maxCharacters: number = Number.POSITIVE_INFINITY): string {
  return mapped(cut(line, maxCharacters), harmless);
}

/** The text, or its first `max - 1` code points and an ellipsis. */
function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  // No code point has more than two units, so what is behind 2 × max cannot matter.
  const characters = Array.from(text.slice(0, max * 2));
  const fits = characters.length <= max && text.length <= max * 2;
  return fits ? text : characters.slice(0, max - 1).join("") + ELLIPSIS;
}

function mapped(text: string, show: (character: string) => string): string {
  let shown = "";
  for (const character of text) shown += show(character);
  return shown;
}

function harmless(character: string): string {
  const code = character.codePointAt(0)!;
  return isHostileCode(code) ? escape(code) : character;
}

function escape(code: number): string {
  const digits = code.toString(16);
  return code < 0x100 ? `\\x${digits.padStart(2, "0")}` : `\\u{${digits}}`;
}

function isHostileCode(code: number): boolean {
  // Nearly all text is this, and most of it is written by us.
  if (code >= 0x20 && code < 0x7f) return false;
  return HOSTILE.some(([first, last]) => code >= first && code <= last);
}
