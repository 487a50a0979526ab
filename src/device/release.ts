/**
 * How the device parts from its home. It gives out a nonce in each association
 * and is told of its release there. A token that holds makes it free in one
 * write; what lies outside of that file is erased next, and only then does the
 * home get the receipt. From any power cut it comes back as owned or as free
 * with the receipt still to hand in.
 */
import { CborFailure } from "../base/cbor.ts";
import { hex } from "../base/bytes.ts";
import type { Host } from "../host/host.ts";
import { encodeReleaseRequest, parseReleaseStanding } from "../policy/devices/messages.ts";
import type { ReleaseStanding } from "../policy/devices/messages.ts";
import { giveNonce, takeRelease } from "../policy/ownership/device.ts";
import { codeText, ContentFormat, isSuccess } from "../proto/coap/codes.ts";
import { parseProblem } from "../proto/coap/problem.ts";
import { coapRequest } from "../proto/coap/request.ts";
import type { CoapResponse } from "../proto/coap/response.ts";
import { AdoptionFailure } from "./adoption.ts";
import type { Membership } from "./membership.ts";
import type { HomeSession } from "./session.ts";
import { credentialOf } from "./state.ts";
import type { StateFile } from "./state.ts";
import { lockedAs } from "./tenure.ts";

/** What the home said on its own: a token, or how the device stands. */
export type ReleaseNews =
  | { readonly kind: "token"; readonly token: Uint8Array }
  | { readonly kind: "standing"; readonly standing: ReleaseStanding };

/**
 * Asks to be told of a release; comes back with the first answer. A home without
 * the resource answers nothing of use.
 *
 * @param ended - called when nothing more can be told, if it was once
 */
export function watchRelease(
  session: HomeSession,
  told: (news: ReleaseNews) => void,
  ended: () => void,
): Promise<void> {
  return new Promise((resolve, failed) => {
    const heard = (response: CoapResponse): void => {
      const news = newsOf(response);
      if (news !== null) told(news);
      resolve();
    };
    session.observe(coapRequest("GET", ["h", "rel"]), heard, (failure) => {
      failed(failure);
      ended();
    });
  });
}

function newsOf({ code, contentFormat, payload }: CoapResponse): ReleaseNews | null {
  if (!isSuccess(code)) return null;
  if (contentFormat === ContentFormat.COSE_SIGN1) return { kind: "token", token: payload };
  try {
    return { kind: "standing", standing: parseReleaseStanding(payload) };
  } catch (failure) {
    if (failure instanceof CborFailure) return null;
    throw failure;
  }
}

/**
 * Gives out the nonce, which is on the medium before it is sent, and keeps what
 * the home says of the theft lock. Null where the home knows no releases.
 *
 * @param leaves - asks to be released now
 * Rejects with SessionFailure; with AdoptionFailure `refused` where the home wants to keep it.
 */
export async function offerNonce(
  { host, session, file }: Membership,
  leaves: boolean,
): Promise<ReleaseStanding | null> {
  const { tenure } = file.state;
  const given = giveNonce(tenure, host.random);
  if (tenure.state === "owned" && tenure.nonce === null) file.change({ tenure: given.ownership });
  const request = coapRequest("POST", ["h", "rel"], {
    contentFormat: ContentFormat.CBOR,
    payload: encodeReleaseRequest({ nonce: given.nonce, leaves }),
  });
  const response = await session.request(request);
  if (!isSuccess(response.code)) {
    if (!leaves) return null;
    const detail = parseProblem(response.payload)?.detail ?? codeText(response.code);
    throw new AdoptionFailure("refused", detail);
  }
  const news = newsOf(response);
  if (news?.kind !== "standing") return null;
  heedLock(file, news.standing);
  return news.standing;
}

/** The home says whether the device is locked. Written where it changes. */
export function heedLock(file: StateFile, { theftLock }: ReleaseStanding): void {
  const { tenure } = file.state;
  const told = lockedAs(tenure, theftLock);
  if (told !== tenure) file.change({ tenure: told });
}

/**
 * Takes a token: from one write to the next the device is free, with the key it
 * had at the home as its first one, and all that came from the home is gone
 * from its state. The same token again changes nothing and gives the same receipt.
 *
 * @throws OwnershipFailure; the device is what it was then. HostFailure too
 */
export function takeToken(
  { crypto, random }: Pick<Host, "crypto" | "random">,
  file: StateFile,
  token: Uint8Array,
): Uint8Array {
  const { state } = file;
  const member = credentialOf(state);
  const scalar = member?.scalar ?? state.scalar;
  const key = crypto.signingKey("P-256", scalar);
  const taken = takeRelease(state.tenure, token, { crypto, random, key });
  if (taken.token === null) return taken.receipt;
  file.change({
    scalar,
    owner: null,
    next: null,
    passive: false,
    tenure: taken.ownership,
    releases: state.releases + 1,
    receiptFor: member?.owner.homeKeyHash ?? null,
  });
  return taken.receipt;
}

/** The receipt of the last release; null where there was none. */
export function receiptOf({ tenure }: StateFile["state"]): Uint8Array | null {
  return tenure.state === "free" && tenure.released !== null ? hex(tenure.released.receipt) : null;
}

/**
 * Hands the receipt in, and forgets for whom it was once the home has answered,
 * whatever it said: more there is not to tell it. Rejects with SessionFailure
 */
export async function handIn(
  session: HomeSession,
  file: StateFile,
  receipt: Uint8Array,
): Promise<void> {
  const request = coapRequest("POST", ["h", "rel"], {
    contentFormat: ContentFormat.COSE_SIGN1,
    payload: receipt,
  });
  await session.request(request);
  file.change({ receiptFor: null });
}
