/** First files of the targets in policy: what our own writers make, with every lock open. */
import { hex } from "../../src/base/bytes.ts";
import { unix } from "../../src/base/machine.ts";
import { signToken } from "../../src/policy/ownership/objects.ts";
import { encodeAif } from "../../src/policy/rights/aif.ts";
import { openCrypto } from "./open-crypto.ts";
import { DEVICE_ID, HOME_KEY, NONCE } from "./targets/release.ts";

export function policySeeds(seed: (target: string, name: string, bytes: Uint8Array) => void): void {
  // RFC 9237 §3.
  seed("aif", "example", hex("8382672f732f74656d700182662f612f6c65640582652f64746c7302"));
  const coffee = { path: "/a/make-coffee", methods: ["POST"], created: ["GET", "DELETE"] } as const;
  const log = { path: "/log?last=5&%C3%BC", methods: ["GET", "FETCH"], created: [] } as const;
  seed("aif", "dynamic", encodeAif([coffee, log, { ...log, path: "/" }]));
  const token = { deviceId: DEVICE_ID, spkiHash: new Uint8Array(32), counter: 1, nonce: NONCE };
  const tools = { crypto: openCrypto, random: (length: number) => new Uint8Array(length) };
  const signed = (time: number, reason: "sold" | "returned"): Uint8Array =>
    signToken({ ...token, time: unix(time), reason }, HOME_KEY, tools);
  seed("release", "sold", signed(1_795_305_600, "sold"));
  seed("release", "returned", signed(0, "returned"));
}
