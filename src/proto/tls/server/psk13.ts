/**
 * Chooses among the pre-shared keys that a TLS 1.3 client offers: tickets of
 * ours, and keys both sides were given.
 *
 * @see RFC 8446 §4.2.9, §4.2.11
 */
import { sameBytes } from "../../../base/bytes.ts";
import type { ClientHello } from "../client-hello.ts";
import type { ResumableSession } from "../connection.ts";
import { TlsFailure } from "../failure.ts";
import { binderKey, earlySecret, verifyData13 } from "../key-schedule13.ts";
import type { Kdf13 } from "../key-schedule13.ts";
import { importKey, parseImportedIdentity } from "../psk-import.ts";
import { PSK_DHE_KE } from "../psk-offer.ts";
import { ExtensionType } from "../wire.ts";
import type { Connection } from "./connection.ts";
import { preSharedKeyOf } from "./psk.ts";
import { findSession } from "./tickets.ts";

/** What a key is: a session's ticket, or one that both sides were given. */
export type KeyOrigin =
  | { readonly kind: "ticket"; readonly ticket: Uint8Array; readonly session: ResumableSession }
  | { readonly kind: "given"; readonly identity: Uint8Array };

/** A key that the client has proved to hold, which does not say that it is here now: the hello may be a copy. */
export interface ChosenKey {
  /** Its place in the client's list. */
  readonly index: number;
  readonly origin: KeyOrigin;
  /** What the key schedule begins with, made of the key. */
  readonly early: Uint8Array;
}

/** Identities that are looked up, at most; a client has a ticket or two, and a key. */
export const MAX_IDENTITIES = 8;

/** The rules of the offer, whether a key of it is taken or not. @throws {@link TlsFailure} */
export function checkPreSharedKey({ extensions }: ClientHello): void {
  // Early data without one is passed over like any other (RFC 8446 §4.2.10).
  if (!extensions.has(ExtensionType.preSharedKey)) return;
  if ([...extensions.keys()].at(-1) !== ExtensionType.preSharedKey) {
    throw TlsFailure.because("bad-pre-shared-key", "not the last extension");
  }
  if (!extensions.has(ExtensionType.pskKeyExchangeModes)) {
    throw TlsFailure.because("missing-extension", "psk_key_exchange_modes");
  }
}

/** Whether the client can use a ticket: only beside a key agreement (RFC 8446 §4.2.9). */
export function takesTickets({ pskModes }: ClientHello): boolean {
  return pskModes?.includes(PSK_DHE_KE) === true;
}

/**
 * The first key offered that is known here and fits the hash, its binder
 * checked; null for a handshake with certificates.
 *
 * @param bound - The transcript's hash up to the binders.
 * @throws {@link TlsFailure} `bad-binder`
 */
export function choosePreSharedKey(
  hello: ClientHello,
  kdf: Kdf13,
  bound: Uint8Array,
  connection: Connection,
): ChosenKey | null {
  const offer = hello.preSharedKeys;
  if (offer === null || !takesTickets(hello)) return null;
  for (const [index, identity] of offer.identities.slice(0, MAX_IDENTITIES).entries()) {
    const found =
      ticketKeyOf(identity, hello, kdf, connection) ?? givenKeyOf(identity, kdf, connection);
    if (found === null) continue;
    const { origin, key } = found;
    const early = earlySecret(kdf, key);
    key.fill(0);
    const secret = binderKey(kdf, early, origin.kind === "ticket" ? "res" : "imp");
    const expected = verifyData13(kdf, secret, bound);
    secret.fill(0);
    // As many binders as identities: the offer was read so.
    if (!sameBytes(offer.binders[index]!, expected)) throw TlsFailure.because("bad-binder");
    return { index, origin, early };
  }
  return null;
}

interface Found {
  readonly origin: KeyOrigin;
  /** A copy. */
  readonly key: Uint8Array;
}

function ticketKeyOf(
  identity: Uint8Array,
  { serverName }: ClientHello,
  { hash }: Kdf13,
  { config }: Connection,
): Found | null {
  const ticket = identity.slice();
  const session = findSession({ ticket, version: "TLS 1.3", serverName }, config);
  if (session === null || session.suite.hash !== hash) return null;
  return { origin: { kind: "ticket", ticket, session }, key: session.secret.slice() };
}

/** An identity imported for this version and hash stands for a key, known or not ({@link preSharedKeyOf}). */
function givenKeyOf(
  identity: Uint8Array,
  { hash, crypto }: Kdf13,
  { config, channel }: Connection,
): Found | null {
  if (config.preSharedKey === undefined) return null;
  const imported = parseImportedIdentity(identity);
  if (imported === null) return null;
  const { external, target } = imported;
  if (target.hash !== hash || target.transport !== channel.transport) return null;
  const given = preSharedKeyOf(external, config);
  const key = importKey(crypto, given, identity, target);
  given.fill(0);
  return { origin: { kind: "given", identity: external.slice() }, key };
}
