/** One TLS connection of the shim: a socket to the runner, our machine behind it, and the conversation the flags ask for. */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { concat, hex, utf8 } from "../../src/base/bytes.ts";
import { mono } from "../../src/base/machine.ts";
import type { Machine } from "../../src/base/machine.ts";
import type { TlsInput, TlsOutput, TlsSession } from "../../src/proto/tls/connection.ts";
import { TlsServer } from "../../src/proto/tls/server.ts";
import { serverConfig } from "./configuration.ts";
import { publicKeyOf } from "./credentials.ts";
import { checkSession, Failed, ServerHellos } from "./expectations.ts";
import { Unimplemented } from "./flags.ts";
import type { Settings } from "./flags.ts";

/** Sizes around the bounds of a record (2^14 octets) and of two. */
const RECORD_SIZES = [0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769];
const FILLER = 0x42;

/** @throws {@link Failed} with what the runner is to read; {@link Unimplemented} before anything is sent. */
export async function runStream(settings: Settings): Promise<void> {
  const connection = new StreamConnection(settings);
  const socket = await open(settings);
  await connection.run(socket);
}

function open({ port, ipv6 }: Settings): Promise<Socket> {
  return new Promise((done, fail) => {
    const host = ipv6 ? "::1" : "127.0.0.1";
    const socket = connect({ port, host, allowHalfOpen: true, noDelay: true }, () => done(socket));
    socket.once("error", fail);
  });
}

class StreamConnection {
  readonly #settings: Settings;
  readonly #machine: Machine<TlsInput, TlsOutput>;
  readonly #serverHellos = new ServerHellos();
  readonly #keyLog: string[] = [];
  /** Outputs not carried out yet, in order; carrying one out may add more. */
  readonly #outputs: TlsOutput[] = [];
  #established = false;
  #ended = false;
  /** A `Failed`, or a fault of ours that is thrown on as it is. */
  #failure: unknown = null;
  #write: (bytes: Uint8Array) => void = () => {};

  constructor(settings: Settings) {
    this.#settings = settings;
    if (!settings.server) throw new Unimplemented("the client's role");
    this.#machine = new TlsServer(serverConfig(settings, (line) => void this.#keyLog.push(line)));
  }

  /** Until both directions are closed: closing early would reset the connection before the runner has read our alert. */
  async run(socket: Socket): Promise<void> {
    this.#write = (bytes) => void socket.write(bytes);
    const over = new Promise<void>((done) => void socket.once("close", () => done()));
    socket.on("error", () => {});
    socket.write(shimId(this.#settings.shimId));
    socket.on("data", (bytes) => {
      this.#receive(bytes);
      if (this.#ended) socket.end();
    });
    socket.on("end", () => {
      if (!this.#established && !this.#ended) this.#fail("the stream ended in the handshake");
      socket.end();
    });
    await over;
    if (this.#failure !== null) throw this.#failure;
    if (!this.#established) throw new Failed("the connection ended in the handshake");
  }

  #receive(bytes: Uint8Array): void {
    const step = this.#settings.async ? 1 : bytes.length;
    for (let at = 0; at < bytes.length && !this.#ended; at += step) {
      this.#carryOut({ kind: "bytes", bytes: new Uint8Array(bytes.subarray(at, at + step)) });
    }
  }

  #feed(input: TlsInput): void {
    this.#outputs.push(...this.#machine.handle(input, mono(0)));
  }

  #carryOut(input: TlsInput): void {
    try {
      this.#feed(input);
      for (let next = this.#outputs.shift(); next !== undefined; next = this.#outputs.shift()) {
        this.#on(next);
      }
    } catch (failure) {
      this.#failure = failure;
      this.#ended = true;
    }
  }

  #on(output: TlsOutput): void {
    switch (output.kind) {
      case "send":
        if (this.#settings.server) this.#serverHellos.push(output.bytes);
        this.#write(output.bytes);
        return;
      case "verify-peer":
        this.#feed(this.#judge(output.chain));
        return;
      case "established":
        this.#established = true;
        checkSession(this.#settings, output.session, this.#serverHellos);
        this.#begin(output.session);
        return;
      case "data":
        this.#say(output.bytes.map((octet) => octet ^ 0xff));
        return;
      case "ticket":
        // A client's alone.
        return;
      case "failed":
        this.#fail(output.failure.message);
        return;
      case "closed":
        this.#ended = true;
        return;
    }
  }

  #fail(message: string): void {
    this.#ended = true;
    this.#failure = new Failed(message);
  }

  #say(bytes: Uint8Array): void {
    this.#feed({ kind: "send", bytes });
  }

  #judge(chain: readonly Uint8Array[]): TlsInput {
    if (this.#settings.verifyFails) {
      // As the runner expects it of a verdict by the stack, and of one by the application.
      const alert = this.#settings.customVerifyCallback
        ? "certificate_unknown"
        : "handshake_failure";
      return { kind: "peer-rejected", alert, reason: "the flags say so" };
    }
    const publicKey = chain[0] === undefined ? null : publicKeyOf(chain[0]);
    return publicKey === null
      ? // The alert that the runner wants of a stack that reads the certificate itself.
        { kind: "peer-rejected", alert: "decode_error", reason: "unreadable certificate" }
      : { kind: "peer-accepted", publicKey };
  }

  /** What the shim says of its own accord, in the order that the runner reads it. */
  #begin(session: TlsSession): void {
    const { exportLength, exportLabel, exportContext, useExportContext } = this.#settings;
    if (exportLength > 0) {
      const context = useExportContext ? utf8(exportContext) : null;
      this.#say(session.exportKey(exportLabel, context, exportLength));
    }
    if (this.#settings.exportTrafficSecrets) this.#say(this.#trafficSecrets());
    if (this.#settings.tlsUnique) this.#say(session.channelBinding.bytes);
    if (this.#settings.differentRecordSizes) {
      for (const size of RECORD_SIZES) this.#say(new Uint8Array(size).fill(FILLER));
    } else if (this.#settings.shimWritesFirst) {
      for (let times = this.#settings.repeatInitialWrite; times > 0; times--) {
        this.#say(utf8(this.#settings.shimInitialWrite));
      }
    }
    if (this.#settings.shimShutsDown) this.#feed({ kind: "close" });
  }

  /** Length as two octets, little-endian; the secret we read with; the one we write with. */
  #trafficSecrets(): Uint8Array {
    const secret = (side: string): Uint8Array => {
      const line = this.#keyLog.find((each) => each.startsWith(`${side}_TRAFFIC_SECRET_0 `));
      if (line === undefined) throw new Failed("the key log has no traffic secrets");
      return hex(line.split(" ")[2]!);
    };
    const [client, server] = [secret("CLIENT"), secret("SERVER")];
    const length = Uint8Array.of(client.length & 0xff, client.length >> 8);
    return this.#settings.server ? concat(length, client, server) : concat(length, server, client);
  }
}

function shimId(id: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, id, true);
  return bytes;
}
