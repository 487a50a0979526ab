/**
 * `/h/ku/c` and `/h/ku/r`: the key update of `proto/key-update`, for a device
 * whose owner has said yes, and for a member that renews its key.
 *
 *     POST /h/ku/c  commitment -> share
 *     POST /h/ku/r  reveal     -> confirmation
 *
 * What it agreed on counts once it is certified: see `est.ts`.
 */
import { hex } from "../../base/bytes.ts";
import { Code, ContentFormat } from "../../proto/coap/codes.ts";
import { coapResponse } from "../../proto/coap/response.ts";
import type { KeyUpdateReason } from "../../proto/key-update/failure.ts";
import type { Association } from "../../proto/key-update/schedule.ts";
import { spkiHash } from "../../proto/x509/certificate.ts";
import { encodePublicKey } from "../../proto/x509/key.ts";
import type { DeviceRecord } from "../registry/record.ts";
import { ApiFailure, RETRY_SECONDS } from "./failure.ts";
import type { ApiReason } from "./failure.ts";
import { requireMember } from "./member.ts";
import { refusal } from "./refusal.ts";
import { answer, requireAccept } from "./resource.ts";
import type { Answer, Call, Caller, Home, Resource } from "./resource.ts";

export const KEY_UPDATE: readonly Resource[] = [
  step("c", "homeca.ku.c", "commit"),
  step("r", "homeca.ku.r", "reveal"),
];

function step(name: string, type: string, kind: "commit" | "reveal"): Resource {
  return {
    path: ["h", "ku", name],
    type,
    formats: [ContentFormat.CBOR],
    observable: false,
    methods: { POST: { audience: "anyone", call: (call) => take(kind, call) } },
  };
}

function take(kind: "commit" | "reveal", call: Call): Answer {
  const { request, caller, home } = call;
  if (request.contentFormat !== ContentFormat.CBOR) throw new ApiFailure("wrong-format");
  requireAccept(request, ContentFormat.CBOR);
  const device = mayUpdate(call);
  const { keyUpdates, now } = home;
  // A key that cannot be certified yet is not agreed on: it would have to be agreed on again.
  if (now.unix === null) throw new ApiFailure("time-unknown", "", RETRY_SECONDS);
  const association = associationOf(caller, device, home);
  const taken = keyUpdates.take(kind, device.id, association, request.payload, now.mono);
  switch (taken.kind) {
    case "held":
      return answer(
        refusal(new ApiFailure("too-fast", "broken-off", taken.seconds)),
        [],
        [{ kind: "key-update-held" }],
      );
    case "refused":
      return refused(taken.reason);
    case "answer":
      break;
  }
  const { update } = taken;
  if (update !== null && isKnown(update.publicKey, home)) {
    keyUpdates.forget(device.id);
    return refused("new-key-is-known");
  }
  const response = coapResponse(Code.CHANGED, {
    contentFormat: ContentFormat.CBOR,
    payload: taken.body,
  });
  if (update === null) return answer(response);
  const { authenticationString: code, withShare: shared } = update;
  return answer(response, [], [{ kind: "key-updated", code, shared }]);
}

/**
 * A device whose owner has taken it, by its first key until a certificate of it
 * has served, and a member by its certificate.
 */
function mayUpdate(call: Call): DeviceRecord {
  const { caller, record } = call;
  const mayBe = caller.asker.kind === "certificate" ? requireMember(call) : record;
  if (mayBe === null || mayBe.alarm !== null) throw new ApiFailure("not-allowed");
  const isActive = caller.asker.kind === "certificate" && mayBe.state === "active";
  if (mayBe.state !== "approved" && !isActive) throw new ApiFailure("not-allowed");
  return mayBe;
}

function associationOf(caller: Caller, record: DeviceRecord, home: Home): Association {
  const { publicKey } = caller.asker.peer;
  if (publicKey.kind !== "ec" || publicKey.curve !== "P-256") {
    throw new ApiFailure("refused", "unsupported-key");
  }
  if (record.deviceId === null) throw new ApiFailure("out-of-order", "adopt-first");
  return {
    deviceId: hex(record.deviceId),
    deviceKey: publicKey.point,
    homeKeyHash: home.serverKeyHash,
    exporter: caller.channelBinding,
  };
}

/** Whether any record has the key already. */
function isKnown(point: Uint8Array, { crypto, registry }: Home): boolean {
  const spki = encodePublicKey({ kind: "ec", curve: "P-256", point });
  return registry.holders.has(spkiHash(spki, crypto));
}

/** A failure that is the device's to know by its name, and the owner's. */
function refused(reason: KeyUpdateReason): Answer {
  const failure = new ApiFailure(kindOf(reason), reason);
  return answer(refusal(failure), [], [{ kind: "key-update-refused", reason }]);
}

/** The refusal that a failed update is answered with; its detail is the reason. */
export function kindOf(reason: KeyUpdateReason): ApiReason {
  switch (reason) {
    case "malformed":
      return "malformed";
    case "commitment-outstanding":
    case "no-commitment":
    case "other-association":
      return "out-of-order";
    case "too-many-outstanding":
      return "full";
    case "unsupported-key":
    case "commitment-differs":
    case "trivial-nonce":
    case "repeated-share":
    case "off-curve":
    case "own-share":
    case "share-is-device-key":
    case "share-is-generator":
    case "same-share-twice":
    case "no-scalar":
    case "bad-confirmation":
    case "new-key-is-infinity":
    case "new-key-is-old":
    case "new-key-is-generator":
    case "new-key-is-known":
    case "broken-source":
    case "out-of-time":
      return "refused";
  }
}
