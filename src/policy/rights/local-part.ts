/**
 * The part of a URI that names a resource on its server: path and query, as
 * rights name resources (RFC 9237 §2.1, URI-local-part). Each resource has one
 * spelling here, so that to compare is to match: what a request's options say
 * is spelt in it, and a rule that is spelt otherwise is refused.
 */
import { fromUtf8, utf8 } from "../../base/bytes.ts";

/** Octets of one local part. */
export const MAX_LOCAL_PART = 255;

/** RFC 3986 §2.2, §2.3, §3.3: what stands for itself in a segment of a path. */
const SEGMENT = /^[A-Za-z0-9\-._~!$&'()*+,;=:@]$/;
/** The same in one argument of a query: RFC 7252 §6.5 step 7 has `/` and `?` too, but no `&`. */
const ARGUMENT = /^[A-Za-z0-9\-._~!$'()*+,;=:@/?]$/;

/**
 * The local part that a request's options name.
 *
 * @param path - the values of Uri-Path, decoded; none is the root
 * @param query - the values of Uri-Query, decoded
 * @returns null where no URI has these options, or one past {@link MAX_LOCAL_PART}
 * @see RFC 7252 §6.5 (composing), §5.10.1 (no segment is `.` or `..`)
 */
export function localPart(path: readonly string[], query: readonly string[] = []): string | null {
  if (path.some((segment) => segment === "." || segment === "..")) return null;
  // One empty segment is the root, which is spelt without one.
  if (path.length === 1 && path[0] === "") return null;
  const spelt = path.map((segment) => escaped(segment, SEGMENT));
  const asked = query.map((argument) => escaped(argument, ARGUMENT));
  const whole = `/${spelt.join("/")}${asked.length > 0 ? `?${asked.join("&")}` : ""}`;
  return whole.length <= MAX_LOCAL_PART ? whole : null;
}

/** The values of Uri-Path and Uri-Query that a local part in its one spelling stands for; null for any other text. */
export function optionsOfLocalPart(
  text: string,
): { readonly path: readonly string[]; readonly query: readonly string[] } | null {
  if (!text.startsWith("/") || text.length > MAX_LOCAL_PART) return null;
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  const segments = path === "/" ? [] : path.slice(1).split("/").map(unescaped);
  const query =
    mark < 0
      ? []
      : text
          .slice(mark + 1)
          .split("&")
          .map(unescaped);
  const known = [...segments, ...query].every((part) => part !== null);
  // `known` says that no part is null, which the compiler does not follow into the lists.
  const options = { path: segments as string[], query: query as string[] };
  return known && localPart(options.path, options.query) === text ? options : null;
}

/** Whether the text is a local part in its one spelling: `/`, `/s/temp`, `/log?last=5`. */
export function isLocalPart(text: string): boolean {
  return optionsOfLocalPart(text) !== null;
}

function escaped(text: string, plain: RegExp): string {
  let spelt = "";
  for (const character of text) {
    if (plain.test(character)) spelt += character;
    else
      for (const octet of utf8(character))
        spelt += `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return spelt;
}

/** Null where an escape is no octet, or the octets are no UTF-8. */
function unescaped(text: string): string | null {
  const octets: number[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== "%") {
      octets.push(...utf8(text[at]!));
      continue;
    }
    const digits = text.slice(at + 1, at + 3);
    if (!/^[0-9A-F]{2}$/.test(digits)) return null;
    octets.push(Number.parseInt(digits, 16));
    at += 2;
  }
  return fromUtf8(Uint8Array.from(octets));
}
