/**
 * One EAP packet in several EAP-Message (79) attributes.
 *
 * @see RFC 3579 §3.1
 */
import { concat } from "../../base/bytes.ts";
import { EapMessage } from "./attributes.ts";
import { RadiusDiscard } from "./failure.ts";
import { type Attribute, encodedLength, HEADER_LENGTH, MAX_VALUE_LENGTH } from "./packet.ts";

/**
 * The EAP packet of these attributes, or null where they have none. Empty for
 * EAP-Start, which is one EAP-Message without octets (RFC 3579 §2.1).
 *
 * @throws {@link RadiusDiscard} `scattered-eap-message` where other attributes
 *   stand between two of them.
 */
export function eapMessage(attributes: readonly Attribute[]): Uint8Array | null {
  const first = attributes.findIndex(({ type }) => type === EapMessage.type);
  if (first < 0) return null;
  const last = attributes.findLastIndex(({ type }) => type === EapMessage.type);
  const run = attributes.slice(first, last + 1);
  const stranger = run.findIndex(({ type }) => type !== EapMessage.type);
  if (stranger >= 0) {
    const before = attributes.slice(0, first + stranger);
    throw new RadiusDiscard("scattered-eap-message", HEADER_LENGTH + encodedLength(before));
  }
  return concat(...run.map(({ value }) => value));
}

/** The EAP-Message attributes of an EAP packet; a packet without octets becomes EAP-Start. */
export function splitEapMessage(packet: Uint8Array): readonly Attribute[] {
  const attributes: Attribute[] = [];
  for (let at = 0; at < packet.length || at === 0; at += MAX_VALUE_LENGTH) {
    const value = packet.subarray(at, at + MAX_VALUE_LENGTH);
    attributes.push({ type: EapMessage.type, value });
  }
  return attributes;
}
