/** Files the command line reads and writes for its user. */
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { HostFailure } from "../../host/host.ts";
import type { AppendFile, Files } from "../../host/host.ts";
import type { Call } from "./command.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import type { ExitStatus } from "./exit.ts";

/** Text of a file, of standard input for `-`. @throws {@link CommandFailure} `usage` */
export async function readText({ host, system }: Call, file: string): Promise<string> {
  const bytes = file === "-" ? await system.input() : read(host.files, file);
  const text = fromUtf8(bytes);
  if (text === null) throw new CommandFailure(EXIT.usage, `${file} is no UTF-8 text: convert it`);
  return text;
}

function read(files: Files, file: string): Uint8Array {
  const refused = (errno: string): string =>
    `cannot read ${file} (${errno}): name a file you may read`;
  const bytes = attempt(() => files.read(file), refused, EXIT.usage);
  if (bytes === null) throw new CommandFailure(EXIT.usage, refused("ENOENT"));
  return bytes;
}

/** A file that exists, empty, mode 0600, before its content is asked for: what is issued is never lost for want of a place. */
export interface ReservedFile {
  write(content: string | Uint8Array): void;
  /** Removes it again; nothing after `write`. */
  abandon(): void;
}

/** @throws {@link CommandFailure} `usage` where there is such a file already or none can be made. */
export function reserveFile(files: Files, file: string): ReservedFile {
  let reserved: AppendFile | null = attempt(
    () => files.createAppend(file, 0o600),
    (errno) =>
      errno === "EEXIST"
        ? `${file} is there already: remove it or choose another name`
        : `cannot make ${file} (${errno}): choose another place`,
    EXIT.usage,
  );
  return {
    write(content) {
      attempt(
        () => reserved?.appendDurably(typeof content === "string" ? utf8(content) : content),
        (errno) => `cannot write ${file} (${errno}): free space and issue again`,
        EXIT.refused,
      );
      reserved?.close();
      reserved = null;
    },
    abandon() {
      if (reserved === null) return;
      reserved.close();
      reserved = null;
      files.remove(file);
    },
  };
}

/** As {@link reserveFile}, by name and place: all of them or none. */
export function reserveAll(
  files: Files,
  wanted: readonly (readonly [name: string, file: string])[],
): Map<string, ReservedFile> {
  const reserved = new Map<string, ReservedFile>();
  try {
    for (const [name, file] of wanted) reserved.set(name, reserveFile(files, file));
    return reserved;
  } catch (failure) {
    for (const file of reserved.values()) file.abandon();
    throw failure;
  }
}

function attempt<T>(body: () => T, sentence: (errno: string) => string, status: ExitStatus): T {
  try {
    return body();
  } catch (failure) {
    if (!(failure instanceof HostFailure)) throw failure;
    throw new CommandFailure(status, sentence(failure.errno));
  }
}
