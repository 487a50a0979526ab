/**
 * The handshake messages behind the hello, and alerts: what is parsed encodes
 * back to the same octets; anything else is a TlsFailure.
 */
import { Writer } from "../../../src/base/bytes.ts";
import { Choices } from "../choices.ts";
import { hold, holdSame, valueOf } from "../expect.ts";
import {
  encodeAlert,
  encodeCertificate,
  encodeCertificate13,
  encodeCertificateVerify,
  encodeFinished,
  parseAlert,
  parseCertificate,
  parseCertificate13,
  parseCertificateVerify,
  parseClientKeyExchange,
  parseFinished,
  parseFinished13,
  parseKeyUpdate,
  TlsFailure,
} from "../tls.ts";

const HEADER_LENGTH = 4;

/** Each gives the body as we would encode it, or null for what is not encoded. */
const MESSAGES: readonly [Again, ...Again[]] = [
  (body) => encodeCertificate(parseCertificate(body)).subarray(HEADER_LENGTH),
  (body) => new Writer().vector8(parseClientKeyExchange(body)).bytes(),
  (body) => {
    const { schemeCode, signature } = parseCertificateVerify(body);
    return encodeCertificateVerify(schemeCode, signature).subarray(HEADER_LENGTH);
  },
  (body) => encodeFinished(parseFinished(body)).subarray(HEADER_LENGTH),
  (body) => encodeCertificate13(parseCertificate13(body)).subarray(HEADER_LENGTH),
  (body) => parseFinished13(body, 32),
  (body) => Uint8Array.of(parseKeyUpdate(body) ? 1 : 0),
  alert,
];
type Again = (body: Uint8Array) => Uint8Array | null;

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const message = choices.pick(MESSAGES);
  const body = choices.rest();
  const again = valueOf(() => message(body), [TlsFailure]);
  if (again !== null) holdSame(again, body, "what is parsed encodes back");
}

/** The level we would send need not be the one that came. */
function alert(body: Uint8Array): Uint8Array | null {
  const parsed = parseAlert(body);
  if (parsed === null || parsed.name === null) return null;
  hold(encodeAlert(parsed.name)[1] === body[1], "an alert's number");
  return body;
}
