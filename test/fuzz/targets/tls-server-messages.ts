/**
 * What only a server says, and what a ClientHello says of pre-shared keys: read
 * to the last octet or refused as a TlsFailure; what has one form encodes back.
 */
import { Reader, sameBytes, Writer } from "../../../src/base/bytes.ts";
import { Choices } from "../choices.ts";
import { hold, holdSame, leavesNothing, valueOf } from "../expect.ts";
import {
  encodeImportedIdentity,
  parseCertificateRequest12,
  parseCertificateRequest13,
  parseCertificateStatus,
  parseEncryptedExtensions,
  parseImportedIdentity,
  parseNewSessionTicket12,
  parseNewSessionTicket13,
  parsePskKeyExchange,
  parseRawPublicKey,
  parseServerCertificate13,
  parseServerHello,
  parseServerKeyExchange,
  pskModes,
  pskOffer,
  retryWish,
  selectedIdentity,
  serverShare,
  TlsFailure,
} from "../tls.ts";

type Parse = (body: Uint8Array) => unknown;
const OWN = [TlsFailure] as const;
const OFFERED: ReadonlySet<number> = new Set([0, 5, 10, 16, 19, 20, 28, 41, 43, 51]);
const ASKED = {
  applicationProtocols: ["homeca"],
  clientTypes: ["x509", "raw-public-key"],
  serverTypes: ["x509", "raw-public-key"],
  maxRecordSize: 2 ** 14 + 1,
} as const;

const MESSAGES: readonly [Parse, ...Parse[]] = [
  hello,
  (body) => parseEncryptedExtensions(body, OFFERED, ASKED),
  parseCertificateRequest12,
  parseCertificateRequest13,
  (body) => parseServerCertificate13(body, OFFERED),
  keyExchange,
  parsePskKeyExchange,
  ticket12,
  parseNewSessionTicket13,
  parseCertificateStatus,
  parseRawPublicKey,
  identity,
];

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const which = choices.below(MESSAGES.length + 1);
  const message = MESSAGES[which];
  const body = choices.rest();
  if (message === undefined) return offer(body);
  if (valueOf(() => message(body) ?? true, OWN) === null) return;
  // The last one says null for what is none.
  if (message !== identity) leavesNothing(message, body, OWN);
}

function hello(body: Uint8Array): unknown {
  const parsed = parseServerHello(body);
  hold(parsed.random.length === 32 && parsed.sessionId.length <= 32, "lengths of the standard");
  for (const look of [serverShare, selectedIdentity, retryWish]) valueOf(() => look(parsed), OWN);
  return parsed;
}

function keyExchange(body: Uint8Array): unknown {
  const { params, schemeCode, signature } = parseServerKeyExchange(body);
  const again = new Writer().raw(params.octets).u16(schemeCode).vector16(signature).bytes();
  holdSame(again, body, "what is signed stands in front of the signature");
  return params;
}

function ticket12(body: Uint8Array): unknown {
  const { lifetimeSeconds, ticket } = parseNewSessionTicket12(body);
  holdSame(new Writer().u32(lifetimeSeconds).vector16(ticket).bytes(), body, "a ticket");
  return ticket;
}

function identity(body: Uint8Array): unknown {
  const parsed = parseImportedIdentity(body);
  if (parsed !== null) holdSame(encodeImportedIdentity(parsed), body, "an identity has one form");
  return parsed;
}

function offer(body: Uint8Array): void {
  const reader = new Reader(body, () => TlsFailure.because("malformed-message"));
  const offered = valueOf(() => pskOffer(reader), OWN);
  if (offered !== null) {
    const { identities, binders, bindersLength } = offered;
    hold(identities.length === binders.length && binders.length > 0, "a binder for each identity");
    const list = new Writer();
    for (const binder of binders) list.vector8(binder);
    const end = new Writer().vector16(list.bytes()).bytes();
    const from = reader.at - end.length;
    hold(sameBytes(body.subarray(from, reader.at), end), "the binders stand at the end");
    hold(bindersLength === body.length - from, "and are as long as it says");
  }
  valueOf(() => pskModes(new Reader(body, () => TlsFailure.because("malformed-message"))), OWN);
}
