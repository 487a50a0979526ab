/**
 * How the two sides show their keys where no pre-shared key does it: the kinds
 * of certificate both can handle, and what goes with the server's.
 *
 * @see RFC 7250 §4, RFC 6066 §8
 */
import type { ClientHello } from "../client-hello.ts";
import type { CertificateType, TlsServerConfig } from "../connection.ts";
import { TlsFailure } from "../failure.ts";
import type { Scheme } from "../suites.ts";
import { CertificateTypeCode } from "../wire.ts";

/** A side's kind of certificate. */
export interface SettledType {
  readonly type: CertificateType;
  /** Whether the client asked by extension, and so gets an answer. */
  readonly told: boolean;
}

export interface Proof {
  /** How the server signs. */
  readonly scheme: Scheme;
  readonly serverType: SettledType;
  readonly clientType: SettledType;
  /** For a client that asked. */
  readonly ocspResponse: Uint8Array | null;
}

/** Config fields that are read here. */
export type ProofPolicy = Pick<
  TlsServerConfig,
  | "certificates"
  | "publicKeyInfo"
  | "clientCertificate"
  | "clientCertificateTypes"
  | "ocspResponse"
  | "preSharedKey"
>;

const CODES: Readonly<Record<CertificateType, number>> = {
  x509: CertificateTypeCode.x509,
  "raw-public-key": CertificateTypeCode.rawPublicKey,
};

/** What a side means that says nothing (RFC 7250 §4.1). */
const UNSAID: readonly number[] = [CertificateTypeCode.x509];

const DEFAULT_CLIENT_TYPES: readonly CertificateType[] = ["x509"];

export function certificateTypeCode(type: CertificateType): number {
  return CODES[type];
}

/** @throws {@link TlsFailure} `no-common-certificate-type` */
export function settleProof(hello: ClientHello, policy: ProofPolicy, scheme: Scheme): Proof {
  const serverType = settleServerType(hello, policy);
  // The response speaks of a certificate.
  const staples = hello.asksOcsp && serverType.type === "x509";
  return {
    scheme,
    serverType,
    clientType: settleClientType(hello, policy),
    ocspResponse: staples ? (policy.ocspResponse?.() ?? null) : null,
  };
}

/** The client's order decides: it knows what it can check. */
function settleServerType(
  { serverCertificateTypes }: ClientHello,
  policy: ProofPolicy,
): SettledType {
  const own: CertificateType[] = policy.certificates.length > 0 ? ["x509"] : [];
  if (policy.publicKeyInfo !== undefined) own.push("raw-public-key");
  for (const code of serverCertificateTypes ?? UNSAID) {
    const type = own.find((candidate) => CODES[candidate] === code);
    if (type !== undefined) return { type, told: serverCertificateTypes !== null };
  }
  throw TlsFailure.because("no-common-certificate-type", "the server's");
}

/** Where no certificate is asked for, the client gets no answer either (RFC 7250 §4.2). */
function settleClientType(
  { clientCertificateTypes }: ClientHello,
  policy: ProofPolicy,
): SettledType {
  if (policy.clientCertificate === "none") return { type: "x509", told: false };
  const offered = clientCertificateTypes ?? UNSAID;
  const own = policy.clientCertificateTypes ?? DEFAULT_CLIENT_TYPES;
  const type = own.find((candidate) => offered.includes(CODES[candidate]));
  if (type === undefined) throw TlsFailure.because("no-common-certificate-type", "the client's");
  return { type, told: clientCertificateTypes !== null };
}

/** Whether this server would hear of such a peer, had it come without a session. */
export function wouldAccept(
  chain: readonly Uint8Array[],
  type: CertificateType,
  { clientCertificate, clientCertificateTypes = DEFAULT_CLIENT_TYPES }: ProofPolicy,
): boolean {
  if (chain.length === 0) return clientCertificate !== "required";
  return clientCertificate !== "none" && clientCertificateTypes.includes(type);
}
