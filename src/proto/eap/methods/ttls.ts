/**
 * EAP-TTLS version 0 with PAP inside: in its first message after the handshake
 * the peer sends a name and a password as AVPs. Nothing is sent down the tunnel.
 * A tunnel does not bind what is inside it to anything outside (RFC 7029), so
 * the password must be of no use elsewhere; that is admission's business.
 *
 * @see RFC 5281 §8 (keys), §9 (packets), §11.2.5 (PAP)
 */
import { parseAvps, type Avp } from "../avp.ts";
import { EapFailure } from "../failure.ts";
import { parseIdentity } from "../identity.ts";
import type { InnerCredentials, MethodRow } from "./method.ts";
import { TunnelMethod, type TunnelRules } from "./tunnel.ts";

/** The longest User-Password, in bytes, as in RADIUS (RFC 2865 §5.2). */
export const MAX_PASSWORD_LENGTH = 128;

const VENDOR_MICROSOFT = 311;

type AvpName = "user-name" | "user-password" | "other-method" | "unknown";

/** The AVPs that mean something to us, those of other inner methods included so that they are named as such. */
function nameOf({ vendor, code }: Avp): AvpName {
  if (vendor === VENDOR_MICROSOFT) {
    // MS-CHAP-Response, MS-CHAP-Challenge, MS-CHAP2-Response (RFC 2548 §2).
    return code === 1 || code === 11 || code === 25 ? "other-method" : "unknown";
  }
  if (vendor !== 0) return "unknown";
  if (code === 1) return "user-name";
  if (code === 2) return "user-password";
  // CHAP-Password, CHAP-Challenge, EAP-Message.
  return code === 3 || code === 60 || code === 79 ? "other-method" : "unknown";
}

/**
 * Name and password from what the peer sent through the tunnel.
 *
 * @throws {@link EapFailure} for anything but exactly one of each, beside AVPs
 *   we do not know and need not (RFC 5281 §10.1)
 */
export function parsePap(tunnelled: Uint8Array): InnerCredentials {
  let userName: Uint8Array | null = null;
  let password: Uint8Array | null = null;
  let otherMethod = false;
  for (const avp of parseAvps(tunnelled)) {
    switch (nameOf(avp)) {
      case "user-name":
        if (userName !== null) throw new EapFailure("repeated-avp");
        userName = avp.value;
        break;
      case "user-password":
        if (password !== null) throw new EapFailure("repeated-avp");
        password = avp.value;
        break;
      case "other-method":
        otherMethod = true;
        break;
      case "unknown":
        if (avp.mandatory) throw new EapFailure("unknown-mandatory-avp");
        break;
    }
  }
  if (otherMethod) throw new EapFailure("inner-method-unsupported");
  if (userName === null || password === null) throw new EapFailure("inner-credentials-missing");
  const name = parseIdentity(userName);
  if (name === null) throw new EapFailure("bad-inner-identity");
  return { userName: name, password: withoutPadding(password) };
}

/** Peers pad with zeros to hide the length (RFC 5281 §11.2.5); the padding is not the password's. */
function withoutPadding(padded: Uint8Array): Uint8Array {
  if (padded.length > MAX_PASSWORD_LENGTH) throw new EapFailure("password-too-long");
  let length = padded.length;
  while (length > 0 && padded[length - 1] === 0) length--;
  return padded.slice(0, length);
}

const RULES: TunnelRules = {
  type: 21,
  versionBits: 0x07,
  keyLabel: "ttls keying material",
  // RFC 9427 §2: the octet is for resumption, which has no phase 2; after PAP only EAP-Success follows.
  endsWithHandshake: false,
  conclude(tunnelled) {
    // A certificate alone is not a conclusion here: who has one uses EAP-TLS (RFC 9427 §2.4.1).
    if (tunnelled === null) throw new EapFailure("inner-credentials-missing");
    return parsePap(tunnelled);
  },
};

export const EAP_TTLS: MethodRow = {
  name: "ttls",
  type: RULES.type,
  create: (tls) => new TunnelMethod(RULES, tls),
};
