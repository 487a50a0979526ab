/** Asks the running daemon: one connection, one call, one answer. */
import { concat, fromUtf8, utf8 } from "../../base/bytes.ts";
import { mono } from "../../base/machine.ts";
import { MAX_LINE_BYTES } from "../../daemon/management/server.ts";
import type { Host, StreamConnection } from "../../host/host.ts";
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
  host: Host,
  socketPath: string,
  method: string,
  args: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const params = [ANONYMOUS, OBJECT, method, args];
  const line = utf8(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "call", params }));
  if (line.length > MAX_LINE_BYTES) {
    throw new CommandFailure(EXIT.usage, "this is more than 64 KiB: send it in parts");
  }
  return resultOf(await exchange(host, socketPath, line), socketPath);
}

const LINE_FEED = 0x0a;

function exchange(host: Host, socketPath: string, line: Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let length = 0;
    let connection: StreamConnection | null = null;
    const end = (): void => {
      patience.cancel();
      connection?.reset();
    };
    const fail = (sentence: string): void => {
      end();
      reject(new CommandFailure(EXIT.notRunning, sentence));
    };
    const noAnswer = (): void => fail(silent(socketPath));
    const patience = host.setTimer(mono(host.mono() + ANSWER_SECONDS * 1000), noAnswer);
    const onBytes = (part: Uint8Array): void => {
      const stop = part.indexOf(LINE_FEED);
      length += part.length;
      if (length > MAX_ANSWER_BYTES) return noAnswer();
      parts.push(stop < 0 ? part : part.subarray(0, stop));
      if (stop < 0) return;
      end();
      const answer = fromUtf8(concat(...parts));
      if (answer === null) noAnswer();
      else resolve(answer);
    };
    host.connectLocal(
      socketPath,
      (opened) => {
        connection = opened;
        opened.send(line);
        opened.send(Uint8Array.of(LINE_FEED));
        return { onBytes, onEnd: noAnswer, onDrained: () => {}, onClose: noAnswer };
      },
      ({ errno }) => fail(unreachable(socketPath, errno)),
    );
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

function unreachable(socketPath: string, errno: string): string {
  return errno === "EACCES" || errno === "EPERM"
    ? `you may not use ${socketPath}: run homeca as root`
    : `HomeCA is not running (${socketPath}: ${errno}): start it with /etc/init.d/homeca start`;
}

const silent = (socketPath: string): string =>
  `HomeCA does not answer at ${socketPath}: restart it with /etc/init.d/homeca restart`;
