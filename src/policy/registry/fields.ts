/**
 * Reads the fields of one JSON object strictly: each by name and kind, and at
 * the end none left over. An unknown field is a newer version's, and half
 * understanding a record is how rights get lost.
 */
import { unix } from "../../base/machine.ts";
import type { Unix } from "../../base/machine.ts";
import { RegistryFailure } from "./failure.ts";

export class Fields {
  readonly #where: string;
  readonly #rest: Map<string, unknown>;

  /** `where` names the object in failures: `record abc, key 2`. @throws {@link RegistryFailure} */
  constructor(value: unknown, where: string) {
    this.#where = where;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new RegistryFailure("bad-form", `${where} is not an object`);
    }
    this.#rest = new Map(Object.entries(value));
  }

  /** Text that passes `accept`, which names what it wants in failures. */
  text(name: string, accept: (text: string) => boolean): string {
    const value = this.#take(name);
    if (typeof value !== "string" || !accept(value)) throw this.#bad(name);
    return value;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T {
    const value = this.#take(name);
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) throw this.#bad(name);
    return found;
  }

  flag(name: string): boolean {
    const value = this.#take(name);
    if (typeof value !== "boolean") throw this.#bad(name);
    return value;
  }

  /** A whole number from `least` to `most`. */
  whole(name: string, least: number, most: number): number {
    const value = this.#take(name);
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
      throw this.#bad(name);
    }
    return value;
  }

  /** A finite number from `least` to `most`, whole or not. */
  real(name: string, least: number, most: number): number {
    const value = this.#take(name);
    if (typeof value !== "number" || !(value >= least && value <= most)) throw this.#bad(name);
    return value;
  }

  /** Seconds since 1970, up to the end of year 9999. */
  time(name: string): Unix {
    return unix(this.whole(name, 0, 253402300799));
  }

  /** Null where the field is null, else what `read` makes of it. */
  nullable<T>(name: string, read: () => T): T | null {
    if (this.#rest.get(name) === null) {
      this.#rest.delete(name);
      return null;
    }
    return read();
  }

  list<T>(name: string, most: number, read: (value: unknown, where: string) => T): readonly T[] {
    const value = this.#take(name);
    if (!Array.isArray(value) || value.length > most) throw this.#bad(name);
    return value.map((element, at) => read(element, `${this.#where}, ${name} ${at + 1}`));
  }

  /** The field as it is, for a reader of its own. */
  raw(name: string): unknown {
    return this.#take(name);
  }

  /** @throws {@link RegistryFailure} where a field was not read. */
  end(): void {
    for (const name of this.#rest.keys()) {
      throw new RegistryFailure("bad-form", `${this.#where} has the unknown field "${name}"`);
    }
  }

  #take(name: string): unknown {
    const value = this.#rest.get(name);
    if (value === undefined) {
      throw new RegistryFailure("bad-form", `${this.#where} has no "${name}"`);
    }
    this.#rest.delete(name);
    return value;
  }

  #bad(name: string): RegistryFailure {
    return new RegistryFailure("bad-form", `${this.#where} has a "${name}" out of its bounds`);
  }
}
