/** docs/vectors/errors.json: every way the device API refuses, and every way a key update ends without a key. */
import { toHex } from "../../src/base/bytes.ts";
import { ApiFailure, refusalOf } from "../../src/policy/devices/failure.ts";
import type { ApiReason } from "../../src/policy/devices/failure.ts";
import { kindOf } from "../../src/policy/devices/key-update.ts";
import { refusal } from "../../src/policy/devices/refusal.ts";
import { codeText } from "../../src/proto/coap/codes.ts";
import { PROBLEM_DETAILS_KEY } from "../../src/proto/coap/problem.ts";
import type { KeyUpdateReason } from "../../src/proto/key-update/failure.ts";
import { diagnostic } from "./labels.ts";

/** What a device does about it. */
const ADVICE: Readonly<Record<ApiReason, string>> = {
  malformed: "a fault of the device's; `detail` is where, in CBOR's words; do not repeat",
  "wrong-format": "send the Content-Format of section 5",
  "not-acceptable": "leave Accept out, or ask for a format of section 5",
  "not-authorized": "come back with the certificate, in another association",
  "not-allowed":
    "the owner has not said yes, or took it back; ask again as rarely as a newcomer. At `/h/rel`: `theft-locked`, `owner-decides`, `other-key`",
  "not-found":
    "the path is wrong; or the ticket is another key's, or nobody answered it for a day: begin with `POST /h/adopt`",
  "method-not-allowed": "a fault of the device's; do not repeat",
  "already-owned": "it came with a certificate: there is nothing to adopt",
  "out-of-order": "begin with the step before: `adopt-first`, `no-release`, or one of section 6.2",
  refused:
    "`detail` is the rule: of section 6.2, or why a receipt does not hold (`malformed`, `bad-signature`, `unknown-signer`, `other-token`)",
  "too-fast": "wait for Max-Age seconds, and some more at random",
  "time-unknown": "wait for Max-Age seconds",
  full: "wait for Max-Age seconds",
};

type Side = "home" | "device" | "both";

const KEY_UPDATE: Readonly<Record<KeyUpdateReason, readonly [Side, string]>> = {
  malformed: ["both", "not the message expected, as deterministic CBOR"],
  "unsupported-key": ["home", "the device's present key is none of P-256"],
  "commitment-outstanding": ["home", "another commitment of this device has its minute still"],
  "too-many-outstanding": ["home", "as many devices update their keys as the home has room for"],
  "no-commitment": ["home", "a reveal without a commitment, or later than it may be"],
  "other-association": ["home", "commitment and reveal came through two associations"],
  "commitment-differs": ["home", "the reveal does not open the commitment"],
  "trivial-nonce": ["home", "N_d is one that a working random source does not give"],
  "repeated-share": ["home", "E_d, N_d or R was seen before, from any device"],
  "off-curve": ["both", "a share is no point of P-256"],
  "own-share": ["both", "a share is the receiver's own, or its opposite"],
  "share-is-device-key": ["both", "a share is D, or -D"],
  "share-is-generator": ["both", "a share is G, or -G"],
  "same-share-twice": ["home", "E_d and R are one point, or opposite"],
  "no-scalar": ["both", "no k among 256: the key derivation is broken"],
  "bad-confirmation": ["both", "the tag does not hold: the two sides have not seen the same"],
  "new-key-is-infinity": ["both", "k·d + r is 0 mod n"],
  "new-key-is-old": ["both", "D2 is D, or -D"],
  "new-key-is-generator": ["both", "D2 is G, or -G"],
  "new-key-is-known": ["home", "some device of this home has D2 already, or had it"],
  "broken-source": ["device", "its random source repeats itself, or gives what is trivial"],
  "out-of-time": ["both", "more than a minute since the commitment"],
};

export function errors(): object {
  // The keys of this constant are exactly the reasons; Object.keys forgets that.
  const reasons = Object.keys(ADVICE) as ApiReason[];
  return {
    inputs: "As the home encodes them, without detail and with.",
    key: PROBLEM_DETAILS_KEY,
    problems: reasons.map((reason) => {
      const { code, title, number } = refusalOf(reason);
      const { payload, maxAge } = refusal(new ApiFailure(reason));
      return {
        number,
        code: codeText(code),
        title,
        maxAge,
        advice: ADVICE[reason],
        hex: toHex(payload),
      };
    }),
    example: example(),
    keyUpdate: Object.entries(KEY_UPDATE).map(([reason, [side, meaning]]) => ({
      reason,
      // The keys of that constant are exactly the reasons; Object.entries forgets that.
      number: side === "device" ? null : refusalOf(kindOf(reason as KeyUpdateReason)).number,
      side,
      meaning,
    })),
  };
}

function example(): object {
  const { code, payload } = refusal(new ApiFailure("refused", "repeated-share"));
  return { code: codeText(code), diagnostic: diagnostic(payload), hex: toHex(payload) };
}
