/** Alerts: names, numbers, and the two octets they travel as. */

/** AlertDescription (RFC 5246 §7.2, RFC 6066 §9, RFC 7301 §3.2, RFC 8446 §6). */
const DESCRIPTIONS = {
  close_notify: 0,
  unexpected_message: 10,
  bad_record_mac: 20,
  record_overflow: 22,
  handshake_failure: 40,
  bad_certificate: 42,
  unsupported_certificate: 43,
  certificate_revoked: 44,
  certificate_expired: 45,
  certificate_unknown: 46,
  illegal_parameter: 47,
  unknown_ca: 48,
  access_denied: 49,
  decode_error: 50,
  decrypt_error: 51,
  protocol_version: 70,
  insufficient_security: 71,
  internal_error: 80,
  inappropriate_fallback: 86,
  user_canceled: 90,
  no_renegotiation: 100,
  missing_extension: 109,
  unsupported_extension: 110,
  unrecognized_name: 112,
  bad_certificate_status_response: 113,
  unknown_psk_identity: 115,
  certificate_required: 116,
  no_application_protocol: 120,
} as const;

export type AlertName = keyof typeof DESCRIPTIONS;

export type AlertLevel = "warning" | "fatal";

export interface Alert {
  readonly level: AlertLevel;
  /** Null for a number without a name here. */
  readonly name: AlertName | null;
}

/** Octets of an alert's body. */
export const ALERT_LENGTH = 2;

const WARNING = 1;
const FATAL = 2;

const NAMES: ReadonlyMap<number, AlertName> = new Map(
  // Object.entries forgets that the keys are the union's names and nothing else.
  Object.entries(DESCRIPTIONS).map(([name, code]) => [code, name as AlertName]),
);

/** The alert's two octets. Those that end nothing by themselves are warnings, all others fatal. */
export function encodeAlert(name: AlertName): Uint8Array {
  const warns = name === "close_notify" || name === "no_renegotiation" || name === "user_canceled";
  return Uint8Array.of(warns ? WARNING : FATAL, DESCRIPTIONS[name]);
}

/** An alert from its body, or null where it has another length or level than the standard's. */
export function parseAlert(body: Uint8Array): Alert | null {
  const level = body[0] === WARNING ? "warning" : body[0] === FATAL ? "fatal" : null;
  if (body.length !== ALERT_LENGTH || level === null) return null;
  return { level, name: NAMES.get(body[1]!) ?? null };
}
