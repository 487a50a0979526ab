/**
 * How a device is taken in, from its own side: it asks, waits for the owner,
 * agrees on a new key, and has it certified. Each step that matters is on the
 * medium before the next one is taken, so a power cut anywhere leaves one key
 * that works.
 *
 *     /h -> /h/adopt -> (wait) -> /h -> /h/ku/c, /h/ku/r -> [next key] -> /crts, /sen -> [ownership]
 *
 * The first key stands until the home has seen the next one in use: see `membership.ts`.
 */
import { fromBase64Url, sameBytes, toBase64 } from "../base/bytes.ts";
import { CborFailure } from "../base/cbor.ts";
import type { SigningKey } from "../base/crypto/crypto.ts";
import type { Unix } from "../base/machine.ts";
import { unix } from "../base/machine.ts";
import { homeProof, setupProof } from "../policy/admission/setup.ts";
import {
  encodeAdoptionRequest,
  parseAdoptionAnswer,
  parseAdoptionStanding,
  parseHomeFacts,
} from "../policy/devices/messages.ts";
import type { AdoptionStanding, HomeFacts } from "../policy/devices/messages.ts";
import { DEVICE_DOMAIN } from "../policy/ca/profiles.ts";
import { Code, codeText, ContentFormat, isSuccess } from "../proto/coap/codes.ts";
import { parseProblem } from "../proto/coap/problem.ts";
import { coapRequest } from "../proto/coap/request.ts";
import type { CoapRequest } from "../proto/coap/request.ts";
import type { CoapResponse } from "../proto/coap/response.ts";
import { DeviceKeyUpdate } from "../proto/key-update/device.ts";
import type { DeviceInput, NewKey } from "../proto/key-update/device.ts";
import { subjectAltName } from "../proto/x509/extensions.ts";
import { encodePublicKey } from "../proto/x509/key.ts";
import { encodeName } from "../proto/x509/name.ts";
import { OID } from "../proto/x509/oids.ts";
import { signRequest } from "../proto/x509/request.ts";
import type { Host } from "../host/host.ts";
import { checkEnrolment, keyHashOf } from "./credentials.ts";
import type { Enrolled } from "./credentials.ts";
import { SessionFailure } from "./session.ts";
import { ownedBy } from "./tenure.ts";
import type { HomeSession } from "./session.ts";
import type { DeviceState, NextKey, Ownership, StateFile } from "./state.ts";

/** Seconds to wait where the home did not say. */
const RETRY_SECONDS = 60;

export type AdoptionReason =
  /** The home said no, or not now. */
  | "refused"
  /** The home does not know the code on the label. */
  | "home-unproven"
  /** An answer that does not belong there. */
  | "bad-answer"
  /** The home does not know the time, so that it can certify nothing. */
  | "home-without-time"
  | "key-update-failed"
  /** What the home signed is not for this key, or does not hold under its root. */
  | "bad-certificate";

/** A step of adoption that came to nothing; the device begins anew later. */
export class AdoptionFailure extends Error {
  override readonly name = "AdoptionFailure";
  readonly reason: AdoptionReason;
  readonly detail: string;
  /** Seconds the home asked to wait; null where it did not say. */
  readonly retrySeconds: number | null;

  constructor(reason: AdoptionReason, detail: string, retrySeconds: number | null = null) {
    super(detail === "" ? `adoption: ${reason}` : `adoption: ${reason} (${detail})`);
    this.reason = reason;
    this.detail = detail;
    this.retrySeconds = retrySeconds;
  }
}

/** What is told of an adoption while it goes on. */
export type AdoptionProgress =
  | { readonly kind: "waits-for-owner" }
  | { readonly kind: "approved" }
  /** Six digits to compare with those the home shows. */
  | { readonly kind: "key-agreed"; readonly code: string }
  | { readonly kind: "certified"; readonly notAfter: Unix };

export interface Adoption {
  readonly host: Host;
  readonly session: HomeSession;
  readonly file: StateFile;
  readonly progress: (step: AdoptionProgress) => void;
  /** Whether other devices are to reach this one by its certificate. */
  readonly serves: boolean;
  /** The owner has said yes: what the last one left goes, before anything is agreed on. Rejects to end it here. */
  readonly approved: () => Promise<void>;
}

/** All of it. Rejects with {@link AdoptionFailure} or SessionFailure; throws HostFailure where the medium refuses. */
export async function adopt(adoption: Adoption): Promise<Ownership> {
  parsed(await ask(adoption, get("h")), parseHomeFacts);
  const ticket = await requestAdoption(adoption);
  await approval(adoption, ticket);
  await adoption.approved();
  adoption.progress({ kind: "approved" });
  const facts = parsed(await ask(adoption, get("h")), parseHomeFacts);
  // Agreed on now, the key could not be certified in time.
  if (facts.time === null) throw new AdoptionFailure("home-without-time", "", RETRY_SECONDS);
  const key = await updateKey(adoption);
  adoption.progress({ kind: "key-agreed", code: key.authenticationString });
  const { scalar, discoveryKey, pskKey: sessionKey } = key;
  const next: NextKey = { scalar, discoveryKey, sessionKey, ownership: null };
  adoption.file.change({ next });
  const ownership = await enrol(adoption, facts, next);
  const tenure = ownedBy(adoption.file.state.tenure, ownership.chain);
  if (tenure === null) throw new AdoptionFailure("bad-certificate", "names no owner");
  adoption.file.change({ next: { ...next, ownership }, tenure });
  adoption.progress({ kind: "certified", notAfter: ownership.notAfter });
  return ownership;
}

/** The path of the ticket. A device with a code goes on only where the home has shown that it knows it too. */
async function requestAdoption(adoption: Adoption): Promise<readonly string[]> {
  const { host, session, file } = adoption;
  const { identity, passive } = file.state;
  const { deviceId, name, type, model, setupCode } = identity;
  const proof = setupCode === null ? null : ownProof(host, file.state, setupCode);
  const claim = { deviceId, name, type, model, passive, proof, releaseToken: null, mudUrl: null };
  const request = coapRequest("POST", ["h", "adopt"], {
    contentFormat: ContentFormat.CBOR,
    payload: encodeAdoptionRequest(claim),
  });
  const response = await ask(adoption, request);
  const { proof: shown } = parsed(response, parseAdoptionAnswer);
  if (setupCode !== null) requireHomeProof(host, session, setupCode, shown);
  if (response.locationPath.length === 0) throw new AdoptionFailure("bad-answer", "no ticket");
  return response.locationPath;
}

function ownProof(host: Host, { scalar }: DeviceState, code: string): Uint8Array {
  const { crypto } = host;
  const { publicKey } = crypto.signingKey("P-256", scalar);
  const hash = crypto.digest("sha256", encodePublicKey(publicKey));
  return fromBase64Url(setupProof(crypto, code, hash))!;
}

/** Whoever does not know the code may be any home, or none: the answer to "HomeCA has to authenticate against d". */
function requireHomeProof(
  { crypto }: Host,
  session: HomeSession,
  code: string,
  shown: Uint8Array | null,
): void {
  const key = keyHashOf(crypto, session.homeChain);
  const holds =
    shown !== null &&
    key !== null &&
    sameBytes(homeProof(crypto, code, key, session.channelBinding), shown);
  if (!holds) throw new AdoptionFailure("home-unproven", shown === null ? "no proof" : "wrong");
}

/** Comes back once the owner has said yes. */
function approval({ session, progress }: Adoption, ticket: readonly string[]): Promise<void> {
  return new Promise((approved, failed) => {
    const told = (response: CoapResponse): void => {
      try {
        if (!isSuccess(response.code)) throw refusal(response);
        const standing: AdoptionStanding = parsed(response, parseAdoptionStanding);
        if (standing === "approved") approved();
        else progress({ kind: "waits-for-owner" });
      } catch (failure) {
        failed(failure);
      }
    };
    session.observe(coapRequest("GET", ticket), told, failed);
  });
}

async function updateKey(adoption: Adoption): Promise<NewKey> {
  const { host, session, file } = adoption;
  const { crypto, random } = host;
  const { identity, scalar } = file.state;
  const deviceKey = crypto.signingKey("P-256", scalar).publicKey.point;
  const homeKeyHash = keyHashOf(crypto, session.homeChain);
  if (homeKeyHash === null) throw new AdoptionFailure("bad-answer", "no home certificate");
  const machine = new DeviceKeyUpdate({
    crypto,
    random,
    scalar,
    withShare: identity.hasRandomness,
    association: {
      deviceId: identity.deviceId,
      deviceKey,
      homeKeyHash,
      exporter: session.channelBinding,
    },
  });
  let input: DeviceInput = { kind: "start" };
  for (;;) {
    const [output] = machine.handle(input, host.mono());
    if (output === undefined) throw new AdoptionFailure("key-update-failed", "no progress");
    if (output.kind === "failed") throw new AdoptionFailure("key-update-failed", output.reason);
    if (output.kind === "updated") return output.key;
    const name = output.step === "commit" ? "c" : "r";
    const request = coapRequest("POST", ["h", "ku", name], {
      contentFormat: ContentFormat.CBOR,
      payload: output.body,
    });
    input = { kind: "answer", body: (await ask(adoption, request)).payload };
  }
}

async function enrol(adoption: Adoption, facts: HomeFacts, next: NextKey): Promise<Ownership> {
  const { host, session, file, serves } = adoption;
  const enrolled = await certify(adoption, {
    operation: "sen",
    key: host.crypto.signingKey("P-256", next.scalar),
    subject: encodeName([{ type: OID.commonName, value: "device" }]),
    extensions: wishes(serves),
    at: facts.time,
  });
  const { windowSeconds, releaseSeconds } = facts;
  const { discoveryKey, sessionKey } = next;
  return {
    ...enrolled,
    homeKeyHash: keyHashOf(host.crypto, session.homeChain)!,
    discoveryKey,
    sessionKey,
    timeFloor: facts.time ?? file.state.owner?.timeFloor ?? unix(0),
    crlNumber: 0,
    groups: [],
    windowSeconds,
    releaseSeconds,
  };
}

/** A certificate that the device asks for. */
export interface Wish {
  /** To enrol, or to renew (RFC 9148 §5.1). */
  readonly operation: "sen" | "sren";
  readonly key: SigningKey;
  /** DER. */
  readonly subject: Uint8Array;
  readonly extensions: readonly Uint8Array[];
  /** The time the home told; null leaves dates out. */
  readonly at: Unix | null;
}

/**
 * Has the home sign a request that is tied to this very association, and checks
 * what comes. Rejects with {@link AdoptionFailure} and SessionFailure.
 */
export async function certify(
  { host, session }: Pick<Adoption, "host" | "session">,
  { operation, key, subject, extensions, at }: Wish,
): Promise<Enrolled> {
  const authorities = await ask({ session }, get(".well-known", "est", "crts"));
  const linked = toBase64(session.channelBinding);
  const request = coapRequest("POST", [".well-known", "est", operation], {
    contentFormat: ContentFormat.PKCS10,
    payload: signRequest(subject, extensions, key, host.random, linked),
  });
  const issued = await ask({ session }, request);
  const enrolled = checkEnrolment(
    host.crypto,
    key.publicKey.point,
    authorities.payload,
    issued.payload,
    session.homeChain,
    at,
  );
  if (enrolled === null) throw new AdoptionFailure("bad-certificate", "does not hold");
  return enrolled;
}

/** Any host name asks for a certificate to serve with; the name in it is the home's choice. */
export function wishes(serves: boolean): readonly Uint8Array[] {
  return serves ? [subjectAltName([{ kind: "dns", name: `device.${DEVICE_DOMAIN}` }])] : [];
}

/** How often a request is made anew on a bad network, beyond what CoAP repeats by itself. */
const MAX_TRIES = 3;

/**
 * A whole answer of class 2. All that a device asks may be asked again.
 * Rejects with {@link AdoptionFailure} `refused` for any other answer, with
 * SessionFailure for none.
 */
export async function ask(
  { session }: Pick<Adoption, "session">,
  request: CoapRequest,
): Promise<CoapResponse> {
  for (let tries = 1; ; tries++) {
    try {
      const response = await session.request(request);
      if (isSuccess(response.code)) return response;
      throw refusal(response);
    } catch (failure) {
      const isLost = failure instanceof SessionFailure && failure.reason === "request-failed";
      if (!isLost || !session.isOpen || tries === MAX_TRIES) throw failure;
    }
  }
}

function refusal(response: CoapResponse): AdoptionFailure {
  const number = parseProblem(response.payload)?.code ?? null;
  const detail = number === null ? codeText(response.code) : `${codeText(response.code)}/${number}`;
  const isForLater =
    response.code === Code.TOO_MANY_REQUESTS || response.code === Code.SERVICE_UNAVAILABLE;
  return new AdoptionFailure("refused", detail, isForLater ? response.maxAge : null);
}

function parsed<T>(response: CoapResponse, parse: (body: Uint8Array) => T): T {
  try {
    return parse(response.payload);
  } catch (failure) {
    if (failure instanceof CborFailure) throw new AdoptionFailure("bad-answer", failure.reason);
    throw failure;
  }
}

function get(...path: readonly string[]): CoapRequest {
  return coapRequest("GET", path);
}
