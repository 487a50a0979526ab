/** What the vectors are made from: octets that anybody can compute from a label, and the forms they are shown in. */
import { toHex, utf8 } from "../../src/base/bytes.ts";
import { parseCbor } from "../../src/base/cbor.ts";
import type { CborItem } from "../../src/base/cbor.ts";
import type { Crypto, SigningKey } from "../../src/base/crypto/crypto.ts";
import { noble } from "../../src/base/crypto/noble.ts";
import { multiplyAdd } from "../../src/base/crypto/scalar.ts";
import type { RandomSource } from "../../src/base/machine.ts";
import { unix } from "../../src/base/machine.ts";
import type { Unix } from "../../src/base/machine.ts";

export const crypto: Crypto = noble;

/** The time of all vectors: 2026-11-22T00:00:00Z. */
export const NOW: Unix = unix(1_795_305_600);

/** SHA-256 of `homeca vector NAME`: 32 octets. */
export function label(name: string): Uint8Array {
  return crypto.digest("sha256", utf8(`homeca vector ${name}`));
}

/** The label's number modulo n. */
export function scalar(name: string): Uint8Array {
  const one = new Uint8Array(32).fill(1, 31);
  return multiplyAdd(one, label(name), new Uint8Array(32));
}

export function keyOf(name: string): SigningKey {
  return crypto.signingKey("P-256", scalar(name));
}

/** The labels `NAME 0`, `NAME 1`, … one after another. */
export function randomOf(name: string): RandomSource {
  let counter = 0;
  return (length) => {
    const octets = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      octets.set(label(`${name} ${counter++}`).subarray(0, length - at), at);
    }
    return octets;
  };
}

/** A value of the product as JSON can hold it: octets in hexadecimal. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]));
}

/** One CBOR item in diagnostic notation (RFC 8949 §8). */
export function diagnostic(bytes: Uint8Array): string {
  return written(parseCbor(bytes));
}

function written(item: CborItem): string {
  switch (item.kind) {
    case "integer":
      return String(item.bigint());
    case "bytes":
      return `h'${toHex(item.bytes())}'`;
    case "text":
      return JSON.stringify(item.text());
    case "array":
      return `[${item.array().map(written).join(", ")}]`;
    case "map":
      return `{${item
        .map()
        .entries()
        .map(([key, value]) => `${JSON.stringify(key)}: ${written(value)}`)
        .join(", ")}}`;
    case "tag":
      return `${item.tag}(${written(item.behindTag())})`;
    case "boolean":
      return String(item.boolean());
    case "null":
      return "null";
  }
}
