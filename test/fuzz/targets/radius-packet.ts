/**
 * A RADIUS packet: parsed or a RadiusDiscard; what is parsed encodes back. Every
 * attribute, vendor's attribute, EAP-Message and hidden value is read or is
 * none, and EAP cut into attributes is whole again.
 */
import { attributeName, read } from "../../../src/proto/radius/attributes.ts";
import * as rows from "../../../src/proto/radius/attributes.ts";
import { eapMessage, splitEapMessage } from "../../../src/proto/radius/eap-message.ts";
import { RadiusDiscard } from "../../../src/proto/radius/failure.ts";
import { openSalted, openSessionKeys, openUserPassword } from "../../../src/proto/radius/hidden.ts";
import { messageAuthenticatorAt } from "../../../src/proto/radius/message-authenticator.ts";
import { encodePacket, parsePacket } from "../../../src/proto/radius/packet.ts";
import { vendorAttributes } from "../../../src/proto/radius/vendor.ts";
import { hold, holdSame, valueOf } from "../expect.ts";
import { openCrypto } from "../open-crypto.ts";

const SEALING = {
  crypto: openCrypto,
  secret: new Uint8Array(16).fill(1),
  requestAuthenticator: new Uint8Array(16),
};

export function fuzz(bytes: Uint8Array): void {
  const packet = valueOf(() => parsePacket(bytes), [RadiusDiscard]);
  if (packet === null) return;
  holdSame(encodePacket(packet), packet.bytes, "what is parsed encodes back");
  valueOf(() => messageAuthenticatorAt(packet), [RadiusDiscard]);
  const { attributes } = packet;
  for (const row of Object.values(rows))
    if (typeof row === "object") read<unknown>(attributes, row);
  for (const { type, value } of attributes) {
    attributeName(type);
    openSalted(SEALING, value);
    openUserPassword(SEALING, value);
  }
  hold(vendorAttributes(attributes).length <= bytes.length, "vendors' attributes are bounded");
  openSessionKeys(SEALING, attributes);
  const eap = valueOf(() => eapMessage(attributes), [RadiusDiscard]);
  if (eap === null || eap.length === 0) return;
  const again = eapMessage(splitEapMessage(eap));
  hold(again !== null, "EAP cut is EAP again");
  holdSame(again, eap, "EAP cut is whole again");
}
