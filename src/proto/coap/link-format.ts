/**
 * Lists of links: what `/.well-known/core` answers, and choosing from them.
 *
 *     </h/crl>;rt="homeca.crl";ct=42;obs,</.well-known/est/sen>;rt="ace.est.sen";ct="281 287"
 *
 * @see RFC 6690
 */
import { fromUtf8, utf8 } from "../../base/bytes.ts";

/** Octets of a list that is read; a home's fits many times. */
export const MAX_LINK_FORMAT_OCTETS = 16_384;
export const MAX_LINKS = 256;
export const MAX_LINK_ATTRIBUTES = 16;

export interface LinkAttribute {
  readonly name: string;
  /** null for one that is a flag, such as `obs`. */
  readonly value: string | null;
}

export interface Link {
  /** The URI reference between `<` and `>`. */
  readonly target: string;
  readonly attributes: readonly LinkAttribute[];
}

export type LinkFormatReason =
  /** Not UTF-8, or not the grammar of RFC 6690 §2. */
  "malformed" | "too-long" | "too-many-links" | "too-many-attributes";

/** A list of links that is not read. */
export class LinkFormatFailure extends Error {
  override readonly name = "LinkFormatFailure";
  readonly reason: LinkFormatReason;
  /** Offset in characters. */
  readonly at: number;

  constructor(reason: LinkFormatReason, at: number) {
    super(`links not read from character ${at}: ${reason}`);
    this.reason = reason;
    this.at = at;
  }
}

/** A link with attributes as an object; `true` is a flag. */
export function link(
  target: string,
  attributes: Readonly<Record<string, string | number | true>>,
): Link {
  const listed = Object.entries(attributes).map(([name, value]): LinkAttribute => {
    return { name, value: value === true ? null : String(value) };
  });
  return { target, attributes: listed };
}

/** RFC 6690 §2: parmname. */
const NAME = /^[A-Za-z0-9!#$&+\-.^_`|~]+\*?$/;
/** No character that would end the target or hide in it. */
const TARGET = /^[\x21-\x3b\x3d\x3f-\x7e]*$/;
/** No control character. */
const VALUE = /^[ -~\u00a0-\uffff]*$/;

/**
 * UTF-8 of a list. Numbers stand bare, all else is quoted.
 *
 * @throws RangeError for a target, a name or a value that the grammar has no place for: a fault of the caller.
 */
export function encodeLinks(links: readonly Link[]): Uint8Array {
  return utf8(links.map(linkText).join(","));
}

function linkText({ target, attributes }: Link): string {
  if (!TARGET.test(target)) throw new RangeError(`${target} is no link target`);
  return [`<${target}>`, ...attributes.map(attributeText)].join(";");
}

function attributeText({ name, value }: LinkAttribute): string {
  if (!NAME.test(name)) throw new RangeError(`${name} is no attribute name`);
  if (value === null) return name;
  if (!VALUE.test(value)) throw new RangeError(`${name} has a value that cannot be written`);
  return /^[0-9]+$/.test(value)
    ? `${name}=${value}`
    : `${name}="${value.replaceAll(/["\\]/g, "\\$&")}"`;
}

/**
 * Reads a list.
 *
 * @throws {@link LinkFormatFailure}
 */
export function parseLinks(bytes: Uint8Array): readonly Link[] {
  if (bytes.length > MAX_LINK_FORMAT_OCTETS) throw new LinkFormatFailure("too-long", 0);
  const text = fromUtf8(bytes);
  if (text === null) throw new LinkFormatFailure("malformed", 0);
  const cursor = new Cursor(text);
  const links: Link[] = [];
  while (!cursor.atEnd) {
    if (links.length === MAX_LINKS) throw cursor.failure("too-many-links");
    links.push(parseLink(cursor));
    if (cursor.atEnd) break;
    cursor.take(/,/y);
    if (cursor.atEnd) throw cursor.failure("malformed");
  }
  return links;
}

function parseLink(cursor: Cursor): Link {
  const [, target = ""] = cursor.take(/<([\x21-\x3b\x3d\x3f-\x7e]*)>/y);
  const attributes: LinkAttribute[] = [];
  while (cursor.peek() === ";") {
    if (attributes.length === MAX_LINK_ATTRIBUTES) throw cursor.failure("too-many-attributes");
    cursor.take(/;/y);
    const [name = ""] = cursor.take(/[A-Za-z0-9!#$&+\-.^_`|~]+\*?/y);
    attributes.push({ name, value: cursor.peek() === "=" ? parseValue(cursor) : null });
  }
  return { target, attributes };
}

/** A quoted string, or the characters of a ptoken. @see RFC 6690 §2 */
function parseValue(cursor: Cursor): string {
  cursor.take(/=/y);
  if (cursor.peek() !== '"') return cursor.take(/[!#-+\--:<-[\]-~]+/y)[0] ?? "";
  const [, quoted = ""] = cursor.take(/"((?:[ !#-[\]-~\u00a0-\uffff]|\\[ -~])*)"/y);
  return quoted.replaceAll(/\\(.)/g, "$1");
}

/** Walks text by patterns that hold where it stands. */
class Cursor {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at === this.#text.length;
  }

  peek(): string | undefined {
    return this.#text[this.#at];
  }

  /** @param pattern - Sticky. */
  take(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) throw this.failure("malformed");
    this.#at += found[0].length;
    return found;
  }

  failure(reason: LinkFormatReason): LinkFormatFailure {
    return new LinkFormatFailure(reason, this.#at);
  }
}

/** Attributes that hold several values with spaces between them (RFC 6690 §4.1). */
const LISTS: readonly string[] = ["rt", "if", "rel", "ct"];

/**
 * The links that fit every filter.
 *
 * @param query - Uri-Query options, each `name=value` with an optional `*` behind it for
 *   all that begins so; `href` is the target. One without `=` fits whoever has such an attribute.
 */
export function filterLinks(links: readonly Link[], query: readonly string[]): readonly Link[] {
  return query.reduce((left, filter) => left.filter((each) => fits(each, filter)), links);
}

function fits({ target, attributes }: Link, filter: string): boolean {
  const equals = filter.indexOf("=");
  const name = equals < 0 ? filter : filter.slice(0, equals);
  const pattern = equals < 0 ? "*" : filter.slice(equals + 1);
  if (name === "href") return isLike(target, pattern);
  const held = attributes.filter((attribute) => attribute.name === name);
  return held.some(({ value }) => {
    const values = LISTS.includes(name) ? (value ?? "").split(" ") : [value ?? ""];
    return values.some((each) => isLike(each, pattern));
  });
}

function isLike(value: string, pattern: string): boolean {
  return pattern.endsWith("*") ? value.startsWith(pattern.slice(0, -1)) : value === pattern;
}
