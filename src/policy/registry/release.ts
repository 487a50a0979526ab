/** What a record keeps of a device's release: the token that it is to have, and the receipt it gave. */
import type { Unix } from "../../base/machine.ts";
import { Fields } from "./fields.ts";

/** Hexadecimal digits of a token or receipt: both are signed objects of at most 512 octets. */
const MAX_OBJECT_DIGITS = 1024;
const NONCE_DIGITS = 32;
const MAX_COUNTER: number = 2 ** 48 - 1;

/** A token as it was sent, so that it can be sent again and its receipt be checked. */
export interface SentToken {
  /** The device's, which the token answers: 16 octets in hexadecimal. */
  readonly nonce: string;
  readonly counter: number;
  /** COSE_Sign1 in hexadecimal. */
  readonly token: string;
}

export interface Release {
  /** SHA-256 over the SubjectPublicKeyInfo of the key in use when the device was given up, 64 hex digits: it is a first key again. */
  readonly spkiHash: string;
  /** Null until the device has given out a nonce. */
  readonly sent: SentToken | null;
  /** The device's, COSE_Sign1 in hexadecimal; null until it came. */
  readonly receipt: string | null;
  /** Null while there is no receipt, or where the time was not known when it came. */
  readonly confirmedAt: Unix | null;
}

/** A release from its JSON. @throws RegistryFailure `bad-form` for a field missing, unknown or out of bounds. */
export function parseRelease(json: unknown): Release {
  const fields = new Fields(json, "release");
  const release: Release = {
    spkiHash: fields.text("spkiHash", (text) => /^[0-9a-f]{64}$/.test(text)),
    sent: fields.nullable("sent", () => parseSent(fields.raw("sent"))),
    receipt: fields.nullable("receipt", () => fields.text("receipt", isObject)),
    confirmedAt: fields.nullable("confirmedAt", () => fields.time("confirmedAt")),
  };
  fields.end();
  return release;
}

function parseSent(json: unknown): SentToken {
  const fields = new Fields(json, "token");
  const sent: SentToken = {
    nonce: fields.text("nonce", (text) => text.length === NONCE_DIGITS && isOctets(text)),
    counter: fields.whole("counter", 1, MAX_COUNTER),
    token: fields.text("token", isObject),
  };
  fields.end();
  return sent;
}

function isObject(text: string): boolean {
  return text.length <= MAX_OBJECT_DIGITS && isOctets(text);
}

function isOctets(text: string): boolean {
  return /^(?:[0-9a-f]{2})+$/.test(text);
}
