/** Which of the things that are dropped end an association, where the peer itself is known to have sent them. */
import { TlsFailure } from "../failure.ts";
import type { DatagramDiscard } from "./discard.ts";

/** Null for what an honest peer and a bad network can bring about together. */
export function faultOf(reason: DatagramDiscard): TlsFailure | null {
  switch (reason) {
    case "plaintext-too-long":
      return TlsFailure.because("record-too-long");
    case "no-content-type":
      return TlsFailure.because("no-content-type");
    case "bad-inner-type":
      return TlsFailure.because("unknown-record-type");
    case "empty-handshake-record":
      return TlsFailure.because("empty-record");
    case "fragment-cut-short":
      return TlsFailure.because("malformed-message", "fragment cut short");
    case "fragment-past-end":
    case "fragment-contradicts":
      return TlsFailure.because("fragment-mismatch", reason);
    case "message-too-long":
      return TlsFailure.because("message-too-long");

    case "cut-short":
    case "unknown-record-type":
    case "unexpected-connection-id":
    case "bad-record-version":
    case "record-too-long":
    case "other-epoch":
    case "other-connection-id":
    case "connection-id-missing":
    case "wrong-record-form":
    case "ciphertext-too-short":
    case "repeated-record":
    case "not-authentic":
    case "key-worn-out":
    case "message-too-far-ahead":
    case "too-many-octets-ahead":
    case "fragment-of-older-epoch":
    case "no-keys-yet":
    case "clear-after-keys":
    case "data-too-early":
    case "unexpected-record":
      return null;
  }
}
