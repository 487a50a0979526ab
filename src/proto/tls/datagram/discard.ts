/** Why a record or a fragment was dropped: one closed list, for counters and logs. */

export type DatagramDiscard =
  // The datagram does not walk: nothing behind this can be read either.
  | "cut-short"
  | "unknown-record-type"
  | "unexpected-connection-id"
  // The header.
  | "bad-record-version"
  | "record-too-long"
  | "other-epoch"
  | "other-connection-id"
  | "connection-id-missing"
  | "wrong-record-form"
  // The protection.
  | "ciphertext-too-short"
  | "repeated-record"
  | "not-authentic"
  | "key-worn-out"
  // Under the protection: the peer itself is at fault.
  | "plaintext-too-long"
  | "no-content-type"
  | "bad-inner-type"
  // Handshake fragments.
  | "empty-handshake-record"
  | "fragment-cut-short"
  | "fragment-past-end"
  | "message-too-long"
  | "message-too-far-ahead"
  | "too-many-octets-ahead"
  | "fragment-of-older-epoch"
  | "fragment-contradicts"
  // What the association has no use for, as things stand.
  | "no-keys-yet"
  | "clear-after-keys"
  | "data-too-early"
  | "unexpected-record";

/** A record nothing came of. */
export interface Discarded {
  readonly kind: "discarded";
  readonly reason: DatagramDiscard;
  /**
   * Whether the record was authentic: then this is the peer's own fault, not
   * somebody's noise, and an association may end over it (RFC 9147 §4.5.2).
   */
  readonly authentic: boolean;
}

export function discarded(reason: DatagramDiscard, authentic = false): Discarded {
  return { kind: "discarded", reason, authentic };
}
