/** From the words of a command line to an exit status. */
import { oneLine } from "../../base/text.ts";
import { VERSION } from "../../daemon/version.ts";
import { Call, optionsOf } from "./command.ts";
import type { Command, System } from "./command.ts";
import { device } from "./device.ts";
import { DEVICE_COMMANDS } from "./devices.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import type { ExitStatus } from "./exit.ts";
import { overview, page, synopsis } from "./help.ts";
import { HOME_COMMANDS } from "./home.ts";
import { ISSUE_COMMANDS } from "./issue.ts";
import { PROFILE_COMMANDS } from "./profile.ts";
import { nearest, readWords } from "./options.ts";
import { serve } from "./serve.ts";
import { setup } from "./setup.ts";

/** In the order of the overview. */
export const COMMANDS: readonly Command[] = [
  serve,
  setup,
  ...HOME_COMMANDS.slice(0, 1),
  ...DEVICE_COMMANDS,
  ...ISSUE_COMMANDS,
  ...PROFILE_COMMANDS,
  ...HOME_COMMANDS.slice(1),
  device,
];

/** What the command line is given by whoever starts it. */
export interface Terminal extends System {
  readonly error: (text: string) => void;
}

/** Runs one command. Bugs are thrown; all else ends in a status, with sentences on `error`. */
export async function runCommandLine(
  argv: readonly string[],
  terminal: Terminal,
): Promise<ExitStatus> {
  try {
    return await run(argv, terminal);
  } catch (failure) {
    if (!(failure instanceof CommandFailure)) throw failure;
    const lines = failure.message.split("\n").map((line) => `homeca: ${oneLine(line, 1024)}\n`);
    terminal.error(lines.join(""));
    return failure.status;
  }
}

async function run(argv: readonly string[], terminal: Terminal): Promise<ExitStatus> {
  const [first, ...rest] = argv;
  switch (first) {
    case undefined:
      throw new CommandFailure(
        EXIT.usage,
        "no command is given: run homeca help for all there are",
      );
    case "--version":
      terminal.out(`homeca ${VERSION}\n`);
      return EXIT.done;
    case "help":
    case "--help":
    case "-h":
      terminal.out(rest[0] === undefined ? overview(COMMANDS) : page(commandNamed(rest[0])));
      return EXIT.done;
    default: {
      const command = commandNamed(first);
      const words = readWords(rest, optionsOf(command));
      if (words.flags.has("help")) {
        terminal.out(page(command));
        return EXIT.done;
      }
      checkOperands(command, words.operands.length);
      return command.run(new Call(words, terminal));
    }
  }
}

function commandNamed(name: string): Command {
  const found = COMMANDS.find((command) => command.name === name || command.alias === name);
  if (found !== undefined) return found;
  const names = COMMANDS.map((command) => command.name);
  throw new CommandFailure(EXIT.usage, `there is no command ${name}: ${nearest(name, names)}`);
}

function checkOperands(command: Command, given: number): void {
  const missing = command.operands.slice(given).find(({ required }) => required);
  if (missing !== undefined) {
    throw new CommandFailure(EXIT.usage, `${missing.name} is missing: write ${synopsis(command)}`);
  }
  if (given > command.operands.length) {
    throw new CommandFailure(EXIT.usage, `there are too many words: write ${synopsis(command)}`);
  }
}
