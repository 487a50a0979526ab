/** Responses: a status, fields, and a body whose length is always said. */
import { concat, utf8 } from "../../base/bytes.ts";
import type { Unix } from "../../base/machine.ts";

/** What the user of a connection answers. */
export interface HttpResponse {
  /** 200 to 599. */
  readonly status: number;
  /** Without Content-Length and Connection, which are written here. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/** RFC 9110 §15, RFC 6585; a client looks at the number alone. */
const PHRASES: Readonly<Record<number, string>> = {
  200: "OK",
  202: "Accepted",
  204: "No Content",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  417: "Expectation Failed",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

/** The interim response that asks for the body (RFC 9110 §15.2.1). */
export const CONTINUE: Uint8Array = utf8("HTTP/1.1 100 Continue\r\n\r\n");

/**
 * @param isHead - Whether HEAD was asked: all but the body is sent (RFC 9110 §9.3.2).
 * @throws RangeError for a field that would not stay one line
 */
export function encodeResponse(
  { status, fields, body }: HttpResponse,
  { isHead, closes }: { readonly isHead: boolean; readonly closes: boolean },
): Uint8Array {
  // 204 and 304 have no body, and so no length of one (RFC 9110 §8.6).
  const bodiless = status === 204 || status === 304;
  const lines = [`HTTP/1.1 ${status} ${PHRASES[status] ?? ""}`];
  for (const [name, value] of fields) {
    if (!/^[A-Za-z0-9-]+$/.test(name) || !/^[\t\x20-\x7e]*$/.test(value)) {
      throw new RangeError(`${name} is no field of a response`);
    }
    lines.push(`${name}: ${value}`);
  }
  if (!bodiless) lines.push(`Content-Length: ${body.length}`);
  if (closes) lines.push("Connection: close");
  const head = utf8(`${lines.join("\r\n")}\r\n\r\n`);
  return bodiless || isHead ? head : concat(head, body);
}

const DAYS = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** IMF-fixdate (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`. For times from 1970 on. */
export function httpDate(at: Unix): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const days = Math.floor(at / 86_400);
  const second = at - days * 86_400;
  let year = 1970;
  let left = days;
  for (; left >= daysOfYear(year); year++) left -= daysOfYear(year);
  let month = 0;
  for (; left >= daysOfMonth(year, month); month++) left -= daysOfMonth(year, month);
  const clock = [Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60];
  const date = `${two(left + 1)} ${MONTHS[month]!} ${year}`;
  return `${DAYS[days % 7]!}, ${date} ${clock.map(two).join(":")} GMT`;
}

function daysOfYear(year: number): number {
  return daysOfMonth(year, 1) === 29 ? 366 : 365;
}

function daysOfMonth(year: number, month: number): number {
  if (month !== 1) return [3, 5, 8, 10].includes(month) ? 30 : 31;
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
}
