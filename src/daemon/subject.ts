/** Whom a sentence is about. */
import type { sentence } from "../policy/admission/reasons.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import { titleOf } from "../policy/registry/record.ts";

/** Whom a sentence about this record is about; without one it is the address. */
export function subjectOf(
  record: DeviceRecord | null,
  mac: string | null,
): Parameters<typeof sentence>[1] {
  if (record === null) return { title: mac ?? "a device", id: "ID", notAfter: null };
  const ends = record.keys.flatMap((key) => (key.role === "certificate" ? [key.notAfter] : []));
  return { title: titleOf(record), id: record.id, notAfter: ends.at(-1) ?? null };
}
