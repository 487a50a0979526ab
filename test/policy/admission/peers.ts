/** Peers for admission tests: real certificates, since only the checks of x509 make a peer. */
import { providers, seeded } from "#kit";
import type { SigningKey } from "../../../src/base/crypto/crypto.ts";
import { unix } from "../../../src/base/machine.ts";
import type { Unix } from "../../../src/base/machine.ts";
import { parseCertificate, signCertificate } from "../../../src/proto/x509/certificate.ts";
import { basicConstraints, extendedKeyUsage } from "../../../src/proto/x509/extensions.ts";
import { encodePublicKey } from "../../../src/proto/x509/key.ts";
import { encodeName } from "../../../src/proto/x509/name.ts";
import { OID } from "../../../src/proto/x509/oids.ts";
import { validatePath } from "../../../src/proto/x509/path.ts";
import type { VerifiedPeer } from "../../../src/proto/x509/path.ts";
import { checkSelfSigned } from "../../../src/proto/x509/self-signed.ts";
import type { SelfSignedPeer } from "../../../src/proto/x509/self-signed.ts";

const crypto = providers[0]!;
const COMMON_NAME = "2.5.4.3";
/** 1 January 2026. */
export const BEGIN: Unix = unix(1_767_225_600);
/** 3 May 2027. */
export const END: Unix = unix(1_809_302_400);

const keyOf = (seed: string): SigningKey => {
  const scalar = crypto.generateScalar("P-256", seeded(`admission ${seed}`));
  return crypto.signingKey("P-256", scalar);
};
const named = (commonName: string): Uint8Array =>
  encodeName([{ type: COMMON_NAME, value: commonName }]);

const rootKey = keyOf("root");
const root = parseCertificate(
  signCertificate(
    {
      serial: Uint8Array.of(1),
      issuer: named("root"),
      subject: named("root"),
      notBefore: BEGIN,
      notAfter: unix(END + 86_400),
      spki: encodePublicKey(rootKey.publicKey),
      extensions: [basicConstraints({ ca: true, pathLength: null })],
    },
    rootKey,
    null,
  ),
);

/** A device that validated with the serial 0x0a, its certificate ending at {@link END}. */
export function verifiedPeer(seed: string): VerifiedPeer {
  const der = signCertificate(
    {
      serial: Uint8Array.of(10),
      issuer: named("root"),
      subject: named(seed),
      notBefore: BEGIN,
      notAfter: END,
      spki: encodePublicKey(keyOf(seed).publicKey),
      extensions: [extendedKeyUsage([OID.clientAuth])],
    },
    rootKey,
    null,
  );
  const isRevoked = (): null => null;
  return validatePath([der], {
    crypto,
    anchors: [root],
    at: BEGIN,
    purpose: "clientAuth",
    isRevoked,
  });
}

/** A device that shows a key of its own. */
export function selfSignedPeer(seed: string): SelfSignedPeer {
  const key = keyOf(seed);
  const der = signCertificate(
    {
      serial: Uint8Array.of(1),
      issuer: named(seed),
      subject: named(seed),
      notBefore: BEGIN,
      notAfter: END,
      spki: encodePublicKey(key.publicKey),
      extensions: [extendedKeyUsage([OID.clientAuth])],
    },
    key,
    null,
  );
  return checkSelfSigned([der], crypto);
}
