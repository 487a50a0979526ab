/** The journal's writer on the C host: its word is the folder. */
import { utf8 } from "../../src/base/bytes.ts";
import { quickJsCrypto } from "../../src/host/quickjs/crypto.ts";
import { quickJsFiles } from "../../src/host/quickjs/files.ts";
import { native } from "../../src/host/quickjs/native.ts";
import { writeJournal } from "./journal-writer.ts";

const say = (fd: number, line: string): void => {
  const bytes = utf8(`${line}\n`);
  native.send(fd, bytes.buffer, 0, bytes.length);
};

// It writes until it is killed.
native.limits(0, 0, 3_600_000);
const [, folder = ""] = native.words();
writeJournal({
  files: quickJsFiles,
  crypto: quickJsCrypto,
  folder,
  say: (line) => say(1, line),
  complain: (line) => say(2, line),
});
native.exit(0);
