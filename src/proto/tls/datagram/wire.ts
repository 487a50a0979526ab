/** The numbers of DTLS as its standards assign them; those it shares with TLS are in `../wire.ts`. */

/** {254, 255}: the record version of first hellos, and all that HelloVerifyRequest says (RFC 6347 §4.2.1). */
export const DTLS_1_0 = 0xfeff;
/** In every record header of DTLS 1.2 and, as a legacy, of DTLS 1.3. */
export const DTLS_1_2 = 0xfefd;
/** It stands in supported_versions alone (RFC 9147 §5.3). */
export const DTLS_1_3 = 0xfefc;

/** Type, version, epoch, sequence number, length (RFC 6347 §4.1); a connection id comes on top. */
export const DTLS_RECORD_HEADER_LENGTH = 13;

/** Type, length, message_seq, fragment_offset, fragment_length (RFC 6347 §4.2.2). */
export const DTLS_HANDSHAKE_HEADER_LENGTH = 12;

/** Content types that TLS does not have. */
export const DatagramContentType = {
  /** RFC 9146 §4 */
  tls12Cid: 25,
  /** RFC 9147 §7 */
  ack: 26,
} as const;

/** Handshake types that TLS does not have. */
export const DatagramHandshakeType = {
  /** RFC 6347 §4.3.2 */
  helloVerifyRequest: 3,
  /** RFC 9147 §9 */
  requestConnectionId: 9,
  /** RFC 9147 §9 */
  newConnectionId: 10,
} as const;

/** The extension connection_id (RFC 9146 §3). */
export const CONNECTION_ID_EXTENSION = 54;

/** Sequence numbers have 48 bits on the wire; in DTLS 1.3 they could have 64, which no key lives to see. */
export const MAX_SEQUENCE: number = 2 ** 48 - 1;

/** Epochs have 16 bits on the wire; RFC 9147 §8 lets DTLS 1.3 stop there too. */
export const MAX_EPOCH = 0xffff;

/** Octets of a connection id at most (RFC 9146 §3). */
export const MAX_CONNECTION_ID_LENGTH = 255;

/** Which record of one direction. */
export interface RecordNumber {
  readonly epoch: number;
  readonly sequence: number;
}

/** Below zero where `a` was sent before `b`, zero for the same record: the order of ACKs, and what "newer" means. */
export function compareRecordNumbers(a: RecordNumber, b: RecordNumber): number {
  return a.epoch - b.epoch || a.sequence - b.sequence;
}
