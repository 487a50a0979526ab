/** The home of the vectors: its authority, and the device of the key update's vectors. */
import { hex } from "../../src/base/bytes.ts";
import type { SigningKey } from "../../src/base/crypto/crypto.ts";
import { unix } from "../../src/base/machine.ts";
import { Authority, createRoot } from "../../src/policy/ca/authority.ts";
import { recordId } from "../../src/policy/registry/record.ts";
import { encodePublicKey } from "../../src/proto/x509/key.ts";
import type { Identity } from "../../src/device/state.ts";
import keyUpdate from "../../docs/vectors/key-update.json" with { type: "json" };
import { crypto, keyOf, label, NOW, randomOf } from "./labels.ts";

/** The date a CA's certificate begins with. */
const RELEASED = unix(1_780_000_000);
const TIME = { clock: NOW, floor: RELEASED };

export const HOME_NAME = "radius.home.arpa";

export interface Home {
  readonly root: Authority;
  readonly issuing: Authority;
  readonly issuingKey: SigningKey;
  /** DER, the server's own first. */
  readonly serverChain: readonly Uint8Array[];
}

export function makeHome(): Home {
  const tools = { crypto, random: randomOf("authority") };
  const rootKey = keyOf("root");
  const root = new Authority(createRoot(rootKey, RELEASED, TIME, tools).der, rootKey, tools);
  const issuingKey = keyOf("issuing");
  const { der } = root.issueIssuing(issuingKey.publicKey, RELEASED, TIME);
  const issuing = new Authority(der, issuingKey, tools);
  const server = issuing.issueServer(keyOf("server").publicKey, HOME_NAME, TIME);
  return { root, issuing, issuingKey, serverChain: [server.der, der] };
}

/** The certificate of the device's key d2. */
export function deviceCertificate({ issuing }: Home, key: SigningKey): Uint8Array {
  return issuing.issueDevice(key.publicKey, { deviceId: RECORD_ID }, TIME).der;
}

export function revocationList(
  { issuing }: Home,
  serial: string,
): ReturnType<Authority["issueCrl"]> {
  const notAfter = unix(NOW + 86_400);
  return issuing.issueCrl([{ serial, notAfter, revokedAt: NOW, reason: "superseded" }], 0, TIME);
}

const [, withShare] = keyUpdate.cases;

/** d, the first key. */
export const FIRST_KEY: SigningKey = crypto.signingKey("P-256", hex(withShare!.inputs.d));
/** d2, what the key update with a share led to. */
export const NEXT_KEY: SigningKey = crypto.signingKey("P-256", hex(withShare!.newKey.d2));
/** By which the home knows the device. */
export const RECORD_ID: string = recordId(
  crypto.digest("sha256", encodePublicKey(FIRST_KEY.publicKey)),
);
export const EXPORTER: Uint8Array = hex(withShare!.inputs.exporter);
export const HOME_KEY_HASH: Uint8Array = hex(withShare!.inputs.homeKeyHash);

/** As on the label, and in normal form. */
export const CODE_ON_LABEL = "k7qp-2m4x 9rtd-h3vn";
export const CODE = "K7QP2M4X9RTDH3VN";

export const IDENTITY: Identity = {
  deviceId: label("device id"),
  type: "lamp",
  name: "Kitchen lamp",
  model: "Lamp 3",
  setupCode: CODE,
  hasRandomness: true,
};
