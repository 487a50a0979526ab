/** A DTLS server on a loopback port: carries datagrams, keeps its time, and leaves the rest to a test. */
import { createSocket } from "node:dgram";
import { mono } from "../../src/base/machine.ts";
import { DtlsServer } from "../../src/proto/tls/datagram/server.ts";
import type {
  EndpointConfig,
  EndpointInput,
  EndpointOutput,
} from "../../src/proto/tls/datagram/server.ts";

/** What a test makes of an output; its inputs are handled in turn. */
export type Performer = (
  output: Exclude<EndpointOutput, { readonly kind: "datagram" }>,
) => readonly EndpointInput[];

export class UdpServer {
  readonly machine: DtlsServer;
  /** The longest datagram sent, in octets. */
  longestSent = 0;
  /** Datagrams with a piece of a handshake message that is not its first, in the clear. */
  pieces = 0;
  readonly #perform: Performer;
  readonly #socket = createSocket("udp4");
  #timer: NodeJS.Timeout | undefined;

  constructor(config: EndpointConfig, perform: Performer) {
    this.machine = new DtlsServer(config);
    this.#perform = perform;
    this.#socket.on("message", (bytes, { address, port }) => {
      if (isLaterPiece(bytes)) this.pieces++;
      const from = `${address}:${port}`;
      this.handle({ kind: "datagram", from, bytes: new Uint8Array(bytes) });
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((done) => void this.#socket.bind(0, "127.0.0.1", done));
    return this.#socket.address().port;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await new Promise<void>((done) => void this.#socket.close(() => done()));
  }

  handle(input: EndpointInput): void {
    for (const output of this.machine.handle(input, mono(performance.now()))) {
      if (output.kind === "datagram") this.#send(output.to, output.bytes);
      else for (const next of this.#perform(output)) this.handle(next);
    }
    this.#setTimer();
  }

  #send(to: string, bytes: Uint8Array): void {
    this.longestSent = Math.max(this.longestSent, bytes.length);
    const colon = to.lastIndexOf(":");
    this.#socket.send(bytes, Number(to.slice(colon + 1)), to.slice(0, colon));
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const { wakeAt } = this.machine;
    if (wakeAt === null) return;
    const delay = Math.max(0, wakeAt - performance.now());
    this.#timer = setTimeout(() => this.handle({ kind: "timeout" }), Math.ceil(delay));
  }
}

/** A handshake record of epoch 0 with fragment_offset above 0. @see RFC 6347 §4.1, §4.2.2 */
function isLaterPiece(bytes: Buffer): boolean {
  return bytes[0] === 22 && bytes.readUIntBE(3, 2) === 0 && bytes.readUIntBE(13 + 6, 3) > 0;
}
