/** Encodes a ClientHello from an offer. @see RFC 5246 §7.4.1.2, RFC 8446 §4.1.2 */
import { concat, utf8, Writer } from "../../../base/bytes.ts";
import type { CertificateType, TlsClientConfig } from "../connection.ts";
import { encodeExtensions } from "../extensions.ts";
import type { Extension } from "../extensions.ts";
import { binderKey, earlySecret, kdf13, verifyData13 } from "../key-schedule13.ts";
import { handshakeMessage } from "../messages.ts";
import { PSK_DHE_KE } from "../psk-offer.ts";
import { groupCode, SERVER_SCHEMES } from "../suites.ts";
import {
  CertificateTypeCode,
  ExtensionType,
  HandshakeType,
  MAX_PLAINTEXT,
  NULL_COMPRESSION,
  OCSP_STATUS,
  UNCOMPRESSED_POINTS,
  versionCodes,
} from "../wire.ts";
import type { Transport } from "../wire.ts";
import type { Offer } from "./offer.ts";

/** What hellos after the first have and the first has not. */
export interface Repeat {
  /** Of a HelloVerifyRequest; empty without one. In datagrams alone. */
  readonly legacyCookie: Uint8Array;
  /** Of a HelloRetryRequest. */
  readonly cookie: Uint8Array | null;
  /** The transcript in front of this hello, which binders are made over too. */
  readonly before: Uint8Array;
}

export const FIRST: Repeat = {
  legacyCookie: new Uint8Array(),
  cookie: null,
  before: new Uint8Array(),
};

export interface EncodedHello {
  /** Header and body. */
  readonly message: Uint8Array;
  /** The types of its extensions: the server answers no others. */
  readonly types: ReadonlySet<number>;
}

/** What has a say in a hello. */
interface Speaker {
  readonly config: TlsClientConfig;
  readonly transport: Transport;
  /** What the server is to call us by; null for no such extension (RFC 9146 §3). */
  readonly connectionId: Uint8Array | null;
}

export function encodeClientHello(offer: Offer, speaker: Speaker, repeat: Repeat): EncodedHello {
  const extensions = helloExtensions(offer, speaker, repeat);
  if (offer.psks.length === 0) {
    const message = helloMessage(offer, speaker, repeat, extensions);
    return { message, types: typesOf(extensions) };
  }
  // It has to be the last one: all that stands before its binders is under them (RFC 8446 §4.2.11).
  const draft = preSharedKeys(
    offer,
    offer.psks.map(({ hash }) => new Uint8Array(speaker.config.crypto.digest(hash, NONE).length)),
  );
  const all = [...extensions, draft.extension];
  const unbound = helloMessage(offer, speaker, repeat, all);
  const bound = unbound.subarray(0, unbound.length - draft.bindersLength);
  const binders = makeBinders(offer, speaker, concat(repeat.before, bound));
  return { message: concat(bound, encodeBinders(binders)), types: typesOf(all) };
}

const NONE = new Uint8Array();

function typesOf(extensions: readonly Extension[]): ReadonlySet<number> {
  return new Set(extensions.map(([type]) => type));
}

function helloMessage(
  offer: Offer,
  { transport }: Speaker,
  { legacyCookie }: Repeat,
  extensions: readonly Extension[],
): Uint8Array {
  const codes = versionCodes(transport);
  const body = new Writer(512).u16(codes.v12).raw(offer.random).vector8(offer.sessionId);
  if (transport === "datagram") body.vector8(legacyCookie);
  body
    .vector16(numbers([...offer.suites13, ...offer.suites12].map(({ code }) => code)))
    .vector8(Uint8Array.of(NULL_COMPRESSION))
    .vector16(encodeExtensions(extensions));
  return handshakeMessage(HandshakeType.clientHello, body.bytes());
}

/** All but the pre-shared keys. */
function helloExtensions(
  offer: Offer,
  { config, transport, connectionId }: Speaker,
  { cookie }: Repeat,
): Extension[] {
  const { serverName, applicationProtocols = [], asksOcsp = false } = config;
  const extensions: Extension[] = [];
  const add = (type: number, body: Uint8Array): void => void extensions.push([type, body]);

  if (serverName !== null) add(ExtensionType.serverName, hostName(serverName));
  if (asksOcsp) add(ExtensionType.statusRequest, ocspRequest());
  add(ExtensionType.supportedGroups, list16(offer.groups.map(groupCode)));
  add(ExtensionType.signatureAlgorithms, list16(SERVER_SCHEMES.map(({ code }) => code)));
  if (applicationProtocols.length > 0) {
    add(ExtensionType.applicationProtocols, protocolNames(applicationProtocols));
  }
  addCertificateTypes(offer, add);
  if (connectionId !== null) {
    add(ExtensionType.connectionId, new Writer().vector8(connectionId).bytes());
  }
  const speaks13 = offer.versions.includes("TLS 1.3");
  // There the type octet counts too (RFC 8449 §4).
  add(ExtensionType.recordSizeLimit, numbers([speaks13 ? MAX_PLAINTEXT + 1 : MAX_PLAINTEXT]));
  if (offer.versions.includes("TLS 1.2")) add12(offer, add);
  if (speaks13) add13(offer, transport, cookie, add);
  return extensions;
}

type Add = (type: number, body: Uint8Array) => void;

function add12({ ticket }: Offer, add: Add): void {
  add(
    ExtensionType.ecPointFormats,
    new Writer().vector8(Uint8Array.of(UNCOMPRESSED_POINTS)).bytes(),
  );
  add(ExtensionType.extendedMasterSecret, NONE);
  add(ExtensionType.renegotiationInfo, new Writer().vector8(NONE).bytes());
  add(ExtensionType.sessionTicket, ticket?.ticket ?? NONE);
}

function add13(
  { versions, share }: Offer,
  transport: Transport,
  cookie: Uint8Array | null,
  add: Add,
): void {
  const { v12, v13 } = versionCodes(transport);
  const codes = versions.includes("TLS 1.2") ? [v13, v12] : [v13];
  add(ExtensionType.supportedVersions, new Writer().vector8(numbers(codes)).bytes());
  if (cookie !== null) add(ExtensionType.cookie, new Writer().vector16(cookie).bytes());
  add(ExtensionType.pskKeyExchangeModes, new Writer().vector8(Uint8Array.of(PSK_DHE_KE)).bytes());
  if (share === null) throw new Error("an offer of TLS 1.3 has a share");
  const entry = new Writer().u16(groupCode(share.group)).vector16(share.key.publicKey);
  add(ExtensionType.keyShare, new Writer().vector16(entry.bytes()).bytes());
}

/** Certificates alone are what is meant without the extensions (RFC 7250 §4.1). */
function addCertificateTypes({ clientTypes, serverTypes }: Offer, add: Add): void {
  const isDefault = (types: readonly CertificateType[]): boolean =>
    types.length === 1 && types[0] === "x509";
  if (!isDefault(clientTypes)) add(ExtensionType.clientCertificateType, typeList(clientTypes));
  if (!isDefault(serverTypes)) add(ExtensionType.serverCertificateType, typeList(serverTypes));
}

function typeList(types: readonly CertificateType[]): Uint8Array {
  return new Writer().vector8(Uint8Array.from(types, certificateTypeCode)).bytes();
}

export function certificateTypeCode(type: CertificateType): number {
  switch (type) {
    case "x509":
      return CertificateTypeCode.x509;
    case "raw-public-key":
      return CertificateTypeCode.rawPublicKey;
  }
}

/** @see RFC 6066 §3 */
function hostName(name: string): Uint8Array {
  const entry = new Writer().u8(0).vector16(utf8(name));
  return new Writer().vector16(entry.bytes()).bytes();
}

/** Any responder, and no extensions. @see RFC 6066 §8 */
function ocspRequest(): Uint8Array {
  return new Writer().u8(OCSP_STATUS).vector16(NONE).vector16(NONE).bytes();
}

/** @see RFC 7301 §3.1 */
function protocolNames(names: readonly string[]): Uint8Array {
  const list = new Writer();
  for (const name of names) list.vector8(Uint8Array.from(name, (octet) => octet.charCodeAt(0)));
  return new Writer().vector16(list.bytes()).bytes();
}

function list16(codes: readonly number[]): Uint8Array {
  return new Writer().vector16(numbers(codes)).bytes();
}

function numbers(codes: readonly number[]): Uint8Array {
  const list = new Writer();
  for (const code of codes) list.u16(code);
  return list.bytes();
}

interface PskExtension {
  readonly extension: Extension;
  /** Octets of the list of binders with its length. */
  readonly bindersLength: number;
}

/** @see RFC 8446 §4.2.11 */
function preSharedKeys({ psks }: Offer, binders: readonly Uint8Array[]): PskExtension {
  const identities = new Writer();
  for (const { identity, obfuscatedAge } of psks) identities.vector16(identity).u32(obfuscatedAge);
  const proofs = encodeBinders(binders);
  const body = new Writer().vector16(identities.bytes()).raw(proofs).bytes();
  return { extension: [ExtensionType.preSharedKey, body], bindersLength: proofs.length };
}

function encodeBinders(binders: readonly Uint8Array[]): Uint8Array {
  const list = new Writer();
  for (const binder of binders) list.vector8(binder);
  return new Writer().vector16(list.bytes()).bytes();
}

/** @param bound - The transcript up to the binders. @see RFC 8446 §4.2.11.2 */
function makeBinders(
  { psks }: Offer,
  { config: { crypto }, transport }: Speaker,
  bound: Uint8Array,
): Uint8Array[] {
  return psks.map(({ hash, key, session }) => {
    const kdf = kdf13(crypto, hash, transport);
    const early = earlySecret(kdf, key);
    const secret = binderKey(kdf, early, session === null ? "imp" : "res");
    const binder = verifyData13(kdf, secret, crypto.digest(hash, bound));
    early.fill(0);
    secret.fill(0);
    return binder;
  });
}
