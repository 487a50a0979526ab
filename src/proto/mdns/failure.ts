/**
 * Why an mDNS message is met with silence. Multicast has no wire form for "your
 * message is broken": RFC 6762 §18 asks to ignore what does not fit.
 */

/** The closed list of causes; counters and logs are keyed by it. */
export type MdnsDiscardReason =
  /** Longer than 9000 octets, headers of IP and UDP aside (RFC 6762 §17). */
  | "too-long"
  /** The message ends before its own counts and lengths do. */
  | "truncated"
  /** An opcode that is not a query, or a response code that is not zero (RFC 6762 §18.3, §18.11). */
  | "unexpected-code"
  /** More questions and records than anyone on a home's link has reason to send. */
  | "too-many-entries"
  /** A label of a type that is neither octets nor a pointer (RFC 1035 §4.1.4). */
  | "bad-label"
  /** A pointer that does not point backwards, into the header, or the last of too many. */
  | "bad-pointer"
  /** A name of more than 255 octets (RFC 1035 §2.3.4). */
  | "long-name"
  /** Contents that are not what the record's type and length say. */
  | "bad-record"
  /** Octets behind what the counts announce. */
  | "trailing-octets"
  /** A response that does not come from port 5353 (RFC 6762 §6). */
  | "foreign-port"
  /** More answers asked for in a second than are given. */
  | "overloaded";

/** A message met with silence; `at` is the byte offset of the cause, 0 where it is the message as a whole. */
export class MdnsDiscard extends Error {
  override readonly name = "MdnsDiscard";
  readonly reason: MdnsDiscardReason;
  readonly at: number;

  constructor(reason: MdnsDiscardReason, at: number) {
    super(`mDNS message discarded at octet ${at}: ${reason}`);
    this.reason = reason;
    this.at = at;
  }
}
