/**
 * The CoAP message: header, token, options, payload, form only. Which options
 * mean what is `options.ts`, what a message is an answer to `endpoint.ts`.
 *
 * @see RFC 7252 §3
 */
import { Reader, Writer } from "../../base/bytes.ts";
import { classOf, Code, isRequest } from "./codes.ts";
import { CoapDiscard, type CoapDiscardReason } from "./failure.ts";

/** Confirmable, non-confirmable, acknowledgement, Reset; in the order of their numbers. */
const TYPES = ["CON", "NON", "ACK", "RST"] as const;
export type MessageType = (typeof TYPES)[number];

const VERSION = 1;
const HEADER_LENGTH = 4;
export const MAX_TOKEN_LENGTH = 8;
const PAYLOAD_MARKER = 0xff;
/** Options of one message; the longest path here has five segments. */
export const MAX_OPTIONS = 64;
/** Numbers are 16 bits (RFC 7252 §12.2). */
const MAX_OPTION_NUMBER = 65_535;

/** In a nibble: one octet and two octets follow, and what they add to; 15 is reserved (RFC 7252 §3.1). */
const ONE_OCTET = 13;
const TWO_OCTETS = 14;
const ONE_OCTET_BASE = 13;
const TWO_OCTETS_BASE = 269;

/** One option as it travels. */
export interface Option {
  readonly number: number;
  readonly value: Uint8Array;
}

export interface Message {
  readonly type: MessageType;
  readonly code: number;
  /** 0 to 65535, of the sender's for CON and NON, of the other side's for ACK and RST. */
  readonly messageId: number;
  /** 0 to 8 octets. */
  readonly token: Uint8Array;
  /** By number, repeats in wire order. */
  readonly options: readonly Option[];
  readonly payload: Uint8Array;
}

const NOTHING = new Uint8Array();

/**
 * Reads one message from one datagram.
 *
 * @param datagram - The whole message. The result borrows from it.
 * @throws {@link CoapDiscard}, which carries what is answered: a Reset to a
 *   confirmable message whose header can be read, silence to all others.
 */
export function parseMessage(datagram: Uint8Array): Message {
  const header = new Reader(datagram, (at) => new CoapDiscard("truncated", at, null));
  const first = header.u8();
  if (first >> 6 !== VERSION) throw new CoapDiscard("bad-version", 0, null);
  const code = header.u8();
  const messageId = header.u16();

  const type = TYPES[((first >> 4) & 3) as 0 | 1 | 2 | 3];
  const resets = type === "CON" ? messageId : null;
  const refused = (reason: CoapDiscardReason, at: number): CoapDiscard =>
    new CoapDiscard(reason, at, resets);
  const tokenLength = first & 15;
  if (tokenLength > MAX_TOKEN_LENGTH) throw refused("bad-token-length", 0);
  if (!mayCarry(type, code)) throw refused("bad-code", 1);
  if (code === Code.EMPTY && (tokenLength > 0 || header.remaining > 0)) {
    throw refused("bad-empty", HEADER_LENGTH);
  }

  const body = new Reader(header.rest(), (at) => refused("truncated", HEADER_LENGTH + at));
  const token = body.take(tokenLength);
  const { options, payload } = parseBody(body, refused);
  return { type, code, messageId, token, options, payload };
}

/** Which codes a type may have. @see RFC 7252 §4.2, §4.3 and Table 1 */
function mayCarry(type: MessageType, code: number): boolean {
  const reserved = [1, 6, 7].includes(classOf(code));
  switch (type) {
    case "CON":
      return !reserved;
    case "NON":
      return !reserved && code !== Code.EMPTY;
    case "ACK":
      return !reserved && !isRequest(code);
    case "RST":
      return code === Code.EMPTY;
  }
}

function parseBody(
  body: Reader,
  refused: (reason: CoapDiscardReason, at: number) => CoapDiscard,
): { readonly options: readonly Option[]; readonly payload: Uint8Array } {
  const options: Option[] = [];
  let number = 0;
  while (body.remaining > 0) {
    const at = HEADER_LENGTH + body.at;
    const head = body.u8();
    if (head === PAYLOAD_MARKER) {
      if (body.remaining === 0) throw refused("empty-payload", at);
      return { options, payload: body.rest() };
    }
    const delta = extended(body, head >> 4);
    const length = extended(body, head & 15);
    if (delta === null || length === null) throw refused("bad-option", at);
    number += delta;
    if (number > MAX_OPTION_NUMBER) throw refused("bad-option", at);
    if (options.length === MAX_OPTIONS) throw refused("too-many-options", at);
    options.push({ number, value: body.take(length) });
  }
  return { options, payload: NOTHING };
}

/** A delta or a length behind its nibble; null for the reserved one. */
function extended(body: Reader, nibble: number): number | null {
  if (nibble < ONE_OCTET) return nibble;
  if (nibble === ONE_OCTET) return ONE_OCTET_BASE + body.u8();
  return nibble === TWO_OCTETS ? TWO_OCTETS_BASE + body.u16() : null;
}

/**
 * The octets of a message. What {@link parseMessage} read encodes to the same octets: there is
 * one way to write each option.
 *
 * @param message - Options in any order; those of one number keep theirs.
 * @throws RangeError for what the form cannot hold: a fault of the caller.
 */
export function encodeMessage(message: Message): Uint8Array {
  const { type, code, messageId, token, options, payload } = message;
  if (token.length > MAX_TOKEN_LENGTH) throw new RangeError("a token has at most 8 octets");
  if (!mayCarry(type, code)) throw new RangeError(`a ${type} message cannot carry code ${code}`);
  const first = (VERSION << 6) | (TYPES.indexOf(type) << 4) | token.length;
  const out = new Writer(HEADER_LENGTH + token.length + payload.length + 40);
  out.u8(first).u8(code).u16(messageId).raw(token);
  let previous = 0;
  for (const { number, value } of options.toSorted((a, b) => a.number - b.number)) {
    if (number > MAX_OPTION_NUMBER) throw new RangeError(`no option has the number ${number}`);
    const delta = nibbleOf(number - previous);
    const length = nibbleOf(value.length);
    out.u8((delta << 4) | length);
    writeExtended(out, delta, number - previous);
    writeExtended(out, length, value.length);
    out.raw(value);
    previous = number;
  }
  if (payload.length > 0) out.u8(PAYLOAD_MARKER).raw(payload);
  if (code === Code.EMPTY && out.length > HEADER_LENGTH) {
    throw new RangeError("an Empty message is its header alone");
  }
  return out.bytes();
}

function nibbleOf(value: number): number {
  if (value < ONE_OCTET_BASE) return value;
  return value < TWO_OCTETS_BASE ? ONE_OCTET : TWO_OCTETS;
}

function writeExtended(out: Writer, nibble: number, value: number): void {
  if (nibble === ONE_OCTET) out.u8(value - ONE_OCTET_BASE);
  if (nibble === TWO_OCTETS) out.u16(value - TWO_OCTETS_BASE);
}

/** An acknowledgement or a Reset that is nothing else. */
export function encodeEmpty(type: "ACK" | "RST", messageId: number): Uint8Array {
  const message = { type, code: Code.EMPTY, messageId, token: NOTHING, options: [] };
  return encodeMessage({ ...message, payload: NOTHING });
}
