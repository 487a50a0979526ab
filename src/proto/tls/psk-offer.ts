/** What a ClientHello says of pre-shared keys: tickets of TLS 1.3, and keys both sides were given. */
import { Reader } from "../../base/bytes.ts";
import { TlsFailure } from "./failure.ts";

/** psk_dhe_ke: a pre-shared key together with a key agreement, the one mode spoken here (RFC 8446 §4.2.9). */
export const PSK_DHE_KE = 1;

/** Octets of the shortest hash, and so of the shortest binder. */
const MIN_BINDER_LENGTH = 32;

/** OfferedPsks (RFC 8446 §4.2.11). */
export interface PskOffer {
  /** In the client's order, at least one. Their ages are not read: they guard early data, which is not taken. */
  readonly identities: readonly Uint8Array[];
  /** One for each identity. */
  readonly binders: readonly Uint8Array[];
  /** Octets of the list of binders with its length: the end of the ClientHello, which no binder covers (§4.2.11.2). */
  readonly bindersLength: number;
}

const malformed = (): TlsFailure => TlsFailure.because("malformed-message", "pre_shared_key");

/** @throws {@link TlsFailure} */
export function pskOffer(body: Reader): PskOffer {
  const listed = new Reader(body.vector16(), malformed);
  const identities: Uint8Array[] = [];
  do {
    const identity = listed.vector16();
    if (identity.length === 0) throw malformed();
    identities.push(identity);
    listed.u32();
  } while (listed.remaining > 0);

  const bindersLength = body.remaining;
  const proofs = new Reader(body.vector16(), malformed);
  const binders: Uint8Array[] = [];
  do {
    const binder = proofs.vector8();
    if (binder.length < MIN_BINDER_LENGTH) throw malformed();
    binders.push(binder);
  } while (proofs.remaining > 0);

  if (binders.length !== identities.length) {
    const counts = `${binders.length} binders for ${identities.length} identities`;
    throw TlsFailure.because("bad-pre-shared-key", counts);
  }
  return { identities, binders, bindersLength };
}

/** @throws {@link TlsFailure} @see RFC 8446 §4.2.9 */
export function pskModes(body: Reader): number[] {
  const modes = body.vector8();
  if (modes.length === 0) throw malformed();
  return [...modes];
}
