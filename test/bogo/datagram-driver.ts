/**
 * One DTLS association of the shim. The runner carries datagrams, and the time,
 * over TCP as packets that begin with an octet of their kind:
 *
 * - `P`, 4 octets of length, a datagram.
 * - `T`, 8 octets: so many nanoseconds pass. We say `t` before anything else.
 * - `M`, 4 octets: so long datagrams may be from here on.
 * - `E`, 8 octets: in so many nanoseconds we must want to be woken; all ones, never.
 * - `U`, 4 octets: the first wait of a flight is so many milliseconds from here on.
 *
 * All numbers are big-endian.
 */
import type { Socket } from "node:net";
import type { Machine } from "../../src/base/machine.ts";
import { ServerHandshake } from "../../src/proto/tls/server/handshake.ts";
import { Association } from "../../src/proto/tls/datagram/association.ts";
import { DtlsClient } from "../../src/proto/tls/datagram/client.ts";
import type { DtlsConfig, DtlsInput, DtlsOutput } from "../../src/proto/tls/datagram/dtls.ts";
import { MAX_TIMEOUT_MS } from "../../src/proto/tls/datagram/retransmission.ts";
import { clientConfig, serverConfig } from "./configuration.ts";
import { Conversation } from "./conversation.ts";
import { openSocket } from "./runner-socket.ts";
import { Unimplemented } from "./settings.ts";
import type { Settings } from "./settings.ts";
import type { Visits } from "./visits.ts";

/** The octet that acknowledges `T`. */
const TIME_PASSES = Uint8Array.of("t".charCodeAt(0));
const NEVER = 2n ** 64n - 1n;
const NANOSECONDS_PER_MS = 1_000_000n;
/** As BoringSSL's. */
const INITIAL_TIMEOUT_MS = 400;
/** As long as BoringSSL's datagrams, where the flags name none. */
const MTU = 1472;

/** @throws Failed with what the runner is to read; Unimplemented before anything is sent. */
export async function runDatagrams(
  settings: Settings,
  visits: Visits,
  isReturn: boolean,
): Promise<void> {
  const connection = new DatagramConnection(settings, visits, isReturn);
  await connection.run(await openSocket(settings));
}

type Packet =
  | { readonly kind: "datagram"; readonly bytes: Uint8Array }
  | { readonly kind: "time"; readonly nanoseconds: bigint }
  | { readonly kind: "mtu"; readonly octets: number }
  | { readonly kind: "expect-wake"; readonly nanoseconds: bigint }
  | { readonly kind: "initial-timeout"; readonly milliseconds: number };

/** Cuts packets out of what comes, in any chunking. */
class Packets {
  #rest: Buffer = Buffer.alloc(0);

  push(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
  }

  /** Null until one is whole. */
  next(): Packet | null {
    const rest = this.#rest;
    if (rest.length === 0) return null;
    const kind = String.fromCharCode(rest[0]!);
    switch (kind) {
      case "P": {
        if (rest.length < 5) return null;
        const bytes = this.#take(4, rest.readUInt32BE(1));
        return bytes === null ? null : { kind: "datagram", bytes: new Uint8Array(bytes) };
      }
      case "T":
      case "E": {
        const nanoseconds = this.#take(0, 8)?.readBigUInt64BE();
        if (nanoseconds === undefined) return null;
        return { kind: kind === "T" ? "time" : "expect-wake", nanoseconds };
      }
      case "M": {
        const octets = this.#take(0, 4)?.readUInt32BE();
        return octets === undefined ? null : { kind: "mtu", octets };
      }
      case "U": {
        const milliseconds = this.#take(0, 4)?.readUInt32BE();
        return milliseconds === undefined ? null : { kind: "initial-timeout", milliseconds };
      }
      default:
        throw new Error(`the runner sends packets of a kind ${kind}`);
    }
  }

  /** What stands `at` octets behind the kind. */
  #take(at: number, length: number): Buffer | null {
    const end = 1 + at + length;
    if (this.#rest.length < end) return null;
    const taken = this.#rest.subarray(1 + at, end);
    this.#rest = this.#rest.subarray(end);
    return taken;
  }
}

class DatagramConnection {
  readonly #settings: Settings;
  readonly #visits: Visits;
  readonly #conversation: Conversation;
  readonly #machine: Machine<DtlsInput, DtlsOutput>;
  readonly #packets = new Packets();
  /** Outputs not carried out yet, in order; carrying one out may add more. */
  readonly #outputs: DtlsOutput[] = [];
  #fault: unknown = null;
  #write: (bytes: Uint8Array) => void = () => {};

  constructor(settings: Settings, visits: Visits, isReturn: boolean) {
    this.#settings = settings;
    this.#visits = visits;
    const conversation = new Conversation(settings, visits, isReturn, (input) => this.#feed(input));
    this.#conversation = conversation;
    this.#machine = settings.server
      ? server(settings, visits, conversation)
      : client(settings, visits, conversation);
  }

  /** Until both directions are closed: closing early would reset the connection before the runner has read our alert. */
  async run(socket: Socket): Promise<void> {
    this.#write = (bytes) => void socket.write(bytes);
    const over = new Promise<void>((done) => void socket.once("close", () => done()));
    if (!this.#settings.server) this.#carryOut({ kind: "start" });
    socket.on("data", (bytes) => {
      this.#packets.push(bytes);
      this.#receive();
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

  #receive(): void {
    for (let next = this.#packets.next(); next !== null; next = this.#packets.next()) {
      if (this.#isOver) return;
      this.#onPacket(next);
    }
  }

  #onPacket(packet: Packet): void {
    switch (packet.kind) {
      case "datagram":
        this.#carryOut(packet);
        return;
      case "time":
        this.#write(TIME_PASSES);
        this.#visits.advance(Number(packet.nanoseconds) / Number(NANOSECONDS_PER_MS));
        this.#carryOut({ kind: "timeout" });
        return;
      case "mtu":
      case "initial-timeout":
        this.#fault = new Unimplemented(packet.kind);
        return;
      case "expect-wake":
        this.#expectWake(packet.nanoseconds);
        return;
    }
  }

  #expectWake(nanoseconds: bigint): void {
    const { wakeAt } = this.#machine;
    const wait = wakeAt === null ? Infinity : Math.max(0, wakeAt - this.#visits.now);
    const wanted = nanoseconds === NEVER ? "never" : `${nanoseconds / NANOSECONDS_PER_MS} ms`;
    // What comes later only forgets old keys; the runner counts in whole milliseconds.
    const seen = wait > MAX_TIMEOUT_MS ? "never" : `${Math.floor(wait)} ms`;
    if (seen !== wanted) this.#conversation.fail(`wakes in ${seen}, expected ${wanted}`);
  }

  #feed(input: DtlsInput): void {
    this.#outputs.push(...this.#machine.handle(input, this.#visits.now));
  }

  #carryOut(input: DtlsInput): void {
    try {
      this.#feed(input);
      for (let next = this.#outputs.shift(); next !== undefined; next = this.#outputs.shift()) {
        if (next.kind === "datagram") this.#send(next.bytes);
        else this.#conversation.hear(next);
      }
    } catch (fault) {
      this.#fault = fault;
    }
  }

  #send(bytes: Uint8Array): void {
    this.#conversation.hellos.push(bytes);
    const header = Buffer.alloc(5, "P");
    header.writeUInt32BE(bytes.length, 1);
    this.#write(Buffer.concat([header, bytes]));
  }
}

/** One association without a cookie: the runner's clients come from nowhere but where they are. */
function server(
  settings: Settings,
  visits: Visits,
  { keyLog }: Conversation,
): Machine<DtlsInput, DtlsOutput> {
  const tls = serverConfig(settings, visits, keyLog);
  const config = { ...datagramConfig(settings), tls };
  return new Association("server", config, (channel) => new ServerHandshake(tls, channel));
}

function client(
  settings: Settings,
  visits: Visits,
  { keyLog }: Conversation,
): Machine<DtlsInput, DtlsOutput> {
  const tls = clientConfig(settings, visits, keyLog);
  return new DtlsClient({ ...datagramConfig(settings), tls });
}

/** The runner counts on waits that begin anew with each flight, and on ACKs that take their time. */
function datagramConfig({ mtu, initialTimeoutMs }: Settings): Omit<DtlsConfig, "tls"> {
  return {
    mtu: mtu === 0 ? MTU : mtu,
    initialMs: initialTimeoutMs === 0 ? INITIAL_TIMEOUT_MS : initialTimeoutMs,
    keepBackoff: false,
    gatherAcks: true,
  };
}
