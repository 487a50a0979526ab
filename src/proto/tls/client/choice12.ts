/** Reads what a server of TLS 1.2 chose of a client's offer. */
import { sameBytes } from "../../../base/bytes.ts";
import type { Reader } from "../../../base/bytes.ts";
import type { ResumableSession, TlsClientConfig } from "../connection.ts";
import { checkAnswers, hasEmptyExtension, readExtension } from "../extensions.ts";
import { TlsFailure } from "../failure.ts";
import type { ServerHello } from "../server-hello.ts";
import { ANSWERED_IN_BOTH, readAnswers } from "../server-messages.ts";
import type { Answers } from "../server-messages.ts";
import type { Suite } from "../suites.ts";
import { ExtensionType, MAX_PLAINTEXT, NULL_COMPRESSION, UNCOMPRESSED_POINTS } from "../wire.ts";
import type { Greeting } from "./greeting.ts";
import type { Offer } from "./offer.ts";

export interface Choice extends Answers {
  readonly suite: Suite;
  /** The session that the server comes back to. */
  readonly resumed: ResumableSession | null;
  /** Whether a NewSessionTicket follows. */
  readonly givesTicket: boolean;
  /** Whether a CertificateStatus may follow. */
  readonly givesOcsp: boolean;
}

const PLACES: readonly number[] = [
  ...ANSWERED_IN_BOTH,
  ExtensionType.connectionId,
  ExtensionType.ecPointFormats,
  ExtensionType.extendedMasterSecret,
  ExtensionType.renegotiationInfo,
  ExtensionType.sessionTicket,
  ExtensionType.statusRequest,
];

const malformed = (): TlsFailure => TlsFailure.because("malformed-message", "ServerHello");

/** @throws {@link TlsFailure} for a choice that was not offered, and for a server that lacks what we insist on. */
export function readChoice(
  hello: ServerHello,
  { offer, types }: Greeting,
  config: TlsClientConfig,
): Choice {
  const { extensions } = hello;
  const suite = offer.suites12.find(({ code }) => code === hello.suite);
  if (suite === undefined) throw TlsFailure.because("suite-not-offered");
  if (hello.compression !== NULL_COMPRESSION) throw TlsFailure.because("bad-compression");
  checkAnswers(extensions, types, PLACES);
  checkInsisted(hello);
  const { clientTypes, serverTypes } = offer;
  const asked = { ...config, clientTypes, serverTypes, maxRecordSize: MAX_PLAINTEXT };
  readExtension(extensions, ExtensionType.ecPointFormats, malformed, pointFormats);
  return {
    ...readAnswers(extensions, asked, malformed),
    suite,
    resumed: resumedSession(hello, offer, suite),
    givesTicket: hasEmptyExtension(extensions, ExtensionType.sessionTicket, malformed),
    givesOcsp: hasEmptyExtension(extensions, ExtensionType.statusRequest, malformed),
  };
}

/** A session without either could be another's (RFC 7627 §1, RFC 5746 §1); one resumed no less. */
function checkInsisted({ extensions }: ServerHello): void {
  const { renegotiationInfo, extendedMasterSecret } = ExtensionType;
  const verifyData = readExtension(extensions, renegotiationInfo, malformed, (field) =>
    field.vector8(),
  );
  if (verifyData === null) throw TlsFailure.because("renegotiation-info-missing");
  if (verifyData.length > 0) throw TlsFailure.because("renegotiation-info-not-empty");
  if (!hasEmptyExtension(extensions, extendedMasterSecret, malformed)) {
    throw TlsFailure.because("extended-master-secret-missing");
  }
}

/** @see RFC 8422 §5.2 */
function pointFormats(field: Reader): void {
  const formats = field.vector8();
  if (formats.length === 0) throw malformed();
  if (!formats.includes(UNCOMPRESSED_POINTS)) {
    throw TlsFailure.because("uncompressed-points-missing");
  }
}

/** Our session id sent back says that the server took the ticket (RFC 5077 §3.4). */
function resumedSession(
  { sessionId }: ServerHello,
  offer: Offer,
  suite: Suite,
): ResumableSession | null {
  const echoed = offer.sessionId.length > 0 && sameBytes(sessionId, offer.sessionId);
  if (!echoed) return null;
  const session = offer.ticket?.session;
  if (session === undefined) throw TlsFailure.because("bad-session-id", "no session was offered");
  if (session.suite !== suite) {
    throw TlsFailure.because("suite-not-offered", "another than the session's");
  }
  return session;
}
