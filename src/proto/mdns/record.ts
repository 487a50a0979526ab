/** Resource records: what this folder has a use for, and the others as they came. */
import { toHex } from "../../base/bytes.ts";
import type { DomainName } from "./name.ts";
import { CLASS_IN, RecordType } from "./wire.ts";

export type RecordContent =
  /** 4 octets. */
  | { readonly kind: "A"; readonly address: Uint8Array }
  /** 16 octets. */
  | { readonly kind: "AAAA"; readonly address: Uint8Array }
  | { readonly kind: "PTR"; readonly target: DomainName }
  | {
      readonly kind: "SRV";
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: DomainName;
    }
  /** Each of 0 to 255 octets, at least one string (RFC 6763 §6.1). */
  | { readonly kind: "TXT"; readonly strings: readonly Uint8Array[] }
  /** The types below 256 that `next`, always the record's own name, has (RFC 6762 §6.1). */
  | { readonly kind: "NSEC"; readonly next: DomainName; readonly types: readonly number[] }
  /** Any other type, or an NSEC of another form. Names inside may be compressed: for reading only. */
  | { readonly kind: "opaque"; readonly type: number; readonly bytes: Uint8Array };

export interface ResourceRecord {
  readonly name: DomainName;
  /** 15 bits. */
  readonly class: number;
  /** The cache-flush bit: these are all records of this name, type and class (RFC 6762 §10.2). */
  readonly flush: boolean;
  /** Seconds; 0 takes the record back. */
  readonly ttl: number;
  readonly content: RecordContent;
}

export function typeOf(content: RecordContent): number {
  return content.kind === "opaque" ? content.type : RecordType[content.kind];
}

/** The same text for contents that are the same, names in them compared as names. */
export function contentKey(content: RecordContent): string {
  switch (content.kind) {
    case "A":
    case "AAAA":
      return `${content.kind} ${toHex(content.address)}`;
    case "PTR":
      return `PTR ${content.target.key}`;
    case "SRV":
      return `SRV ${content.priority} ${content.weight} ${content.port} ${content.target.key}`;
    case "TXT":
      return `TXT ${content.strings.map((string) => toHex(string)).join(" ")}`;
    case "NSEC":
      return `NSEC ${content.types.join(" ")} ${content.next.key}`;
    case "opaque":
      return `${content.type} ${toHex(content.bytes)}`;
  }
}

/** The same text for records that are the same but for their TTL and cache-flush bit. */
export function recordKey(record: ResourceRecord): string {
  return `${record.class} ${contentKey(record.content)} ${record.name.key}`;
}

/** A record of class IN. `flush` for one that its owner alone may have. */
export function internet(
  name: DomainName,
  ttl: number,
  flush: boolean,
  content: RecordContent,
): ResourceRecord {
  return { name, class: CLASS_IN, flush, ttl, content };
}
