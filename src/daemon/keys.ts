/**
 * The authority on disk: keys and certificates of root, issuing CA and EAP
 * server, one file each, mode 0600, made once and never overwritten. The
 * certificates of issuing CA and server are renewed, under the same keys.
 */
import { fromUtf8, sameBytes, toHex, utf8 } from "../base/bytes.ts";
import type { SigningKey } from "../base/crypto/crypto.ts";
import { DerFailure } from "../base/der.ts";
import { unix } from "../base/machine.ts";
import type { Unix } from "../base/machine.ts";
import { Authority, createRoot } from "../policy/ca/authority.ts";
import type { Issued } from "../policy/ca/authority.ts";
import { AuthorityFailure, explain } from "../policy/ca/failure.ts";
import type { IssueTime } from "../policy/ca/issue-time.ts";
import { PROFILES } from "../policy/ca/profiles.ts";
import type { Certificate } from "../proto/x509/certificate.ts";
import { parseCertificate } from "../proto/x509/certificate.ts";
import { X509Failure } from "../proto/x509/failure.ts";
import { encodePublicKey } from "../proto/x509/key.ts";
import { decodePem, encodePem } from "../proto/x509/pem.ts";
import { encodePrivateKey, parsePrivateKey, signingKeyOf } from "../proto/x509/pkcs8.ts";
import type { PrivateKey } from "../proto/x509/pkcs8.ts";
import type { Host } from "../host/host.ts";
import { SOFTWARE_DATE } from "./clock.ts";
import { readSecret } from "./store/secret.ts";

const KEY_MODE = 0o600;
const CERTIFICATE_MODE = 0o644;
const PSEUDONYM_KEY_LENGTH = 32;

/** The server's certificate is renewed when this part of its life is left. */
const RENEW_AT = 1 / 3;

const DAY = 86_400;

/**
 * The issuing CA's certificate is renewed when what is left of it is shorter
 * than what it may sign: else devices would get less than they were promised.
 */
const ISSUING_RENEW_SECONDS: number = Math.max(
  PROFILES.device.maxSeconds,
  PROFILES["device-server"].maxSeconds,
  PROFILES["eap-server"].maxSeconds,
);

/** Near the root's own end a renewal gains nothing; one that gains less than this is not made. */
const MIN_GAIN_SECONDS = 30 * DAY;

/** How long before its end the owner is told that the issuing CA cannot be renewed here. */
const TELL_SECONDS = 90 * DAY;

export interface HomeKeys {
  /** What had to be made when it was opened. */
  readonly made: "authority" | "server" | null;
  readonly root: Certificate;
  readonly issuing: Authority;
  /** Whether root.key is in the folder: without it the issuing CA cannot be renewed. */
  readonly isRootKeyHere: boolean;
  /** The issuing CA's own, for what this home signs beside certificates. */
  readonly issuingKey: SigningKey;
  /** For EAP: the server's certificate and the issuing CA's, DER, and their key. */
  readonly server: {
    readonly chain: readonly Uint8Array[];
    readonly certificate: Certificate;
    readonly key: SigningKey;
  };
  /** 32 bytes; secret. */
  readonly pseudonymKey: Uint8Array;
}

/** The keys cannot be used. The message is one sentence with the file and the fix. */
export class KeysFailure extends Error {
  override readonly name = "KeysFailure";
}

/** Whether the authority was made before: then it must be whole. */
export function hasAuthority(host: Host, folder: string): boolean {
  return host.files.facts(`${folder}/root.pem`) !== null;
}

/**
 * Reads the authority in `folder`, or makes it where there is none yet. What is
 * due is renewed by {@link renewKeys}.
 * @param serverName - dNSName of the EAP server's certificate
 * @throws KeysFailure, SecretFailure (a key others may read), AuthorityFailure
 *   `time-unknown` where something must be made and the clock is not known, HostFailure
 */
export function openAuthority(
  host: Host,
  folder: string,
  serverName: string,
  now: Unix | null,
): HomeKeys {
  host.files.makeDirectory(folder, 0o700);
  const time: IssueTime = { clock: now ?? "unknown", floor: now ?? SOFTWARE_DATE };
  const isNew = !hasAuthority(host, folder);
  if (isNew) makeAuthority(host, folder, time);
  const root = readCertificate(host, `${folder}/root.pem`);
  const isRootKeyHere = openRoot(host, folder) !== null;
  const issuing = readAuthority(host, folder, "issuing");
  if (!isIssuedBy(issuing.certificate, root)) {
    throw new KeysFailure(
      `${folder}/issuing.pem was not issued by ${folder}/root.pem: restore both from one backup.`,
    );
  }
  const isServerNew = host.files.facts(`${folder}/server.pem`) === null;
  return {
    made: isNew ? "authority" : isServerNew ? "server" : null,
    root,
    issuing,
    isRootKeyHere,
    issuingKey: readKey(host, `${folder}/issuing.key`),
    server: openServer(host, folder, serverName, issuing, time),
    pseudonymKey: openPseudonymKey(host, `${folder}/pseudonym.key`),
  };
}

/**
 * The same keys with new certificates of issuing CA and EAP server where they
 * are due; the very same object where nothing is otherwise.
 * @throws KeysFailure, SecretFailure, AuthorityFailure, HostFailure; the old certificates serve on
 */
export function renewKeys(
  host: Host,
  folder: string,
  serverName: string,
  keys: HomeKeys,
  now: Unix,
): HomeKeys {
  const time: IssueTime = { clock: now, floor: now };
  const isRootKeyHere = host.files.facts(rootKeyPath(folder)) !== null;
  const issuing = isIssuingDue(keys.issuing.certificate, keys.root, now)
    ? renewIssuing(host, folder, keys.issuing, time)
    : keys.issuing;
  const isServerDue =
    issuing !== keys.issuing || isDue(keys.server.certificate, serverName, issuing, time);
  if (!isServerDue && isRootKeyHere === keys.isRootKeyHere) return keys;
  if (isServerDue) {
    const { publicKey } = keys.server.key;
    writeCertificate(
      host,
      `${folder}/server.pem`,
      issuing.issueServer(publicKey, serverName, time),
    );
  }
  const server = isServerDue ? openServer(host, folder, serverName, issuing, time) : keys.server;
  return { ...keys, issuing, isRootKeyHere, server };
}

/** When each certificate is renewed at the latest that can be foreseen; null for one that is not. */
export function renewalsOf({ root, issuing, server }: HomeKeys): {
  readonly issuing: Unix | null;
  readonly server: Unix;
} {
  const { notBefore, notAfter } = server.certificate;
  const at = unix(issuing.certificate.notAfter - ISSUING_RENEW_SECONDS);
  return {
    issuing: isIssuingDue(issuing.certificate, root, unix(at + 1)) ? at : null,
    server: unix(Math.floor(notAfter - (notAfter - notBefore) * RENEW_AT)),
  };
}

/** One sentence with the fix where the issuing CA's certificate ends soon and nothing here renews it, else null. */
export function keysTrouble(keys: HomeKeys, folder: string, now: Unix): string | null {
  const { root, issuing, isRootKeyHere } = keys;
  const { notAfter } = issuing.certificate;
  const days = Math.floor((notAfter - now) / DAY);
  if (
    notAfter - now > TELL_SECONDS ||
    isRootKeyHere ||
    !isIssuingDue(issuing.certificate, root, now)
  ) {
    return null;
  }
  const ends = days < 0 ? "has ended" : `ends in ${days} day${days === 1 ? "" : "s"}`;
  return `The issuing CA's certificate ${ends}, then nobody is admitted: put ${rootKeyPath(folder)} back for an hour, and it is renewed.`;
}

function rootKeyPath(folder: string): string {
  return `${folder}/root.key`;
}

/** The root, to sign with; null where its key is kept elsewhere. Where it is here, it is nobody else's and the right one. */
function openRoot(host: Host, folder: string): Authority | null {
  return host.files.facts(rootKeyPath(folder)) === null
    ? null
    : readAuthority(host, folder, "root");
}

function isIssuingDue(issuing: Certificate, root: Certificate, clock: IssueTime["clock"]): boolean {
  // Without a clock nothing can be issued; the certificate at hand serves on.
  if (clock === "unknown" || issuing.notAfter - clock >= ISSUING_RENEW_SECONDS) return false;
  const next = Math.min(clock + PROFILES.issuing.defaultSeconds, root.notAfter);
  return next - issuing.notAfter >= MIN_GAIN_SECONDS;
}

/** The one at hand where the root's key is kept elsewhere. */
function renewIssuing(host: Host, folder: string, present: Authority, time: IssueTime): Authority {
  const root = openRoot(host, folder);
  if (root === null) return present;
  const issued = root.renewIssuing(present.certificate, SOFTWARE_DATE, time);
  writeCertificate(host, `${folder}/issuing.pem`, issued);
  return readAuthority(host, folder, "issuing");
}

/** By names and key identifiers: this finds files of two homes or two backups, not forgers, who cannot write here. */
function isIssuedBy({ issuer, extensions }: Certificate, by: Certificate): boolean {
  const { authorityKeyId } = extensions;
  const { subjectKeyId } = by.extensions;
  if (authorityKeyId === null || subjectKeyId === null) return false;
  return sameBytes(issuer.der, by.subject.der) && sameBytes(authorityKeyId, subjectKeyId);
}

/** In an order that a power cut cannot spoil: root.pem comes last and says that all is there. */
function makeAuthority(host: Host, folder: string, time: IssueTime): void {
  const tools = { crypto: host.crypto, random: host.random };
  // Asked for before a key is made: a refusal must leave nothing behind.
  if (time.clock === "unknown") throw new AuthorityFailure("time-unknown");
  const rootKey = openKey(host, rootKeyPath(folder));
  const root = createRoot(rootKey, SOFTWARE_DATE, time, tools);
  const issuingKey = openKey(host, `${folder}/issuing.key`);
  const issuing = new Authority(root.der, rootKey, tools).issueIssuing(
    issuingKey.publicKey,
    SOFTWARE_DATE,
    time,
  );
  writeCertificate(host, `${folder}/issuing.pem`, issuing);
  writeCertificate(host, `${folder}/root.pem`, root);
}

/** The key in the file, or a new one that is on the medium before anyone uses it. */
function openKey(host: Host, path: string): SigningKey {
  if (host.files.facts(path) === null) {
    const key: PrivateKey = {
      curve: "P-256",
      scalar: host.crypto.generateScalar("P-256", host.random),
    };
    const pem = encodePem("PRIVATE KEY", encodePrivateKey(key, host.crypto));
    host.files.createDurably(path, utf8(pem), KEY_MODE);
  }
  return readKey(host, path);
}

function readKey(host: Host, path: string): SigningKey {
  const text = fromUtf8(readSecret(host.files, path));
  const [encoded, ...more] = (text === null ? null : decodePem("PRIVATE KEY", text)) ?? [];
  try {
    if (encoded !== undefined && more.length === 0) {
      return signingKeyOf(parsePrivateKey(encoded, host.crypto), host.crypto);
    }
  } catch (failure) {
    if (!(failure instanceof X509Failure || failure instanceof DerFailure)) throw failure;
  }
  throw new KeysFailure(`${path} holds no private key in PEM: restore it from a backup.`);
}

function readCertificate(host: Host, path: string): Certificate {
  const bytes = host.files.read(path);
  if (bytes === null) throw new KeysFailure(`${path} is missing: restore it from a backup.`);
  const [encoded] = decodePem("CERTIFICATE", fromUtf8(bytes) ?? "") ?? [];
  try {
    if (encoded !== undefined) return parseCertificate(encoded);
  } catch (failure) {
    if (!(failure instanceof X509Failure || failure instanceof DerFailure)) throw failure;
  }
  throw new KeysFailure(`${path} holds no certificate in PEM: restore it from a backup.`);
}

function readAuthority(host: Host, folder: string, name: string): Authority {
  const certificate = readCertificate(host, `${folder}/${name}.pem`);
  const key = readKey(host, `${folder}/${name}.key`);
  try {
    return new Authority(certificate.der, key, { crypto: host.crypto, random: host.random });
  } catch (failure) {
    if (!(failure instanceof AuthorityFailure)) throw failure;
    throw new KeysFailure(`${folder}/${name}.pem: ${explain(failure.reason)}`);
  }
}

function openServer(
  host: Host,
  folder: string,
  serverName: string,
  issuing: Authority,
  time: IssueTime,
): HomeKeys["server"] {
  const path = `${folder}/server.pem`;
  const keyPath = `${folder}/server.key`;
  const isNewKey = host.files.facts(keyPath) === null;
  // As above: a refusal must leave nothing behind.
  if (isNewKey && time.clock === "unknown") throw new AuthorityFailure("time-unknown");
  const key = openKey(host, keyPath);
  if (isNewKey || host.files.facts(path) === null) {
    writeCertificate(host, path, issuing.issueServer(key.publicKey, serverName, time));
  }
  const certificate = readCertificate(host, path);
  if (!sameBytes(certificate.spki, encodePublicKey(key.publicKey))) {
    throw new KeysFailure(
      `${path} is not the certificate of ${keyPath}: restore both from one backup, or remove both and new ones are made.`,
    );
  }
  return { chain: [certificate.der, issuing.certificate.der], certificate, key };
}

/** Two thirds of its life gone, another name wanted, or signed by an issuing CA we no longer have. */
function isDue(
  certificate: Certificate,
  serverName: string,
  issuing: Authority,
  { clock }: IssueTime,
): boolean {
  const { notBefore, notAfter, extensions, issuer } = certificate;
  // Without a clock nothing can be issued; the certificate at hand serves on.
  if (clock === "unknown") return false;
  const named = (extensions.subjectAltName ?? []).some(
    (name) => name.kind === "dns" && name.name === serverName,
  );
  const ours = sameBytes(issuer.der, issuing.certificate.subject.der);
  return !named || !ours || notAfter - clock < (notAfter - notBefore) * RENEW_AT;
}

function openPseudonymKey(host: Host, path: string): Uint8Array {
  if (host.files.facts(path) === null) {
    host.files.createDurably(path, utf8(`${toHex(host.random(PSEUDONYM_KEY_LENGTH))}\n`), KEY_MODE);
  }
  return readSecret(host.files, path);
}

function writeCertificate(host: Host, path: string, { der }: Issued): void {
  host.files.replaceDurably(path, utf8(encodePem("CERTIFICATE", der)), CERTIFICATE_MODE);
}
