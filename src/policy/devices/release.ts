/**
 * `/h/rel`: how a device and its home part. The device gives out a nonce in
 * each association; once it is released, the home signs a token over it. The
 * device erases what it has of the home, and only then sends its receipt.
 *
 *     GET  /h/rel            -> 2.05, {lock} as CBOR, or the token as COSE_Sign1; observable
 *     POST /h/rel {nonce}    -> 2.04 {lock, whether it is released}
 *     POST /h/rel receipt    -> 2.04
 *
 * The one door that stands open to a device whose certificates were withdrawn
 * by its release; the receipt may also come by the bare key that signed it,
 * for the certificate is gone by then.
 */
import { toHex } from "../../base/bytes.ts";
import { Code, ContentFormat } from "../../proto/coap/codes.ts";
import { coapResponse } from "../../proto/coap/response.ts";
import { withdraw, withdrawUnlisted } from "../admission/owner.ts";
import { OwnershipFailure } from "../ownership/failure.ts";
import { checkReceipt } from "../ownership/home.ts";
import { sentRelease } from "../ownership/releases.ts";
import type { Change } from "../registry/change.ts";
import { isOwedRelease } from "../registry/record.ts";
import type { DeviceRecord } from "../registry/record.ts";
import { ApiFailure, RETRY_SECONDS } from "./failure.ts";
import { encodeReleaseStanding, parseReleaseRequest } from "./messages.ts";
import { refusal } from "./refusal.ts";
import { answer, bodyOf, requireAccept } from "./resource.ts";
import type { Answer, Call, Resource } from "./resource.ts";

const { CBOR, COSE_SIGN1 } = ContentFormat;

/**
 * How long an observer may believe the last answer: then it asks again, which
 * keeps an association that would be closed after ten idle minutes.
 */
const FRESH_SECONDS = 480;

export const RELEASE: Resource = {
  path: ["h", "rel"],
  type: "homeca.rel",
  formats: [COSE_SIGN1, CBOR],
  observable: true,
  methods: {
    GET: { audience: "leaving", call: look },
    POST: { audience: "leaving", call: take },
  },
};

function look(call: Call): Answer {
  requireAccept(call.request, COSE_SIGN1, CBOR);
  const record = byCertificate(call);
  const sent = isOwedRelease(record) ? sentRelease(record) : null;
  return sent === null
    ? answer(standing(Code.CONTENT, record))
    : answer(
        coapResponse(Code.CONTENT, {
          contentFormat: COSE_SIGN1,
          maxAge: FRESH_SECONDS,
          payload: sent.token,
        }),
      );
}

function take(call: Call): Answer {
  return call.request.contentFormat === COSE_SIGN1 ? takeReceipt(call) : takeNonce(call);
}

/** A device that leaves by itself is released as by its owner's word, but for the lock that keeps a stolen one. */
function takeNonce(call: Call): Answer {
  const { request, home } = call;
  const { nonce, leaves } = bodyOf(request, parseReleaseRequest);
  const record = byCertificate(call);
  home.releases.heard(record.id, nonce);
  if (record.state === "released") return owed(call, record);
  if (!leaves) return answer(standing(Code.CHANGED, record));
  if (record.theftLock || !home.leavesFreely) {
    const locked = record.theftLock;
    const failure = new ApiFailure("not-allowed", locked ? "theft-locked" : "owner-decides");
    return answer(refusal(failure), [], [{ kind: "asked-to-leave", locked }]);
  }
  const at = home.now.unix;
  if (at === null) throw new ApiFailure("time-unknown", "", RETRY_SECONDS);
  const changes = [
    ...withdraw(record, "release", "privilegeWithdrawn", "device", at),
    ...withdrawUnlisted(home.registry, record, "privilegeWithdrawn", at),
  ];
  const released: DeviceRecord = { ...record, state: "released" };
  return answer(standing(Code.CHANGED, released), changes, [{ kind: "gave-itself-up" }]);
}

/** Signed now where it could not be before: the nonce came late, or the device has another one. */
function owed({ home }: Call, record: DeviceRecord): Answer {
  const { unix } = home.now;
  if (unix === null) throw new ApiFailure("time-unknown", "", RETRY_SECONDS);
  let signed: DeviceRecord | null;
  try {
    signed = home.releases.sign(home.registry, record.id, unix);
  } catch (failure) {
    if (!(failure instanceof OwnershipFailure)) throw failure;
    throw new ApiFailure("refused", failure.reason);
  }
  const changes: Change[] = signed === null ? [] : [{ kind: "put", record: signed }];
  return answer(standing(Code.CHANGED, record), changes);
}

/** Whoever brings it: it is signed. The same again is acknowledged again. */
function takeReceipt({ request, caller, record, home }: Call): Answer {
  const { publicKey } = caller.asker.peer;
  const release = record?.release ?? null;
  const sent = record === null ? null : sentRelease(record);
  if (record === null || release === null || sent === null) {
    throw new ApiFailure("out-of-order", "no-release");
  }
  if (publicKey.kind !== "ec" || caller.spkiHash !== release.spkiHash) {
    throw new ApiFailure("not-allowed", "other-key");
  }
  try {
    checkReceipt(sent, request.payload, publicKey, home.crypto);
  } catch (failure) {
    if (!(failure instanceof OwnershipFailure)) throw failure;
    const { reason } = failure;
    const told = refusal(new ApiFailure("refused", reason));
    return answer(told, [], [{ kind: "receipt-refused", reason }]);
  }
  const response = coapResponse(Code.CHANGED);
  if (release.receipt !== null) return answer(response);
  const confirmed = { receipt: toHex(request.payload), confirmedAt: home.now.unix };
  const after: DeviceRecord = { ...record, release: { ...release, ...confirmed } };
  return answer(response, [{ kind: "put", record: after }], [{ kind: "confirmed-release" }]);
}

/** All but the receipt takes a certificate. */
function byCertificate({ caller, record }: Call): DeviceRecord {
  if (caller.asker.kind !== "certificate") throw new ApiFailure("not-authorized");
  if (record === null) throw new ApiFailure("not-allowed");
  return record;
}

function standing(code: number, { theftLock, state }: DeviceRecord): Answer["response"] {
  const payload = encodeReleaseStanding({ theftLock, released: state === "released" });
  return coapResponse(code, { contentFormat: CBOR, maxAge: FRESH_SECONDS, payload });
}
