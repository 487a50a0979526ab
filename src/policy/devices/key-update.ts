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
import type { Association } from "../../proto/key-update/schedule.ts";
import { spkiHash } from "../../proto/x509/certificate.ts";
import { encodePublicKey } from "../../proto/x509/key.ts";
import type { DeviceRecord } from "../registry/record.ts";
import { ApiFailure } from "./failure.ts";
import { refusal } from "./refusal.ts";
import { answer } from "./resource.ts";
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

function take(kind: "commit" | "reveal", { request, caller, record, home }: Call): Answer {
  if (request.contentFormat !== ContentFormat.CBOR) throw new ApiFailure("wrong-format");
  const device = mayUpdate(caller, record);
  const association = associationOf(caller, device, home);
  const { keyUpdates, now } = home;
  const taken = keyUpdates.take(kind, device.id, association, request.payload, now.mono);
  switch (taken.kind) {
    case "held":
      throw new ApiFailure("too-fast", "broken-off", taken.seconds);
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

/** Nothing is agreed on with a device that its owner has not taken, nor with one that has a certificate by its first key. */
function mayUpdate({ asker }: Caller, record: DeviceRecord | null): DeviceRecord {
  if (record === null || record.alarm !== null) throw new ApiFailure("not-allowed");
  const byCertificate = asker.kind === "certificate";
  const stands = record.state === "approved" || (byCertificate && record.state === "active");
  if (!stands) throw new ApiFailure("not-allowed");
  return record;
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
function refused(reason: string): Answer {
  const failure = new ApiFailure("refused", reason);
  return answer(refusal(failure), [], [{ kind: "key-update-refused", reason }]);
}
