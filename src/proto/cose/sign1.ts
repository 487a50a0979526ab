/**
 * COSE_Sign1 (RFC 9052 §4.2): one payload under one ES256 signature, for what
 * must outlive a connection. Which key may sign what is the caller's question;
 * the payload is handed out by the verification alone.
 */
import { concat, utf8 } from "../../base/bytes.ts";
import { parseCbor } from "../../base/cbor.ts";
import type { CborItem, CborKey } from "../../base/cbor.ts";
import * as cbor from "../../base/cbor-write.ts";
import type { Crypto, PublicKey, SigningKey } from "../../base/crypto/crypto.ts";
import type { RandomSource } from "../../base/machine.ts";
import { addCountersignature, readCountersignatures } from "./countersignature.ts";
import type { Countersignature, Countersigned } from "./countersignature.ts";
import { SIGNATURE_LENGTH, signEs256, verifyEs256 } from "./es256.ts";
import { CoseFailure } from "./failure.ts";
import { encodeProtected, LABEL, readHeaders, unprotectedEntries } from "./headers.ts";
import type { Headers } from "./headers.ts";

/** The CBOR tag of COSE_Sign1 (RFC 9052 §2). */
const SIGN1_TAG = 18;

/**
 * What every object of HomeCA is signed together with: what kind of object it
 * is, so that none passes for another, and the key it is signed with. The
 * latter closes the attack on related keys: a signature under d can be turned
 * into one under k·d over another digest, but never over one that names k·D.
 *
 * @param type - `homeca-release`, ASCII, never two kinds under one name
 * @param spki - the signer's SubjectPublicKeyInfo, DER
 */
export function externalAad(crypto: Crypto, type: string, spki: Uint8Array): Uint8Array {
  return concat(utf8(type), Uint8Array.of(0), crypto.digest("sha256", spki));
}

/**
 * Signs `payload`.
 *
 * @param signed - `externalAad` is not in the message: whoever verifies has to
 *   know it. A `detached` payload is not in it either.
 * @param random - hedges the nonce, see {@link SigningKey}
 * @returns the tagged message, deterministic CBOR
 * @throws CoseFailure `unsupported-key` for a key on another curve than P-256
 * @see RFC 9052 §4.4
 */
export function signSign1(
  signed: Partial<Headers> & {
    readonly payload: Uint8Array;
    readonly externalAad: Uint8Array;
    readonly detached?: boolean;
  },
  key: SigningKey,
  random: RandomSource | null,
): Uint8Array {
  const { payload, externalAad, contentType = null, keyId = null, certificateHash = null } = signed;
  const sealed = encodeProtected({ contentType });
  const signature = signEs256(key, sigStructure(sealed, externalAad, payload), random);
  const unprotected = unprotectedEntries({ keyId, certificateHash });
  return encodeSign1(sealed, unprotected, signed.detached === true ? null : payload, signature);
}

function encodeSign1(
  sealed: Uint8Array,
  unprotected: readonly (readonly [CborKey, Uint8Array | null])[],
  payload: Uint8Array | null,
  signature: Uint8Array,
): Uint8Array {
  const parts = [
    cbor.bytes(sealed),
    cbor.map(...unprotected),
    payload === null ? cbor.nullValue() : cbor.bytes(payload),
    cbor.bytes(signature),
  ];
  return cbor.tagged(SIGN1_TAG, cbor.array(...parts));
}

/**
 * Reads one message. Nothing in it is believed yet: headers serve to find the
 * key, and the payload comes from {@link ReceivedSign1.verify}.
 *
 * @param bytes - the tagged message and nothing behind it; the result borrows from it
 * @throws CborFailure for what is not deterministic CBOR of this structure
 * @throws CoseFailure as {@link readHeaders}
 */
export function parseSign1(bytes: Uint8Array, maxLength?: number): ReceivedSign1 {
  const parts = parseCbor(bytes, maxLength).tagged(SIGN1_TAG).array(4);
  const [sealed, open, payload, signature] = parts;
  const headers = readHeaders(sealed!, open!);
  const unprotected = new Map(open!.map().entries());
  return new ReceivedSign1({
    headers,
    countersignatures: readCountersignatures(unprotected.get(LABEL.countersignature)),
    sealed: sealed!.bytes(),
    unprotected,
    payload: payload!.isNull ? null : payload!.bytes(),
    signature: signature!.bytes(SIGNATURE_LENGTH),
  });
}

interface Parts {
  readonly headers: Headers;
  readonly countersignatures: readonly Countersignature[];
  readonly sealed: Uint8Array;
  readonly unprotected: ReadonlyMap<CborKey, CborItem>;
  readonly payload: Uint8Array | null;
  readonly signature: Uint8Array;
}

/** A message as received, its signature not looked at yet. */
export class ReceivedSign1 {
  readonly headers: Headers;
  /** Those of others, in their order; looked at by `verifyCountersignature`. */
  readonly countersignatures: readonly Countersignature[];
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.headers = parts.headers;
    this.countersignatures = parts.countersignatures;
    this.#parts = parts;
  }

  /** Whether the payload is elsewhere, to be handed to `verify`. */
  get isDetached(): boolean {
    return this.#parts.payload === null;
  }

  /**
   * The payload, once its signature holds under `key`.
   *
   * @param detached - the payload of a message that has it elsewhere, otherwise null
   * @throws CoseFailure `bad-signature`; `unsupported-key` for other than P-256;
   *   `payload-is-detached`, `payload-is-not-detached`
   */
  verify(
    crypto: Crypto,
    key: PublicKey,
    externalAad: Uint8Array,
    detached: Uint8Array | null = null,
  ): Uint8Array {
    const { sealed, signature } = this.#parts;
    const payload = this.#payload(detached);
    verifyEs256(crypto, key, sigStructure(sealed, externalAad, payload), signature);
    return payload;
  }

  /**
   * Whether any of the countersignatures is one by `key`. That the message's
   * own signature holds is another question, which `verify` answers.
   *
   * @param externalAad - the countersigner's
   * @throws CoseFailure `bad-signature` where none of them is; otherwise as `verify`
   */
  verifyCountersignature(
    crypto: Crypto,
    key: PublicKey,
    externalAad: Uint8Array,
    detached: Uint8Array | null = null,
  ): void {
    const target = this.#target(detached);
    for (const countersignature of this.countersignatures) {
      try {
        countersignature.verify(crypto, key, externalAad, target);
        return;
      } catch (failure) {
        // Another party's; there are at most four.
        if (!(failure instanceof CoseFailure) || failure.reason !== "bad-signature") throw failure;
      }
    }
    throw new CoseFailure("bad-signature");
  }

  /**
   * The message with one more countersignature. Whoever signs here says to have
   * seen the signature that is there, and has verified it.
   *
   * @returns the tagged message, deterministic CBOR
   * @throws CoseFailure `too-many-countersignatures`; `unsupported-key`; as `verify` for the payload
   */
  countersign(
    signed: Partial<Pick<Headers, "keyId" | "certificateHash">> & {
      readonly externalAad: Uint8Array;
      readonly detached?: Uint8Array;
    },
    key: SigningKey,
    random: RandomSource | null,
  ): Uint8Array {
    const { sealed, unprotected, payload, signature } = this.#parts;
    const { externalAad, keyId = null, certificateHash = null } = signed;
    const label = LABEL.countersignature;
    const header = addCountersignature(
      unprotected.get(label),
      this.#target(signed.detached ?? null),
      { externalAad, keyId, certificateHash },
      key,
      random,
    );
    const others = [...unprotected].filter(([known]) => known !== label);
    const entries = others.map(([known, { encoding }]) => [known, encoding] as const);
    return encodeSign1(sealed, [...entries, [label, header]], payload, signature);
  }

  #target(detached: Uint8Array | null): Countersigned {
    const { sealed, signature } = this.#parts;
    return { sealed, payload: this.#payload(detached), signature };
  }

  #payload(detached: Uint8Array | null): Uint8Array {
    const { payload } = this.#parts;
    if (payload !== null && detached !== null) throw new CoseFailure("payload-is-not-detached");
    const present = payload ?? detached;
    if (present === null) throw new CoseFailure("payload-is-detached");
    return present;
  }
}

/** Sig_structure (RFC 9052 §4.4): what is signed. */
function sigStructure(
  sealed: Uint8Array,
  externalAad: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  return cbor.array(
    cbor.text("Signature1"),
    cbor.bytes(sealed),
    cbor.bytes(externalAad),
    cbor.bytes(payload),
  );
}
