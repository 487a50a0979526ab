/**
 * `/h/adopt`: a device asks to be taken in, and waits for its owner. Whoever is
 * not wanted here waits like one that nobody has looked at yet, so that nothing
 * shows from outside whether this home knows a device.
 *
 *     POST /h/adopt            -> 2.01, Location-Path h/adopt/<ticket>
 *     GET  /h/adopt/<ticket>   -> 2.05 pending | approved, observable
 */
import { concat, hex, toBase32, toHex, utf8 } from "../../base/bytes.ts";
import { Code, ContentFormat } from "../../proto/coap/codes.ts";
import { coapResponse } from "../../proto/coap/response.ts";
import type { SelfSignedPeer } from "../../proto/x509/self-signed.ts";
import { claimedId, homeProof } from "../admission/setup.ts";
import type { DeviceRecord } from "../registry/record.ts";
import { ApiFailure } from "./failure.ts";
import type { AdoptionRequest, AdoptionStanding } from "./messages.ts";
import { encodeAdoptionAnswer, encodeAdoptionStanding, parseAdoptionRequest } from "./messages.ts";
import { refusal } from "./refusal.ts";
import { answer, bodyOf, requireAccept } from "./resource.ts";
import type { Answer, Call, Caller, Home, Met, Resource } from "./resource.ts";

/** Seconds after which a device that waits looks again, where it does not observe. */
export const LOOK_AGAIN_SECONDS = 30;

const TICKET_LABEL = utf8("HomeCA-adoption-v1\0");
/** Octets of a ticket before base32. */
const TICKET_LENGTH = 10;

export const ADOPT: Resource = {
  path: ["h", "adopt"],
  type: "homeca.adopt",
  formats: [ContentFormat.CBOR],
  observable: false,
  methods: { POST: { audience: "newcomer", call: ask } },
};

export const ADOPTION: Resource = {
  path: ["h", "adopt", "*"],
  type: null,
  formats: [ContentFormat.CBOR],
  observable: true,
  methods: { GET: { audience: "newcomer", call: look } },
};

function ask({ request, caller, home }: Call): Answer {
  requireAccept(request, ContentFormat.CBOR);
  const wanted = bodyOf(request, parseAdoptionRequest);
  const met = home.meet(newcomer(caller), claimOf(wanted), wanted.proof);
  const { decision, record } = met;
  const codeUnknown = wanted.proof !== null && met.setupProofValid === null;
  const { reason } = decision;
  const asked = { kind: "asked-for-adoption", reason, codeUnknown } as const;
  const held = heldUp(met);
  if (held !== null) {
    const isNews = reason !== "backing-off";
    return answer(refusal(new ApiFailure("too-fast", "", held)), [], [{ ...asked, isNews }]);
  }

  const changes = record === null ? decision.changes : introduced(met, record, wanted);
  const isNews = changes.length > 0 || reason === "lost-certificate";
  const payload = encodeAdoptionAnswer({ proof: ownProof(met, caller, home) });
  const locationPath = ["h", "adopt", ticketOf(caller, home)];
  const contentFormat = ContentFormat.CBOR;
  const response = coapResponse(Code.CREATED, { contentFormat, locationPath, payload });
  return answer(response, changes, [{ ...asked, isNews }]);
}

function look({ request, caller, record, home }: Call): Answer {
  requireAccept(request, ContentFormat.CBOR);
  // Who waits on a record that was forgotten would wait for ever: it has to ask anew.
  if (record === null || request.path[2] !== ticketOf(caller, home)) {
    throw new ApiFailure("not-found");
  }
  const payload = encodeAdoptionStanding(standingOf(record));
  const maxAge = LOOK_AGAIN_SECONDS;
  return answer(coapResponse(Code.CONTENT, { contentFormat: ContentFormat.CBOR, maxAge, payload }));
}

/** Only the audience of newcomers comes here. */
function newcomer({ asker }: Caller): SelfSignedPeer {
  if (asker.kind !== "own-key") throw new ApiFailure("already-owned");
  return asker.peer;
}

/**
 * Seconds to stay away for who came too often or showed a wrong code; null for
 * who may wait. One that the owner turned away is let wait as well: to the
 * device it shall look like being unknown.
 */
function heldUp({ decision }: Met): number | null {
  if (decision.kind !== "reject") return null;
  switch (decision.reason) {
    case "denied":
    case "revoked":
    case "released":
      return null;
    case "certificate-revoked":
    case "certificate-ended":
    case "setup-proof-wrong":
    case "onboarding-closed":
    case "too-many-conversations":
    case "too-many-pending":
    case "unknown-address":
    case "not-approved":
    case "backing-off":
    case "internal-error":
      return decision.backoffSeconds;
  }
}

function standingOf({ state, alarm }: DeviceRecord): AdoptionStanding {
  return state === "approved" && alarm === null ? "approved" : "pending";
}

function claimOf({ deviceId, type, name }: AdoptionRequest): {
  readonly id: string;
  readonly type: string;
  readonly name: string | null;
} {
  return { id: claimedId(deviceId), type, name };
}

/**
 * The decision's changes with what only this resource is told. It is told once:
 * the same key with another id is a second device, of which the claim that
 * admission compares shows the beginning alone.
 */
function introduced(
  { decision }: Met,
  record: DeviceRecord,
  { model, deviceId }: AdoptionRequest,
): Answer["changes"] {
  if (decision.kind === "reject" || !isNewcomer(record)) return decision.changes;
  const told = toHex(deviceId);
  if (record.deviceId === told) return decision.changes;
  const next: DeviceRecord =
    record.deviceId === null
      ? { ...record, model, deviceId: told }
      : { ...record, alarm: "duplicate-key" };
  const others = decision.changes.filter(
    (change) => change.kind !== "put" || change.record.id !== record.id,
  );
  return [...others, { kind: "put", record: next }];
}

/** Whoever still has the first key of a device that is in, its maker or last owner, has nothing to say of it. */
function isNewcomer({ state, alarm }: DeviceRecord): boolean {
  return alarm === null && (state === "pending" || state === "approved");
}

/** Only once the device's own proof held: else any key could fetch what codes are guessed by. */
function ownProof(met: Met, caller: Caller, home: Home): Uint8Array | null {
  const { decision, record, setupProofValid } = met;
  // One that was turned away is not told that its code is known here.
  if (decision.kind === "reject" || setupProofValid !== true) return null;
  if (record === null || record.setupCode === null) return null;
  return homeProof(home.crypto, record.setupCode, home.serverKeyHash, caller.channelBinding);
}

/** The same for the same key, so nothing has to be remembered; nobody else's can be guessed. */
function ticketOf({ spkiHash }: Caller, { crypto, nameKey }: Home): string {
  const name = crypto.hmac("sha256", nameKey, concat(TICKET_LABEL, hex(spkiHash)));
  return toBase32(name.subarray(0, TICKET_LENGTH));
}
