/** What ties a conversation of the device API to the association it runs in, the same in every version of DTLS. */

const LABEL = "EXPORTER-Channel-Binding";
const LENGTH = 32;

interface Exporter {
  exportKey(label: string, context: Uint8Array | null, length: number): Uint8Array;
}

/**
 * 32 octets that both ends of this association know and nobody else does. In
 * TLS 1.2 an empty context is not the same as none.
 *
 * @see RFC 9266 §4.2; in TLS 1.2 it is sound with the extended master secret, which we require
 */
export function bindingOf(session: Exporter): Uint8Array {
  return session.exportKey(LABEL, new Uint8Array(), LENGTH);
}
