/**
 * EAP-TLS: the certificate is all there is to prove, so the peer ends the
 * handshake with an empty message and anything else is a fault. With TLS 1.3
 * that message answers our word, under the tunnel's protection, that no more
 * of the handshake follows.
 *
 * @see RFC 5216 §2.1.1 (conversation), §2.3 (keys); RFC 9190 §2.1.1, §2.5
 */
import { EapFailure } from "../failure.ts";
import type { MethodRow } from "./method.ts";
import { TunnelMethod, type TunnelRules } from "./tunnel.ts";

const RULES: TunnelRules = {
  type: 13,
  versionBits: 0,
  keyLabel: "client EAP encryption",
  endsWithHandshake: true,
  conclude(tunnelled) {
    if (tunnelled !== null) throw new EapFailure("tunnel-bytes-unexpected");
    return null;
  },
};

export const EAP_TLS: MethodRow = {
  name: "tls",
  type: RULES.type,
  create: (tls) => new TunnelMethod(RULES, tls),
};
