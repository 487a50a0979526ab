/**
 * The management methods on a local socket: one JSON-RPC message in one line,
 * one answer in one line. The socket's mode is the access control.
 */
import { concat, fromUtf8, utf8 } from "../../base/bytes.ts";
import type { Host, Listener, LocalConnection, LocalHandlers } from "../../host/host.ts";
import type { Log } from "../log.ts";
import { answerText, unreadable } from "./rpc.ts";
import type { HomeService } from "./service.ts";

/** Bytes of one line from a caller, as uhttpd bounds its requests; answers may be longer. */
export const MAX_LINE_BYTES: number = 64 * 1024;
/** Connections at once; one more is closed at once. */
export const MAX_CONNECTIONS = 16;
/** Lines of one connection whose answers are not ready; the connection that sends one more is closed. */
export const MAX_OPEN_CALLS = 16;

const SOCKET_MODE = 0o600;
/** A line that comes byte by byte is joined so often that its parts stay few. */
export const MAX_PARTS = 64;
const NEWLINE = 0x0a;

export class ManagementServer {
  readonly #service: HomeService;
  readonly #log: Log;
  readonly #listener: Listener;
  #connections = 0;

  /** Listens from now on. @throws HostFailure */
  constructor(host: Pick<Host, "listenLocal">, path: string, service: HomeService, log: Log) {
    this.#service = service;
    this.#log = log;
    this.#listener = host.listenLocal(path, SOCKET_MODE, (connection) => this.#accept(connection));
  }

  close(): void {
    this.#listener.close();
  }

  #accept(connection: LocalConnection): LocalHandlers {
    if (this.#connections >= MAX_CONNECTIONS) {
      this.#log.limited("management", "warning", "management: too many connections at once");
      connection.close();
      return { onBytes: () => {}, onClose: () => {} };
    }
    this.#connections++;
    const caller = new Caller(connection, this.#service, this.#log);
    return {
      onBytes: (bytes) => caller.take(bytes),
      onClose: () => {
        this.#connections--;
        caller.gone();
      },
    };
  }
}

/** One connection: cuts what comes in into lines and answers each. */
class Caller {
  readonly #connection: LocalConnection;
  readonly #service: HomeService;
  readonly #log: Log;
  #parts: Uint8Array[] = [];
  #length = 0;
  #open = 0;
  #closed = false;

  constructor(connection: LocalConnection, service: HomeService, log: Log) {
    this.#connection = connection;
    this.#service = service;
    this.#log = log;
  }

  take(bytes: Uint8Array): void {
    let rest = bytes;
    while (!this.#closed) {
      const end = rest.indexOf(NEWLINE);
      const part = end < 0 ? rest : rest.subarray(0, end);
      this.#length += part.length;
      if (this.#length > MAX_LINE_BYTES) return this.#refuse();
      this.#parts.push(part);
      if (this.#parts.length === MAX_PARTS) this.#parts = [concat(...this.#parts)];
      if (end < 0) return;
      const line = concat(...this.#parts);
      this.#parts = [];
      this.#length = 0;
      rest = rest.subarray(end + 1);
      if (line.length > 0) this.#answer(line);
    }
  }

  gone(): void {
    this.#closed = true;
    this.#parts = [];
  }

  #answer(line: Uint8Array): void {
    if (this.#open >= MAX_OPEN_CALLS) return this.#refuse();
    const text = fromUtf8(line);
    const answer = text === null ? unreadable() : answerText(text, this.#service, this.#log);
    if (typeof answer === "string") return this.#send(answer);
    this.#open++;
    void answer.then((ready) => {
      this.#open--;
      this.#send(ready);
    });
  }

  #send(answer: string): void {
    if (!this.#closed) this.#connection.send(utf8(`${answer}\n`));
  }

  #refuse(): void {
    this.#send(unreadable());
    this.gone();
    this.#connection.close();
  }
}
