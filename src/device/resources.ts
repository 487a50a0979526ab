/** What a device serves to others: functions, or programs that are run. Who may ask is decided before they are. */
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { Code, ContentFormat } from "../proto/coap/codes.ts";
import type { Method } from "../proto/coap/codes.ts";
import { coapResponse } from "../proto/coap/response.ts";
import type { CoapResponse } from "../proto/coap/response.ts";
import type { Host } from "../host/host.ts";

/** A request whose asker may make it. */
export interface Served {
  readonly method: Method;
  /** The id of the device that asks. */
  readonly device: string;
  /** At most 16 KiB. */
  readonly body: Uint8Array;
  readonly contentFormat: number | null;
}

/** Answers one request. A rejection is answered with 5.00. */
export type Serve = (request: Served) => CoapResponse | Promise<CoapResponse>;

/** By the local part, in its one spelling, and the method. */
export type Resources = ReadonlyMap<string, Readonly<Partial<Record<Method, Serve>>>>;

/** Octets of an answer: what a client takes. */
export const MAX_ANSWER_LENGTH: number = 16 * 1024;

/**
 * A resource that is a program. It is called with the method and the id of who
 * asks as its words, never through a shell, and has the time that the host gives
 * programs. GET answers with what it writes; POST and PUT hand it the body, as
 * text, on its standard input. A status other than 0 is 5.00.
 *
 * @param program - found by PATH
 */
export function programResource(
  host: Pick<Host, "run">,
  program: string,
): Readonly<Partial<Record<Method, Serve>>> {
  const run: Serve = ({ method, device, body }) => {
    const input = fromUtf8(body);
    if (input === null) return coapResponse(Code.BAD_REQUEST);
    return new Promise((answered) => {
      host.run([program, method, device], input, ({ status, stdout }) => {
        answered(
          status === 0 ? outputOf(method, stdout) : coapResponse(Code.INTERNAL_SERVER_ERROR),
        );
      });
    });
  };
  return { GET: run, POST: run, PUT: run };
}

function outputOf(method: Method, stdout: string): CoapResponse {
  const payload = utf8(stdout);
  if (payload.length > MAX_ANSWER_LENGTH) return coapResponse(Code.INTERNAL_SERVER_ERROR);
  const code = method === "GET" ? Code.CONTENT : Code.CHANGED;
  return coapResponse(code, { contentFormat: ContentFormat.TEXT, payload });
}
