/** What a command is: its help and what it does. The tables of commands are made of these. */
import type { Argument } from "../../daemon/management/arguments.ts";
import { methodNamed } from "../../daemon/management/methods.ts";
import type { Host } from "../../host/host.ts";
import { callHome } from "./client.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import type { ExitStatus } from "./exit.ts";
import type { OptionRow, Words } from "./options.ts";
import { json } from "./text.ts";

/** Where the daemon of a router listens. */
export const DEFAULT_SOCKET = "/var/run/homeca/homeca.sock";

/** What a started daemon can be told. */
export interface RunningDaemon {
  reload(): void;
  stop(): void;
}

/** What the command line is given by whoever starts it. */
export interface System {
  /** The host of this process. There is one: what the first asks of its log is so for all. */
  readonly host: (log: "plain" | "syslog") => Host;
  /** Starts the daemon, or throws an error whose message is one sentence. */
  readonly startDaemon: (host: Host, configPath: string) => RunningDaemon;
  /** From here on signals come here; until then SIGTERM, SIGINT and SIGHUP end the program. */
  readonly onSignal: (handler: (signal: "reload" | "stop") => void) => void;
  /** All of standard input. @throws {@link CommandFailure} `usage` beyond {@link MAX_INPUT_BYTES} */
  readonly input: () => Promise<Uint8Array>;
  readonly out: (text: string) => void;
}

/** Of standard input: more than the daemon takes of anything. */
export const MAX_INPUT_BYTES: number = 1024 * 1024;
export const INPUT_TOO_LONG = "standard input is longer than 1 MiB: send less";

export interface Operand {
  /** As in the synopsis: `ID`, `[STATE]`. */
  readonly name: string;
  readonly required: boolean;
}

export interface Command {
  readonly name: string;
  /** Another name for the same. */
  readonly alias: string | null;
  /** One sentence without its full stop. */
  readonly summary: string;
  readonly operands: readonly Operand[];
  readonly options: readonly OptionRow[];
  /** Paragraphs. */
  readonly description: readonly string[];
  readonly examples: readonly string[];
  /** Whether it takes --socket and --json. */
  readonly asks: boolean;
  readonly run: (call: Call) => Promise<ExitStatus>;
}

export const SOCKET: OptionRow = {
  name: "socket",
  value: "FILE",
  doc: `Socket of the daemon; ${DEFAULT_SOCKET} unless told.`,
};
export const JSON_OUTPUT: OptionRow = {
  name: "json",
  value: null,
  doc: "Write the result as JSON, for programs. Times are seconds since 1970.",
};
export const HELP: OptionRow = { name: "help", value: null, doc: "Show this text." };

/** All options a command takes, its own first. */
export function optionsOf(command: Command): readonly OptionRow[] {
  return [...command.options, ...(command.asks ? [SOCKET, JSON_OUTPUT] : []), HELP];
}

/** One run of a command: what was typed, and the ways out. */
export class Call {
  readonly words: Words;
  readonly system: System;

  constructor(words: Words, system: System) {
    this.words = words;
    this.system = system;
  }

  /** What a command that is no daemon uses of the system. */
  get host(): Host {
    return this.system.host("plain");
  }

  /** Resolves once the program is told to end. */
  stopped(reload: () => void = () => {}): Promise<void> {
    return new Promise((resolve) =>
      this.system.onSignal((signal) => (signal === "stop" ? resolve() : reload())),
    );
  }

  operand(at: number): string {
    const word = this.words.operands[at];
    if (word === undefined) throw new RangeError(`operand ${at} is not required`);
    return word;
  }

  option(name: string): string | null {
    return this.words.values.get(name) ?? null;
  }

  /** All values of an option that may stand more than once. */
  list(name: string): readonly string[] {
    return this.words.lists.get(name) ?? [];
  }

  get wantsJson(): boolean {
    return this.words.flags.has("json");
  }

  write(text: string): void {
    this.system.out(text);
  }

  /** A whole number from an option. @throws {@link CommandFailure} `usage` */
  whole(name: string): number | null {
    const text = this.option(name);
    if (text === null) return null;
    if (/^\d{1,9}$/.test(text)) return Number(text);
    throw new CommandFailure(EXIT.usage, `option --${name} is '${text}': write a whole number`);
  }

  /**
   * Calls a method; arguments that are null are left out. The result has the
   * shape the method's service function declares: both ends are one build.
   */
  async ask<T>(method: string, args: Readonly<Record<string, unknown>> = {}): Promise<T> {
    const given = Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null));
    // The daemon answers with the type of HomeService; the caller names it.
    return (await callHome(this.host, this.option("socket") ?? DEFAULT_SOCKET, method, given)) as T;
  }

  /** Shows a result: as JSON where that was asked for, otherwise as `text` draws it. */
  show<T>(result: T, text: (result: T) => string): ExitStatus {
    this.write(this.wantsJson ? json(result) : text(result));
    return EXIT.done;
  }
}

/** An option that carries an argument of a method has that argument's words. */
export function optionFor(method: string, argument: string, value: string): OptionRow {
  const declared: Argument | undefined = methodNamed(method)?.arguments.find(
    ({ name }) => name === argument,
  );
  if (declared === undefined) throw new RangeError(`${method} has no argument ${argument}`);
  return { name: argument, value, doc: declared.doc };
}

/** The summary of a method, for the command that calls it. */
export function summaryOf(method: string): string {
  const found = methodNamed(method);
  if (found === null) throw new RangeError(`there is no method ${method}`);
  return found.summary;
}
