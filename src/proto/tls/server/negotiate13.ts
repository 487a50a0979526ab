/** Chooses the parameters of a TLS 1.3 connection. The server's order decides. */
import { Writer } from "../../../base/bytes.ts";
import type { EcdhGroup } from "../../../base/crypto/crypto.ts";
import type { ClientHello, KeyShare } from "../client-hello.ts";
import { TlsFailure } from "../failure.ts";
import { chooseApplicationProtocol, chooseRecordSize } from "./negotiate12.ts";
import type { Policy, RecordSize } from "./negotiate12.ts";
import { settleProof } from "./proof.ts";
import type { Proof } from "./proof.ts";
import { checkPreSharedKey } from "./psk13.ts";
import { DEFAULT_GROUPS, DEFAULT_SUITES_13, groupCode, schemeOf } from "../suites.ts";
import type { Scheme, Suite } from "../suites.ts";
import { ExtensionType, NULL_COMPRESSION, versionCodes } from "../wire.ts";
import type { Transport } from "../wire.ts";

/** What does not depend on the key agreement. */
export interface Choice13 {
  readonly suite: Suite;
  readonly alpn: string | null;
  readonly recordSize: RecordSize;
}

/** The group agreed on, and the client's key in it: null where a HelloRetryRequest must ask for one. */
export interface Agreement {
  readonly group: EcdhGroup;
  readonly publicKey: Uint8Array | null;
}

export interface Negotiated13 {
  readonly choice: Choice13;
  readonly agreement: Agreement;
}

/** @throws {@link TlsFailure} where client and server have nothing in common, or the hello breaks a rule. */
export function negotiate13(
  hello: ClientHello,
  policy: Policy,
  transport: Transport,
): Negotiated13 {
  if (hello.supportedVersions?.includes(versionCodes(transport).v13) !== true) {
    throw TlsFailure.because("version-unsupported");
  }
  if (hello.compressions.length !== 1 || hello.compressions[0] !== NULL_COMPRESSION) {
    throw TlsFailure.because("bad-compression");
  }
  checkPreSharedKey(hello);
  // A hello without a key to share will come to this in any case.
  if (hello.preSharedKeys === null) chooseScheme(hello, policy);
  const choice = {
    suite: chooseSuite(hello, policy),
    alpn: chooseApplicationProtocol(hello, policy),
    recordSize: chooseRecordSize(hello),
  };
  return { choice, agreement: agree(hello, policy) };
}

/** How the server shows its key, where no pre-shared key speaks for it. @throws {@link TlsFailure} */
export function chooseProof13(hello: ClientHello, policy: Policy): Proof {
  return settleProof(hello, policy, chooseScheme(hello, policy));
}

function chooseSuite(hello: ClientHello, policy: Policy): Suite {
  const suites = policy.suites13 ?? DEFAULT_SUITES_13;
  const suite = suites.find(({ code }) => hello.suites.includes(code));
  if (suite === undefined) throw TlsFailure.because("no-common-suite");
  return suite;
}

function chooseScheme({ signatureSchemes }: ClientHello, policy: Policy): Scheme {
  if (signatureSchemes === null)
    throw TlsFailure.because("missing-extension", "signature_algorithms");
  const scheme = schemeOf(policy.key.publicKey);
  if (!signatureSchemes.includes(scheme.code)) {
    throw TlsFailure.because("no-common-signature-scheme");
  }
  return scheme;
}

/** A group the client sent a key for goes before one that costs a round trip. */
function agree({ groups, keyShares }: ClientHello, policy: Policy): Agreement {
  if (groups === null) throw TlsFailure.because("missing-extension", "supported_groups");
  if (keyShares === null) throw TlsFailure.because("missing-extension", "key_share");
  checkShares(groups, keyShares);
  const common = (policy.groups ?? DEFAULT_GROUPS).filter((group) =>
    groups.includes(groupCode(group)),
  );
  for (const group of common) {
    const share = keyShares.find((candidate) => candidate.group === groupCode(group));
    if (share !== undefined) return { group, publicKey: share.publicKey };
  }
  const [group] = common;
  if (group === undefined) throw TlsFailure.because("no-common-group");
  return { group, publicKey: null };
}

/** @see RFC 8446 §4.2.8 */
function checkShares(groups: readonly number[], shares: readonly KeyShare[]): void {
  const seen = new Set<number>();
  for (const { group } of shares) {
    if (seen.has(group)) throw TlsFailure.because("bad-key-share", "two for one group");
    if (!groups.includes(group)) throw TlsFailure.because("bad-key-share", "group not offered");
    seen.add(group);
  }
}

/** Extensions that a second ClientHello may add, drop or change (RFC 8446 §4.1.2); padding is RFC 7685's. */
const MAY_CHANGE: readonly number[] = [
  ExtensionType.keyShare,
  ExtensionType.earlyData,
  ExtensionType.cookie,
  ExtensionType.preSharedKey,
  21,
];

/**
 * The one key that a HelloRetryRequest for `group` was answered with.
 *
 * @throws {@link TlsFailure}
 * @see RFC 8446 §4.2.8
 */
export function secondShare({ keyShares }: ClientHello, group: EcdhGroup): Uint8Array {
  const [share, ...more] = keyShares ?? [];
  if (share === undefined || more.length > 0 || share.group !== groupCode(group)) {
    throw TlsFailure.because("bad-key-share", "not the one that was asked for");
  }
  return share.publicKey;
}

/**
 * All that a second ClientHello must repeat as it was. Extensions are taken by
 * type: their order says nothing, and wolfSSL changes it.
 *
 * @see RFC 8446 §4.1.2, §4.2
 */
export function fixedPart(hello: ClientHello): Uint8Array {
  const suites = new Writer();
  for (const code of hello.suites) suites.u16(code);
  const part = new Writer()
    .u16(hello.version)
    .raw(hello.random)
    .vector8(hello.sessionId)
    .vector16(suites.bytes())
    .vector8(hello.compressions);
  const fixed = [...hello.extensions].filter(([type]) => !MAY_CHANGE.includes(type));
  fixed.sort(([one], [other]) => one - other);
  for (const [type, body] of fixed) part.u16(type).vector16(body);
  return part.bytes();
}
