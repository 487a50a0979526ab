/** A home's authority for tests: keys and serial numbers repeat with the seed. */
import type { Crypto, SigningKey } from "../../../src/base/crypto/crypto.ts";
import { unix } from "../../../src/base/machine.ts";
import type { RandomSource, Unix } from "../../../src/base/machine.ts";
import { Authority, createRoot } from "../../../src/policy/ca/authority.ts";
import type { IssueTime } from "../../../src/policy/ca/issue-time.ts";
import { parseCertificate, signCertificate } from "../../../src/proto/x509/certificate.ts";
import { extendedKeyUsage } from "../../../src/proto/x509/extensions.ts";
import { encodePublicKey } from "../../../src/proto/x509/key.ts";
import { OID } from "../../../src/proto/x509/oids.ts";
import type { PathOptions } from "../../../src/proto/x509/path.ts";
import { commonName } from "../../proto/x509/pki.ts";
import { seeded } from "#kit";

/** 2026-11-22T00:00:00Z. */
export const NOW: Unix = unix(1_795_305_600);
export const RELEASED: Unix = unix(1_780_000_000);
export const DAY = 86_400;
export const TIME: IssueTime = { clock: NOW, floor: RELEASED };
export const DEVICE_ID = "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst";

export interface Home {
  readonly crypto: Crypto;
  readonly random: RandomSource;
  readonly rootKey: SigningKey;
  readonly root: Authority;
  readonly issuing: Authority;
  readonly issuingKey: SigningKey;
  newKey(): SigningKey;
}

export function makeHome(crypto: Crypto, seed = "home", time: IssueTime = TIME): Home {
  const random = seeded(seed);
  const newKey = (): SigningKey =>
    crypto.signingKey("P-256", crypto.generateScalar("P-256", random));
  const tools = { crypto, random };
  const rootKey = newKey();
  const root = new Authority(createRoot(rootKey, RELEASED, time, tools).der, rootKey, tools);
  const issuingKey = newKey();
  const issued = root.issueIssuing(issuingKey.publicKey, RELEASED, time);
  const issuing = new Authority(issued.der, issuingKey, tools);
  return { crypto, random, rootKey, root, issuing, issuingKey, newKey };
}

/** Options under which the home's devices are valid; tests change one thing. */
export function optionsOf(home: Home, changes: Partial<PathOptions> = {}): PathOptions {
  return {
    crypto: home.crypto,
    anchors: [parseCertificate(home.root.certificate.der)],
    intermediates: [],
    at: NOW,
    purpose: "clientAuth",
    isRevoked: () => null,
    ...changes,
  };
}

/** What a device shows at first contact: a certificate of its own key, a day long. */
export function selfSigned(key: SigningKey): Uint8Array {
  const fields = {
    serial: Uint8Array.of(1),
    issuer: commonName("lamp"),
    subject: commonName("lamp"),
    notBefore: NOW,
    notAfter: unix(NOW + DAY),
    spki: encodePublicKey(key.publicKey),
    extensions: [extendedKeyUsage([OID.clientAuth])],
  };
  return signCertificate(fields, key, null);
}
