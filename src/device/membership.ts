/**
 * What a device does once it belongs to a home: it reports that it lives, renews
 * its certificate in time, and keeps the revocation list. The first report
 * that a new certificate carries is what makes its key the one in use; until then
 * the key before it stands.
 */
import { CborFailure } from "../base/cbor.ts";
import { unix } from "../base/machine.ts";
import { encodeLiveReport, parseLiveAnswer } from "../policy/devices/messages.ts";
import type { LiveAnswer } from "../policy/devices/messages.ts";
import { ContentFormat } from "../proto/coap/codes.ts";
import { coapRequest } from "../proto/coap/request.ts";
import type { CoapResponse } from "../proto/coap/response.ts";
import { parseCertificate } from "../proto/x509/certificate.ts";
import type { Host } from "../host/host.ts";
import { AdoptionFailure, ask, certify, wishes } from "./adoption.ts";
import { mayTell } from "./credentials.ts";
import { mayServe } from "./fellow.ts";
import type { HomeSession } from "./session.ts";
import { lockedAs, stillOwnedBy } from "./tenure.ts";
import { credentialOf } from "./state.ts";
import type { Ownership, StateFile } from "./state.ts";

export interface Membership {
  readonly host: Host;
  readonly session: HomeSession;
  readonly file: StateFile;
}

/** One report. What the home told is on the medium before it comes back. */
export async function report(membership: Membership): Promise<LiveAnswer> {
  const { host, file } = membership;
  const request = coapRequest("POST", ["h", "live"], {
    contentFormat: ContentFormat.CBOR,
    payload: encodeLiveReport({
      uptimeSeconds: Math.floor(host.mono() / 1000),
      firmware: null,
      crlNumber: file.state.owner?.crlNumber ?? 0,
    }),
  });
  const answer = liveAnswerOf(await ask(membership, request));
  settle(membership, answer);
  return answer;
}

/**
 * Renews the certificate for the same key. The new one takes the old one's place
 * at once: the home honours both until the old one ends.
 *
 * @param serves - whether other devices are to reach this one by it. A renewal
 *   keeps its names (RFC 7030 §4.2.2), so that a change of this is another enrolment.
 */
export async function renew(membership: Membership, serves: boolean): Promise<Ownership> {
  const { host, file } = membership;
  const { owner, scalar } = file.state;
  if (owner === null) throw new AdoptionFailure("bad-answer", "nothing to renew");
  const changes = mayServe(owner) !== serves;
  const enrolled = await certify(membership, {
    operation: changes ? "sen" : "sren",
    key: host.crypto.signingKey("P-256", scalar),
    subject: parseCertificate(owner.chain[0]!).subject.der,
    extensions: changes ? wishes(serves) : [],
    // Its certificate may begin later than the time it heard last.
    at: null,
  });
  // A list may have come meanwhile, and its number with it.
  const renewed = { ...(file.state.owner ?? owner), ...enrolled };
  file.change({ owner: renewed, tenure: stillOwnedBy(file.state.tenure, renewed.chain) });
  return renewed;
}

/** The key that was agreed on has served: from here on it is the one, and the one before is gone. */
function settle({ host, session, file }: Membership, answer: LiveAnswer): void {
  const credential = credentialOf(file.state);
  if (credential === null) return;
  const { windowSeconds, releaseSeconds, time } = answer;
  // A home that was wrong about the time once must not be locked out for good.
  const isTold = time !== null && mayTell(host.crypto, session.homeChain, credential.owner, time);
  const timeFloor = unix(Math.max(credential.owner.timeFloor, isTold ? time : 0));
  const owner: Ownership = { ...credential.owner, windowSeconds, releaseSeconds, timeFloor };
  const tenure = lockedAs(file.state.tenure, answer.locked);
  file.change({ scalar: credential.scalar, owner, next: null, passive: false, tenure });
}

function liveAnswerOf({ payload }: CoapResponse): LiveAnswer {
  try {
    return parseLiveAnswer(payload);
  } catch (failure) {
    if (failure instanceof CborFailure) throw new AdoptionFailure("bad-answer", failure.reason);
    throw failure;
  }
}
