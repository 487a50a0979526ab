/**
 * A device's life with this home, as one table. Nothing else names a state
 * that follows another; `docs/lifecycle.md` is drawn from here.
 */

/** Every state, in the order a life usually takes them. */
export const STATES = [
  "expected",
  "pending",
  "approved",
  "active",
  "dormant",
  "denied",
  "revoked",
  "released",
] as const;

export type State = (typeof STATES)[number];

/** Every event, with what it means to the owner. */
export const EVENTS = {
  prove: "showed the imported key or the setup code",
  contact: "showed an imported key that anybody may hold",
  approve: "the owner said yes",
  deny: "the owner said no",
  join: "joined with a certificate of ours, or was caged",
  silence: "not seen for the window t",
  return: "proved that it lives",
  revoke: "its certificates were withdrawn",
  release: "the owner gave it up",
  readmit: "the owner takes it in again",
} as const;

export type Event = keyof typeof EVENTS;

/** How a record comes to be, and the state it begins in. */
export const BEGINNINGS: Readonly<Record<"import" | "contact" | "issue", State>> = {
  import: "expected",
  contact: "pending",
  issue: "approved",
};

/**
 * What follows on what. A pair that is not here does not happen: a device that
 * was revoked or released comes back through the owner alone, never by its own
 * proof, and nobody becomes `active` without having been approved.
 */
export const TRANSITIONS: Readonly<Record<State, Readonly<Partial<Record<Event, State>>>>> = {
  expected: { prove: "approved", contact: "pending" },
  pending: { prove: "approved", approve: "approved", deny: "denied" },
  approved: { join: "active", revoke: "revoked", release: "released" },
  active: { silence: "dormant", revoke: "revoked", release: "released" },
  dormant: { return: "active", revoke: "revoked", release: "released" },
  denied: { approve: "approved" },
  revoked: { readmit: "pending" },
  released: { readmit: "pending" },
};

/**
 * Where a record may be forgotten. Elsewhere the device may hold a valid
 * certificate, which would outlive the record that could refuse it.
 */
export const FORGETTABLE: ReadonlySet<State> = new Set<State>([
  "expected",
  "pending",
  "denied",
  "revoked",
  "released",
]);
