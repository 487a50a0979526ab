/** Bounds and words that the hosts of a real system share; those that callers know are in `host.ts`. */
import type { LogLevel } from "./host.ts";

/** What is kept of each output stream of a program; the rest is read and dropped, so that it never blocks on us. */
export const MAX_OUTPUT_BYTES: number = 1024 * 1024;

/** A program that takes longer is killed: its status is then 128 + 9. */
export const MAX_RUN_MILLISECONDS = 30_000;

/** As shells report a program that is not there, or cannot be run. */
export function statusOfFailure(errno: string): number {
  return errno === "ENOENT" ? 127 : 126;
}

/** `sun_path` of Linux is 108 bytes with its closing NUL; libuv would cut a longer name silently. */
export const MAX_SOCKET_PATH_BYTES = 107;

/** What a reader of a local socket may leave unread before its connection is cut: it takes no answers and holds our memory. */
export const MAX_UNREAD_BYTES: number = 4 * 1024 * 1024;

/** How long a TCP connection that is over waits for the other end to end it too. */
export const LINGER_MS = 1000;

/** Severities of RFC 5424 §6.2.1. */
export const SEVERITY: Readonly<Record<LogLevel, number>> = {
  error: 3,
  warning: 4,
  notice: 5,
  info: 6,
  debug: 7,
};

/** More lines of a stack than this tell nothing new and fill the router's ring of 64 KiB. */
export const MAX_STACK_LINES = 8;
