/** docs/vectors/release.json: the two signed objects of a release. */
import { toHex } from "../../src/base/bytes.ts";
import { parseCbor } from "../../src/base/cbor.ts";
import { signReceipt, signToken } from "../../src/policy/ownership/objects.ts";
import type { Receipt, ReleaseToken } from "../../src/policy/ownership/objects.ts";
import { externalAad } from "../../src/proto/cose/sign1.ts";
import { encodePublicKey } from "../../src/proto/x509/key.ts";
import { NEXT_KEY, makeHome, RECORD_ID } from "./home.ts";
import { crypto, diagnostic, label, NOW, plain, randomOf } from "./labels.ts";

export function release(): object {
  const { issuingKey } = makeHome();
  const tools = { crypto, random: randomOf("release") };
  const hash = crypto.digest("sha256", encodePublicKey(NEXT_KEY.publicKey));
  const token: ReleaseToken = {
    deviceId: RECORD_ID,
    spkiHash: hash,
    counter: NOW,
    time: NOW,
    reason: "given-away",
    nonce: label("release nonce").slice(0, 16),
  };
  const signed = signToken(token, issuingKey, tools);
  const receipt: Receipt = {
    deviceId: RECORD_ID,
    tokenHash: crypto.digest("sha256", signed),
    counter: token.counter,
  };
  return {
    inputs:
      'The home signs with the label "issuing" modulo n, the device with d2 of key-update.json with a share; the nonce is the first 16 octets of the label "release nonce". Signatures are hedged by labels "release 0" and so on: verify them, do not compare.',
    token: object("homeca-release", issuingKey, token, signed),
    receipt: object(
      "homeca-release-receipt",
      NEXT_KEY,
      receipt,
      signReceipt(receipt, NEXT_KEY, tools),
    ),
  };
}

function object(
  type: string,
  { publicKey }: typeof NEXT_KEY,
  fields: object,
  bytes: Uint8Array,
): object {
  return {
    signer: toHex(publicKey.point),
    externalAad: toHex(externalAad(crypto, type, encodePublicKey(publicKey))),
    fields: plain(fields),
    payload: payloadOf(bytes),
    diagnostic: diagnostic(bytes),
    hex: toHex(bytes),
  };
}

function payloadOf(signed: Uint8Array): object {
  const bytes = parseCbor(signed).behindTag().array(4)[2]!.bytes();
  return { diagnostic: diagnostic(bytes), hex: toHex(bytes) };
}
