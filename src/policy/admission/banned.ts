/** Whom an access point is told to keep out, beside everything else that does: addresses can be changed. */
import type { DeviceRecord } from "../registry/record.ts";
import type { Registry } from "../registry/registry.ts";

/** Addresses kept out at once: those of records that were decided about last come first. */
export const MAX_BANNED = 256;

/**
 * Addresses of devices that were denied or revoked, in lower case with colons.
 * One that another device has come with since is not among them: it has passed on.
 */
export function bannedAddresses({ devices }: Pick<Registry, "devices">): ReadonlySet<string> {
  const out: DeviceRecord[] = [];
  const welcome = new Set<string>();
  for (const record of devices.values()) {
    if (record.state === "denied" || record.state === "revoked") out.push(record);
    else for (const mac of record.macs) welcome.add(mac);
  }
  const newest = out.toSorted((a, b) => (b.decidedAt ?? 0) - (a.decidedAt ?? 0));
  const macs = newest.flatMap((record) => record.macs).filter((mac) => !welcome.has(mac));
  return new Set([...new Set(macs)].slice(0, MAX_BANNED));
}
