/** The certificates and keys that the runner hands out as files, read by our own parsers. */
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import type { PublicKey, SigningKey } from "../../src/base/crypto/crypto.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { parseCertificate } from "../../src/proto/x509/certificate.ts";
import { decodePem } from "../../src/proto/x509/pem.ts";
import { parsePrivateKey, signingKeyOf } from "../../src/proto/x509/pkcs8.ts";
import { schemeOf } from "../../src/proto/tls/suites.ts";
import { Unimplemented } from "./flags.ts";
import type { Settings } from "./flags.ts";

export interface Credential {
  readonly certificates: readonly Uint8Array[];
  readonly key: SigningKey;
}

/**
 * The credential that the flags name. Ours are ECDSA keys on P-256 or P-384; in
 * place of the runner's RSA key, which most tests use only to have some key,
 * stands a P-256 one of ours. A test that is about RSA fails then, and
 * `config.json` names it.
 *
 * @throws {@link Unimplemented} for a key of another kind, or signatures of it that we do not make.
 */
export function readCredential(settings: Settings): Credential | null {
  if (settings.keyFile === null || settings.certificateFile === null) return null;
  if (!isRsa(settings.keyFile)) return read(settings.certificateFile, settings.keyFile, settings);
  if (settings.insteadOfRsa === null) throw new Unimplemented("RSA key");
  return read(`${settings.insteadOfRsa}.pem`, `${settings.insteadOfRsa}.key`, settings);
}

function read(certificateFile: string, keyFile: string, settings: Settings): Credential {
  const key = signingKeyOf(
    parsePrivateKey(block("PRIVATE KEY", keyFile)[0]!, nodeCrypto),
    nodeCrypto,
  );
  const preferred = settings.signingPreferences;
  if (preferred.length > 0 && !preferred.includes(schemeOf(key.publicKey).code)) {
    throw new Unimplemented("signature scheme");
  }
  return { certificates: readChain(certificateFile), key };
}

export function readChain(file: string): readonly Uint8Array[] {
  return block("CERTIFICATE", file);
}

function block(label: "PRIVATE KEY" | "CERTIFICATE", file: string): readonly Uint8Array[] {
  const found = decodePem(label, readFileSync(file, "latin1"));
  if (found === null || found.length === 0) throw new Error(`${file} holds no ${label}`);
  return found;
}

/** @throws {@link Unimplemented} for what is neither RSA nor ECDSA on a curve of ours. */
function isRsa(file: string): boolean {
  const key = keyType(file);
  if (key === "rsa") return true;
  if (key === "prime256v1" || key === "secp384r1") return false;
  throw new Unimplemented(`key ${key}`);
}

function keyType(file: string): string {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(readFileSync(file));
    return asymmetricKeyDetails?.namedCurve ?? asymmetricKeyType ?? "unknown";
  } catch {
    // A kind that OpenSSL does not know either.
    return "unknown";
  }
}

/** Null for a certificate that our parser refuses. */
export function publicKeyOf(certificate: Uint8Array): PublicKey | null {
  try {
    return parseCertificate(certificate).publicKey;
  } catch {
    return null;
  }
}
