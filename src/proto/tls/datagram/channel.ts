/** What a handshake has under it where datagrams carry it: epochs instead of one stream, and flights instead of bytes. */
import { encodeAlert } from "../alert.ts";
import type { AlertName } from "../alert.ts";
import { TlsFailure } from "../failure.ts";
import type { Channel, RecordLimits } from "../handshake.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { wipe } from "../record.ts";
import type { DirectionKeys, EpochKeys } from "../record.ts";
import { ContentType, MAX_PLAINTEXT } from "../wire.ts";
import type { TlsVersion } from "../wire.ts";
import type { Begun } from "./begun.ts";
import type { DtlsConfig, DtlsOutput } from "./dtls.ts";
import type { EpochReader, EpochWriter } from "./epoch.ts";
import { Flights } from "./flights.ts";
import { FIRST_APPLICATION_EPOCH, ReadingEpochs } from "./reading.ts";
import { Reassembler } from "./reassembly.ts";
import { EpochReader12, EpochWriter12 } from "./record12.ts";
import type { Epoch12Options } from "./record12.ts";
import { EpochReader13, EpochWriter13 } from "./record13.ts";
import type { Epoch13Options } from "./record13.ts";

/** Octets of one handshake message's body, unless the configuration says otherwise. */
export const DEFAULT_MAX_HANDSHAKE_BYTES: number = 2 ** 16;

/** What waits for nothing: one for all associations, most of which are idle most of the time. */
const NONE: readonly never[] = [];

export class DatagramChannel implements Channel {
  readonly transport = "datagram";
  readonly reading: ReadingEpochs = new ReadingEpochs();
  readonly flights: Flights;
  readonly reassembler: Reassembler;
  readonly #config: DtlsConfig;
  #version: TlsVersion | null = null;
  #maxReading = MAX_PLAINTEXT;
  #connectionId: Uint8Array | null;
  #peerConnectionId: Uint8Array | null = null;
  #events: readonly DtlsOutput[] = NONE;

  constructor(config: DtlsConfig, begun: Begun | null, connectionId: Uint8Array | null) {
    const first = begun?.messageSequence ?? 0;
    this.#config = config;
    this.#connectionId = connectionId;
    this.flights = new Flights(config, first, begun?.recordSequence ?? 0);
    const maxBody = config.tls.maxHandshakeBytes ?? DEFAULT_MAX_HANDSHAKE_BYTES;
    this.reassembler = new Reassembler(maxBody, first);
  }

  /** Null until it is settled. */
  get version(): TlsVersion | null {
    return this.#version;
  }

  get connectionId(): Uint8Array | null {
    return this.#connectionId;
  }

  get peerConnectionId(): Uint8Array | null {
    return this.#peerConnectionId;
  }

  callPeer(connectionId: Uint8Array): void {
    this.#peerConnectionId = connectionId;
    this.flights.callPeer(connectionId);
  }

  /** The handshake is over: an id that the peer did not want is of no use any more. */
  dropUnusedConnectionId(): void {
    if (this.#peerConnectionId === null) this.#connectionId = null;
  }

  /** Octets of plaintext in one of the peer's records. */
  get maxReading(): number {
    return this.#maxReading;
  }

  settle(version: TlsVersion): void {
    this.#version = version;
    this.reading.settle(version);
    if (version === "TLS 1.3") this.flights.expectAcknowledgements();
  }

  send(message: Uint8Array): HandshakeMessage {
    return this.flights.message(message);
  }

  /** DTLS 1.3 has none, not even for the looks (RFC 9147 §5). */
  changeCipherSpec(): void {
    if (this.#version !== "TLS 1.3") this.flights.changeCipherSpec();
  }

  /** The old keys stay until a record under the new ones has come: their last message may come again. */
  readUnder(keys: EpochKeys): void {
    const { epoch } = keys;
    // After the handshake a peer goes on under old keys until it has our ACK.
    if (epoch <= FIRST_APPLICATION_EPOCH && this.reassembler.requireEpoch(epoch) !== null) {
      throw TlsFailure.because("excess-message");
    }
    this.reading.add(this.#reader(keys));
    wipe(keys.keys);
  }

  writeUnder(keys: EpochKeys): void {
    this.flights.writeUnder(this.#writer(keys));
    wipe(keys.keys);
  }

  limitRecords({ reading, writing, writingProtected }: RecordLimits): void {
    if (reading !== undefined) this.#maxReading = reading;
    const most = Math.min(writing ?? MAX_PLAINTEXT, writingProtected ?? MAX_PLAINTEXT);
    this.flights.limitPlaintext(most);
  }

  /** Early data is in an epoch of its own, for which there are no keys: it is passed over anyway. */
  skipEarlyData(): void {}

  endSkipping(): void {}

  warn(name: "no_renegotiation"): void {
    this.alert(name);
  }

  alert(name: AlertName): void {
    this.flights.record(ContentType.alert, encodeAlert(name));
  }

  emit(output: DtlsOutput): void {
    this.#events = [...this.#events, output];
  }

  /**
   * Everything since the last call. Datagrams go first: those of a handshake
   * must be on their way before whoever reads `established` sends more.
   */
  drain(): DtlsOutput[] {
    const datagrams = this.flights
      .drain()
      .map((bytes): DtlsOutput => ({ kind: "datagram", bytes }));
    const events = this.#events;
    this.#events = NONE;
    return [...datagrams, ...events];
  }

  /** Drops keys and what was received; what was written stays to be drained. */
  clear(): void {
    this.flights.clear();
    this.reading.clear();
    this.reassembler.clear();
  }

  #reader(keys: EpochKeys): EpochReader {
    const { crypto } = this.#config.tls;
    return keys.version === "TLS 1.2"
      ? new EpochReader12(crypto, this.#options12(keys, this.connectionId))
      : new EpochReader13(crypto, this.#options13(keys, this.connectionId));
  }

  #writer(keys: EpochKeys): EpochWriter {
    const { crypto } = this.#config.tls;
    return keys.version === "TLS 1.2"
      ? new EpochWriter12(crypto, this.#options12(keys, this.#peerConnectionId))
      : new EpochWriter13(crypto, this.#options13(keys, this.#peerConnectionId));
  }

  #options12({ suite, keys, epoch }: EpochKeys, cid: Uint8Array | null): Epoch12Options {
    return { suite, keys, epoch, ...this.#called(cid), ...this.#limits() };
  }

  #options13({ suite, keys, epoch }: EpochKeys, cid: Uint8Array | null): Epoch13Options {
    return { suite, keys: datagramKeys(keys), epoch, ...this.#called(cid), ...this.#limits() };
  }

  /** Connection ids hold only where both hellos had the extension. */
  #called(cid: Uint8Array | null): Pick<Epoch12Options, "cid"> {
    return cid === null || this.#peerConnectionId === null ? {} : { cid };
  }

  #limits(): Pick<Epoch12Options, "maxRecords" | "maxFailures"> {
    const { maxRecordsPerKey, maxForgeriesPerKey } = this.#config;
    return {
      ...(maxRecordsPerKey === undefined ? {} : { maxRecords: maxRecordsPerKey }),
      ...(maxForgeriesPerKey === undefined ? {} : { maxFailures: maxForgeriesPerKey }),
    };
  }
}

function datagramKeys({ key, iv, sn }: DirectionKeys): Epoch13Options["keys"] {
  if (sn === undefined) throw new Error("keys of DTLS 1.3 come with one for record numbers");
  return { key, iv, recordNumberKey: sn };
}
