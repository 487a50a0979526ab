/**
 * What may stand in an answer, and the attributes the machine itself adds.
 * Everything refused here is a fault of our own code: it throws before a NAS
 * and its supplicant could be told different things.
 */
import {
  ChargeableUserIdentity,
  EapKeyName,
  MessageAuthenticator,
  ProxyState,
  TunnelPassword,
} from "./attributes.ts";
import { eapMessage, splitEapMessage } from "./eap-message.ts";
import {
  saltSource,
  type Sealing,
  sealSessionKeys,
  sealTunnelPassword,
  type SessionKeys,
} from "./hidden.ts";
import {
  ACCESS_ACCEPT,
  ACCESS_CHALLENGE,
  ACCESS_REJECT,
  ACCESS_REQUEST,
  ACCOUNTING_RESPONSE,
  type Attribute,
} from "./packet.ts";
import type { RadiusRequest } from "./request.ts";
import type { RandomSource } from "../../base/machine.ts";

/** An answer to a request that was handed up. */
export interface RadiusAnswer {
  readonly request: RadiusRequest;
  /** Accept (2), Reject (3) or Challenge (11) to an Access-Request, 5 to an Accounting-Request. */
  readonly code: number;
  /**
   * Without Message-Authenticator, Proxy-State and Tunnel-Password, which the
   * machine makes. EAP-Key-Name and Chargeable-User-Identity are sent only to a
   * NAS that asked for them.
   */
  readonly attributes: readonly Attribute[];
  /** Sent as MS-MPPE keys; with an Accept only. */
  readonly keys?: SessionKeys;
  /** Sent as Tunnel-Password; with an Accept only. */
  readonly tunnelPassword?: Uint8Array;
}

const OWN = [MessageAuthenticator.type, ProxyState.type, TunnelPassword.type];
const ON_REQUEST = [EapKeyName, ChargeableUserIdentity];

/** EAP codes by the RADIUS code that may carry them (RFC 3579 §2.6.3). */
const EAP_REQUEST = 1;
const EAP_SUCCESS = 3;
const EAP_FAILURE = 4;

/**
 * The attributes of the response, in order, without Message-Authenticator.
 *
 * @throws RangeError for a code that does not answer this request, an EAP packet
 *   that contradicts the code, keys without Accept, or an attribute that is the
 *   machine's own.
 */
export function answerAttributes(
  answer: RadiusAnswer,
  sealing: Sealing,
  random: RandomSource,
): readonly Attribute[] {
  const { request, code, attributes, keys, tunnelPassword } = answer;
  checkCode(request, code);
  const own = attributes.find(({ type }) => OWN.includes(type));
  if (own !== undefined) throw new RangeError(`attribute ${own.type} is added by the machine`);
  if (code !== ACCESS_ACCEPT && (keys !== undefined || tunnelPassword !== undefined)) {
    throw new RangeError("only an Access-Accept carries keys");
  }

  const salt = saltSource(random);
  return [
    ...attributes.filter(({ type }) => isWanted(request, type)),
    ...missingEapFailure(answer),
    ...(keys === undefined ? [] : sealSessionKeys(sealing, salt, keys)),
    ...(tunnelPassword === undefined ? [] : [sealTunnelPassword(sealing, salt, tunnelPassword)]),
    ...request.attributes.filter(({ type }) => type === ProxyState.type),
  ];
}

function checkCode(request: RadiusRequest, code: number): void {
  const answers =
    request.code === ACCESS_REQUEST
      ? [ACCESS_ACCEPT, ACCESS_REJECT, ACCESS_CHALLENGE]
      : [ACCOUNTING_RESPONSE];
  if (!answers.includes(code)) {
    throw new RangeError(`RADIUS code ${code} does not answer code ${request.code}`);
  }
}

function isWanted(request: RadiusRequest, type: number): boolean {
  const row = ON_REQUEST.find((row) => row.type === type);
  return row === undefined || request.asksFor(row);
}

/**
 * The NAS obeys the RADIUS code, the supplicant the EAP code: they must say the
 * same. A Reject without EAP gets an EAP-Failure, so that every way out of an
 * authentication ends it for both; an Accept or Challenge without EAP is refused.
 */
function missingEapFailure({ request, code, attributes }: RadiusAnswer): readonly Attribute[] {
  const eap = eapMessage(attributes);
  if (eap !== null && eap[0] !== eapCodeFor(code)) {
    throw new RangeError(`EAP code ${eap[0]} contradicts RADIUS code ${code}`);
  }
  if (eap !== null || request.eap === null) return [];
  if (code !== ACCESS_REJECT) throw new RangeError(`RADIUS code ${code} needs its EAP-Message`);
  return splitEapMessage(Uint8Array.of(EAP_FAILURE, request.eap[1] ?? 0, 0, 4));
}

function eapCodeFor(code: number): number | null {
  if (code === ACCESS_ACCEPT) return EAP_SUCCESS;
  if (code === ACCESS_REJECT) return EAP_FAILURE;
  return code === ACCESS_CHALLENGE ? EAP_REQUEST : null;
}
