/**
 * Reads ServerHello and HelloRetryRequest, which have one form. It checks form;
 * whether an answer fits the offer is for the handshake of its version.
 *
 * @see RFC 5246 §7.4.1.3, RFC 8446 §4.1.3
 */
import { Reader, sameBytes } from "../../base/bytes.ts";
import type { KeyShare } from "./client-hello.ts";
import { parseExtensions, readExtension } from "./extensions.ts";
import type { Extensions } from "./extensions.ts";
import { TlsFailure } from "./failure.ts";
import { RETRY_RANDOM } from "./messages13.ts";
import { ExtensionType, MAX_SESSION_ID_LENGTH, RANDOM_LENGTH } from "./wire.ts";

export interface ServerHello {
  /** The legacy version field: the version itself up to TLS 1.2. */
  readonly version: number;
  /** 32 bytes. */
  readonly random: Uint8Array;
  /** 0 to 32 bytes. */
  readonly sessionId: Uint8Array;
  readonly suite: number;
  readonly compression: number;
  /** What supported_versions says; null where it is absent, as in TLS 1.2. */
  readonly selectedVersion: number | null;
  readonly extensions: Extensions;
}

const malformed = (): TlsFailure => TlsFailure.because("malformed-message", "ServerHello");

/**
 * @param body - The message without its header. The result borrows from it.
 * @throws {@link TlsFailure}
 */
export function parseServerHello(body: Uint8Array): ServerHello {
  const hello = new Reader(body, malformed);
  const version = hello.u16();
  const random = hello.take(RANDOM_LENGTH);
  const sessionId = hello.vector8();
  if (sessionId.length > MAX_SESSION_ID_LENGTH) throw TlsFailure.because("session-id-too-long");
  const suite = hello.u16();
  const compression = hello.u8();
  const block = hello.remaining > 0 ? hello.vector16() : new Uint8Array();
  if (hello.remaining > 0) throw malformed();
  const extensions = parseExtensions(block, malformed);
  const selectedVersion = readExtension(
    extensions,
    ExtensionType.supportedVersions,
    malformed,
    (field) => field.u16(),
  );
  return { version, random, sessionId, suite, compression, selectedVersion, extensions };
}

/** Whether a ServerHello of TLS 1.3 is a HelloRetryRequest. */
export function isRetryRequest({ random }: ServerHello): boolean {
  return sameBytes(random, RETRY_RANDOM);
}

/** The server's share. @throws {@link TlsFailure} @see RFC 8446 §4.2.8 */
export function serverShare({ extensions }: ServerHello): KeyShare {
  const share = readExtension(extensions, ExtensionType.keyShare, malformed, (field) => ({
    group: field.u16(),
    publicKey: field.vector16(),
  }));
  if (share === null) throw TlsFailure.because("missing-extension", "key_share");
  if (share.publicKey.length === 0) throw malformed();
  return share;
}

/** Which of the identities offered the server takes; null for none. @see RFC 8446 §4.2.11 */
export function selectedIdentity({ extensions }: ServerHello): number | null {
  return readExtension(extensions, ExtensionType.preSharedKey, malformed, (field) => field.u16());
}

/** What a HelloRetryRequest wants to be different. */
export interface RetryWish {
  /** The group of a key share by number; null where the one sent will do. */
  readonly group: number | null;
  /** To be given back. */
  readonly cookie: Uint8Array | null;
}

/** @throws {@link TlsFailure} @see RFC 8446 §4.1.4, §4.2.2 */
export function retryWish({ extensions }: ServerHello): RetryWish {
  const group = readExtension(extensions, ExtensionType.keyShare, malformed, (field) =>
    field.u16(),
  );
  const cookie = readExtension(extensions, ExtensionType.cookie, malformed, (field) =>
    field.vector16(),
  );
  if (cookie?.length === 0) throw malformed();
  return { group, cookie };
}
