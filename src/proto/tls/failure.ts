/** What can go wrong in TLS: one reason per cause, and the alert each one is answered with. */
import type { AlertName } from "./alert.ts";

export type TlsReason =
  // Records.
  | "unknown-record-type"
  | "bad-record-version"
  | "record-too-long"
  | "record-not-authentic"
  | "unprotected-record"
  | "no-content-type"
  | "empty-record"
  | "too-many-empty-records"
  | "too-many-records"
  // Alerts from the peer.
  | "malformed-alert"
  | "unknown-alert"
  | "too-many-warnings"
  // Order and form of messages.
  | "unexpected-message"
  | "interleaved-message"
  | "excess-message"
  | "message-too-long"
  | "malformed-message"
  | "unexpected-change-cipher-spec"
  | "malformed-change-cipher-spec"
  | "unexpected-application-data"
  | "too-many-early-bytes"
  | "too-many-renegotiations"
  // ClientHello.
  | "version-unsupported"
  | "session-id-too-long"
  | "null-compression-missing"
  | "duplicate-extension"
  | "bad-server-name"
  | "bad-max-fragment-length"
  | "bad-record-size-limit"
  | "uncompressed-points-missing"
  | "renegotiation-info-missing"
  | "renegotiation-info-not-empty"
  | "extended-master-secret-missing"
  | "signature-algorithms-missing"
  | "no-common-suite"
  | "no-common-group"
  | "no-common-signature-scheme"
  | "no-common-application-protocol"
  | "no-common-certificate-type"
  | "bad-certificate-types"
  | "inappropriate-fallback"
  // ClientHello of TLS 1.3.
  | "missing-extension"
  | "bad-compression"
  | "bad-pre-shared-key"
  | "bad-binder"
  | "bad-early-data"
  | "second-hello-differs"
  // The client's keys and certificate.
  | "bad-key-share"
  | "client-certificate-missing"
  | "certificate-required"
  | "certificate-context-not-empty"
  | "unsolicited-extension"
  | "chain-too-long"
  | "signature-scheme-not-offered"
  | "signature-scheme-unfit"
  | "bad-signature"
  | "bad-finished"
  // The server's choices.
  | "bad-version-choice"
  | "downgraded"
  | "bad-session-id"
  | "suite-not-offered"
  | "group-not-offered"
  | "protocol-not-offered"
  | "certificate-type-not-offered"
  | "misplaced-extension"
  | "bad-retry-request"
  | "bad-pre-shared-key-choice"
  | "bad-ticket"
  | "server-certificate-missing"
  // Datagrams.
  | "bad-cookie"
  | "fragment-mismatch"
  | "malformed-ack"
  | "bad-ack"
  | "too-many-forgeries"
  | "no-answer"
  // After the handshake.
  | "bad-key-update"
  | "too-many-late-messages"
  // What others said.
  | "peer-alert"
  | "peer-closed"
  | "peer-rejected";

/** Reasons whose alert is the failure's own to tell: somebody else named it. */
type NamedAlertReason = "peer-alert" | "peer-rejected";

/**
 * The end of a connection through a fault of the peer, or of what we may accept
 * from it. The connection is dead afterwards.
 */
export class TlsFailure extends Error {
  override readonly name = "TlsFailure";
  readonly reason: TlsReason;
  /** The alert we send; for `peer-alert` the one the peer sent, and we send none. */
  readonly alert: AlertName;

  /** {@link TlsFailure.because} knows the alert for a reason. */
  constructor(reason: TlsReason, alert: AlertName, detail: string) {
    super(detail === "" ? reason : `${reason}: ${detail}`);
    this.reason = reason;
    this.alert = alert;
  }

  /** @param detail - For the log: never a key, a secret or a message's body. */
  static because(reason: Exclude<TlsReason, NamedAlertReason>, detail = ""): TlsFailure {
    return new TlsFailure(reason, alertFor(reason), detail);
  }

  /** The peer ended the connection with a fatal alert. */
  static alertReceived(alert: AlertName): TlsFailure {
    return new TlsFailure("peer-alert", alert, alert);
  }

  /** Whoever verifies the peer's chain said no, and with which alert. */
  static peerRejected(alert: AlertName, detail: string): TlsFailure {
    return new TlsFailure("peer-rejected", alert, detail);
  }
}

/** The alert for a reason, as RFC 5246 §7.2.2 and the extension's own RFC ask for. */
function alertFor(reason: Exclude<TlsReason, NamedAlertReason>): AlertName {
  switch (reason) {
    case "unknown-record-type":
    case "empty-record":
    case "too-many-empty-records":
    case "too-many-warnings":
    case "unexpected-message":
    case "interleaved-message":
    case "excess-message":
    case "unexpected-change-cipher-spec":
    case "unexpected-application-data":
    case "unprotected-record":
    case "no-content-type":
    case "too-many-late-messages":
    case "too-many-early-bytes":
    // Not no_renegotiation: that is a warning (RFC 5246 §7.2.2), and this is the end.
    case "too-many-renegotiations":
      return "unexpected_message";

    case "bad-record-version":
    case "version-unsupported":
      return "protocol_version";

    case "inappropriate-fallback":
      return "inappropriate_fallback";

    case "record-too-long":
      return "record_overflow";

    case "record-not-authentic":
    // As QUIC says it: the key may have been guessed.
    case "too-many-forgeries":
      return "bad_record_mac";

    case "malformed-alert":
    case "malformed-message":
    case "malformed-ack":
    case "session-id-too-long":
    case "server-certificate-missing":
      return "decode_error";

    case "unknown-alert":
    case "message-too-long":
    case "malformed-change-cipher-spec":
    case "null-compression-missing":
    case "duplicate-extension":
    case "bad-server-name":
    case "bad-max-fragment-length":
    case "bad-record-size-limit":
    case "uncompressed-points-missing":
    case "bad-key-share":
    case "signature-scheme-not-offered":
    case "signature-scheme-unfit":
    case "bad-compression":
    case "bad-pre-shared-key":
    case "bad-early-data":
    case "second-hello-differs":
    case "certificate-context-not-empty":
    case "bad-key-update":
    case "bad-certificate-types":
    case "bad-cookie":
    case "fragment-mismatch":
    case "bad-ack":
    case "bad-version-choice":
    case "downgraded":
    case "bad-session-id":
    case "suite-not-offered":
    case "group-not-offered":
    case "protocol-not-offered":
    case "certificate-type-not-offered":
    case "misplaced-extension":
    case "bad-retry-request":
    case "bad-pre-shared-key-choice":
    case "bad-ticket":
      return "illegal_parameter";

    case "renegotiation-info-missing":
    case "renegotiation-info-not-empty":
    case "extended-master-secret-missing":
    case "signature-algorithms-missing":
    case "no-common-suite":
    case "no-common-group":
    case "no-common-signature-scheme":
    case "client-certificate-missing":
      return "handshake_failure";

    case "missing-extension":
      return "missing_extension";

    case "unsolicited-extension":
      return "unsupported_extension";

    case "certificate-required":
      return "certificate_required";

    case "no-common-application-protocol":
      return "no_application_protocol";

    case "no-common-certificate-type":
      return "unsupported_certificate";

    case "chain-too-long":
      return "bad_certificate";

    case "bad-binder":
    case "bad-signature":
    case "bad-finished":
      return "decrypt_error";

    case "too-many-records":
    // Nobody may be there to hear it.
    case "no-answer":
      return "internal_error";

    case "peer-closed":
      return "close_notify";
  }
}
