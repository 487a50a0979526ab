/**
 * Name constraints (RFC 5280 §4.2.1.10) on dNSName and iPAddress. A constraint
 * of another kind cannot be honoured, so a name of that kind is refused under it.
 */
import type { Certificate } from "./certificate.ts";
import type { NameConstraints } from "./extensions.ts";
import type { GeneralName } from "./name.ts";

/** Null where the constraints allow all names of the certificate. */
export function violatedConstraint(
  certificate: Certificate,
  constraints: NameConstraints,
): "name-not-permitted" | "unsupported-constraint" | null {
  const names: GeneralName[] = [...(certificate.extensions.subjectAltName ?? [])];
  if (certificate.subject.attributes.length > 0) {
    names.push({ kind: "directory", name: certificate.subject });
  }
  for (const name of names) {
    const permitted = constraints.permitted.filter((subtree) => isSameForm(subtree, name));
    const excluded = constraints.excluded.filter((subtree) => isSameForm(subtree, name));
    if (permitted.length + excluded.length === 0) continue;
    if (name.kind !== "dns" && name.kind !== "ip") return "unsupported-constraint";
    const inside = (subtree: GeneralName): boolean => isWithin(name, subtree);
    if (excluded.some(inside)) return "name-not-permitted";
    if (permitted.length > 0 && !permitted.some(inside)) return "name-not-permitted";
  }
  return null;
}

/** Both address families are one name form: an IPv4 subtree says that no IPv6 address is permitted. */
function isSameForm(subtree: GeneralName, name: GeneralName): boolean {
  if (subtree.kind === "unsupported" && name.kind === "unsupported") {
    return subtree.tag === name.tag;
  }
  return subtree.kind === name.kind;
}

function isWithin(name: GeneralName, subtree: GeneralName): boolean {
  if (name.kind === "dns" && subtree.kind === "dns") return isBelow(name.name, subtree.name);
  if (name.kind === "ip" && subtree.kind === "ip") return isInPrefix(name.address, subtree.address);
  return false;
}

/** Whole labels at the left may be added; a dot in front of the subtree, as some write it, asks for one at least. */
function isBelow(name: string, subtree: string): boolean {
  const lower = name.toLowerCase();
  const base = subtree.toLowerCase();
  if (base === "") return true;
  if (base.startsWith(".")) return lower.endsWith(base) && lower.length > base.length;
  return lower === base || lower.endsWith(`.${base}`);
}

function isInPrefix(address: Uint8Array, prefix: Uint8Array): boolean {
  const { length } = address;
  if (prefix.length !== length * 2) return false;
  return address.every((octet, at) => ((octet ^ prefix[at]!) & prefix[length + at]!) === 0);
}
