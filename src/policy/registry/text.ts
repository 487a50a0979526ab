/**
 * Text that came from a device or a list. It is shown in web pages, logs and
 * terminals, so its characters are restricted where it comes in and escaped
 * where it goes out.
 *
 * The table is written out because `\p{…}` follows the engine's Unicode
 * version: a name that one engine stored must not be refused by the other.
 */

/**
 * First and last code points refused, in order: controls, invisible and
 * direction-changing characters, spaces other than U+0020, surrogates, private
 * use, noncharacters and tags (after RFC 8264 §9: Controls,
 * PrecisIgnorableProperties, and Spaces mapped by nobody here).
 */
const REFUSED: readonly (readonly [number, number])[] = [
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

/** Longest name of a device, in UTF-16 units. */
export const MAX_NAME = 64;
/** Longest type of a device. */
export const MAX_TYPE = 16;

/** Whether the text has only characters that stand on their own, and 1 to `max` UTF-16 units. */
export function isPlainText(text: string, max: number): boolean {
  if (text.length < 1 || text.length > max || text !== text.trim()) return false;
  for (const character of text) if (isRefused(character.codePointAt(0)!)) return false;
  return true;
}

/** Whether the text is a device type: 1 to 16 of a-z, 0-9 and hyphen (`camera`, `garage-door`). */
export function isType(text: string): boolean {
  return /^[a-z0-9-]{1,16}$/.test(text);
}

/**
 * Any text made fit for one line of a log or terminal: refused characters and
 * the backslash become `\u{…}`, and 80 characters are kept.
 */
export function printable(text: string): string {
  let shown = "";
  let kept = 0;
  for (const character of text) {
    if (kept++ === 80) return `${shown}…`;
    const code = character.codePointAt(0)!;
    shown += isRefused(code) || code === 0x5c ? `\\u{${code.toString(16)}}` : character;
  }
  return shown;
}

function isRefused(code: number): boolean {
  return REFUSED.some(([first, last]) => code >= first && code <= last);
}
