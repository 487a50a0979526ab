/** One DTLS association on a loopback UDP socket, in real time. */
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { utf8 } from "../../src/base/bytes.ts";
import { mono } from "../../src/base/machine.ts";
import type { Machine } from "../../src/base/machine.ts";
import type { DtlsInput, DtlsOutput } from "../../src/proto/tls/datagram/association.ts";
import { publicKeyOf } from "./tls-loopback.ts";
import type { Seen } from "./tls-loopback.ts";

type Answer = (chain: readonly Uint8Array[]) => DtlsInput;

const acceptFirst: Answer = ([own]) => ({ kind: "peer-accepted", publicKey: publicKeyOf(own!) });

/** What one end does with what comes in. */
export type Says = (text: string) => string | null;

/** Carries one association; the first to send a datagram is the peer, unless one is given. */
export class UdpEnd {
  readonly seen: Seen = { sessions: [], failures: [], received: "", closed: false };
  /** Octets of each datagram sent. */
  readonly lengths: number[] = [];
  /** Comes true when the association has ended. */
  readonly ended: Promise<void>;
  readonly #socket: Socket = createSocket("udp4");
  readonly #machine: Machine<DtlsInput, DtlsOutput>;
  readonly #greeting: string | null;
  readonly #says: Says;
  readonly #answer: Answer;
  #peer: number | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #end: () => void = () => {};

  /**
   * @param greeting - Sent once established.
   * @param says - The answer to each line that comes in; null closes.
   */
  constructor(
    machine: Machine<DtlsInput, DtlsOutput>,
    greeting: string | null,
    says: Says,
    answer: Answer = acceptFirst,
  ) {
    this.#machine = machine;
    this.#greeting = greeting;
    this.#says = says;
    this.#answer = answer;
    this.ended = new Promise((done) => (this.#end = done));
    this.#socket.on("message", (bytes, { port }) => {
      this.#peer ??= port;
      if (port === this.#peer) this.#feed({ kind: "datagram", bytes: new Uint8Array(bytes) });
    });
  }

  /** @returns The port. */
  async listen(): Promise<number> {
    await new Promise<void>((done) => this.#socket.bind(0, "127.0.0.1", done));
    return this.#socket.address().port;
  }

  async connect(port: number): Promise<void> {
    await this.listen();
    this.#peer = port;
    this.#feed({ kind: "start" });
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#socket.close();
  }

  #feed(input: DtlsInput): void {
    const now = mono(Math.floor(performance.now()));
    for (const output of this.#machine.handle(input, now)) this.#perform(output);
    if (this.#timer !== null) clearTimeout(this.#timer);
    const { wakeAt } = this.#machine;
    if (wakeAt === null) return;
    this.#timer = setTimeout(() => this.#feed({ kind: "timeout" }), Math.max(1, wakeAt - now + 1));
  }

  #perform(output: DtlsOutput): void {
    switch (output.kind) {
      case "datagram":
        this.lengths.push(output.bytes.length);
        this.#socket.send(output.bytes, this.#peer!, "127.0.0.1");
        return;
      case "verify-peer":
        return this.#feed(this.#answer(output.chain));
      case "established":
        this.seen.sessions.push(output.session);
        if (this.#greeting !== null) this.#feed({ kind: "send", bytes: utf8(this.#greeting) });
        return;
      case "data": {
        const text = Buffer.from(output.bytes).toString();
        this.seen.received += text;
        const answer = this.#says(text);
        this.#feed(answer === null ? { kind: "close" } : { kind: "send", bytes: utf8(answer) });
        return;
      }
      case "failed":
        this.seen.failures.push(output.failure);
        this.#end();
        return;
      case "closed":
        this.seen.closed = true;
        this.#end();
        return;
      case "ticket":
        return;
    }
  }
}
