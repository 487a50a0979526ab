/**
 * What the demo shows: one line a step, a spinner where a person watches, plain
 * lines where nobody does, and a table at the end. A step that throws has
 * failed, and what follows it is not tried.
 */
import { performance } from "node:perf_hooks";

/** Where it is shown; `process.stdout` is one. */
export interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** The world is not as the step wanted it. */
export class Unexpected extends Error {
  override readonly name = "Unexpected";
}

export function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Unexpected(what);
}

/** One line of the closing table. */
export interface Row {
  readonly device: string;
  readonly class: string;
  readonly proof: string;
  readonly place: string;
  readonly said: string;
}

const WIDTH = 80;
const FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const FRAME_MS = 80;
const INDENT = " ".repeat(6);

const SGR = { bold: 1, dim: 2, red: 31, green: 32 } as const;

export class Stage {
  readonly #screen: Screen;
  readonly #live: boolean;
  readonly #colours: boolean;
  #notes: string[] = [];
  #held = 0;
  #failed = 0;

  /** @param environment - NO_COLOR in it (https://no-color.org) keeps colours away, TERM=dumb the spinner too. */
  constructor(screen: Screen, environment: Readonly<Record<string, string | undefined>> = {}) {
    this.#screen = screen;
    this.#live = screen.isTTY === true && environment["TERM"] !== "dumb";
    this.#colours = this.#live && !environment["NO_COLOR"];
  }

  /** Steps that held, and steps that did not. */
  get counts(): { readonly held: number; readonly failed: number } {
    return { held: this.#held, failed: this.#failed };
  }

  say(text = ""): void {
    this.#screen.write(`${text.length <= WIDTH ? text : wrapped(text, "")}\n`);
  }

  chapter(title: string): void {
    this.#screen.write(`\n${this.#in("bold", title)}\n`);
  }

  /** More about the step under way, shown under its line. */
  note(text: string): void {
    this.#notes.push(text);
  }

  /** Runs a step and shows how it went. @throws what the step threw */
  async step<T>(title: string, run: () => Promise<T> | T): Promise<T> {
    const start = performance.now();
    const stop = this.#spin(title);
    this.#notes = [];
    try {
      const result = await run();
      stop();
      this.#held++;
      this.#line("ok", "green", title, milliseconds(performance.now() - start));
      return result;
    } catch (failure) {
      stop();
      this.#failed++;
      const why = failure instanceof Error ? failure.message : String(failure);
      this.#line("FAILED", "red", title);
      this.#notes.push(why);
      throw failure;
    } finally {
      for (const note of this.#notes) this.#screen.write(`${this.#in("dim", noteText(note))}\n`);
    }
  }

  table(rows: readonly Row[]): void {
    const heading = ["DEVICE", "CLASS", "HOW IT PROVED ITSELF", "WHERE IT IS NOW"];
    const cells = rows.map((row) => [row.device, row.class, row.proof, row.place]);
    const widths = heading.map((title, at) =>
      Math.max(title.length, ...cells.map((row) => row[at]!.length)),
    );
    const aligned = (row: readonly string[]): string =>
      row
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join("  ")
        .trimEnd();
    this.#screen.write(`\n${this.#in("bold", aligned(heading))}\n`);
    for (const [at, row] of cells.entries()) {
      this.#screen.write(`${aligned(row)}\n`);
      this.#screen.write(`${this.#in("dim", wrapped(rows[at]!.said, "    "))}\n`);
    }
  }

  /** The mark, what was done, and at the right edge how long that took. */
  #line(mark: string, colour: keyof typeof SGR, text: string, took = ""): void {
    const room = WIDTH - took.length - 2;
    const [first = "", ...rest] = wrapped(text, INDENT, room).split("\n");
    const gap = " ".repeat(Math.max(1, INDENT.length - mark.length));
    const head = this.#in(colour, mark) + gap + first.trimStart();
    const space = " ".repeat(Math.max(0, room + 2 - Math.max(first.length, INDENT.length)));
    const tail = took === "" ? "" : space + this.#in("dim", took);
    this.#screen.write(`${[head + tail, ...rest].join("\n")}\n`);
  }

  #spin(title: string): () => void {
    if (!this.#live) return () => {};
    let turn = 0;
    const draw = (): void => {
      const frame = FRAMES[turn++ % FRAMES.length]!;
      this.#screen.write(`\r\u001b[2K${frame}     ${title.slice(0, WIDTH - INDENT.length - 1)}`);
    };
    draw();
    const timer = setInterval(draw, FRAME_MS);
    return () => {
      clearInterval(timer);
      this.#screen.write("\r\u001b[2K");
    };
  }

  #in(style: keyof typeof SGR, text: string): string {
    return this.#colours ? `\u001b[${SGR[style]}m${text}\u001b[0m` : text;
  }
}

function milliseconds(elapsed: number): string {
  return elapsed < 1000
    ? `${Math.max(1, Math.round(elapsed))} ms`
    : `${(elapsed / 1000).toFixed(1)} s`;
}

/** What fits keeps its columns, as the firewall's changes do; the rest is wrapped. */
function noteText(note: string): string {
  return INDENT.length + note.length <= WIDTH ? INDENT + note : wrapped(note, INDENT);
}

/** Text in lines of at most so many columns, each behind the indent. A longer word stays whole. */
export function wrapped(text: string, indent: string, width: number = WIDTH): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (indent.length + longer.length <= width || line === "") {
      line = longer;
      continue;
    }
    lines.push(indent + line);
    line = word;
  }
  return [...lines, indent + line].join("\n");
}
