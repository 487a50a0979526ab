/**
 * Distinguished names and general names (RFC 5280 §4.1.2.4, §4.2.1.6). Two
 * distinguished names are the same when their DER is: issuers copy the subject
 * they know, and every looser comparison has been a source of confusion.
 */
import type { DerReader } from "../../base/der.ts";
import { contextTag, TAG } from "../../base/der.ts";
import * as der from "../../base/der-write.ts";
import { X509Failure } from "./failure.ts";
import { OID } from "./oids.ts";

/** Names in one subjectAltName, and subtrees in one name constraint. */
export const MAX_NAMES = 32;

/** Attributes in one distinguished name; ours have two. */
export const MAX_ATTRIBUTES = 16;

const IP4_LENGTH = 4;
const IP6_LENGTH = 16;

export interface NameAttribute {
  readonly type: string;
  readonly value: string;
}

/** A distinguished name as received. */
export interface Name {
  /** The whole RDNSequence, for comparing. */
  readonly der: Uint8Array;
  /** In the order of the encoding. */
  readonly attributes: readonly NameAttribute[];
}

export type GeneralName =
  | { readonly kind: "dns"; readonly name: string }
  | { readonly kind: "uri"; readonly uri: string }
  | { readonly kind: "email"; readonly address: string }
  /** 4 or 16 bytes; in a name constraint 8 or 32, the mask behind the address. */
  | { readonly kind: "ip"; readonly address: Uint8Array }
  /** `value` is the DER of what the type defines. */
  | { readonly kind: "other"; readonly type: string; readonly value: Uint8Array }
  | { readonly kind: "directory"; readonly name: Name }
  /** x400Address, ediPartyName and registeredID: never compared. */
  | { readonly kind: "unsupported"; readonly tag: number };

const SHORT_NAMES: Readonly<Record<string, string>> = {
  [OID.commonName]: "CN",
  [OID.surname]: "SN",
  [OID.serialNumber]: "serialNumber",
  [OID.country]: "C",
  [OID.locality]: "L",
  [OID.state]: "ST",
  [OID.organization]: "O",
  [OID.organizationalUnit]: "OU",
  [OID.domainComponent]: "DC",
  [OID.emailAddress]: "emailAddress",
};

/** Reads an RDNSequence. @throws DerFailure, or X509Failure `too-many-names`. */
export function readName(from: DerReader): Name {
  // Twice over the same bytes: once for the encoding as a whole, once for what is in it.
  const { encoding } = from.peek();
  const sets = from.sequence();
  const attributes: NameAttribute[] = [];
  while (sets.tag >= 0) {
    const set = sets.set();
    do {
      if (attributes.length === MAX_ATTRIBUTES) throw new X509Failure("too-many-names");
      const attribute = set.sequence();
      attributes.push({ type: attribute.oid(), value: attribute.text() });
      attribute.end();
    } while (set.tag >= 0);
  }
  return { der: encoding, attributes };
}

/** Encodes attributes, each in a set of its own: country as PrintableString, the rest as UTF8String. */
export function encodeName(attributes: readonly NameAttribute[]): Uint8Array {
  return der.sequence(
    ...attributes.map(({ type, value }) => {
      const printable = type === OID.country || type === OID.serialNumber;
      const text = printable ? der.printableString(value) : der.utf8String(value);
      return der.setOf(der.sequence(der.oid(type), text));
    }),
  );
}

/** RFC 4514 text, last attribute first: `CN=lamp,O=HomeCA`. Control characters are escaped as hexadecimal. */
export function nameText(name: Name): string {
  return name.attributes
    .map(({ type, value }) => `${SHORT_NAMES[type] ?? type}=${escapeValue(value)}`)
    .toReversed()
    .join(",");
}

function escapeValue(value: string): string {
  return value
    .replaceAll(/[\\",+<>;=]/g, String.raw`\$&`)
    .replaceAll(/^[ #]|\s$/g, String.raw`\$&`)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
      [...der.utf8String(character).subarray(2)]
        .map((byte) => `\\${byte.toString(16).padStart(2, "0")}`)
        .join(""),
    );
}

/** The first attribute of the type, or null. */
export function nameAttribute(name: Name, type: string): string | null {
  return name.attributes.find((attribute) => attribute.type === type)?.value ?? null;
}

/**
 * Reads one GeneralName. `form` says how long an iPAddress is: an address in a
 * subjectAltName, an address and its mask in a name constraint.
 */
export function readGeneralName(from: DerReader, form: "name" | "subtree"): GeneralName {
  switch (from.tag) {
    case contextTag(0, "constructed"): {
      const other = from.nested(contextTag(0, "constructed"));
      const type = other.oid();
      const value = other.nested(contextTag(0, "constructed"));
      const { encoding } = value.element();
      value.end();
      other.end();
      return { kind: "other", type, value: encoding };
    }
    case contextTag(1, "primitive"):
      return { kind: "email", address: readAscii(from) };
    case contextTag(2, "primitive"):
      return { kind: "dns", name: readAscii(from, form) };
    case contextTag(4, "constructed"): {
      const inner = from.nested(contextTag(4, "constructed"));
      const name = readName(inner);
      inner.end();
      return { kind: "directory", name };
    }
    case contextTag(6, "primitive"):
      return { kind: "uri", uri: readAscii(from) };
    case contextTag(7, "primitive"): {
      const address = from.contents(contextTag(7, "primitive"));
      const unit = form === "name" ? 1 : 2;
      if (address.length !== IP4_LENGTH * unit && address.length !== IP6_LENGTH * unit) {
        throw new X509Failure("bad-name");
      }
      return { kind: "ip", address };
    }
    default: {
      const { tag } = from.element();
      if (tag >> 6 !== 2 || (tag & 0x1f) > 8) throw new X509Failure("bad-name");
      return { kind: "unsupported", tag };
    }
  }
}

/** Reads GeneralNames (RFC 5280 §4.2.1.6): at least one, at most {@link MAX_NAMES}. */
export function readGeneralNames(from: DerReader): readonly GeneralName[] {
  const names: GeneralName[] = [];
  const list = from.sequence();
  while (list.tag >= 0) {
    if (names.length === MAX_NAMES) throw new X509Failure("too-many-names");
    names.push(readGeneralName(list, "name"));
  }
  if (names.length === 0) throw new X509Failure("bad-name");
  return names;
}

/** IA5String without blanks and controls: nothing in it can end a string or a line in what reads it later. */
function readAscii(from: DerReader, form: "name" | "subtree" = "name"): string {
  const contents = from.contents(from.tag);
  // "" constrains to every name (RFC 5280 §4.2.1.10) and names nothing.
  if (contents.length === 0 && form === "name") throw new X509Failure("bad-name");
  let text = "";
  for (const byte of contents) {
    if (byte < 0x21 || byte > 0x7e) throw new X509Failure("bad-name");
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Encodes one name. @throws RangeError for the kinds we never issue: directory and unsupported. */
export function encodeGeneralName(name: GeneralName): Uint8Array {
  switch (name.kind) {
    case "dns":
      return der.ia5String(name.name, contextTag(2, "primitive"));
    case "uri":
      return der.ia5String(name.uri, contextTag(6, "primitive"));
    case "email":
      return der.ia5String(name.address, contextTag(1, "primitive"));
    case "ip":
      return der.tagged(contextTag(7, "primitive"), name.address);
    case "other":
      return der.explicit(0, der.oid(name.type), der.explicit(0, name.value));
    case "directory":
      return der.explicit(4, name.name.der);
    case "unsupported":
      throw new RangeError("a name of this kind is not issued");
  }
}

export function encodeGeneralNames(names: readonly GeneralName[]): Uint8Array {
  return der.tagged(TAG.sequence, ...names.map(encodeGeneralName));
}
