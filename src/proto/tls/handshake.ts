/**
 * The seam between a handshake and what carries it: messages go in one by one
 * and whole, and what the handshake does to the connection goes out through a
 * {@link Channel}. Streams (`stream.ts`) and datagrams (`datagram/`) are two
 * channels under the same four handshakes.
 */
import type { PublicKey } from "../../base/crypto/crypto.ts";
import type { TlsOutput, TlsVersion } from "./connection.ts";
import { TlsFailure } from "./failure.ts";
import type { HandshakeMessage } from "./handshake-joiner.ts";
import type { EpochKeys } from "./record.ts";
import type { HandshakeType, Transport } from "./wire.ts";

export interface Channel {
  readonly transport: Transport;
  /**
   * Sends one message, header and body. Those sent one after another under the
   * same keys share records.
   *
   * @returns the message as a {@link Transcript} takes it
   */
  send(message: Uint8Array): HandshakeMessage;
  /** A ChangeCipherSpec: in TLS 1.2 the keys behind it are new, in TLS 1.3 it is there for the looks. */
  changeCipherSpec(): void;
  /** The hellos have settled the version: its record rules hold from here on. */
  settle(version: TlsVersion): void;
  /** From here on every record of the peer's must be protected by these keys. The keys are the channel's to wipe. */
  readUnder(keys: EpochKeys): void;
  /** From here on every record of ours is. */
  writeUnder(keys: EpochKeys): void;
  /** What may go into one record from here on. */
  limitRecords(limits: RecordLimits): void;
  /** Passes over the early data that the client announced, until its first record under keys. @see RFC 8446 §4.2.10 */
  skipEarlyData(): void;
  /** Nothing is passed over any more. */
  endSkipping(): void;
  /**
   * What our hello asks the peer to call us by, empty where it need not; null
   * where no connection ids are spoken, as over a stream.
   *
   * @see RFC 9146 §3, RFC 9147 §9
   */
  readonly connectionId: Uint8Array | null;
  /** Likewise of the peer's hello; null until it has said so. */
  readonly peerConnectionId: Uint8Array | null;
  /** The peer's hello has the extension: both ids hold for all keys from here on. */
  callPeer(connectionId: Uint8Array): void;
  /** An alert that does not end the connection. */
  warn(alert: "no_renegotiation"): void;
  /** Anything for whoever uses the connection. */
  emit(output: Exclude<TlsOutput, { kind: "send" }>): void;
}

/** Octets of plaintext in one record; what is left out stays as it was. */
export interface RecordLimits {
  /** Of the peer's. */
  readonly reading?: number;
  /** Of ours, in the clear and protected. */
  readonly writing?: number;
  /** Of ours, protected only: RFC 8449 limits no others. */
  readonly writingProtected?: number;
}

/** Where a handshake is, as far as its carrier needs to know. */
export type Phase = "handshake" | "verifying" | "established";

/** One side of one handshake. Its methods throw {@link TlsFailure} for what the peer did. */
export interface Handshake {
  readonly phase: Phase;
  /** The state's name, for failures. */
  readonly waitingFor: string;
  /** Whether the peer's keys change behind the next message, so that nothing may stand behind it in a record. */
  readonly endsFlight: boolean;
  /** The client's first word; a server has none. */
  start(): void;
  onMessage(message: HandshakeMessage): void;
  onChangeCipherSpec(): void;
  /** The caller's yes to the peer's chain; only while `verifying`. */
  onPeerAccepted(publicKey: PublicKey): void;
  /** Changes our keys, and asks the peer to change its own: TLS 1.3, established. */
  updateKeys(): void;
  /** Overwrites what the handshake knows; the session's own secret is its owner's. */
  forget(): void;
}

/** The phase of a state by its name: two names are the same in every handshake. */
export function phaseOf(state: string): Phase {
  if (state === "AwaitPeerVerification") return "verifying";
  return state === "Established" ? "established" : "handshake";
}

/** The message if it is of that type. @throws {@link TlsFailure} */
export function only(type: HandshakeType, message: HandshakeMessage): HandshakeMessage {
  if (message.type === type) return message;
  throw TlsFailure.because("unexpected-message", `type ${message.type} instead of ${type}`);
}
