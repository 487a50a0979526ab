/** As much CoAP as one GET and its answer need: over datagrams (RFC 7252) and over streams (RFC 8323). */
import { concat, utf8 } from "../../src/base/bytes.ts";
import { COAP_ANSWER } from "./end.ts";

const GET = 0x01;
const CONTENT = 0x45;
const CSM = 0xe1;
const PING = 0xe2;
const PONG = 0xe3;
const CONFIRMABLE = 0;
const ACKNOWLEDGEMENT = 2;
const PAYLOAD_MARKER = 0xff;

interface Message {
  readonly code: number;
  readonly token: Uint8Array;
  /** Options and payload as they came. */
  readonly rest: Uint8Array;
}

/** The answers of a CoAP server to what came, whole messages: every GET gets {@link COAP_ANSWER}. */
export function answerCoap(bytes: Uint8Array, transport: "stream" | "datagram"): Uint8Array {
  return transport === "stream" ? answerStream(bytes) : answerDatagram(bytes);
}

function answerStream(bytes: Uint8Array): Uint8Array {
  const answers: Uint8Array[] = [];
  for (const { code, token } of readStream(bytes)) {
    if (code === CSM)
      answers.push(writeStream({ code: CSM, token: new Uint8Array(), rest: new Uint8Array() }));
    else if (code === PING)
      answers.push(writeStream({ code: PONG, token, rest: new Uint8Array() }));
    else if (code === GET)
      answers.push(writeStream({ code: CONTENT, token, rest: payload(COAP_ANSWER) }));
  }
  return concat(...answers);
}

/** @see RFC 8323 §3.2 */
function* readStream(bytes: Uint8Array): Generator<Message> {
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at++]!;
    let length = first >> 4;
    if (length === 13) length = 13 + bytes[at++]!;
    else if (length > 13) throw new RangeError("a longer CoAP message than a test sends");
    const code = bytes[at++]!;
    const token = bytes.slice(at, at + (first & 15));
    at += token.length;
    yield { code, token, rest: bytes.slice(at, at + length) };
    at += length;
  }
}

function writeStream({ code, token, rest }: Message): Uint8Array {
  const length = rest.length < 13 ? [] : [rest.length - 13];
  const nibble = rest.length < 13 ? rest.length : 13;
  return concat(Uint8Array.of((nibble << 4) | token.length, ...length, code), token, rest);
}

/** @see RFC 7252 §3 */
function answerDatagram(bytes: Uint8Array): Uint8Array {
  const [first = 0, code = 0, high = 0, low = 0] = bytes;
  if (((first >> 4) & 3) !== CONFIRMABLE || code !== GET) return new Uint8Array();
  const token = bytes.slice(4, 4 + (first & 15));
  const head = [0x40 | (ACKNOWLEDGEMENT << 4) | token.length, CONTENT, high, low];
  return concat(Uint8Array.from(head), token, payload(COAP_ANSWER));
}

/** A confirmable GET of `/`. */
export function getRequest(transport: "stream" | "datagram", messageId: number): Uint8Array {
  const token = Uint8Array.of(0x77);
  if (transport === "stream") {
    const hello = writeStream({ code: CSM, token: new Uint8Array(), rest: new Uint8Array() });
    return concat(hello, writeStream({ code: GET, token, rest: new Uint8Array() }));
  }
  const head = [0x40 | token.length, GET, messageId >> 8, messageId & 0xff];
  return concat(Uint8Array.from(head), token);
}

/** The payload of the 2.05 among what came, or null. */
export function contentOf(bytes: Uint8Array, transport: "stream" | "datagram"): Uint8Array | null {
  if (transport === "stream") {
    for (const { code, rest } of readStream(bytes)) if (code === CONTENT) return afterMarker(rest);
    return null;
  }
  const [first = 0, code = 0] = bytes;
  return code === CONTENT ? afterMarker(bytes.slice(4 + (first & 15))) : null;
}

/** Options have no octet ff where their values have none, which those of an example server have not. */
function afterMarker(rest: Uint8Array): Uint8Array {
  const marker = rest.indexOf(PAYLOAD_MARKER);
  return marker < 0 ? new Uint8Array() : rest.slice(marker + 1);
}

function payload(text: string): Uint8Array {
  return concat(Uint8Array.of(PAYLOAD_MARKER), utf8(text));
}
