/** A fault of ours, as it stands in the log: the same on every engine. */
import { visible } from "./text.ts";

/** Frames that are told, the innermost first: more tells nothing new and fills the router's ring of 64 KiB. */
export const MAX_FRAMES = 8;

/**
 * What was thrown, as one line that is safe to show: its name, its message and
 * where it came from. V8 begins a stack with name and message, QuickJS has
 * frames alone.
 */
export function faultText(fault: unknown): string {
  if (!(fault instanceof Error)) return visible(String(fault));
  const told = `${fault.name}: ${fault.message}`;
  const stack = fault.stack ?? "";
  const frames = (stack.startsWith(told) ? stack.slice(told.length) : stack)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("at "))
    .slice(0, MAX_FRAMES);
  return [told, ...frames].map((line) => visible(line)).join("; ");
}
