/** What the daemon says about itself: lines at a level, repeats held back, and counters that cost nothing to keep. */
import { faultText } from "../base/fault.ts";
import type { Mono } from "../base/machine.ts";
import type { Host, LogLevel } from "../host/host.ts";

/** From what must be acted on to what only a developer reads. */
export const LOG_LEVELS: readonly LogLevel[] = ["error", "warning", "notice", "info", "debug"];

/** Of one kind of line, this many are written in each window; the rest are counted. */
export const LIMITED_LINES = 5;
export const LIMITED_WINDOW_MS = 60_000;

/** Kinds of lines and counters are names in our own code; should one ever come from outside, memory stays bounded. */
export const MAX_NAMES = 256;

interface Window {
  readonly opened: Mono;
  written: number;
  held: number;
}

/** Lines above the level are not written; {@link Log.limited} holds back repeats. */
export class Log {
  level: LogLevel;
  readonly #host: Pick<Host, "log" | "mono">;
  readonly #windows = new Map<string, Window>();

  constructor(host: Pick<Host, "log" | "mono">, level: LogLevel) {
    this.#host = host;
    this.level = level;
  }

  write(level: LogLevel, line: string): void {
    if (LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(this.level)) this.#host.log(level, line);
  }

  error(line: string): void {
    this.write("error", line);
  }

  warning(line: string): void {
    this.write("warning", line);
  }

  notice(line: string): void {
    this.write("notice", line);
  }

  info(line: string): void {
    this.write("info", line);
  }

  debug(line: string): void {
    this.write("debug", line);
  }

  /** A fault of ours in `where`: whoever found it can meet it again and again, so the log must bear that. */
  fault(where: string, fault: unknown): void {
    this.limited("fault", "error", `fault in ${where}: ${faultText(fault)}`);
  }

  /**
   * A line that a peer can cause. Of each `kind` (a name in our code, never a
   * peer's text) {@link LIMITED_LINES} are written per minute; the first line
   * after that tells how many were held back.
   */
  limited(kind: string, level: LogLevel, line: string): void {
    const now = this.#host.mono();
    let window = this.#windows.get(kind);
    if (window === undefined || now - window.opened >= LIMITED_WINDOW_MS) {
      if (window !== undefined && window.held > 0) {
        this.write(level, `${kind}: ${window.held} more such lines were held back`);
      }
      if (window === undefined && this.#windows.size >= MAX_NAMES) return;
      window = { opened: now, written: 0, held: 0 };
      this.#windows.set(kind, window);
    }
    if (window.written < LIMITED_LINES) {
      window.written++;
      this.write(level, line);
    } else {
      window.held++;
    }
  }
}

/** How often things happened since the start; `status` shows them. */
export class Counters {
  readonly #counts = new Map<string, number>();

  add(name: string, by = 1): void {
    const count = this.#counts.get(name);
    if (count === undefined && this.#counts.size >= MAX_NAMES) return;
    this.#counts.set(name, (count ?? 0) + by);
  }

  /** By name, in alphabetical order. */
  get values(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
