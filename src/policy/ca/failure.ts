/** Why the authority does not issue. */

export type AuthorityReason =
  | "time-unknown"
  | "clock-behind-floor"
  | "authority-expired"
  | "not-an-authority"
  | "key-mismatch"
  | "unsupported-key"
  | "bad-request"
  | "bad-device-id"
  | "bad-common-name"
  | "bad-lifetime"
  | "name-not-permitted"
  | "bad-acl"
  | "not-ours"
  | "bad-serial"
  | "too-many-revocations";

/** Nothing was issued; no serial number was used up. */
export class AuthorityFailure extends Error {
  override readonly name = "AuthorityFailure";
  readonly reason: AuthorityReason;

  constructor(reason: AuthorityReason, cause?: unknown) {
    super(reason, cause === undefined ? {} : { cause });
    this.reason = reason;
  }
}

/** One sentence for the owner, with the fix. */
export function explain(reason: AuthorityReason): string {
  switch (reason) {
    case "time-unknown":
      return "The router does not know the time yet; wait for time synchronisation or set the clock.";
    case "clock-behind-floor":
      return "The router's clock is earlier than a time it has seen before; wait for time synchronisation or set the clock.";
    case "authority-expired":
      return "The issuing certificate has ended; renew the authority.";
    case "not-an-authority":
      return "This certificate may not issue others; restore the authority's own certificate from the backup.";
    case "key-mismatch":
      return "The authority's key does not belong to its certificate; restore both from one backup.";
    case "unsupported-key":
      return "The device's key is not on the curve P-256; let the device make a P-256 key.";
    case "bad-request":
      return "The certificate request is damaged or not signed by its own key; let the device make a new one.";
    case "bad-device-id":
      return "The device id is not 16 to 52 base32 characters; import the device again.";
    case "bad-common-name":
      return "The name is empty, longer than 64 characters or has control characters; choose another name.";
    case "bad-lifetime":
      return "The lifetime is outside what this kind of certificate may have; choose another lifetime.";
    case "name-not-permitted":
      return "The host name does not end in .home.arpa or .local; choose another host name.";
    case "bad-acl":
      return "The rights of the device do not fit into its certificate; use fewer rules.";
    case "not-ours":
      return "The certificate to renew was not issued by this authority or has ended; enrol the device again.";
    case "bad-serial":
      return "A revoked serial number is not a number; remove the damaged entry.";
    case "too-many-revocations":
      return "The revocation list is full; wait until revoked certificates have ended.";
  }
}
