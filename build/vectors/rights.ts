/** docs/vectors/rights.json: what a device may ask of others, as AIF and as the extension of its certificate. */
import { toHex } from "../../src/base/bytes.ts";
import { ACL_OID, encodeAcl } from "../../src/policy/ca/acl.ts";
import { encodeGroups } from "../../src/policy/devices/messages.ts";
import { encodeRules } from "../../src/policy/devices/rights.ts";
import { encodeAif, METHODS } from "../../src/policy/rights/aif.ts";
import { aclOf } from "../../src/policy/rights/rights.ts";
import type { Right } from "../../src/policy/rights/rights.ts";
import { localPart } from "../../src/policy/rights/local-part.ts";
import { RECORD_ID } from "./home.ts";
import { diagnostic } from "./labels.ts";

const RIGHTS: readonly Right[] = [
  {
    target: { kind: "device", id: RECORD_ID },
    allow: [{ path: "/s/temp", methods: ["GET"], created: [] }],
  },
  {
    target: { kind: "group", name: "lights" },
    allow: [
      { path: "/l/0", methods: ["GET", "PUT"], created: [] },
      { path: "/scenes", methods: ["POST"], created: ["GET", "DELETE"] },
    ],
  },
];

export function rights(): object {
  return {
    inputs: "Rights as a record has them; octets are in hexadecimal.",
    oid: ACL_OID,
    bits: Object.fromEntries(METHODS.map((method, at) => [method, 2 ** at])),
    rights: RIGHTS,
    aif: RIGHTS.map(({ allow }) => shown(encodeAif(allow))),
    acl: shown(encodeRules(aclOf(RIGHTS))),
    groups: shown(encodeGroups(["lights", "kitchen"])),
    extension: toHex(encodeAcl(aclOf(RIGHTS))),
    localParts: [
      { path: [], query: [], text: localPart([]) },
      { path: ["s", "temp"], query: [], text: localPart(["s", "temp"]) },
      { path: ["log"], query: ["last=5"], text: localPart(["log"], ["last=5"]) },
      { path: ["Küche", "a/b"], query: [], text: localPart(["Küche", "a/b"]) },
      { path: ["s", ".."], query: [], text: localPart(["s", ".."]) },
    ],
  };
}

function shown(bytes: Uint8Array): object {
  return { diagnostic: diagnostic(bytes), hex: toHex(bytes) };
}
