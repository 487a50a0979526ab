/** Why a key update ends without a new key. */

export type KeyUpdateReason =
  /** Not the message expected, as deterministic CBOR. */
  | "malformed"
  /** The device's present key is none of P-256. */
  | "unsupported-key"
  /** Another commitment of the same device stands, and has its minute. */
  | "commitment-outstanding"
  | "too-many-outstanding"
  /** A reveal without a commitment, or later than it may be. */
  | "no-commitment"
  /** Commitment and reveal came through two connections. */
  | "other-association"
  | "commitment-differs"
  /** A nonce that a working random source does not give. */
  | "trivial-nonce"
  /** A share or nonce that some device has shown before. */
  | "repeated-share"
  /** A share that is no point of the curve. */
  | "off-curve"
  /** A share that is the receiver's own, or its opposite. */
  | "own-share"
  /** A share that is the device's present key, or its opposite. */
  | "share-is-device-key"
  /** A share that is the generator, or its opposite. */
  | "share-is-generator"
  /** The two shares of the device are one, or opposite. */
  | "same-share-twice"
  | "no-scalar"
  | "bad-confirmation"
  | "new-key-is-infinity"
  /** The new key is the present one, or its opposite. */
  | "new-key-is-old"
  | "new-key-is-generator"
  /** The new key has been seen before. */
  | "new-key-is-known"
  /** The device's own random source repeats itself or gives what is trivial. */
  | "broken-source"
  | "out-of-time";

/** Thrown by codecs and checks, caught by the two machines alone. */
export class KeyUpdateFailure extends Error {
  override readonly name = "KeyUpdateFailure";
  readonly reason: KeyUpdateReason;

  constructor(reason: KeyUpdateReason) {
    super(reason);
    this.reason = reason;
  }
}
