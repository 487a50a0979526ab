/** Cipher suites, groups and signature schemes: what exists here is a row, what is used is a choice of rows. */
import type {
  AeadName,
  EcdhGroup,
  HashName,
  PublicKey,
  SignatureScheme,
} from "../../base/crypto/crypto.ts";
import type { TlsVersion } from "./wire.ts";

/** How the keys are agreed on and who proves what: ephemeral ECDH, signed or bound to a pre-shared key (RFC 8422, RFC 5489). */
export type KeyExchange = "ecdhe-ecdsa" | "ecdhe-rsa" | "ecdhe-psk";

/** A suite: in TLS 1.2 a key exchange, an AEAD and a hash, in TLS 1.3 the latter two. */
export interface Suite {
  readonly code: number;
  readonly name: SuiteName | SuiteName13;
  /** Null in TLS 1.3, which settles it by extensions. */
  readonly keyExchange: KeyExchange | null;
  readonly aead: AeadName;
  readonly keyLength: number;
  /** Octets of the implicit part of the nonce: 4 beside 8 explicit ones (RFC 5288 §3, RFC 6655 §3), or all 12 (RFC 7905 §2). */
  readonly fixedIvLength: 4 | 12;
  readonly tagLength: number;
  /** The hash of the key derivation and of the Finished messages. */
  readonly hash: HashName;
  /** Records one key may protect. We change none of our own accord, so the connection ends there. */
  readonly maxRecords: number;
}

/** Below 2^24.5 full records under one AES-GCM key (RFC 8446 §5.5). */
const GCM_RECORDS: number = 2 ** 24;
/** AES-CCM's limit for confidentiality (RFC 9147 §4.5.3). */
const CCM_RECORDS: number = 2 ** 23;
/** ChaCha20-Poly1305 has no limit below 2^64 (RFC 8446 §5.5); this one keeps sequence numbers exact. */
const CHACHA_RECORDS: number = 2 ** 48;

/** As IANA spells them. */
export type SuiteName =
  | "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
  | "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
  | "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"
  | "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"
  | "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
  | "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
  | "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
  | "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
  | "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256"
  | "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256"
  | "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256";

export const SUITES: { readonly [Name in SuiteName]: Suite & { readonly name: Name } } = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: {
    code: 0xc02b,
    name: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    keyExchange: "ecdhe-ecdsa",
    aead: "aes-128-gcm",
    keyLength: 16,
    fixedIvLength: 4,
    tagLength: 16,
    hash: "sha256",
    maxRecords: GCM_RECORDS,
  },
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: {
    code: 0xc02c,
    name: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    keyExchange: "ecdhe-ecdsa",
    aead: "aes-256-gcm",
    keyLength: 32,
    fixedIvLength: 4,
    tagLength: 16,
    hash: "sha384",
    maxRecords: GCM_RECORDS,
  },
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM: {
    code: 0xc0ac,
    name: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
    keyExchange: "ecdhe-ecdsa",
    aead: "aes-128-ccm",
    keyLength: 16,
    fixedIvLength: 4,
    tagLength: 16,
    hash: "sha256",
    maxRecords: CCM_RECORDS,
  },
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: {
    code: 0xc0ae,
    name: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
    keyExchange: "ecdhe-ecdsa",
    aead: "aes-128-ccm-8",
    keyLength: 16,
    fixedIvLength: 4,
    tagLength: 8,
    hash: "sha256",
    maxRecords: CCM_RECORDS,
  },
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: {
    code: 0xcca9,
    name: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    keyExchange: "ecdhe-ecdsa",
    aead: "chacha20-poly1305",
    keyLength: 32,
    fixedIvLength: 12,
    tagLength: 16,
    hash: "sha256",
    maxRecords: CHACHA_RECORDS,
  },
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: {
    code: 0xc02f,
    name: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    keyExchange: "ecdhe-rsa",
    aead: "aes-128-gcm",
    keyLength: 16,
    fixedIvLength: 4,
    tagLength: 16,
    hash: "sha256",
    maxRecords: GCM_RECORDS,
  },
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: {
    code: 0xc030,
    name: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    keyExchange: "ecdhe-rsa",
    aead: "aes-256-gcm",
    keyLength: 32,
    fixedIvLength: 4,
    tagLength: 16,
    hash: "sha384",
    maxRecords: GCM_RECORDS,
  },
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: {
    code: 0xcca8,
    name: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    keyExchange: "ecdhe-rsa",
    aead: "chacha20-poly1305",
    keyLength: 32,
    fixedIvLength: 12,
    tagLength: 16,
    hash: "sha256",
    maxRecords: CHACHA_RECORDS,
  },
  TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256: {
    code: 0xccac,
    name: "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
    keyExchange: "ecdhe-psk",
    aead: "chacha20-poly1305",
    keyLength: 32,
    fixedIvLength: 12,
    tagLength: 16,
    hash: "sha256",
    maxRecords: CHACHA_RECORDS,
  },
  TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256: {
    code: 0xd001,
    name: "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256",
    keyExchange: "ecdhe-psk",
    aead: "aes-128-gcm",
    keyLength: 16,
    fixedIvLength: 4,
    tagLength: 16,
    hash: "sha256",
    maxRecords: GCM_RECORDS,
  },
  TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256: {
    code: 0xd005,
    name: "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256",
    keyExchange: "ecdhe-psk",
    aead: "aes-128-ccm",
    keyLength: 16,
    fixedIvLength: 4,
    tagLength: 16,
    hash: "sha256",
    maxRecords: CCM_RECORDS,
  },
};

/** With a pre-shared key. The first is the one that OpenSSL and GnuTLS both have; the others are RFC 8442's. */
const PSK_SUITES: readonly Suite[] = [
  SUITES.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
  SUITES.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,
  SUITES.TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256,
];

/**
 * In the server's order, for streams. Those of a pre-shared key count only
 * where there is one, and stand last: a certificate says who somebody is.
 */
export const DEFAULT_SUITES: readonly Suite[] = [
  SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_CCM,
  SUITES.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
  SUITES.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
  ...PSK_SUITES,
];

/**
 * As a client offers them on streams: those of RSA certificates too, for the
 * servers of others. None here serves with RSA.
 */
export const DEFAULT_SUITES_CLIENT: readonly Suite[] = [
  SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_CCM,
  SUITES.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
  SUITES.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
  SUITES.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
  SUITES.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
  SUITES.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
  ...PSK_SUITES,
];

/** Likewise for datagrams, with the one suite that every CoAP device speaks (RFC 7252 §9.1.3.2, RFC 7925 §4.4). */
export const DEFAULT_SUITES_DATAGRAM: readonly Suite[] = [
  SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_CCM,
  SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8,
  SUITES.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
  SUITES.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
  ...PSK_SUITES,
];

/** As IANA spells them (RFC 8446 appendix B.4). */
export type SuiteName13 =
  | "TLS_AES_128_GCM_SHA256"
  | "TLS_AES_256_GCM_SHA384"
  | "TLS_CHACHA20_POLY1305_SHA256"
  | "TLS_AES_128_CCM_SHA256"
  | "TLS_AES_128_CCM_8_SHA256";

/**
 * TLS 1.3. Its nonces have no explicit part (RFC 8446 §5.3). CCM_8 is in no
 * default: its tag is so short that a receiver must count the forgeries it
 * bears (RFC 9147 §4.5.3), as only our datagrams do.
 */
export const SUITES_13: { readonly [Name in SuiteName13]: Suite & { readonly name: Name } } = {
  TLS_AES_128_GCM_SHA256: {
    code: 0x1301,
    name: "TLS_AES_128_GCM_SHA256",
    keyExchange: null,
    aead: "aes-128-gcm",
    keyLength: 16,
    fixedIvLength: 12,
    tagLength: 16,
    hash: "sha256",
    maxRecords: GCM_RECORDS,
  },
  TLS_AES_256_GCM_SHA384: {
    code: 0x1302,
    name: "TLS_AES_256_GCM_SHA384",
    keyExchange: null,
    aead: "aes-256-gcm",
    keyLength: 32,
    fixedIvLength: 12,
    tagLength: 16,
    hash: "sha384",
    maxRecords: GCM_RECORDS,
  },
  TLS_CHACHA20_POLY1305_SHA256: {
    code: 0x1303,
    name: "TLS_CHACHA20_POLY1305_SHA256",
    keyExchange: null,
    aead: "chacha20-poly1305",
    keyLength: 32,
    fixedIvLength: 12,
    tagLength: 16,
    hash: "sha256",
    maxRecords: CHACHA_RECORDS,
  },
  TLS_AES_128_CCM_SHA256: {
    code: 0x1304,
    name: "TLS_AES_128_CCM_SHA256",
    keyExchange: null,
    aead: "aes-128-ccm",
    keyLength: 16,
    fixedIvLength: 12,
    tagLength: 16,
    hash: "sha256",
    maxRecords: CCM_RECORDS,
  },
  TLS_AES_128_CCM_8_SHA256: {
    code: 0x1305,
    name: "TLS_AES_128_CCM_8_SHA256",
    keyExchange: null,
    aead: "aes-128-ccm-8",
    keyLength: 16,
    fixedIvLength: 12,
    tagLength: 8,
    hash: "sha256",
    maxRecords: CCM_RECORDS,
  },
};

/** The suite of that number, or null where there is no row for it. */
export function findSuite(code: number): Suite | null {
  const rows: readonly Suite[] = [...Object.values(SUITES), ...Object.values(SUITES_13)];
  return rows.find((row) => row.code === code) ?? null;
}

/** In the server's order, for streams and datagrams. */
export const DEFAULT_SUITES_13: readonly Suite[] = [
  SUITES_13.TLS_AES_128_GCM_SHA256,
  SUITES_13.TLS_AES_128_CCM_SHA256,
  SUITES_13.TLS_CHACHA20_POLY1305_SHA256,
  SUITES_13.TLS_AES_256_GCM_SHA384,
];

/** The highest first. */
export const DEFAULT_VERSIONS: readonly TlsVersion[] = ["TLS 1.3", "TLS 1.2"];

/** In the server's order. */
export const DEFAULT_GROUPS: readonly EcdhGroup[] = ["P-256", "X25519"];

/** NamedGroup (RFC 8422 §5.1.1). */
const GROUP_CODES: Readonly<Record<EcdhGroup, number>> = {
  "P-256": 23,
  "P-384": 24,
  X25519: 29,
};

export function groupCode(group: EcdhGroup): number {
  return GROUP_CODES[group];
}

/** A row of SignatureScheme, or SignatureAndHashAlgorithm as TLS 1.2 calls it (RFC 5246 §7.4.1.4.1, RFC 8446 §4.2.3). */
export interface Scheme {
  readonly code: number;
  readonly scheme: SignatureScheme;
}

const ECDSA_SHA256: Scheme = { code: 0x0403, scheme: { kind: "ecdsa", hash: "sha256" } };
const ECDSA_SHA384: Scheme = { code: 0x0503, scheme: { kind: "ecdsa", hash: "sha384" } };
const RSA_PSS_RSAE_SHA256: Scheme = { code: 0x0804, scheme: { kind: "rsa-pss", hash: "sha256" } };
const RSA_PSS_RSAE_SHA384: Scheme = { code: 0x0805, scheme: { kind: "rsa-pss", hash: "sha384" } };
const RSA_PSS_RSAE_SHA512: Scheme = { code: 0x0806, scheme: { kind: "rsa-pss", hash: "sha512" } };
const RSA_PKCS1_SHA256: Scheme = { code: 0x0401, scheme: { kind: "rsa-pkcs1", hash: "sha256" } };
const RSA_PKCS1_SHA384: Scheme = { code: 0x0501, scheme: { kind: "rsa-pkcs1", hash: "sha384" } };
const RSA_PKCS1_SHA512: Scheme = { code: 0x0601, scheme: { kind: "rsa-pkcs1", hash: "sha512" } };

/** What CertificateRequest offers, for the client's signature and for its chain. No SHA-1, no MD5. */
export const CLIENT_SCHEMES: readonly Scheme[] = [
  ECDSA_SHA256,
  ECDSA_SHA384,
  RSA_PSS_RSAE_SHA256,
  RSA_PKCS1_SHA256,
];

/**
 * What ClientHello offers, for the server's signature and for its chain. In TLS
 * 1.3 the last three stand for the chain alone ({@link fits13}).
 */
export const SERVER_SCHEMES: readonly Scheme[] = [
  ECDSA_SHA256,
  ECDSA_SHA384,
  RSA_PSS_RSAE_SHA256,
  RSA_PSS_RSAE_SHA384,
  RSA_PSS_RSAE_SHA512,
  RSA_PKCS1_SHA256,
  RSA_PKCS1_SHA384,
  RSA_PKCS1_SHA512,
];

/** The one scheme a key of ours signs with: the hash of its curve's strength. */
export function schemeOf(key: PublicKey & { readonly kind: "ec" }): Scheme {
  switch (key.curve) {
    case "P-256":
      return ECDSA_SHA256;
    case "P-384":
      return ECDSA_SHA384;
  }
}

/** Whether a signature of `scheme` can come from `key`. In TLS 1.2 a hash is not bound to a curve. */
export function fits(scheme: SignatureScheme, key: PublicKey): boolean {
  return (scheme.kind === "ecdsa") === (key.kind === "ec");
}

/**
 * Whether a TLS 1.3 CertificateVerify of `scheme` can come from `key`: ECDSA's
 * hash is the curve's own, and PKCS#1 v1.5 signs certificates alone.
 *
 * @see RFC 8446 §4.2.3
 */
export function fits13(scheme: SignatureScheme, key: PublicKey): boolean {
  switch (scheme.kind) {
    case "ecdsa":
      return key.kind === "ec" && scheme.hash === (key.curve === "P-256" ? "sha256" : "sha384");
    case "rsa-pss":
      return key.kind === "rsa";
    case "rsa-pkcs1":
      return false;
  }
}
