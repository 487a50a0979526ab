/** Programs by `node:child_process`: no shell, bounded output, bounded time. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";
import type { ProcessResult } from "../host.ts";
import { MAX_OUTPUT_BYTES, statusOfFailure } from "../limits.ts";
import { errnoOf } from "./errno.ts";

/**
 * Runs `command[0]`, found by PATH, with the other words as its arguments.
 * `done` is called once, always in a later turn. The program sees PATH and
 * `LC_ALL=C` of the environment, nothing else.
 */
export function runProgram(
  command: readonly string[],
  input: string,
  done: (result: ProcessResult) => void,
  maxMilliseconds: number,
): void {
  const [program = "", ...args] = command;
  let finished = false;
  const finish = (result: ProcessResult): void => {
    if (finished) return;
    finished = true;
    done(result);
  };
  const failed = (failure: unknown): void => {
    const errno = errnoOf(failure);
    finish({ status: statusOfFailure(errno), stdout: "", stderr: `${program}: ${errno}` });
  };
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      shell: false,
      stdio: "pipe",
      env: { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
      timeout: maxMilliseconds,
      killSignal: "SIGKILL",
    });
  } catch (failure) {
    setImmediate(() => failed(failure));
    return;
  }
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  child.on("error", failed);
  child.on("close", (code, signal) => {
    const status = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
    finish({ status, stdout: stdout(), stderr: stderr() });
  });
  // A program may end without reading its input; that shows in its status.
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
}

function collect(stream: ChildProcess["stdout"]): () => string {
  const parts: Buffer[] = [];
  let length = 0;
  stream?.on("data", (part: Buffer) => {
    const kept = part.subarray(0, MAX_OUTPUT_BYTES - length);
    if (kept.length > 0) parts.push(kept);
    length += kept.length;
  });
  return () => Buffer.concat(parts).toString("utf8");
}
