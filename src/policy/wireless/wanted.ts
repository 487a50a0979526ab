/** Compares what is there with what is wanted, section by section, and keeps the difference as edits. */
import { uciSection } from "../../base/uci-edit.ts";
import type { UciEdit } from "../../base/uci-edit.ts";
import type { UciSection } from "../../base/uci.ts";
import { WirelessFailure } from "./failure.ts";

/** The packages that are read and changed, in the order in which changes are shown and written. */
export const PACKAGES = ["wireless", "network", "firewall", "dhcp", "homeca"] as const;
export type PackageName = (typeof PACKAGES)[number];
export type Packages = Readonly<Record<PackageName, readonly UciSection[]>>;

/** One change. `old` is what the option had, null where there was none. */
export interface PlannedEdit {
  readonly package: PackageName;
  readonly edit: UciEdit;
  readonly old: readonly string[] | null;
}

/** A value of an option, or the values of a list. */
export type Value = string | readonly string[];

export class Wanted {
  readonly edits: PlannedEdit[] = [];
  readonly #now: Packages;
  /** As it was before HomeCA ever set anything up here. */
  readonly #before: Packages;
  readonly #added = new Set<string>();

  constructor(now: Packages, before: Packages) {
    this.#now = now;
    this.#before = before;
  }

  /** A section of ours, under its fixed name. @throws {@link WirelessFailure} `name-taken` where somebody else has made one of that name */
  own(
    pkg: PackageName,
    type: string,
    section: string,
    options: Readonly<Record<string, Value>>,
  ): void {
    if (uciSection(this.#before[pkg], section) !== null) {
      throw new WirelessFailure(
        "name-taken",
        `/etc/config/${pkg} has a section '${section}' that HomeCA did not make: rename or remove it`,
      );
    }
    const found = uciSection(this.#now[pkg], section);
    if (found !== null && found.type !== type) {
      throw new WirelessFailure(
        "name-taken",
        `section '${section}' in /etc/config/${pkg} is a ${found.type} and no ${type}: rename or remove it`,
      );
    }
    if (found === null) this.#add(pkg, type, section);
    for (const [option, value] of Object.entries(options)) this.set(pkg, section, option, value);
  }

  /** An option of a section that is there or planned. */
  set(pkg: PackageName, section: string, option: string, value: Value): void {
    const kind = typeof value === "string" ? "option" : "list";
    const values = typeof value === "string" ? [value] : value;
    const found = uciSection(this.#now[pkg], section)?.options.get(option);
    const old = found?.values.map(({ text }) => text) ?? null;
    const isSame =
      old !== null &&
      found?.kind === kind &&
      old.length === values.length &&
      old.every((text, at) => text === values[at]);
    if (!isSame) this.edits.push({ package: pkg, edit: { kind, section, option, values }, old });
  }

  /** Of a package's only section of a type: its address; made under `name` where there is none. */
  only(pkg: PackageName, type: string, name: string): string {
    const found = this.#now[pkg].find((section) => section.type === type);
    if (found !== undefined) return found.name ?? `@${type}[0]`;
    if (!this.#added.has(`${pkg}.${name}`)) this.#add(pkg, type, name);
    return name;
  }

  /** Puts values behind those that a list has; what is there stays. */
  append(pkg: PackageName, section: string, option: string, more: readonly string[]): void {
    const found = uciSection(this.#now[pkg], section)?.options.get(option);
    const old = found?.values.map(({ text }) => text) ?? [];
    const missing = more.filter((text) => !old.includes(text));
    if (missing.length > 0) this.set(pkg, section, option, [...old, ...missing]);
  }

  #add(pkg: PackageName, type: string, section: string): void {
    this.#added.add(`${pkg}.${section}`);
    this.edits.push({ package: pkg, edit: { kind: "section", type, section }, old: null });
  }
}
