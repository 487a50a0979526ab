/**
 * A CoAP message: parsed or a CoapDiscard; what is parsed encodes back. Its
 * options are understood or refused, and its payload is a list of links,
 * problem details, or neither.
 */
import { isRequest, isResponse } from "../../../src/proto/coap/codes.ts";
import { CoapDiscard, CoapFailure } from "../../../src/proto/coap/failure.ts";
import {
  encodeLinks,
  filterLinks,
  LinkFormatFailure,
  parseLinks,
} from "../../../src/proto/coap/link-format.ts";
import { encodeMessage, parseMessage } from "../../../src/proto/coap/message.ts";
import { encodeProblem, parseProblem } from "../../../src/proto/coap/problem.ts";
import { bodyOf, readRequest, requestOptions } from "../../../src/proto/coap/request.ts";
import { readResponse } from "../../../src/proto/coap/response.ts";
import { hold, holdSame, valueOf } from "../expect.ts";

export function fuzz(bytes: Uint8Array): void {
  const message = valueOf(() => parseMessage(bytes), [CoapDiscard]);
  if (message === null) return;
  holdSame(encodeMessage(message), bytes, "what is parsed encodes back");
  const { code, payload } = message;
  let query: readonly string[] = [];
  if (isRequest(code)) {
    const heard = valueOf(() => readRequest(message), [CoapFailure]);
    if (heard !== null) {
      query = heard.request.query;
      hold(bodyOf(heard).length > 0, "a request has a name");
      hold(requestOptions(heard.request).length <= message.options.length, "no option is made up");
    }
  }
  if (isResponse(code)) valueOf(() => readResponse(message), [CoapFailure]);

  const links = valueOf(() => parseLinks(payload), [LinkFormatFailure]);
  if (links !== null) {
    const again = encodeLinks(links);
    holdSame(encodeLinks(parseLinks(again)), again, "links that were read are read again");
    hold(filterLinks(links, query).length <= links.length, "a filter adds nothing");
  }
  const problem = parseProblem(payload);
  if (problem !== null) holdSame(encodeProblem(problem), payload, "a problem encodes back");
}
