/** The certificates and keys that the runner hands out as files, read by our own parsers. */
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import type { PublicKey, SigningKey } from "../../src/base/crypto/crypto.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import type { CertificateType, Credential } from "../../src/proto/tls/connection.ts";
import { schemeOf } from "../../src/proto/tls/suites.ts";
import { parseCertificate } from "../../src/proto/x509/certificate.ts";
import { DerReader } from "../../src/base/der.ts";
import { encodePublicKey, readPublicKey } from "../../src/proto/x509/key.ts";
import { decodePem } from "../../src/proto/x509/pem.ts";
import { parsePrivateKey, signingKeyOf } from "../../src/proto/x509/pkcs8.ts";
import { Unimplemented } from "./settings.ts";
import type { CredentialFiles, Settings } from "./settings.ts";

export interface OwnCredential {
  readonly credential: Credential;
  readonly ocspResponse: Uint8Array | null;
}

/**
 * The credential that the flags name, null where they name none. There is one,
 * or a certificate and a bare key of the same. Ours are ECDSA keys on P-256 or
 * P-384; in place of the runner's RSA key, which most tests use only to have
 * some key, stands a P-256 one of ours. A test that is about RSA fails then, and
 * `config.json` names it.
 *
 * @throws {@link Unimplemented} for a key of another kind, signatures of it that we do not make, and more credentials.
 */
export function readCredential({ credentials, insteadOfRsa }: Settings): OwnCredential | null {
  const named = credentials.filter(({ keyFile }) => keyFile !== null);
  const [first, second] = named.map((files) => fillIn(files, insteadOfRsa));
  if (first === undefined) return null;
  if (named.length > 2) throw new Unimplemented("several credentials");
  if (second === undefined) {
    const { keyFile, ocspResponse } = first;
    return { credential: { ...shown(first), key: readKey(keyFile, first) }, ocspResponse };
  }
  if (second.kind === first.kind || second.keyFile !== first.keyFile) {
    throw new Unimplemented("several credentials");
  }
  const certified = first.kind === "x509" ? first : second;
  const bare = first.kind === "x509" ? second : first;
  const key = readKey(certified.keyFile, certified);
  return {
    credential: { ...shown(bare), ...shown(certified), key },
    ocspResponse: certified.ocspResponse,
  };
}

type NamedFiles = CredentialFiles & { readonly keyFile: string };

function fillIn(files: CredentialFiles, insteadOfRsa: string | null): NamedFiles {
  const keyFile = files.keyFile!;
  if (!isRsa(keyFile)) return { ...files, keyFile };
  if (insteadOfRsa === null) throw new Unimplemented("RSA key");
  return {
    ...files,
    certificateFile: `${insteadOfRsa}.pem`,
    keyFile: `${insteadOfRsa}.key`,
  };
}

function shown(files: NamedFiles): Pick<Credential, "certificates" | "publicKeyInfo"> {
  if (files.kind === "raw-public-key") {
    const { publicKey } = readKey(files.keyFile, files);
    return { certificates: [], publicKeyInfo: encodePublicKey(publicKey) };
  }
  if (files.certificateFile === null) throw new Unimplemented("a key without a certificate");
  return { certificates: readChain(files.certificateFile) };
}

function readKey(file: string, { signingPreferences }: CredentialFiles): SigningKey {
  const key = signingKeyOf(parsePrivateKey(block("PRIVATE KEY", file)[0]!, nodeCrypto), nodeCrypto);
  if (signingPreferences.length > 0 && !signingPreferences.includes(schemeOf(key.publicKey).code)) {
    throw new Unimplemented("signature scheme");
  }
  return key;
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

/** Null for what our parser refuses. */
export function publicKeyOf(encoded: Uint8Array, type: CertificateType): PublicKey | null {
  try {
    if (type === "x509") return parseCertificate(encoded).publicKey;
    const reader = new DerReader(encoded);
    const key = readPublicKey(reader);
    reader.end();
    return key;
  } catch {
    return null;
  }
}
