/** Refusals that never came as far as admission: one sentence for the owner, with the fix, for each reason. */
import { dayText } from "../policy/admission/reasons.ts";
import type { Unix } from "../base/machine.ts";
import type { EapReason } from "../proto/eap/failure.ts";
import type { PathReason } from "../proto/x509/path-failure.ts";

/**
 * Why a chain was not believed.
 * @param who - safe to show: the device's title, or its MAC address
 */
export function chainSentence(who: string, reason: PathReason, notAfter: Unix | null): string {
  switch (reason) {
    case "no-certificate":
      return `Refused ${who}: it showed no certificate; make it one with \`homeca issue ID --p12 FILE\` and install that.`;
    case "unknown-authority":
      return `Refused ${who}: its certificate is from another authority, such as another home; make it one of this home with \`homeca issue --name NAME --p12 FILE\`.`;
    case "expired":
      return `Refused ${who}: its certificate ended on ${notAfter === null ? "a day unknown" : dayText(notAfter)}; run \`homeca issue ID --p12 FILE\` and install the new one.`;
    case "not-yet-valid":
      return `Refused ${who}: its certificate begins in the future; check the date of this router.`;
    case "time-unknown":
      return `Refused ${who}: this router does not know the time yet, so no certificate can be checked; check that it reaches a time server.`;
    case "revoked":
      return `Refused ${who}: its certificate was revoked; run \`homeca issue ID --p12 FILE\` if it is still yours.`;
    case "revocation-unknown":
      return `Refused ${who}: no current revocation list covers its certificate; restart HomeCA to sign a new one.`;
    case "wrong-purpose":
    case "ca-as-end-entity":
      return `Refused ${who}: its certificate was not issued for joining a network; make it one with \`homeca issue ID --p12 FILE\`.`;
    case "weak-key":
    case "weak-signature":
    case "unsupported-key":
    case "unsupported-signature":
      return `Refused ${who}: its certificate uses an algorithm this home does not take; give it a P-256 key.`;
    case "malformed":
    case "bad-signature":
    case "not-a-ca":
    case "path-too-long":
    case "chain-too-long":
    case "too-many-candidates":
    case "name-not-permitted":
    case "unsupported-constraint":
    case "unknown-critical-extension":
    case "not-self-signed":
      return `Refused ${who}: its certificate is broken or forged (${reason}); if the device is yours, reset it and pair it again.`;
  }
}

/**
 * Why a conversation ended.
 * @param detail - a TLS reason of ours, or null
 */
export function conversationSentence(
  who: string,
  reason: EapReason,
  detail: string | null,
): string {
  switch (reason) {
    case "no-common-method":
      return `Refused ${who}: it offers neither EAP-TLS nor EAP-TTLS; choose one of them in its Wi-Fi settings.`;
    case "bad-identity":
    case "no-identity":
    case "bad-inner-identity":
      return `Refused ${who}: its identity cannot be read; set it to \`@homeca.home.arpa\`, or leave it empty.`;
    case "inner-method-unsupported":
    case "inner-credentials-missing":
      return `Refused ${who}: inside EAP-TTLS it speaks something other than PAP; set its phase 2 to PAP.`;
    case "tls":
      return `Refused ${who}: the TLS handshake failed (${detail ?? "no detail"}); ${tlsFix(detail)}.`;
    case "timeout":
      return `Refused ${who}: it stopped answering in the middle; move it nearer to the access point.`;
    case "refused":
      return `Refused ${who}.`;
    case "bad-nak":
    case "too-many-rounds":
    case "too-many-short-rounds":
    case "truncated":
    case "start-from-peer":
    case "unsupported-version":
    case "total-length-missing":
    case "total-length-mismatch":
    case "message-too-long":
    case "empty-fragment":
    case "acknowledgement-missing":
    case "acknowledgement-unexpected":
    case "tunnel-closed":
    case "tunnel-bytes-unexpected":
    case "avps-too-long":
    case "malformed-avp":
    case "repeated-avp":
    case "unknown-mandatory-avp":
    case "password-too-long":
      return `Refused ${who}: it broke the protocol (${reason}); update its software if the device is yours.`;
  }
}

/** The reasons an owner meets, by what they mean; for all others the peer's software is at fault. */
function tlsFix(detail: string | null): string {
  if (detail?.startsWith("peer-alert") === true || detail?.includes("alert") === true) {
    return "it does not trust this home's certificate: install the one that `homeca authority` shows";
  }
  if (detail?.includes("certificate") === true) {
    return "install a certificate that `homeca issue ID --p12 FILE` makes for it";
  }
  return "update its software if the device is yours";
}
