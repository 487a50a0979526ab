/** Reads along what we send in the clear, to know what the engine does not tell: whether hellos went twice. */
import { toHex } from "../../src/base/bytes.ts";
import { ContentType, HandshakeType } from "../../src/proto/tls/wire.ts";

/** The random that makes a ServerHello a HelloRetryRequest: SHA-256 of its name (RFC 8446 §4.1.3). */
const RETRY_RANDOM = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";
const RANDOM_LENGTH = 32;

/** Octets of what stands before a record's fragment and a message's body. */
interface Headers {
  readonly record: number;
  readonly message: number;
}

const STREAM: Headers = { record: 5, message: 4 };
const DATAGRAM: Headers = { record: 13, message: 12 };
/** Octets of the version in front of a hello's random. */
const VERSION_LENGTH = 2;

export class HelloCounter {
  readonly #headers: Headers;
  readonly #isDatagram: boolean;
  #retried = false;
  #clientHellos = 0;

  constructor(dtls: boolean) {
    this.#isDatagram = dtls;
    this.#headers = dtls ? DATAGRAM : STREAM;
  }

  /** Whether the server asked for another hello than the first. */
  get retried(): boolean {
    return this.#retried || this.#clientHellos > 1;
  }

  /** @param bytes - Whole records of ours. */
  push(bytes: Uint8Array): void {
    const { record } = this.#headers;
    for (let at = 0; at + record <= bytes.length;) {
      const length = (bytes[at + record - 2]! << 8) | bytes[at + record - 1]!;
      const fragment = bytes.subarray(at + record, at + record + length);
      if (bytes[at] === ContentType.handshake) this.#onHandshake(fragment);
      at += record + length;
    }
  }

  #onHandshake(fragment: Uint8Array): void {
    const { message } = this.#headers;
    if (fragment[0] === HandshakeType.clientHello) this.#onClientHello(fragment);
    if (fragment[0] !== HandshakeType.serverHello) return;
    const at = message + VERSION_LENGTH;
    this.#retried ||= toHex(fragment.subarray(at, at + RANDOM_LENGTH)) === RETRY_RANDOM;
  }

  /** One that is sent again in a datagram keeps its number. */
  #onClientHello(fragment: Uint8Array): void {
    if (this.#isDatagram) this.#clientHellos = 1 + ((fragment[4]! << 8) | fragment[5]!);
    else this.#clientHellos++;
  }
}
