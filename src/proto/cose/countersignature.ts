/**
 * Full countersignatures of version 2 (RFC 9338 §3.1) on a COSE_Sign1: a
 * second party signs the payload together with the first one's signature, so
 * neither is taken off or swapped without the other noticing. Whoever needs
 * both has to ask for both: a message without this header is as good as ever.
 */
import type { CborItem } from "../../base/cbor.ts";
import * as cbor from "../../base/cbor-write.ts";
import type { Crypto, PublicKey, SigningKey } from "../../base/crypto/crypto.ts";
import type { RandomSource } from "../../base/machine.ts";
import { SIGNATURE_LENGTH, signEs256, verifyEs256 } from "./es256.ts";
import { CoseFailure } from "./failure.ts";
import { encodeProtected, readHeaders, unprotectedEntries } from "./headers.ts";
import type { Headers } from "./headers.ts";

/** Countersignatures on one message: the home's, and few that others may have added. */
export const MAX_COUNTERSIGNATURES = 4;

/** What is countersigned of a COSE_Sign1. */
export interface Countersigned {
  /** The message's protected bucket. */
  readonly sealed: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** A countersignature as received; its headers are a hint until it holds. */
export class Countersignature {
  readonly headers: Headers;
  readonly #sealed: Uint8Array;
  readonly #signature: Uint8Array;

  constructor(headers: Headers, sealed: Uint8Array, signature: Uint8Array) {
    this.headers = headers;
    this.#sealed = sealed;
    this.#signature = signature;
  }

  /** @throws CoseFailure `bad-signature`, `unsupported-key` */
  verify(crypto: Crypto, key: PublicKey, externalAad: Uint8Array, target: Countersigned): void {
    const structure = countersignStructure(target, this.#sealed, externalAad);
    verifyEs256(crypto, key, structure, this.#signature);
  }
}

/**
 * Reads label 11: one countersignature, or an array of them.
 *
 * @throws CborFailure, CoseFailure as for a COSE_Sign1's own headers;
 *   `too-many-countersignatures`
 */
export function readCountersignatures(header: CborItem | undefined): readonly Countersignature[] {
  return encodedOnes(header).map((item) => {
    const [sealed, open, signature] = item.array(3);
    const headers = readHeaders(sealed!, open!);
    return new Countersignature(headers, sealed!.bytes(), signature!.bytes(SIGNATURE_LENGTH));
  });
}

/**
 * Signs `target` and puts the countersignature behind those that are there.
 *
 * @returns the encoded header for label 11
 * @throws CoseFailure `too-many-countersignatures`, `unsupported-key`
 */
export function addCountersignature(
  header: CborItem | undefined,
  target: Countersigned,
  signed: Pick<Headers, "keyId" | "certificateHash"> & { readonly externalAad: Uint8Array },
  key: SigningKey,
  random: RandomSource | null,
): Uint8Array {
  const before = encodedOnes(header).map(({ encoding }) => encoding);
  if (before.length >= MAX_COUNTERSIGNATURES) throw new CoseFailure("too-many-countersignatures");
  const sealed = encodeProtected({ contentType: null });
  const structure = countersignStructure(target, sealed, signed.externalAad);
  const made = cbor.array(
    cbor.bytes(sealed),
    cbor.map(...unprotectedEntries(signed)),
    cbor.bytes(signEs256(key, structure, random)),
  );
  return before.length === 0 ? made : cbor.array(...before, made);
}

/** A single one begins with its protected bucket, a list with the first of them. */
function encodedOnes(header: CborItem | undefined): readonly CborItem[] {
  if (header === undefined) return [];
  const items = header.array();
  if (items[0]?.kind === "bytes") return [header];
  if (items.length === 0) throw new CoseFailure("bad-header");
  if (items.length > MAX_COUNTERSIGNATURES) throw new CoseFailure("too-many-countersignatures");
  return items;
}

/** Countersign_structure (RFC 9338 §3.3): the message's signature is in it, as the last field. */
function countersignStructure(
  { sealed, payload, signature }: Countersigned,
  own: Uint8Array,
  externalAad: Uint8Array,
): Uint8Array {
  return cbor.array(
    cbor.text("CounterSignatureV2"),
    cbor.bytes(sealed),
    cbor.bytes(own),
    cbor.bytes(externalAad),
    cbor.bytes(payload),
    cbor.array(cbor.bytes(signature)),
  );
}
