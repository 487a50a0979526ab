/** What a home pushes to its member while their session stands: the revocation list, rights, groups. */
import { sameBytes } from "../base/bytes.ts";
import { CborFailure } from "../base/cbor.ts";
import { aclOf } from "../policy/rights/rights.ts";
import { rightsIn } from "../policy/rights/certified.ts";
import { parseGroups } from "../policy/devices/messages.ts";
import { encodeRules } from "../policy/devices/rights.ts";
import { Code } from "../proto/coap/codes.ts";
import { coapRequest } from "../proto/coap/request.ts";
import type { CoapResponse } from "../proto/coap/response.ts";
import { parsePeerCertificate } from "../proto/x509/path-failure.ts";
import { HostFailure } from "../host/host.ts";
import type { Revocations } from "./revocations.ts";
import type { HomeSession } from "./session.ts";
import type { StateFile } from "./state.ts";

/**
 * Watches the device's rights and groups. Groups are stored as they come.
 *
 * @param changed - called where the home says that the device has other rights
 *   than its certificate says: it is to be renewed
 */
export function watchRights(session: HomeSession, file: StateFile, changed: () => void): void {
  watch(session, "acl", ({ payload }) => {
    const { owner } = file.state;
    if (owner !== null && !sameBytes(payload, certified(owner.chain[0]!))) changed();
  });
  watch(session, "groups", ({ payload }) => {
    const { owner } = file.state;
    const groups = readGroups(payload);
    if (owner === null || groups === null) return;
    if (JSON.stringify(groups) === JSON.stringify(owner.groups)) return;
    stored(() => file.change({ owner: { ...owner, groups } }));
  });
}

/**
 * Watches the revocation list. Each newer one is stored as it comes.
 *
 * @param refused - called for one that is not this home's, or damaged
 */
export function watchList(
  session: HomeSession,
  revocations: Revocations,
  refused: () => void,
): void {
  watch(session, "crl", ({ payload }) => {
    stored(() => {
      if (revocations.take(payload) === "refused") refused();
    });
  });
}

/** Not on the medium, not in force: it comes again with the next session. */
function stored(store: () => void): void {
  try {
    store();
  } catch (failure) {
    if (!(failure instanceof HostFailure)) throw failure;
  }
}

/** The certificate's rights as `/h/acl` would say them. */
function certified(leaf: Uint8Array): Uint8Array {
  return encodeRules(aclOf(rightsIn(parsePeerCertificate(leaf))));
}

function watch(session: HomeSession, name: string, told: (response: CoapResponse) => void): void {
  const heard = (response: CoapResponse): void => {
    // A home that has no such resource has no rights to tell of.
    if (response.code === Code.CONTENT) told(response);
  };
  session.observe(coapRequest("GET", ["h", name]), heard, () => {});
}

function readGroups(body: Uint8Array): readonly string[] | null {
  try {
    const groups = parseGroups(body);
    return new Set(groups).size === groups.length ? groups : null;
  } catch (failure) {
    if (failure instanceof CborFailure) return null;
    throw failure;
  }
}
