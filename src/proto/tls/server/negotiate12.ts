/** Chooses a TLS 1.2 connection's parameters from a client's offer. The server's order decides. */
import type { EcdhGroup } from "../../../base/crypto/crypto.ts";
import type { ClientHello } from "../client-hello.ts";
import type { TlsServerConfig } from "../connection.ts";
import { TlsFailure } from "../failure.ts";
import {
  DEFAULT_GROUPS,
  DEFAULT_SUITES,
  DEFAULT_SUITES_DATAGRAM,
  groupCode,
  schemeOf,
} from "../suites.ts";
import type { Scheme, Suite } from "../suites.ts";
import { versionCodes } from "../wire.ts";
import type { Transport } from "../wire.ts";
import { settleProof } from "./proof.ts";
import type { Proof, ProofPolicy } from "./proof.ts";

/** What the client may be told about record sizes. */
export type RecordSize =
  | { readonly kind: "default" }
  /** max_fragment_length: octets of every record in both directions (RFC 6066 §4). */
  | { readonly kind: "fragment"; readonly octets: number }
  /** record_size_limit: octets of every protected record to the client; in TLS 1.3 with its type (RFC 8449 §4). */
  | { readonly kind: "limit"; readonly octets: number };

/** What every handshake settles anew, one that resumes a session too. */
export interface Terms {
  readonly suite: Suite;
  readonly alpn: string | null;
  readonly recordSize: RecordSize;
  /** Whether the client sent ec_point_formats, and so gets an answer. */
  readonly pointFormats: boolean;
}

export interface Choice extends Terms {
  readonly group: EcdhGroup;
  /** Null where a pre-shared key proves both sides. */
  readonly proof: Proof | null;
}

/** Config fields that negotiation reads. */
export type Policy = ProofPolicy &
  Pick<TlsServerConfig, "key" | "suites" | "suites13" | "groups" | "applicationProtocols">;

/**
 * What holds for every ClientHello of TLS 1.2. A session to come back to has an
 * extended master secret, and so must the hello that comes back (RFC 7627 §5.3).
 *
 * @throws {@link TlsFailure} where the client lacks what we insist on.
 */
export function checkHello12(hello: ClientHello, transport: Transport): void {
  requireTls12(hello, transport);
  if (!hello.secureRenegotiation) throw TlsFailure.because("renegotiation-info-missing");
  if (!hello.extendedMasterSecret) throw TlsFailure.because("extended-master-secret-missing");
}

/** @throws {@link TlsFailure} where client and server have nothing in common. */
export function negotiate(
  hello: ClientHello,
  policy: Policy,
  transport: Transport = "stream",
): Choice {
  checkHello12(hello, transport);
  const suite = chooseSuite(hello, policy, transport);
  const signs = suite.keyExchange === "ecdhe-ecdsa";
  if (signs) requireOwnCurve(hello, policy);
  return {
    ...termsOf(hello, suite, policy),
    group: chooseGroup(hello, policy),
    proof: signs ? settleProof(hello, policy, chooseScheme(hello, policy)) : null,
  };
}

export function termsOf(hello: ClientHello, suite: Suite, policy: Policy): Terms {
  return {
    suite,
    alpn: chooseApplicationProtocol(hello, policy),
    recordSize: chooseRecordSize(hello),
    pointFormats: hello.pointFormats,
  };
}

/** With supported_versions that list alone counts (RFC 8446 §4.2.1); without it any version from 1.2 on means 1.2. */
function requireTls12(hello: ClientHello, transport: Transport): void {
  const { v12 } = versionCodes(transport);
  // DTLS counts downwards.
  const reaches = transport === "stream" ? hello.version >= v12 : hello.version <= v12;
  const offered = hello.supportedVersions?.includes(v12) ?? reaches;
  if (!offered) throw TlsFailure.because("version-unsupported");
}

/** The suites this server speaks: its certificate is never one of RSA, and a pre-shared key it may have or not. */
export function suitesOf(
  { suites, preSharedKey }: Pick<TlsServerConfig, "suites" | "preSharedKey">,
  transport: Transport,
): readonly Suite[] {
  const listed = suites ?? (transport === "stream" ? DEFAULT_SUITES : DEFAULT_SUITES_DATAGRAM);
  return listed.filter(
    ({ keyExchange }) =>
      keyExchange === "ecdhe-ecdsa" || (keyExchange === "ecdhe-psk" && preSharedKey !== undefined),
  );
}

function chooseSuite(hello: ClientHello, policy: Policy, transport: Transport): Suite {
  const suite = suitesOf(policy, transport).find(({ code }) => hello.suites.includes(code));
  if (suite === undefined) throw TlsFailure.because("no-common-suite");
  return suite;
}

/** A client without the extension leaves the choice to us; P-256 is the one that all have (RFC 8422 §4). */
function offeredGroups(hello: ClientHello): readonly number[] {
  return hello.groups ?? [groupCode("P-256")];
}

/** The list of groups binds the curve of our certificate too (RFC 8422 §5.3). */
function requireOwnCurve(hello: ClientHello, { key }: Policy): void {
  if (offeredGroups(hello).includes(groupCode(key.publicKey.curve))) return;
  throw TlsFailure.because("no-common-group", "the certificate's curve is not offered");
}

function chooseGroup(hello: ClientHello, policy: Policy): EcdhGroup {
  const offered = offeredGroups(hello);
  const groups = policy.groups ?? DEFAULT_GROUPS;
  const group = groups.find((candidate) => offered.includes(groupCode(candidate)));
  if (group === undefined) throw TlsFailure.because("no-common-group");
  return group;
}

/** Without the extension a client means SHA-1 (RFC 5246 §7.4.1.4.1), which we do not sign with. */
function chooseScheme(hello: ClientHello, policy: Policy): Scheme {
  if (hello.signatureSchemes === null) throw TlsFailure.because("signature-algorithms-missing");
  const scheme = schemeOf(policy.key.publicKey);
  if (!hello.signatureSchemes.includes(scheme.code)) {
    throw TlsFailure.because("no-common-signature-scheme");
  }
  return scheme;
}

export function chooseApplicationProtocol(
  hello: ClientHello,
  policy: Pick<TlsServerConfig, "applicationProtocols">,
): string | null {
  const offered = hello.applicationProtocols;
  if (offered === null || policy.applicationProtocols === undefined) return null;
  const protocol = policy.applicationProtocols.find((candidate) => offered.includes(candidate));
  if (protocol === undefined) throw TlsFailure.because("no-common-application-protocol");
  return protocol;
}

/** record_size_limit makes max_fragment_length void where both are offered (RFC 8449 §5). */
export function chooseRecordSize({ recordSizeLimit, maxFragmentLength }: ClientHello): RecordSize {
  if (recordSizeLimit !== null) return { kind: "limit", octets: recordSizeLimit };
  if (maxFragmentLength !== null) return { kind: "fragment", octets: maxFragmentLength };
  return { kind: "default" };
}
