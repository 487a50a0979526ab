/**
 * The device API as one table, and the one door to it. To add a resource: a
 * file, and a row here.
 */
import { Code, ContentFormat } from "../../proto/coap/codes.ts";
import type { CoapRequest } from "../../proto/coap/request.ts";
import { coapResponse } from "../../proto/coap/response.ts";
import { encodeLinks, filterLinks, link } from "../../proto/coap/link-format.ts";
import type { Link } from "../../proto/coap/link-format.ts";
import { ADOPT, ADOPTION } from "./adopt.ts";
import { CRL } from "./crl.ts";
import { EST } from "./est.ts";
import { ApiFailure } from "./failure.ts";
import { HOME } from "./home.ts";
import { KEY_UPDATE } from "./key-update.ts";
import { LIVE } from "./live.ts";
import { RELEASE } from "./release.ts";
import { ACL, GROUPS } from "./rights.ts";
import { refusal } from "./refusal.ts";
import { mayLeave, requireMember, requireNotReleased } from "./member.ts";
import { answer, requireAccept } from "./resource.ts";
import type { Answer, Audience, Call, Caller, Home, Resource } from "./resource.ts";

/** `GET /.well-known/core` (RFC 6690, RFC 7252 §7.2). */
const CORE: Resource = {
  path: [".well-known", "core"],
  type: null,
  formats: [ContentFormat.LINK_FORMAT],
  observable: false,
  methods: { GET: { audience: "anyone", call: listResources } },
};

export const RESOURCES: readonly Resource[] = [
  CORE,
  HOME,
  ADOPT,
  ADOPTION,
  ...KEY_UPDATE,
  ...EST,
  LIVE,
  CRL,
  ACL,
  GROUPS,
  RELEASE,
];

/** Whether a request is for something that may be observed. */
export function isObservable({ path }: CoapRequest): boolean {
  return resourceAt(path)?.observable ?? false;
}

/**
 * Answers one request. What is refused is refused by a response; what is thrown
 * is a fault of ours, or of what `home` stands on.
 */
export function serve(request: CoapRequest, caller: Caller, home: Home): Answer {
  const { record, revoked } = home.est.standing(caller.asker);
  try {
    return serveCall({ request, caller, record, revoked, home });
  } catch (failure) {
    if (!(failure instanceof ApiFailure)) throw failure;
    return answer(refusal(failure));
  }
}

function serveCall(call: Call): Answer {
  const { path, method } = call.request;
  const resource = resourceAt(path);
  if (resource === null) throw new ApiFailure("not-found");
  const served = resource.methods[method];
  if (served === undefined) throw new ApiFailure("method-not-allowed");
  requireAudience(served.audience, call);
  return served.call(call);
}

function requireAudience(audience: Audience, call: Call): void {
  switch (audience) {
    case "anyone":
      return requireNotReleased(call);
    case "newcomer":
      if (call.caller.asker.kind !== "own-key") throw new ApiFailure("already-owned");
      return;
    case "member":
      requireMember(call);
      return;
    case "leaving":
      if (!mayLeave(call)) requireMember(call);
      return;
  }
}

function resourceAt(path: readonly string[]): Resource | null {
  const fits = ({ path: own }: Resource): boolean =>
    own.length === path.length && own.every((name, at) => name === "*" || name === path[at]);
  return RESOURCES.find(fits) ?? null;
}

function listResources({ request }: Call): Answer {
  requireAccept(request, ContentFormat.LINK_FORMAT);
  const links = RESOURCES.flatMap(linkTo);
  const payload = encodeLinks(filterLinks(links, request.query));
  return answer(coapResponse(Code.CONTENT, { contentFormat: ContentFormat.LINK_FORMAT, payload }));
}

function linkTo({ path, type, formats, observable }: Resource): Link[] {
  if (type === null) return [];
  const observed: Record<string, true> = observable ? { obs: true } : {};
  const attributes = { rt: type, ct: formats.join(" "), ...observed };
  return [link(`/${path.join("/")}`, attributes)];
}
