/**
 * Names and types that came from a device or a list. They are shown in web
 * pages, logs and terminals, so their characters are restricted where they come
 * in, and escaped by `visible` where they go out.
 */
import { isHostile } from "../../base/text.ts";

/** Longest name of a device, in UTF-16 units. */
export const MAX_NAME = 64;
/** Longest type of a device. */
export const MAX_TYPE = 16;

/** Whether the text has only characters that stand on their own, and 1 to `max` UTF-16 units. */
export function isPlainText(text: string, max: number): boolean {
  return text.length >= 1 && text.length <= max && text === text.trim() && !isHostile(text);
}

/** Whether the text is a device type: 1 to 16 of a-z, 0-9 and hyphen (`camera`, `garage-door`). */
export function isType(text: string): boolean {
  return /^[a-z0-9-]{1,16}$/.test(text);
}
