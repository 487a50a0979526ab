/** How the command line ends: a closed list of exit statuses, documented in every help text. */

export const EXIT = {
  done: 0,
  refused: 1,
  usage: 2,
  notRunning: 3,
  configuration: 4,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** For help texts, in the order of the numbers. */
export const EXIT_DOCS: readonly (readonly [ExitStatus, string])[] = [
  [EXIT.done, "Done as asked."],
  [EXIT.refused, "HomeCA or the system refused; standard error says why and what to do."],
  [EXIT.usage, "The command line is wrong; nothing was done."],
  [EXIT.notRunning, "HomeCA is not running or does not answer; nothing was done."],
  [EXIT.configuration, "The configuration is wrong; HomeCA was not started."],
];

/** Ends the command with a status and one sentence on standard error. The sentence may hold text from outside. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly status: ExitStatus;

  constructor(status: ExitStatus, sentence: string) {
    super(sentence);
    this.status = status;
  }
}
