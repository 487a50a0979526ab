/**
 * What a device says inside the tunnel at first contact: who it claims to be,
 * and a proof that it knows the code on its label. The proof is bound to the
 * key that authenticated the tunnel, so a captured one serves nobody else.
 */
import {
  concat,
  fromBase64Url,
  fromUtf8,
  sameBytes,
  toBase32,
  toBase64Url,
  utf8,
} from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import { isRecordId } from "../registry/record.ts";
import type { Claim } from "../registry/record.ts";
import { isPlainText, isType, MAX_NAME } from "../registry/text.ts";

/** The realm of the inner identity; RFC 8375 reserves home.arpa for homes. */
export const SETUP_REALM = "setup.home.arpa";
/** Octets of an inner User-Name; small supplicants take no more than 127. */
export const MAX_SETUP_IDENTITY = 127;
/** Characters of base64url that carry the name. */
export const MAX_ENCODED_NAME = 60;
/** The User-Password of a device that has no code. */
export const NO_PROOF = "none";

const PROOF_LABEL = utf8("HomeCA-setup-v1\0");
const DEVICE_ID_LABEL = utf8("HomeCA-devid-v1\0");
/** Octets of the HMAC that are sent. */
const PROOF_LENGTH = 16;

export type SetupReason =
  | "too-long"
  | "wrong-realm"
  | "wrong-version"
  | "wrong-form"
  | "bad-id"
  | "bad-type"
  | "bad-name";

/** An inner User-Name that is not a setup identity. */
export class SetupFailure extends Error {
  override readonly name = "SetupFailure";
  readonly reason: SetupReason;

  constructor(reason: SetupReason) {
    super(`setup identity: ${reason}`);
    this.reason = reason;
  }
}

/**
 * Reads `1.<id>.<type>.<name>@setup.home.arpa`: id 16 characters of base32,
 * type 1 to 16 of a-z, 0-9 and hyphen, name base64url of UTF-8, at most 60
 * characters, empty for none. All of it is a claim.
 *
 * @throws {@link SetupFailure}
 */
export function parseSetupIdentity(userName: Uint8Array): Claim {
  if (userName.length > MAX_SETUP_IDENTITY) throw new SetupFailure("too-long");
  const text = fromUtf8(userName) ?? "";
  const at = text.lastIndexOf("@");
  if (at < 0 || text.slice(at + 1) !== SETUP_REALM) throw new SetupFailure("wrong-realm");
  const [version, id, type, name, ...more] = text.slice(0, at).split(".");
  if (version !== "1") throw new SetupFailure("wrong-version");
  if (id === undefined || type === undefined || name === undefined || more.length > 0) {
    throw new SetupFailure("wrong-form");
  }
  if (!isRecordId(id)) throw new SetupFailure("bad-id");
  if (!isType(type)) throw new SetupFailure("bad-type");
  return { id, type, name: name === "" ? null : decodeName(name) };
}

/** The inner User-Name for a claim. @throws {@link SetupFailure} where its name does not fit. */
export function encodeSetupIdentity({ id, type, name }: Claim): Uint8Array {
  const encoded = name === null ? "" : toBase64Url(utf8(name));
  const userName = utf8(`1.${id}.${type}.${encoded}@${SETUP_REALM}`);
  parseSetupIdentity(userName);
  return userName;
}

/**
 * The 22 characters a device with a code sends as its password.
 * @param code - the label's code in normal form, see `normalSetupCode`
 * @param spkiHash - SHA-256 over the SubjectPublicKeyInfo of the key of its certificate, 32 bytes
 */
export function setupProof(
  crypto: Pick<Crypto, "hmac">,
  code: string,
  spkiHash: Uint8Array,
): string {
  const message = concat(PROOF_LABEL, utf8("D"), spkiHash);
  return toBase64Url(crypto.hmac("sha256", utf8(code), message).subarray(0, PROOF_LENGTH));
}

/**
 * The 16 octets by which the home shows in return that it knows the code, in an
 * association with a device whose own proof held.
 * @param serverKeyHash - SHA-256 over the SubjectPublicKeyInfo of the home's certificate, 32 bytes
 * @param channelBinding - 32 bytes of the association's exporter (RFC 9266), so that it holds nowhere else
 */
export function homeProof(
  crypto: Pick<Crypto, "hmac">,
  code: string,
  serverKeyHash: Uint8Array,
  channelBinding: Uint8Array,
): Uint8Array {
  const message = concat(PROOF_LABEL, utf8("H"), serverKeyHash, channelBinding);
  return crypto.hmac("sha256", utf8(code), message).subarray(0, PROOF_LENGTH);
}

/** Whether the password is the proof of this code for this key. */
export function verifySetupProof(
  crypto: Pick<Crypto, "hmac">,
  code: string,
  spkiHash: Uint8Array,
  password: Uint8Array,
): boolean {
  return sameBytes(utf8(setupProof(crypto, code, spkiHash)), password);
}

/** Whether the password says that the device has no code. */
export function isNoProof(password: Uint8Array): boolean {
  return sameBytes(password, utf8(NO_PROOF));
}

/** An identifier of a device, for {@link deviceIdHash}. */
export interface DeviceIdentifier {
  readonly kind: "mac" | "bt" | "panid" | "serial";
  readonly value: string;
}

/** The 32-octet device id: SHA-256 over the sorted identifiers, so that their order does not matter. */
export function deviceIdHash(
  crypto: Pick<Crypto, "digest">,
  identifiers: readonly DeviceIdentifier[],
): Uint8Array {
  const lines = identifiers.map(({ kind, value }) => `${kind}=${value}`).sort();
  return crypto.digest("sha256", concat(DEVICE_ID_LABEL, utf8(lines.join("\n"))));
}

/** The 16 characters of a device id that fit an identity. */
export function claimedId(deviceId: Uint8Array): string {
  return toBase32(deviceId.subarray(0, 10));
}

function decodeName(encoded: string): string {
  if (encoded.length > MAX_ENCODED_NAME) throw new SetupFailure("bad-name");
  const bytes = fromBase64Url(encoded);
  const name = bytes === null ? null : fromUtf8(bytes);
  if (name === null || !isPlainText(name, MAX_NAME)) throw new SetupFailure("bad-name");
  return name;
}
