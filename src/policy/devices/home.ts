/** `GET /h`: what this home is, for whoever has proved a key. */
import { Code, ContentFormat } from "../../proto/coap/codes.ts";
import { coapResponse } from "../../proto/coap/response.ts";
import { spkiHash } from "../../proto/x509/certificate.ts";
import { hex } from "../../base/bytes.ts";
import { blankRecord } from "../registry/record.ts";
import { API_VERSION, AUTHORITY_ID_LENGTH, encodeHomeFacts, FEATURES } from "./messages.ts";
import { answer, requireAccept } from "./resource.ts";
import type { Answer, Call, Home, Resource } from "./resource.ts";

export const HOME: Resource = {
  path: ["h"],
  type: "homeca.home",
  formats: [ContentFormat.CBOR],
  observable: false,
  methods: { GET: { audience: "anyone", call: tell } },
};

/** Names the authority to devices: the beginning of SHA-256 over the root's SubjectPublicKeyInfo. */
export function authorityId({ root, crypto }: Pick<Home, "root" | "crypto">): Uint8Array {
  return hex(spkiHash(root.spki, crypto)).subarray(0, AUTHORITY_ID_LENGTH);
}

/** Nothing that tells one home's devices apart, and no name: who asks has shown no more than some key. */
function tell({ request, record, home }: Call): Answer {
  requireAccept(request, ContentFormat.CBOR);
  const periods = home.periods(record ?? blankRecord("", "aware", "pending"));
  const payload = encodeHomeFacts({
    version: API_VERSION,
    features: FEATURES,
    time: home.now.unix,
    windowSeconds: periods.windowSeconds,
    releaseSeconds: periods.releaseSeconds,
    authority: authorityId(home),
  });
  return answer(coapResponse(Code.CONTENT, { contentFormat: ContentFormat.CBOR, payload }));
}
