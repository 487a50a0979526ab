/** `GET /h/crl`: the revocation list in force, by number, pushed to who observes it. */
import { sameBytes, Writer } from "../../base/bytes.ts";
import { Code, ContentFormat } from "../../proto/coap/codes.ts";
import { coapResponse } from "../../proto/coap/response.ts";
import { AuthorityFailure } from "../ca/failure.ts";
import { ApiFailure, RETRY_SECONDS } from "./failure.ts";
import { answer, PUSHED_SECONDS, requireAccept } from "./resource.ts";
import type { Answer, Call, Home, Resource } from "./resource.ts";

export const CRL: Resource = {
  path: ["h", "crl"],
  type: "homeca.crl",
  formats: [ContentFormat.OCTET_STREAM],
  observable: true,
  methods: { GET: { audience: "member", call: fetchList } },
};

/** application/pkix-crl has no number in the registry, so it goes as octets. */
function fetchList({ request, home }: Call): Answer {
  requireAccept(request, ContentFormat.OCTET_STREAM);
  const { der, number } = listOf(home);
  const etag = new Writer()
    .u32(Math.floor(number / 2 ** 32))
    .u32(number % 2 ** 32)
    .bytes();
  // RFC 7252 §5.10.6.2: who has it already is told no more than that.
  if (request.etags.some((known) => sameBytes(known, etag))) {
    return answer(coapResponse(Code.VALID, { etag }));
  }
  return answer(
    coapResponse(Code.CONTENT, {
      contentFormat: ContentFormat.OCTET_STREAM,
      etag,
      maxAge: PUSHED_SECONDS,
      payload: der,
    }),
  );
}

function listOf(home: Home): { readonly der: Uint8Array; readonly number: number } {
  try {
    return home.crl();
  } catch (failure) {
    if (!(failure instanceof AuthorityFailure)) throw failure;
    throw new ApiFailure("time-unknown", "", RETRY_SECONDS);
  }
}
