/** One TLS connection of the shim: a socket to the runner and our machine behind it. */
import type { Socket } from "node:net";
import type { Machine } from "../../src/base/machine.ts";
import { TlsClient } from "../../src/proto/tls/client.ts";
import type { TlsInput, TlsOutput } from "../../src/proto/tls/connection.ts";
import { TlsServer } from "../../src/proto/tls/server.ts";
import { clientConfig, serverConfig } from "./configuration.ts";
import { Conversation } from "./conversation.ts";
import { openSocket } from "./runner-socket.ts";
import type { Settings } from "./settings.ts";
import type { Visits } from "./visits.ts";

/** @throws Failed with what the runner is to read; Unimplemented before anything is sent. */
export async function runStream(
  settings: Settings,
  visits: Visits,
  isReturn: boolean,
): Promise<void> {
  const connection = new StreamConnection(settings, visits, isReturn);
  await connection.run(await openSocket(settings));
}

class StreamConnection {
  readonly #settings: Settings;
  readonly #visits: Visits;
  readonly #conversation: Conversation;
  readonly #machine: Machine<TlsInput, TlsOutput>;
  /** Outputs not carried out yet, in order; carrying one out may add more. */
  readonly #outputs: TlsOutput[] = [];
  #fault: unknown = null;
  #write: (bytes: Uint8Array) => void = () => {};

  constructor(settings: Settings, visits: Visits, isReturn: boolean) {
    this.#settings = settings;
    this.#visits = visits;
    const conversation = new Conversation(settings, visits, isReturn, (input) => this.#feed(input));
    this.#conversation = conversation;
    this.#machine = settings.server
      ? new TlsServer(serverConfig(settings, visits, conversation.keyLog))
      : new TlsClient(clientConfig(settings, visits, conversation.keyLog));
  }

  /** Until both directions are closed: closing early would reset the connection before the runner has read our alert. */
  async run(socket: Socket): Promise<void> {
    this.#write = (bytes) => void socket.write(bytes);
    const over = new Promise<void>((done) => void socket.once("close", () => done()));
    if (!this.#settings.server) this.#carryOut({ kind: "start" });
    socket.on("data", (bytes) => {
      this.#receive(bytes);
      if (this.#isOver) socket.end();
    });
    socket.on("end", () => {
      const { established, over: ended } = this.#conversation;
      if (!established && !ended) this.#conversation.fail("the stream ended in the handshake");
      socket.end();
    });
    await over;
    if (this.#fault !== null) throw this.#fault;
    this.#conversation.judge();
  }

  get #isOver(): boolean {
    return this.#fault !== null || this.#conversation.over;
  }

  #receive(bytes: Uint8Array): void {
    const step = this.#settings.async ? 1 : bytes.length;
    for (let at = 0; at < bytes.length && !this.#isOver; at += step) {
      const part = new Uint8Array(bytes.subarray(at, at + step));
      this.#carryOut({ kind: "bytes", bytes: part });
    }
  }

  #feed(input: TlsInput): void {
    this.#outputs.push(...this.#machine.handle(input, this.#visits.now));
  }

  #carryOut(input: TlsInput): void {
    try {
      this.#feed(input);
      for (let next = this.#outputs.shift(); next !== undefined; next = this.#outputs.shift()) {
        if (next.kind === "send") this.#send(next.bytes);
        else this.#conversation.hear(next);
      }
    } catch (fault) {
      this.#fault = fault;
    }
  }

  #send(bytes: Uint8Array): void {
    this.#conversation.hellos.push(bytes);
    this.#write(bytes);
  }
}
