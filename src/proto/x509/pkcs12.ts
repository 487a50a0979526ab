/**
 * PKCS#12 (RFC 7292): a key, its certificate and those above it in one file, as
 * phones and computers import it. Written and read in the form OpenSSL 3 makes:
 * PBES2 with AES-256 for key and certificates, HMAC-SHA-256 over all.
 */
import { sameBytes } from "../../base/bytes.ts";
import type { Crypto, HashName } from "../../base/crypto/crypto.ts";
import { contextTag, DerReader } from "../../base/der.ts";
import * as der from "../../base/der-write.ts";
import { HASH_LENGTHS } from "./key.ts";
import { MAX_CHAIN } from "./path.ts";
import { OID } from "./oids.ts";
import {
  checkIterations,
  decrypt,
  encrypt,
  MAX_ITERATIONS,
  PasswordFailure,
  readDecrypted,
  readPbes2,
  SALT_LENGTH,
} from "./pbes2.ts";
import type { Encrypted, Encryption } from "./pbes2.ts";
import { deriveKey, encryptTripleDes } from "./pkcs12-keys.ts";
import { encodeEncryptedPrivateKey, readEncryptedPrivateKey, readPrivateKey } from "./pkcs8.ts";
import type { PrivateKey } from "./pkcs8.ts";

/** Octets of the longest file taken. */
export const MAX_PFX_LENGTH = 65_536;

/** Bags in one file: a key and a chain, with some to spare. */
const MAX_BAGS = 2 * MAX_CHAIN + 2;

const MAC_HASHES: Readonly<Record<string, HashName>> = {
  [OID.sha1]: "sha1",
  [OID.sha256]: "sha256",
  [OID.sha384]: "sha384",
  [OID.sha512]: "sha512",
};

/** What the file holds. */
export interface Pfx {
  readonly key: PrivateKey;
  /** DER, the key's own first. */
  readonly certificates: readonly Uint8Array[];
}

/**
 * What a file is written with. `new` is what OpenSSL 3 writes; `old` is what phones of all ages read: triple DES and
 * SHA-1, both sound for a short file whose password nobody guesses, and for nothing else.
 */
export type PfxForm = "new" | "old";

const FORMS: Readonly<
  Record<
    PfxForm,
    { readonly mac: HashName; readonly macOid: string; readonly scheme: typeof encrypt }
  >
> = {
  new: { mac: "sha256", macOid: OID.sha256, scheme: encrypt },
  old: { mac: "sha1", macOid: OID.sha1, scheme: encryptTripleDes },
};

/**
 * Writes a file. The same password protects key, certificates and the file's
 * integrity, with equal rounds: a cheaper MAC would be the place to guess at.
 *
 * @param friendlyName - what the importing device shows.
 * @throws RangeError for iterations out of bounds or without a certificate.
 */
export function encodePfx(
  { key, certificates }: Pfx,
  friendlyName: string,
  encryption: Encryption,
  form: PfxForm = "new",
): Uint8Array {
  const { crypto, random, password, iterations } = encryption;
  const { mac: hash, macOid, scheme } = FORMS[form];
  checkIterations(iterations);
  const [own, ...above] = certificates;
  if (own === undefined) throw new RangeError("a PKCS#12 file needs the key's certificate");
  // Only says which certificate belongs to the key; OpenSSL takes SHA-1 of the certificate, we its SHA-256.
  const localKeyId = crypto.digest("sha256", own).slice(0, 20);
  const attributes = der.setOf(
    bagAttribute(OID.friendlyName, der.bmpString(friendlyName)),
    bagAttribute(OID.localKeyId, der.octetString(localKeyId)),
  );
  const keyBag = bag(
    OID.shroudedKeyBag,
    encodeEncryptedPrivateKey(key, encryption, scheme),
    attributes,
  );
  const certBags = [
    bag(OID.certBag, certBagValue(own), attributes),
    ...above.map((der) => bag(OID.certBag, certBagValue(der), null)),
  ];
  const safe = der.sequence(
    encryptedContents(scheme(der.sequence(...certBags), encryption)),
    contents(der.sequence(keyBag)),
  );
  const salt = random(SALT_LENGTH);
  const derivation = { crypto, hash, password, salt, iterations };
  const mac = crypto.hmac(hash, deriveKey("mac", HASH_LENGTHS[hash], derivation), safe);
  const digestInfo = der.sequence(
    der.sequence(der.oid(macOid), der.nullValue()),
    der.octetString(mac),
  );
  return der.sequence(
    der.integer(3),
    contents(safe),
    der.sequence(digestInfo, der.octetString(salt), der.integer(iterations)),
  );
}

function contents(inner: Uint8Array): Uint8Array {
  return der.sequence(der.oid(OID.pkcs7Data), der.explicit(0, der.octetString(inner)));
}

function encryptedContents({ algorithm, ciphertext }: Encrypted): Uint8Array {
  const info = der.sequence(
    der.oid(OID.pkcs7Data),
    algorithm,
    der.tagged(contextTag(0, "primitive"), ciphertext),
  );
  return der.sequence(
    der.oid(OID.pkcs7EncryptedData),
    der.explicit(0, der.sequence(der.integer(0), info)),
  );
}

function certBagValue(certificate: Uint8Array): Uint8Array {
  return der.sequence(der.oid(OID.x509Certificate), der.explicit(0, der.octetString(certificate)));
}

function bag(type: string, value: Uint8Array, attributes: Uint8Array | null): Uint8Array {
  return der.sequence(der.oid(type), der.explicit(0, value), attributes ?? new Uint8Array());
}

function bagAttribute(type: string, value: Uint8Array): Uint8Array {
  return der.sequence(der.oid(type), der.setOf(value));
}

/**
 * Opens a file with one key on a NIST curve. Integrity comes first: nothing
 * inside is looked at before the MAC holds.
 * @throws PasswordFailure, DerFailure, X509Failure
 */
export function parsePfx(encoded: Uint8Array, password: string, crypto: Crypto): Pfx {
  if (encoded.length > MAX_PFX_LENGTH) throw new PasswordFailure("too-large");
  const file = new DerReader(encoded);
  const pfx = file.sequence();
  file.end();
  if (pfx.count(255) !== 3) throw new PasswordFailure("unsupported-scheme");
  const safe = readContents(pfx.sequence());
  checkMac(pfx.sequence(), safe, password, crypto);
  pfx.end();

  const keys: PrivateKey[] = [];
  const certificates: { readonly der: Uint8Array; readonly id: string }[] = [];
  let bags = 0;
  let keyId = "";
  const parts = new DerReader(safe);
  const list = parts.sequence();
  parts.end();
  while (list.tag >= 0) {
    const inside = openPart(list.sequence(), password, crypto);
    readDecrypted(inside, (from) => {
      const safeBags = from.sequence();
      while (safeBags.tag >= 0) {
        if (++bags > MAX_BAGS) throw new PasswordFailure("too-large");
        const found = readBag(safeBags.sequence(), password, crypto);
        if (found.kind === "key") {
          keys.push(found.key);
          keyId = found.id;
        } else certificates.push(found);
      }
    });
  }
  const [key] = keys;
  if (key === undefined || keys.length > 1) throw new PasswordFailure("no-key");
  const own = certificates.filter(({ id }) => id === keyId && id !== "");
  const others = certificates.filter((certificate) => !own.includes(certificate));
  return { key, certificates: [...own, ...others].map(({ der }) => der) };
}

function readContents(from: DerReader): Uint8Array {
  if (from.oid() !== OID.pkcs7Data) throw new PasswordFailure("unsupported-scheme");
  const wrapped = from.nested(contextTag(0, "constructed"));
  from.end();
  const inner = wrapped.octets();
  wrapped.end();
  return inner;
}

function checkMac(from: DerReader, safe: Uint8Array, password: string, crypto: Crypto): void {
  const digestInfo = from.sequence();
  const algorithm = digestInfo.sequence();
  const hash = MAC_HASHES[algorithm.oid()];
  if (algorithm.tag >= 0) algorithm.null();
  algorithm.end();
  const mac = digestInfo.octets();
  digestInfo.end();
  const salt = from.octets();
  const iterations = from.tag < 0 ? 1 : from.count(2 ** 47);
  from.end();
  if (hash === undefined || salt.length === 0) throw new PasswordFailure("unsupported-scheme");
  if (iterations > MAX_ITERATIONS) throw new PasswordFailure("too-many-iterations");
  const key = deriveKey("mac", HASH_LENGTHS[hash], { crypto, hash, password, salt, iterations });
  if (!sameBytes(mac, crypto.hmac(hash, key, safe))) throw new PasswordFailure("wrong-password");
}

/** The SafeContents of one ContentInfo, in the open or encrypted. */
function openPart(from: DerReader, password: string, crypto: Crypto): Uint8Array {
  const type = from.oid();
  const wrapped = from.nested(contextTag(0, "constructed"));
  from.end();
  if (type === OID.pkcs7Data) {
    const inner = wrapped.octets();
    wrapped.end();
    return inner;
  }
  if (type !== OID.pkcs7EncryptedData) throw new PasswordFailure("unsupported-scheme");
  const data = wrapped.sequence();
  wrapped.end();
  if (data.count(255) !== 0) throw new PasswordFailure("unsupported-scheme");
  const info = data.sequence();
  data.end();
  if (info.oid() !== OID.pkcs7Data) throw new PasswordFailure("unsupported-scheme");
  const scheme = readPbes2(info);
  const ciphertext = info.octets(contextTag(0, "primitive"));
  info.end();
  return decrypt(scheme, ciphertext, password, crypto);
}

type Bag =
  | { readonly kind: "key"; readonly key: PrivateKey; readonly id: string }
  | { readonly kind: "certificate"; readonly der: Uint8Array; readonly id: string };

function readBag(from: DerReader, password: string, crypto: Crypto): Bag {
  const type = from.oid();
  const value = from.nested(contextTag(0, "constructed"));
  const body = readBagValue(type, value, password, crypto);
  value.end();
  const id = from.tag < 0 ? "" : readLocalKeyId(from.set());
  from.end();
  return { ...body, id };
}

function readBagValue(
  type: string,
  value: DerReader,
  password: string,
  crypto: Crypto,
): { kind: "key"; key: PrivateKey } | { kind: "certificate"; der: Uint8Array } {
  switch (type) {
    case OID.shroudedKeyBag:
      return { kind: "key", key: readEncryptedPrivateKey(value, password, crypto) };
    case OID.keyBag:
      return { kind: "key", key: readPrivateKey(value, crypto) };
    case OID.certBag: {
      const certBag = value.sequence();
      if (certBag.oid() !== OID.x509Certificate) throw new PasswordFailure("unsupported-scheme");
      const wrapped = certBag.nested(contextTag(0, "constructed"));
      certBag.end();
      const der = wrapped.octets();
      wrapped.end();
      return { kind: "certificate", der };
    }
    default:
      throw new PasswordFailure("unsupported-scheme");
  }
}

/** As text, for comparing only; "" where there is none. */
function readLocalKeyId(attributes: DerReader): string {
  let id = "";
  while (attributes.tag >= 0) {
    const attribute = attributes.sequence();
    const type = attribute.oid();
    const values = attribute.set();
    attribute.end();
    if (type === OID.localKeyId) id = values.octets().join(" ");
    else values.element();
    values.end();
  }
  return id;
}
