/**
 * What comes of a question, with a closed list of reasons where nothing is
 * issued, and how it is said in HTTP and in CoAP. Who may not know more than
 * that they may not gets one answer whatever the reason.
 */
import { Code } from "../../proto/coap/codes.ts";
import type { DeviceRecord } from "../registry/record.ts";

export type EstOutcome =
  /** The certificates a device needs to trust this home, in DER (RFC 7030 §4.1.3). */
  | { readonly kind: "authorities"; readonly certificates: readonly Uint8Array[] }
  /** CsrAttrs in DER. */
  | { readonly kind: "attributes"; readonly encoded: Uint8Array }
  | { readonly kind: "issued"; readonly record: DeviceRecord; readonly certificate: Uint8Array }
  | { readonly kind: "pending"; readonly retrySeconds: number }
  | { readonly kind: "refused"; readonly reason: EstReason };

export type EstReason =
  /** No key was proved in the handshake. */
  | "not-authenticated"
  /** A key of its own that is on no record. */
  | "unknown-device"
  /** The owner denied, revoked or released the device. */
  | "not-allowed"
  | "certificate-revoked"
  /** A certificate of ours that its device's record does not know. */
  | "certificate-not-on-record"
  /** It may only be renewed by now. */
  | "certificate-ended"
  /** Not seen for so long that it must prove first that it lives. */
  | "dormant"
  /** The device had certificates: its first key opens nothing any more. */
  | "first-key-retired"
  /** Re-enrolment without a certificate of ours. */
  | "nothing-to-renew"
  /** Certificates enough for now: see `MAX_LIVE_CERTIFICATES`. */
  | "too-many-certificates"
  | "bad-request"
  /** The request is not signed by the key in it. */
  | "bad-proof"
  | "weak-key"
  | "unsupported-key"
  /** The key of first contact, which its maker may know too. */
  | "key-not-new"
  /** A key update led to another key. */
  | "key-not-agreed"
  /** Another device has it. */
  | "key-in-use"
  | "linking-missing"
  | "linking-wrong"
  /** A renewal that asks for other names than the certificate has. */
  | "names-differ"
  | "time-unknown"
  | "home-full"
  | "authority-failed";

/** The status of an HTTP response (RFC 7030 §4.2.3, §4.5.2; RFC 9110 §15). */
export function httpStatus(outcome: EstOutcome): number {
  switch (outcome.kind) {
    case "authorities":
    case "attributes":
    case "issued":
      return 200;
    case "pending":
      return 202;
    case "refused":
      return HTTP[kindOf(outcome.reason)];
  }
}

/** The code of a CoAP response (RFC 9148 §4.7; RFC 7252 §12.1.2, RFC 8132 §6, RFC 8516). */
export function coapCode(outcome: EstOutcome): number {
  switch (outcome.kind) {
    case "authorities":
    case "attributes":
      return Code.CONTENT;
    case "issued":
      return Code.CHANGED;
    case "pending":
      return Code.SERVICE_UNAVAILABLE;
    case "refused":
      return COAP[kindOf(outcome.reason)];
  }
}

/** What a protocol tells of a refusal: to those without leave no more than that. */
type RefusalKind =
  | "unauthenticated"
  | "forbidden"
  | "too-many"
  | "unreadable"
  | "unprocessable"
  | "unavailable"
  | "broken";

function kindOf(reason: EstReason): RefusalKind {
  switch (reason) {
    case "not-authenticated":
      return "unauthenticated";
    case "unknown-device":
    case "not-allowed":
    case "certificate-revoked":
    case "certificate-not-on-record":
    case "certificate-ended":
    case "dormant":
    case "first-key-retired":
    case "nothing-to-renew":
      return "forbidden";
    case "too-many-certificates":
      return "too-many";
    case "bad-request":
      return "unreadable";
    case "bad-proof":
    case "weak-key":
    case "unsupported-key":
    case "key-not-new":
    case "key-not-agreed":
    case "key-in-use":
    case "linking-missing":
    case "linking-wrong":
    case "names-differ":
      return "unprocessable";
    case "time-unknown":
    case "home-full":
      return "unavailable";
    case "authority-failed":
      return "broken";
  }
}

const HTTP: Readonly<Record<RefusalKind, number>> = {
  // 401 would have to name a way to authenticate in HTTP (RFC 9110 §15.5.2), and there is none.
  unauthenticated: 403,
  forbidden: 403,
  "too-many": 429,
  unreadable: 400,
  unprocessable: 422,
  unavailable: 503,
  broken: 500,
};

const COAP: Readonly<Record<RefusalKind, number>> = {
  unauthenticated: Code.UNAUTHORIZED,
  forbidden: Code.FORBIDDEN,
  "too-many": Code.TOO_MANY_REQUESTS,
  unreadable: Code.BAD_REQUEST,
  unprocessable: Code.UNPROCESSABLE_ENTITY,
  unavailable: Code.SERVICE_UNAVAILABLE,
  broken: Code.INTERNAL_SERVER_ERROR,
};

/** One sentence for the one who asked, with the fix where it is theirs. It tells nobody what the home knows. */
export function explainRefusal(reason: EstReason): string {
  switch (reason) {
    case "not-authenticated":
      return "Authenticate with a certificate in TLS: one of this home's, or at first contact one the device signed itself.";
    case "unknown-device":
    case "not-allowed":
    case "certificate-revoked":
    case "certificate-not-on-record":
    case "certificate-ended":
    case "dormant":
    case "first-key-retired":
      return "This key gets no certificate here; ask the owner of this home.";
    case "nothing-to-renew":
      return "Only a certificate of this home can be renewed; enrol with simpleenroll first.";
    case "too-many-certificates":
      return "The device has as many certificates as it may; use one of them.";
    case "bad-request":
      return "The body is no certification request in DER; make it with PKCS#10.";
    case "bad-proof":
      return "The request is not signed by the key in it; sign it with ECDSA and SHA-256.";
    case "weak-key":
      return "The key is no point of its curve or too short; make a P-256 key.";
    case "unsupported-key":
      return "The key is not on the curve P-256; make a P-256 key.";
    case "key-not-new":
      return "The request holds the key of first contact; make a new key.";
    case "key-not-agreed":
      return "The request holds another key than the key update led to; ask for that one.";
    case "key-in-use":
      return "Another device has this key; make a new one from a good random source.";
    case "linking-missing":
      return "The request has no challengePassword; put the base64 of the connection's channel binding there.";
    case "linking-wrong":
      return "The challengePassword does not belong to this connection; put the base64 of its channel binding there.";
    case "names-differ":
      return "A renewal keeps its names; ask for the subject and subjectAltName of the present certificate.";
    case "time-unknown":
      return "This home does not know the time yet; try again later.";
    case "home-full":
      return "This home has no room for another certificate; try again later.";
    case "authority-failed":
      return "The certificate could not be issued; ask the owner of this home.";
  }
}
