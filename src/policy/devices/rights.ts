/**
 * What a device may ask of others, and by which groups others are given rights
 * against it. Both are pushed to who observes them.
 *
 *     GET /h/acl          -> 2.05 [[target, [[path, methods], …]], …], all that the caller may
 *     GET /h/acl?to=<id>  -> 2.05 [[path, methods], …], what it may ask of that one device (RFC 9237)
 *     GET /h/groups       -> 2.05 [name, …], the groups that the caller is in
 *
 * A target is a device's id as octets, a group's name as text, or null for any
 * device. Media type 290 has no place for a target, so it is what one target gets.
 */
import * as cbor from "../../base/cbor-write.ts";
import { Code, ContentFormat } from "../../proto/coap/codes.ts";
import { coapResponse } from "../../proto/coap/response.ts";
import type { AclRule } from "../ca/acl.ts";
import type { DeviceRecord } from "../registry/record.ts";
import { isRecordId } from "../registry/record.ts";
import { encodePermissions, METHODS } from "../rights/aif.ts";
import { ownGroups } from "../rights/groups.ts";
import { may } from "../rights/may.ts";
import { aclOf } from "../rights/rights.ts";
import type { Permission } from "../rights/aif.ts";
import type { Right } from "../rights/rights.ts";
import { ApiFailure } from "./failure.ts";
import { encodeGroups } from "./messages.ts";
import { answer, PUSHED_SECONDS, requireAccept } from "./resource.ts";
import type { Answer, Call, Resource } from "./resource.ts";

export const ACL: Resource = {
  path: ["h", "acl"],
  type: "homeca.acl",
  formats: [ContentFormat.CBOR, ContentFormat.AIF_CBOR],
  observable: true,
  methods: { GET: { audience: "member", call: tellRights } },
};

export const GROUPS: Resource = {
  path: ["h", "groups"],
  type: "homeca.groups",
  formats: [ContentFormat.CBOR],
  observable: true,
  methods: { GET: { audience: "member", call: tellGroups } },
};

function tellRights({ request, record, home }: Call): Answer {
  const { rights } = known(record);
  const [query, ...more] = request.query;
  if (query === undefined) {
    requireAccept(request, ContentFormat.CBOR);
    const payload = encodeRules(aclOf(rights));
    return pushed(payload);
  }
  requireAccept(request, ContentFormat.AIF_CBOR);
  const id = query.startsWith("to=") ? query.slice(3) : "";
  if (more.length > 0 || !isRecordId(id)) throw new ApiFailure("refused", "to");
  // A device that is not there is in no group: it looks like one that the caller has no rights against.
  const groups = home.registry.devices.get(id)?.groups ?? [];
  const payload = encodePermissions(permissionsAt(rights, id, groups));
  return answer(coapResponse(Code.CONTENT, { contentFormat: ContentFormat.AIF_CBOR, payload }));
}

function tellGroups({ request, record }: Call): Answer {
  requireAccept(request, ContentFormat.CBOR);
  const payload = encodeGroups(known(record).groups);
  return pushed(payload);
}

function pushed(payload: Uint8Array): Answer {
  const contentFormat = ContentFormat.CBOR;
  return answer(coapResponse(Code.CONTENT, { contentFormat, maxAge: PUSHED_SECONDS, payload }));
}

/** Only the audience of members comes here. */
function known(record: DeviceRecord | null): DeviceRecord {
  if (record === null) throw new ApiFailure("not-found");
  return record;
}

/** All rules as `/h/acl` has them: equal bytes are equal rights. */
export function encodeRules(rules: readonly AclRule[]): Uint8Array {
  return cbor.array(...rules.map(({ target, aif }) => cbor.array(targetItem(target), aif)));
}

function targetItem(target: AclRule["target"]): Uint8Array {
  switch (target.kind) {
    case "device":
      return cbor.bytes(target.id);
    case "group":
      return cbor.text(target.name);
    case "any":
      return cbor.nullValue();
  }
}

/** Every rule that means this target, by id, by a group or any, as one list. */
function permissionsAt(
  rights: readonly Right[],
  target: string,
  names: readonly string[],
): readonly Permission[] {
  const groups = ownGroups(target, names);
  const paths = new Set(rights.flatMap(({ allow }) => allow.map(({ path }) => path)));
  return [...paths].flatMap((path) => {
    const methods = METHODS.filter((method) => may(rights, groups, target, { path, method }));
    // Of a resource that no rule names, only what was created through this path is left to be asked.
    const created = METHODS.filter((method) =>
      may(rights, groups, target, { path: "", method, createdThrough: path }),
    );
    return methods.length + created.length === 0 ? [] : [{ path, methods, created }];
  });
}
