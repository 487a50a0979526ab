/**
 * Enrolment over Secure Transport (RFC 7030, RFC 9148), whichever transport:
 * what is asked for, by whom and over which connection goes in; what to answer
 * comes out, DER where there is something to hand over.
 */
import { fromBase64, sameBytes } from "../../base/bytes.ts";
import type { Crypto, PublicKey } from "../../base/crypto/crypto.ts";
import { DerFailure } from "../../base/der.ts";
import type { Unix } from "../../base/machine.ts";
import { spkiHash } from "../../proto/x509/certificate.ts";
import type { Certificate } from "../../proto/x509/certificate.ts";
import { encodeCsrAttributes } from "../../proto/x509/csr-attributes.ts";
import { X509Failure } from "../../proto/x509/failure.ts";
import type { X509Reason } from "../../proto/x509/failure.ts";
import { encodeGeneralNames } from "../../proto/x509/name.ts";
import { parseRequest } from "../../proto/x509/request.ts";
import type { CertificateRequest } from "../../proto/x509/request.ts";
import { AuthorityFailure } from "../ca/failure.ts";
import type { AuthorityReason } from "../ca/failure.ts";
import { RegistryFailure } from "../registry/failure.ts";
import type { DeviceRecord } from "../registry/record.ts";
import type { EstOutcome, EstReason } from "./outcome.ts";
import { leaveOf } from "./standing.ts";
import type { Asker, Authenticated, Standing } from "./standing.ts";

/** How long a device that waits for its owner should wait before it asks again. */
export const RETRY_SECONDS = 120;

/** The one curve that profiles issue for. */
const CURVE = "P-256";

/** RFC 7030 §3.2.2 under its names over HTTP; RFC 9148 §5.1 calls them crts, sen, sren and att. */
export type EstOperation = "cacerts" | "simpleenroll" | "simplereenroll" | "csrattrs";

export interface EstQuestion {
  readonly operation: EstOperation;
  readonly asker: Asker;
  /** The request in DER; empty where the operation takes none. */
  readonly request: Uint8Array;
  /** What ties a request to this connection (tls-unique, or the exporter of RFC 9266): any of them will do. */
  readonly bindings: readonly Uint8Array[];
  /** Whether a request must be tied to its connection; one that says it is, always is checked. */
  readonly linking: boolean;
}

/** What enrolment asks of the home around it. */
export interface EstHome {
  readonly crypto: Crypto;
  /** Null while the time is not known. */
  readonly now: Unix | null;
  /** Every CA certificate that devices are to have, in DER. */
  authorities(): readonly Uint8Array[];
  /** Which record a credential belongs to, and whether it was withdrawn: as things stand now. */
  standing(asker: Authenticated): Standing;
  /** Ids of the records that know a key, by SHA-256 of its SubjectPublicKeyInfo in hexadecimal. */
  holders(spkiHash: string): readonly string[];
  /** The key that a key update with this device led to and that is not certified yet, SEC 1 uncompressed; null for none. */
  agreedKey(record: DeviceRecord): Uint8Array | null;
  /**
   * Issues the device's first or another certificate, and has it on record
   * before it returns its DER.
   * @param serves - whether the certificate is to be one that other devices reach it by; the name in it is the home's choice
   * @throws AuthorityFailure, RegistryFailure
   */
  issue(record: DeviceRecord, publicKey: PublicKey, serves: boolean): Uint8Array;
  /** As {@link issue}, with the names of `current`; a dormant device has come back by it. */
  renew(record: DeviceRecord, current: Certificate, publicKey: PublicKey): Uint8Array;
}

/** Answers one question. What `home` throws of its own passes through. */
export function answerEst(question: EstQuestion, home: EstHome): EstOutcome {
  switch (question.operation) {
    case "cacerts":
      return { kind: "authorities", certificates: home.authorities() };
    case "csrattrs": {
      const { linking } = question;
      return { kind: "attributes", encoded: encodeCsrAttributes({ curve: CURVE, linking }) };
    }
    case "simpleenroll":
    case "simplereenroll":
      return enrol(question, question.operation === "simplereenroll", home);
  }
}

/** Who asks and how they stand costs little and comes before any mathematics. */
function enrol(question: EstQuestion, renews: boolean, home: EstHome): EstOutcome {
  const { asker } = question;
  if (asker.kind === "nobody") return refused("not-authenticated");
  if (renews && asker.kind === "own-key") return refused("nothing-to-renew");
  const leave = leaveOf(asker, home.standing(asker), home.now, renews);
  if (leave.kind === "pending") return { kind: "pending", retrySeconds: RETRY_SECONDS };
  if (leave.kind === "refused") return leave;
  const { record } = leave;
  if (!renews && asker.kind === "certificate" && asker.lapsed) return refused("certificate-ended");

  const request = read(question.request, home.crypto);
  if (typeof request === "string") return refused(request);
  const flaw =
    linkFlaw(request, question) ??
    keyFlaw(request, asker, record, home) ??
    (renews && asker.kind === "certificate" ? nameFlaw(request, asker.peer.leaf) : null);
  if (flaw !== null) return refused(flaw);

  const { publicKey } = request;
  return issued(record, () =>
    renews && asker.kind === "certificate"
      ? home.renew(record, asker.peer.leaf, publicKey)
      : home.issue(record, publicKey, asksToServe(request)),
  );
}

/** Any host name asks for it; which one is ignored. */
function asksToServe({ requested }: CertificateRequest): boolean {
  return requested?.subjectAltName?.some(({ kind }) => kind === "dns") ?? false;
}

function read(encoded: Uint8Array, crypto: Crypto): CertificateRequest | EstReason {
  try {
    return parseRequest(encoded, crypto);
  } catch (failure) {
    if (failure instanceof DerFailure) return "bad-request";
    if (failure instanceof X509Failure) return REQUEST_FLAWS[failure.reason] ?? "bad-request";
    throw failure;
  }
}

const REQUEST_FLAWS: Readonly<Partial<Record<X509Reason, EstReason>>> = {
  "unsupported-key": "unsupported-key",
  "bad-key": "weak-key",
  "bad-signature": "bad-proof",
};

/** Whether the request was made for this connection (RFC 7030 §3.5, RFC 9148 §3). */
function linkFlaw(
  { challengePassword }: CertificateRequest,
  question: EstQuestion,
): EstReason | null {
  if (challengePassword === null) return question.linking ? "linking-missing" : null;
  const claimed = fromBase64(challengePassword);
  const holds = claimed !== null && question.bindings.some((own) => sameBytes(own, claimed));
  return holds ? null : "linking-wrong";
}

function keyFlaw(
  { publicKey, spki }: CertificateRequest,
  asker: Authenticated,
  record: DeviceRecord,
  home: EstHome,
): EstReason | null {
  if (publicKey.kind !== "ec" || publicKey.curve !== CURVE) return "unsupported-key";
  const hash = spkiHash(spki, home.crypto);
  const isFirst =
    (asker.kind === "own-key" && asker.peer.spkiHash === hash) ||
    record.keys.some((key) => key.role === "first-contact" && key.spkiHash === hash);
  if (isFirst) return "key-not-new";
  const agreed = home.agreedKey(record);
  if (agreed !== null && !sameBytes(agreed, publicKey.point)) return "key-not-agreed";
  // To have it signed would raise the alarm over the other device too.
  return home.holders(hash).some((id) => id !== record.id) ? "key-in-use" : null;
}

/**
 * RFC 7030 §4.2.2: subject and subjectAltName are those of the certificate to
 * renew. Text is compared, for string types vary; a request without any
 * subjectAltName contradicts nothing and gets the old one.
 */
function nameFlaw(
  { subject, requested }: CertificateRequest,
  current: Certificate,
): EstReason | null {
  const text = ({ attributes }: Certificate["subject"]): string =>
    JSON.stringify(attributes.map(({ type, value }) => [type, value]));
  const wanted = requested?.subjectAltName ?? null;
  const holds =
    text(subject) === text(current.subject) &&
    (wanted === null || sameNames(wanted, current.extensions.subjectAltName ?? []));
  return holds ? null : "names-differ";
}

type Names = NonNullable<Certificate["extensions"]["subjectAltName"]>;

function sameNames(wanted: Names, present: Names): boolean {
  // What cannot be encoded was never issued, so that no certificate of ours has it.
  if (wanted.some(({ kind }) => kind === "unsupported")) return false;
  return sameBytes(encodeGeneralNames(wanted), encodeGeneralNames(present));
}

function issued(record: DeviceRecord, sign: () => Uint8Array): EstOutcome {
  try {
    return { kind: "issued", record, certificate: sign() };
  } catch (failure) {
    if (failure instanceof AuthorityFailure) return refused(authorityRefusal(failure.reason));
    if (!(failure instanceof RegistryFailure)) throw failure;
    const isFull = failure.reason === "too-many-serials" || failure.reason === "too-many-devices";
    return refused(isFull ? "home-full" : "authority-failed");
  }
}

function authorityRefusal(reason: AuthorityReason): EstReason {
  switch (reason) {
    case "time-unknown":
    case "clock-behind-floor":
      return "time-unknown";
    case "unsupported-key":
      return "unsupported-key";
    case "bad-request":
      return "bad-request";
    case "not-ours":
      return "certificate-not-on-record";
    case "authority-expired":
    case "not-an-authority":
    case "key-mismatch":
    case "bad-device-id":
    case "bad-common-name":
    case "bad-lifetime":
    case "name-not-permitted":
    case "bad-acl":
    case "bad-serial":
    case "too-many-revocations":
      return "authority-failed";
  }
}

function refused(reason: EstReason): EstOutcome & { readonly kind: "refused" } {
  return { kind: "refused", reason };
}
