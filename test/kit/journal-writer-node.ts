/** The journal's writer on Node: its word is the folder. */
import { writeSync } from "node:fs";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { nodeFiles } from "../../src/host/node/files.ts";
import { writeJournal } from "./journal-writer.ts";

writeJournal({
  files: nodeFiles,
  crypto: nodeCrypto,
  folder: process.argv[2]!,
  say: (line) => void writeSync(1, `${line}\n`),
  complain: (line) => void writeSync(2, `${line}\n`),
});
