/** Asks the running daemon: one connection, one call, one answer. */
import net from "node:net";
import { MAX_LINE_BYTES } from "../../daemon/management/server.ts";
import { OBJECT } from "../../daemon/management/methods.ts";
import { CommandFailure, EXIT } from "./exit.ts";

/** Of an answer; a list of the most devices there can be is under 1 MiB. */
export const MAX_ANSWER_BYTES: number = 16 * 1024 * 1024;
/** nft and a slow flash take their time, a hung daemon takes for ever. */
export const ANSWER_SECONDS = 60;

const ANONYMOUS = "0".repeat(32);

/**
 * Calls a management method.
 *
 * @throws {@link CommandFailure} `refused` with the daemon's sentence,
 *   `notRunning` where nobody answers as HomeCA does.
 */
export async function callHome(
  socketPath: string,
  method: string,
  args: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const params = [ANONYMOUS, OBJECT, method, args];
  const line = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "call", params });
  if (Buffer.byteLength(line) > MAX_LINE_BYTES) {
    throw new CommandFailure(EXIT.usage, "this is more than 64 KiB: send it in parts");
  }
  return resultOf(await exchange(socketPath, line), socketPath);
}

function exchange(socketPath: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    const socket = net.connect(socketPath, () => socket.write(`${line}\n`));
    const fail = (sentence: string): void => {
      socket.destroy();
      reject(new CommandFailure(EXIT.notRunning, sentence));
    };
    socket.setTimeout(ANSWER_SECONDS * 1000, () => fail(silent(socketPath)));
    socket.on("error", (error) => fail(unreachable(socketPath, error)));
    socket.on("close", () => fail(silent(socketPath)));
    socket.on("data", (part) => {
      const end = part.indexOf(0x0a);
      length += part.length;
      if (length > MAX_ANSWER_BYTES) return fail(silent(socketPath));
      parts.push(end < 0 ? part : part.subarray(0, end));
      if (end < 0) return;
      resolve(Buffer.concat(parts).toString("utf8"));
      socket.destroy();
    });
  });
}

function resultOf(answer: string, socketPath: string): unknown {
  let reply: unknown;
  try {
    reply = JSON.parse(answer);
  } catch {
    throw new CommandFailure(EXIT.notRunning, silent(socketPath));
  }
  const result: unknown = field(reply, "result");
  if (!Array.isArray(result)) throw new CommandFailure(EXIT.notRunning, silent(socketPath));
  const [status, value]: readonly unknown[] = result;
  if (status === 0) return value;
  const message = field(value, "message");
  const sentence = typeof message === "string" ? message : `HomeCA refused (${String(status)})`;
  throw new CommandFailure(EXIT.refused, sentence);
}

/** A field of what may be no object at all. */
export function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

function unreachable(socketPath: string, error: Error): string {
  const errno = "code" in error ? String(error.code) : error.message;
  return errno === "EACCES" || errno === "EPERM"
    ? `you may not use ${socketPath}: run homeca as root`
    : `HomeCA is not running (${socketPath}: ${errno}): start it with /etc/init.d/homeca start`;
}

const silent = (socketPath: string): string =>
  `HomeCA does not answer at ${socketPath}: restart it with /etc/init.d/homeca restart`;
