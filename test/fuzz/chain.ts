/** One anchor and what it signed, the same octets on every engine and in every run. */
import { hex } from "../../src/base/bytes.ts";
import { noble } from "../../src/base/crypto/noble.ts";
import { unix } from "../../src/base/machine.ts";
import { signOcspResponse } from "../../src/proto/x509/ocsp.ts";
import type { CertificateStatus } from "../../src/proto/x509/ocsp.ts";
import { DAY, NOW, Pki } from "../proto/x509/pki.ts";

const pki = new Pki(noble, "fuzz");
const root = pki.ca(null, "root");
const leaf = pki.issue(root, { name: "leaf" });

export const CHAIN: {
  readonly root: Uint8Array;
  readonly leaf: Uint8Array;
  readonly selfSigned: Uint8Array;
  /** Seconds: in the middle of their lives. */
  readonly at: number;
} = {
  root: root.certificate.der,
  leaf: leaf.certificate.der,
  selfSigned: pki.issue(null, { name: "self" }).certificate.der,
  at: NOW,
};

const answer = (status: CertificateStatus): Uint8Array => {
  const times = { producedAt: NOW, thisUpdate: NOW, nextUpdate: unix(NOW + DAY) };
  const serial = hex(leaf.certificate.serial);
  const fields = { issuer: root.certificate, serial, status, ...times };
  return signOcspResponse(fields, root.key, noble, null);
};

/** What the root says of the leaf. */
export const OCSP: { readonly good: Uint8Array; readonly revoked: Uint8Array } = {
  good: answer({ kind: "good" }),
  revoked: answer({ kind: "revoked", revokedAt: unix(NOW - 5), reason: "keyCompromise" }),
};
