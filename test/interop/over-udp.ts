/** Our DTLS machines on UDP sockets of 127.0.0.1, in real time. */
import { createSocket } from "node:dgram";
import { mono } from "../../src/base/machine.ts";
import type { Machine, Mono } from "../../src/base/machine.ts";
import type { TlsClientConfig, TlsServerConfig } from "../../src/proto/tls/connection.ts";
import { DtlsClient } from "../../src/proto/tls/datagram/client.ts";
import type { DtlsInput, DtlsOutput } from "../../src/proto/tls/datagram/dtls.ts";
import { DtlsServer } from "../../src/proto/tls/datagram/server.ts";
import type {
  AssociationId,
  EndpointInput,
  EndpointOutput,
} from "../../src/proto/tls/datagram/server.ts";
import type { Report, Serving } from "./end.ts";
import { PATIENCE_MS, promised } from "./program.ts";
import type { Talk } from "./talk.ts";

/** Serves so many associations behind one socket. */
export async function serveUdp(
  tls: TlsServerConfig,
  mtu: number | null,
  talk: () => Talk,
  associations: number,
): Promise<Serving> {
  const reports: Report[] = [];
  const done = promised<readonly Report[]>();
  const talks = new Map<AssociationId, Talk>();
  const talkOf = (association: AssociationId): Talk => {
    const known = talks.get(association) ?? talk();
    talks.set(association, known);
    return known;
  };
  const ended = (association: AssociationId): void => {
    const report = talkOf(association).report();
    if (report instanceof Error) done.reject(report);
    else if (reports.push(report) === associations) done.resolve(reports);
  };
  const pump = new Pump<EndpointInput, EndpointOutput>(
    new DtlsServer({ tls, mtu, idleMs: null }),
    (bytes, port) => ({ kind: "datagram", from: `${port}`, bytes }),
    (output) => {
      if (output.kind === "datagram") {
        pump.send(output.bytes, Number(output.to));
        return null;
      }
      const { association } = output;
      if (output.kind === "moved") return null;
      // A client that comes again from its own port need not have said that it leaves.
      if (output.kind === "dropped") {
        ended(association);
        return null;
      }
      const says = talkOf(association).hear(output);
      if (output.kind === "failed" || output.kind === "closed") ended(association);
      return says === null ? null : { ...says, association };
    },
    (fault) => done.reject(fault),
  );
  return {
    port: await pump.bind(),
    reports: done.promise,
    stop: () => {
      done.reject(new Error("our server was stopped before it had served"));
      return pump.stop();
    },
  };
}

/** Makes one association. @throws Error where it comes to nothing. */
export async function connectUdpOnce(
  tls: TlsClientConfig,
  mtu: number | null,
  talk: Talk,
  server: number,
): Promise<Report> {
  const done = promised<void>();
  const pump = new Pump<DtlsInput, DtlsOutput>(
    new DtlsClient({ tls, mtu }),
    (bytes) => ({ kind: "datagram", bytes }),
    (output) => {
      if (output.kind === "datagram") {
        pump.send(output.bytes, server);
        return null;
      }
      const says = talk.hear(output);
      if (output.kind === "failed" || output.kind === "closed") done.resolve();
      return says;
    },
    (fault) => done.reject(fault),
  );
  await pump.bind();
  pump.feed({ kind: "start" });
  try {
    await done.promise;
  } finally {
    await pump.stop();
  }
  const report = talk.report();
  if (report instanceof Error) throw report;
  return report;
}

/** A machine on a socket, with its timer. */
class Pump<Input, Output> {
  readonly #socket = createSocket("udp4");
  readonly #machine: Machine<Input | { readonly kind: "timeout" }, Output>;
  readonly #perform: (output: Output) => Input | null;
  readonly #fail: (fault: Error) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;
  /** Fulfilled once what was sent last has left. */
  #left: Promise<void> = Promise.resolve();

  /**
   * @param arrived - The input that a datagram is.
   * @param perform - Carries out an output, and says what the machine is told in turn.
   * @param fail - Told what breaks in the machine, and of a silence.
   */
  constructor(
    machine: Machine<Input | { readonly kind: "timeout" }, Output>,
    arrived: (bytes: Uint8Array, port: number) => Input,
    perform: (output: Output) => Input | null,
    fail: (fault: Error) => void,
  ) {
    this.#machine = machine;
    this.#perform = perform;
    this.#fail = fail;
    this.#socket.on("message", (bytes, { port }) => {
      this.#bePatient();
      this.feed(arrived(new Uint8Array(bytes), port));
    });
  }

  /** @returns The port. */
  async bind(): Promise<number> {
    await new Promise<void>((bound) => this.#socket.bind(0, "127.0.0.1", bound));
    return this.#socket.address().port;
  }

  feed(input: Input | { readonly kind: "timeout" }): void {
    if (this.#patience === undefined) this.#bePatient();
    try {
      this.#feed(input);
    } catch (fault) {
      this.#fail(fault instanceof Error ? fault : new Error(String(fault)));
    }
    clearTimeout(this.#timer);
    const { wakeAt } = this.#machine;
    if (wakeAt === null) return;
    const wait = Math.max(1, wakeAt - now() + 1);
    this.#timer = setTimeout(() => this.feed({ kind: "timeout" }), wait);
  }

  send(bytes: Uint8Array, port: number): void {
    this.#left = new Promise((left) => {
      this.#socket.send(bytes, port, "127.0.0.1", () => left());
    });
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    clearTimeout(this.#patience);
    await this.#left;
    await new Promise<void>((closed) => void this.#socket.close(closed));
    // A datagram may have come in between and set it again.
    clearTimeout(this.#timer);
    clearTimeout(this.#patience);
  }

  #feed(input: Input | { readonly kind: "timeout" }): void {
    for (const output of this.#machine.handle(input, now())) {
      const next = this.#perform(output);
      if (next !== null) this.#feed(next);
    }
  }

  #bePatient(): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => {
      this.#fail(new Error(`nothing came for ${PATIENCE_MS / 1000} s`));
    }, PATIENCE_MS);
  }
}

function now(): Mono {
  return mono(Math.floor(performance.now()));
}
