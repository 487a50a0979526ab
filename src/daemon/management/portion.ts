/** What of a long list fits into one answer: ubus and uhttpd carry 64 KiB, and LuCI asks again for the rest. */
import { utf8 } from "../../base/bytes.ts";

/** Octets of JSON that the list in one answer may have. */
export const MAX_PORTION: number = 48 * 1024;

/** As many from the beginning as fit, and one at least; the others are not even made. */
export function portionOf<T>(items: Iterable<T>): readonly T[] {
  const fitting: T[] = [];
  let octets = 0;
  for (const item of items) {
    octets += utf8(JSON.stringify(item)).length + 1;
    if (octets > MAX_PORTION && fitting.length > 0) break;
    fitting.push(item);
  }
  return fitting;
}

/** As many from the end as fit, and one at least; their order stays. */
export function lastPortionOf<T>(items: readonly T[]): readonly T[] {
  return portionOf(items.toReversed()).toReversed();
}
