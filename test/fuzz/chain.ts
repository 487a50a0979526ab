/** One anchor and what it signed, the same octets on every engine and in every run. */
import { noble } from "../../src/base/crypto/noble.ts";
import { NOW, Pki } from "../proto/x509/pki.ts";

const pki = new Pki(noble, "fuzz");
const root = pki.ca(null, "root");

export const CHAIN: {
  readonly root: Uint8Array;
  readonly leaf: Uint8Array;
  readonly selfSigned: Uint8Array;
  /** Seconds: in the middle of their lives. */
  readonly at: number;
} = {
  root: root.certificate.der,
  leaf: pki.issue(root, { name: "leaf" }).certificate.der,
  selfSigned: pki.issue(null, { name: "self" }).certificate.der,
  at: NOW,
};
