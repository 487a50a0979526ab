/** The changes that a registry takes. Each is a value: it is written to the journal as it is applied. */
import type { Unix } from "../../base/machine.ts";
import { Fields } from "./fields.ts";
import { isRecordId, isSerial, isSpkiHash, parseRecord } from "./record.ts";
import type { DeviceRecord } from "./record.ts";

/** Why a serial was withdrawn, in the words of RFC 5280 §5.3.1. */
export const REVOCATION_REASONS = [
  "keyCompromise",
  "superseded",
  "cessationOfOperation",
  "privilegeWithdrawn",
] as const;
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

/** A certificate that was signed. `device` is null for the home's own. */
export interface IssuedSerial {
  readonly serial: string;
  readonly device: string | null;
  readonly spkiHash: string;
  readonly notAfter: Unix;
}

/** A serial on the revocation list. `notAfter` is null for a certificate we have no note of. */
export interface RevokedSerial {
  readonly serial: string;
  readonly reason: RevocationReason;
  readonly at: Unix;
  readonly notAfter: Unix | null;
}

export type Change =
  /** Adds a record or replaces the one of its id. */
  | { readonly kind: "put"; readonly record: DeviceRecord }
  | { readonly kind: "remove"; readonly id: string }
  | ({ readonly kind: "issued" } & IssuedSerial)
  | {
      readonly kind: "revoke-serial";
      readonly serial: string;
      readonly reason: RevocationReason;
      readonly at: Unix;
    }
  /** The number of the last CRL signed (RFC 5280 §5.2.3); it only rises. */
  | { readonly kind: "crl-number"; readonly number: number }
  /** The newest time this home knows has been; a lower one changes nothing. */
  | { readonly kind: "time-floor"; readonly unix: Unix }
  /** Drops the notes of certificates that ended before. */
  | { readonly kind: "forget-serials"; readonly before: Unix };

/** A change from its JSON. @throws {@link RegistryFailure} `bad-form` */
export function parseChange(json: unknown): Change {
  const fields = new Fields(json, "change");
  const kind = fields.oneOf("kind", [
    "put",
    "remove",
    "issued",
    "revoke-serial",
    "crl-number",
    "time-floor",
    "forget-serials",
  ]);
  const change = parseBody(kind, fields);
  fields.end();
  return change;
}

function parseBody(kind: Change["kind"], fields: Fields): Change {
  switch (kind) {
    case "put":
      return { kind, record: parseRecord(fields.raw("record")) };
    case "remove":
      return { kind, id: fields.text("id", isRecordId) };
    case "issued":
      return {
        kind,
        serial: fields.text("serial", isSerial),
        device: fields.nullable("device", () => fields.text("device", isRecordId)),
        spkiHash: fields.text("spkiHash", isSpkiHash),
        notAfter: fields.time("notAfter"),
      };
    case "revoke-serial":
      return {
        kind,
        serial: fields.text("serial", isSerial),
        reason: fields.oneOf("reason", REVOCATION_REASONS),
        at: fields.time("at"),
      };
    case "crl-number":
      return { kind, number: fields.whole("number", 1, Number.MAX_SAFE_INTEGER) };
    case "time-floor":
      return { kind, unix: fields.time("unix") };
    case "forget-serials":
      return { kind, before: fields.time("before") };
  }
}
