/** The password of a PKCS#12 that is being made: the user's own from a file, or one that is made and shown once. */
import { toBase32 } from "../../base/bytes.ts";
import type { RandomSource } from "../../base/machine.ts";
import type { Call } from "./command.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { readText } from "./files.ts";
import type { OptionRow } from "./options.ts";

/** 20 characters of base32: 100 bits, more than anybody guesses and still typed on a phone. */
const PASSWORD_BYTES = 13;
const PASSWORD_CHARACTERS = 20;

export const PASSWORD_FILE: OptionRow = {
  name: "password-file",
  value: "FILE",
  doc: "File whose one line protects the PKCS#12, - for standard input; without it a password is made and printed once.",
};

export interface Password {
  readonly text: string;
  /** Whether it was made here, so that nobody knows it unless it is shown. */
  readonly made: boolean;
}

/** By the option {@link PASSWORD_FILE}. @throws {@link CommandFailure} `usage` */
export async function passwordOf(call: Call): Promise<Password> {
  const file = call.option(PASSWORD_FILE.name);
  return file === null
    ? { text: madePassword(call.host.random), made: true }
    : { text: await oneLineOf(call, file), made: false };
}

/** The line that shows a password that was made here; none for the user's own. */
export function shownOnce({ text, made }: Password): readonly string[] {
  return made ? [`password, shown this once: ${text}`] : [];
}

function madePassword(random: RandomSource): string {
  const characters = toBase32(random(PASSWORD_BYTES)).slice(0, PASSWORD_CHARACTERS);
  return characters.replaceAll(/.{5}(?=.)/g, "$&-");
}

async function oneLineOf(call: Call, file: string): Promise<string> {
  const [line = "", rest = "", ...more] = (await readText(call, file)).split(/\r?\n/);
  if (line === "" || rest !== "" || more.length > 0) {
    throw new CommandFailure(
      EXIT.usage,
      `${file} does not hold one line: write the password and nothing else`,
    );
  }
  return line;
}
