/**
 * What stands behind the program that BoringSSL's test runner starts for each
 * test. Starting Node thousands of times would take longer than the tests, so
 * the program is a few lines of shell (`run.mjs` writes it) that hands its
 * command line to this service and waits for what to print and to exit with:
 *
 * - `FOLDER/requests`, a pipe: a line with a name for each test.
 * - `FOLDER/NAME.words`: the command line, a NUL after each word.
 * - `FOLDER/NAME`, a pipe: lines for standard error, then `exit STATUS`.
 *
 * Status 0: the connection was as expected. 1: it was not. 89: the flags ask
 * for what we do not have. 88 and 90 (a failed allocation, a fault of the
 * shim that fails the test whatever it expects) are the runner's too.
 */
import { constants, openSync, readFileSync, rmSync, closeSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { runDatagrams } from "./datagram-driver.ts";
import { Failed } from "./expectations.ts";
import { parseFlags } from "./flags.ts";
import { Unimplemented } from "./settings.ts";
import { runStream } from "./stream-driver.ts";
import { Visits } from "./visits.ts";

interface Outcome {
  readonly status: number;
  readonly text: string;
}

const OK: Outcome = { status: 0, text: "" };
const EXIT_FAILED = 1;
const EXIT_UNIMPLEMENTED = 89;
const EXIT_FAULT = 90;

async function runShim(words: readonly string[]): Promise<Outcome> {
  try {
    const { initial, resume } = parseFlags(words);
    const run = initial.dtls ? runDatagrams : runStream;
    const visits = new Visits();
    for (let visit = 0; visit <= initial.resumeCount; visit++) {
      const settings = visit === 0 ? initial : resume;
      await run(settings, visits, visit > 0);
      visits.advance(settings.resumptionDelay * 1000);
    }
    return OK;
  } catch (failure) {
    if (failure instanceof Unimplemented) {
      return { status: EXIT_UNIMPLEMENTED, text: failure.message };
    }
    if (failure instanceof Failed) return { status: EXIT_FAILED, text: failure.message };
    // Nothing else may be thrown: a fault of ours, which no test may take for the failure it wants.
    const text = failure instanceof Error ? (failure.stack ?? failure.message) : String(failure);
    return { status: EXIT_FAULT, text };
  }
}

async function answer(folder: string, name: string): Promise<void> {
  const request = path.join(folder, `${name}.words`);
  // One character per octet: some values are not UTF-8.
  const words = readFileSync(request, "latin1").split("\0").slice(0, -1);
  const { status, text } = await runShim(words);
  rmSync(request);
  const reply = path.join(folder, name);
  try {
    const pipe = openSync(reply, constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(pipe, `${text === "" ? "" : `${text}\n`}exit ${status}\n`);
    closeSync(pipe);
  } catch {
    // The runner lost patience and ended its program: nobody listens any more.
  }
  rmSync(reply, { force: true });
}

const folder = process.argv[2]!;
// Open for writing too, so that it does not end with each test's program.
const requests = openSync(path.join(folder, "requests"), constants.O_RDWR | constants.O_NONBLOCK);
createInterface({ input: new Socket({ fd: requests, readable: true, writable: false }) }).on(
  "line",
  (name) => void answer(folder, name),
);
