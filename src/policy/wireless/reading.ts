/** Values of UCI sections as OpenWrt reads them. */
import type { UciSection } from "../../base/uci.ts";

/** The value an option was given last; null where it has none. */
export function one({ options }: UciSection, name: string): string | null {
  return options.get(name)?.values.at(-1)?.text ?? null;
}

/** All values, a list's or the words of an option. */
export function all({ options }: UciSection, name: string): string[] {
  return options.get(name)?.values.flatMap(({ text }) => text.split(/\s+/)) ?? [];
}

export const isYes = (text: string | null): boolean =>
  text !== null && ["1", "on", "true", "yes", "enabled"].includes(text);

export const isOff = (section: UciSection): boolean => isYes(one(section, "disabled"));
