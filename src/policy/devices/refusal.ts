/** What a device is told where something is refused, or broke. */
import { Code } from "../../proto/coap/codes.ts";
import { problemResponse } from "../../proto/coap/problem.ts";
import { coapResponse } from "../../proto/coap/response.ts";
import type { CoapResponse } from "../../proto/coap/response.ts";
import type { ApiFailure } from "./failure.ts";
import { refusalOf, RETRY_SECONDS } from "./failure.ts";

/** The response of a refusal: its code, and why in problem details (RFC 9290). */
export function refusal({ reason, detail, retrySeconds }: ApiFailure): CoapResponse {
  const { code, title, number } = refusalOf(reason);
  const maxAge = retrySeconds ?? (code === Code.SERVICE_UNAVAILABLE ? RETRY_SECONDS : null);
  const problem = { title, detail: detail === "" ? null : detail, code: number };
  return problemResponse(code, problem, maxAge);
}

/** Something of ours broke: nothing of the inside is told. */
export function faultResponse(): CoapResponse {
  return coapResponse(Code.INTERNAL_SERVER_ERROR);
}
