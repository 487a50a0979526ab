/** EST's questions and answers as HTTP has them (RFC 7030 §3.2, §4; RFC 8951). */
import { fromBase64, toBase64, utf8 } from "../base/bytes.ts";
import type { Unix } from "../base/machine.ts";
import type { EstOperation } from "../policy/est/enrolment.ts";
import { explainRefusal, httpStatus } from "../policy/est/outcome.ts";
import type { EstOutcome, EstReason } from "../policy/est/outcome.ts";
import { httpDate } from "../proto/http/response.ts";
import type { HttpRequest, HttpResponse } from "../proto/http/server.ts";
import { encodeBundle } from "../proto/x509/cms.ts";

const OPERATIONS: readonly EstOperation[] = [
  "cacerts",
  "simpleenroll",
  "simplereenroll",
  "csrattrs",
];

/** RFC 7030 §3.2.2: a name for one CA among several. This home has one, whatever it is called. */
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$/;

/** Characters in a line of base64, as MIME has them (RFC 2045 §6.8). */
const LINE_LENGTH = 76;

const BUNDLE_TYPE = "application/pkcs7-mime; smime-type=certs-only";
const REQUEST_TYPE = "application/pkcs10";

/** What is asked for, or the response that says that nothing is. */
export type Asked =
  | { readonly operation: EstOperation; readonly request: Uint8Array }
  | { readonly response: HttpResponse };

export function readEstRequest({ method, path, fields, body }: HttpRequest): Asked {
  const operation = operationOf(path);
  if (operation === null) return { response: notThere() };
  if (operation === "cacerts" || operation === "csrattrs") {
    if (method !== "GET" && method !== "HEAD") return { response: wrongMethod("GET, HEAD") };
    return { operation, request: new Uint8Array() };
  }
  if (method !== "POST") return { response: wrongMethod("POST") };
  const mediaType = (fields.get("content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase();
  if (mediaType !== REQUEST_TYPE) {
    return { response: plain(415, `The body must be ${REQUEST_TYPE} in base64.`) };
  }
  const request = decodeBody(body);
  return request === null ? { response: refusal("bad-request") } : { operation, request };
}

function operationOf(path: string): EstOperation | null {
  const [, wellKnown, est, ...rest] = path.split("/");
  if (wellKnown !== ".well-known" || est !== "est") return null;
  const label = rest.length === 2 ? rest[0]! : null;
  // What is an operation elsewhere is no label.
  if (label !== null && (!LABEL.test(label) || OPERATIONS.some((one) => one === label)))
    return null;
  if (rest.length < 1 || rest.length > 2) return null;
  return OPERATIONS.find((operation) => operation === rest.at(-1)) ?? null;
}

/** RFC 8951 §3.1: base64 whatever a Content-Transfer-Encoding says, white space anywhere in it. */
function decodeBody(body: Uint8Array): Uint8Array | null {
  let text = "";
  for (const byte of body) text += String.fromCharCode(byte);
  return fromBase64(text);
}

/** The status comes from `httpStatus` or is that of success. */
export function estResponse(outcome: EstOutcome): HttpResponse {
  switch (outcome.kind) {
    case "authorities":
      return encoded(BUNDLE_TYPE, encodeBundle(outcome.certificates));
    case "attributes":
      return encoded("application/csrattrs", outcome.encoded);
    case "issued":
      return encoded(BUNDLE_TYPE, encodeBundle([outcome.certificate]));
    case "pending": {
      const { retrySeconds } = outcome;
      const waits = plain(202, "The owner of this home has not decided yet; ask again later.");
      return withField(waits, "Retry-After", String(retrySeconds));
    }
    case "refused":
      return refusal(outcome.reason);
  }
}

/** With the date, where it is known (RFC 9110 §6.6.1). */
export function dated(response: HttpResponse, now: Unix | null): HttpResponse {
  return now === null ? response : withField(response, "Date", httpDate(now));
}

function encoded(contentType: string, der: Uint8Array): HttpResponse {
  const lines = toBase64(der).match(new RegExp(`.{1,${LINE_LENGTH}}`, "g")) ?? [];
  return {
    status: 200,
    fields: [
      ["Content-Type", contentType],
      // Says nothing in HTTP, and is looked for by clients of RFC 7030's first errata (RFC 8951 §3).
      ["Content-Transfer-Encoding", "base64"],
      ["Cache-Control", "no-store"],
    ],
    body: utf8(`${lines.join("\r\n")}\r\n`),
  };
}

function refusal(reason: EstReason): HttpResponse {
  return plain(httpStatus({ kind: "refused", reason }), explainRefusal(reason));
}

/** The one answer to a path that there is not. */
export function notThere(): HttpResponse {
  return plain(404, "There is nothing here.");
}

export function wrongMethod(allowed: string): HttpResponse {
  return withField(plain(405, `Only ${allowed} will do here.`), "Allow", allowed);
}

function plain(status: number, sentence: string): HttpResponse {
  const fields = [["Content-Type", "text/plain; charset=utf-8"]] as const;
  return { status, fields, body: utf8(`${sentence}\n`) };
}

function withField(response: HttpResponse, name: string, value: string): HttpResponse {
  return { ...response, fields: [...response.fields, [name, value]] };
}
