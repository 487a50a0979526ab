/** Files the command line reads and writes for its user. */
import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { fromUtf8 } from "../../base/bytes.ts";
import { CommandFailure, EXIT } from "./exit.ts";

/** Text of a file, of standard input for `-`. @throws {@link CommandFailure} `usage` */
export function readText(file: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file === "-" ? 0 : file);
  } catch (failure) {
    throw new CommandFailure(
      EXIT.usage,
      `cannot read ${file} (${codeOf(failure)}): name a file you may read`,
    );
  }
  const text = fromUtf8(bytes);
  if (text === null) throw new CommandFailure(EXIT.usage, `${file} is no UTF-8 text: convert it`);
  return text;
}

/** A file that exists, empty, mode 0600, before its content is asked for: what is issued is never lost for want of a place. */
export interface ReservedFile {
  write(content: string | Uint8Array): void;
  /** Removes it again; nothing after `write`. */
  abandon(): void;
}

/** @throws {@link CommandFailure} `usage` where there is such a file already or none can be made. */
export function reserveFile(file: string): ReservedFile {
  let descriptor: number;
  try {
    descriptor = openSync(file, "wx", 0o600);
  } catch (failure) {
    const errno = codeOf(failure);
    const sentence =
      errno === "EEXIST"
        ? `${file} is there already: remove it or choose another name`
        : `cannot make ${file} (${errno}): choose another place`;
    throw new CommandFailure(EXIT.usage, sentence);
  }
  let open = true;
  return {
    write(content) {
      const bytes = typeof content === "string" ? Buffer.from(content) : content;
      try {
        for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
        closeSync(descriptor);
      } catch (failure) {
        throw new CommandFailure(
          EXIT.refused,
          `cannot write ${file} (${codeOf(failure)}): free space and issue again`,
        );
      }
      open = false;
    },
    abandon() {
      if (!open) return;
      open = false;
      closeSync(descriptor);
      unlinkSync(file);
    },
  };
}

function codeOf(failure: unknown): string {
  return failure instanceof Error && "code" in failure ? String(failure.code) : String(failure);
}
