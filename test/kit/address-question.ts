/** What an access point asks before a device without EAP may come, and what it makes of the answer. Pure. */
import { utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import type { RandomSource } from "../../src/base/machine.ts";
import {
  attribute,
  CalledStationId,
  CallingStationId,
  NasIdentifier,
  NasPortType,
  TunnelPassword,
  UserName,
  UserPassword,
} from "../../src/proto/radius/attributes.ts";
import { openTunnelPassword, sealUserPassword } from "../../src/proto/radius/hidden.ts";
import type { Attribute } from "../../src/proto/radius/packet.ts";
import { type ClientAnswer, RadiusTestClient } from "./radius-client.ts";

export const WIRELESS = 19;
export const ETHERNET = 15;

export interface AddressQuestionOptions {
  /** `02-00-00-00-00-01`, as Calling-Station-Id has it. */
  readonly mac: string;
  /** {@link WIRELESS} unless told. */
  readonly portType?: number;
  /** The address in 12 lower-case digits unless told, as hostapd has it. */
  readonly userName?: string;
  /** The same as `userName` unless told; null for none. */
  readonly password?: string | null;
  readonly more?: readonly Attribute[];
}

export interface AddressAnswer extends ClientAnswer {
  /** Every Tunnel-Password, opened. */
  readonly tunnelPasswords: readonly Uint8Array[];
}

/** One Access-Request of hostapd's `macaddr_acl=2`, and the means to open its answer. */
export function askByAddress(
  crypto: Crypto,
  random: RandomSource,
  secret: Uint8Array,
  options: AddressQuestionOptions,
): { readonly datagram: Uint8Array; readonly open: (reply: Uint8Array) => AddressAnswer } {
  const { mac, portType = WIRELESS, more = [] } = options;
  const userName = options.userName ?? mac.replaceAll("-", "").toLowerCase();
  const password = options.password === undefined ? userName : options.password;
  // Drawn here, as the password is hidden under it.
  const requestAuthenticator = random(16);
  const sealing = { crypto, secret, requestAuthenticator };
  const client = new RadiusTestClient(crypto, () => requestAuthenticator, secret);
  const datagram = client.accessRequest({
    attributes: [
      attribute(UserName, userName),
      ...(password === null
        ? []
        : [attribute(UserPassword, sealUserPassword(sealing, utf8(password)))]),
      attribute(NasIdentifier, "accesspoint"),
      attribute(CalledStationId, "02-00-00-00-FF-01:Home"),
      attribute(CallingStationId, mac),
      attribute(NasPortType, portType),
      ...more,
    ],
  });
  const open = (reply: Uint8Array): AddressAnswer => {
    const answer = client.open(reply);
    const sealed = answer.attributes.filter(({ type }) => type === TunnelPassword.type);
    const opened = sealed.map((one) => openTunnelPassword(sealing, one));
    return { ...answer, tunnelPasswords: opened.filter((one) => one !== null) };
  };
  return { datagram, open };
}
