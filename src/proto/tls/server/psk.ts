/** Keys that both sides were given, as a server looks them up. */
import type { TlsServerConfig } from "../connection.ts";

/** Octets of the stand-in for a key that nobody has. */
const STAND_IN_LENGTH = 32;

/**
 * The key of an identity. For an identity that nobody knows a random key stands
 * in: the handshake goes on and fails where it would with a wrong key, so that
 * nobody can find out which identities there are.
 *
 * @returns a copy
 * @see RFC 4279 §2, RFC 8446 appendix E.6
 */
export function preSharedKeyOf(identity: Uint8Array, config: TlsServerConfig): Uint8Array {
  // Drawn in any case: what a stranger costs is not to differ from what a friend does.
  const standIn = config.random(STAND_IN_LENGTH);
  return config.preSharedKey?.(identity.slice())?.slice() ?? standIn;
}
