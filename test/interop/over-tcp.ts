/** Our TLS machines on TCP sockets of 127.0.0.1. */
import { connect as connectTcp, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { mono } from "../../src/base/machine.ts";
import type { Machine } from "../../src/base/machine.ts";
import { TlsClient } from "../../src/proto/tls/client.ts";
import type {
  TlsClientConfig,
  TlsInput,
  TlsOutput,
  TlsServerConfig,
} from "../../src/proto/tls/connection.ts";
import { TlsServer } from "../../src/proto/tls/server.ts";
import type { Report, Serving } from "./end.ts";
import { PATIENCE_MS, promised } from "./program.ts";
import type { Talk } from "./talk.ts";

/** Serves so many connections. */
export async function serveTcp(
  config: TlsServerConfig,
  talk: () => Talk,
  connections: number,
): Promise<Serving> {
  const reports: Report[] = [];
  const done = promised<readonly Report[]>();
  const sockets = new Set<Socket>();
  const ended = (report: Report | Error): void => {
    if (report instanceof Error) done.reject(report);
    else if (reports.push(report) === connections) done.resolve(reports);
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    new Carrier(new TlsServer(config), socket, talk(), ended).listen();
  });
  await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
  return {
    // A TCP server's address is an object; only a pipe's is text.
    port: (server.address() as AddressInfo).port,
    reports: done.promise,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      done.reject(new Error("our server was stopped before it had served"));
      return new Promise((stopped) => void server.close(() => stopped()));
    },
  };
}

/** Makes one connection. @throws Error where it comes to nothing. */
export async function connectTcpOnce(
  config: TlsClientConfig,
  talk: Talk,
  port: number,
): Promise<Report> {
  const done = promised<Report>();
  const socket = connectTcp(port, "127.0.0.1");
  const carrier = new Carrier(new TlsClient(config), socket, talk, (report) => {
    if (report instanceof Error) done.reject(report);
    else done.resolve(report);
  });
  carrier.listen();
  carrier.feed({ kind: "start" });
  return done.promise;
}

/** A machine on a socket. */
class Carrier {
  readonly #machine: Machine<TlsInput, TlsOutput>;
  readonly #socket: Socket;
  readonly #talk: Talk;
  readonly #ended: (report: Report | Error) => void;

  constructor(
    machine: Machine<TlsInput, TlsOutput>,
    socket: Socket,
    talk: Talk,
    ended: (report: Report | Error) => void,
  ) {
    this.#machine = machine;
    this.#socket = socket;
    this.#talk = talk;
    this.#ended = ended;
  }

  listen(): void {
    const socket = this.#socket;
    socket.on("data", (bytes) => this.feed({ kind: "bytes", bytes: new Uint8Array(bytes) }));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#ended(this.#talk.report()));
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  }

  /** What breaks in our machine fails the cell, not the run. */
  feed(input: TlsInput): void {
    try {
      this.#feed(input);
    } catch (fault) {
      this.#talk.fail(fault instanceof Error ? fault : new Error(String(fault)));
      this.#socket.destroy();
    }
  }

  #feed(input: TlsInput): void {
    // The times are those of a clock that stands still: no ticket of a cell gets old.
    for (const output of this.#machine.handle(input, mono(0))) {
      if (output.kind === "send") {
        this.#socket.write(output.bytes);
        continue;
      }
      const says = this.#talk.hear(output);
      if (says !== null) this.#feed(says);
      // Some servers wait for the end of the stream, and some for ours before theirs.
      if (output.kind === "failed" || output.kind === "closed") this.#socket.end();
    }
  }
}
