/** Arguments of management methods: declared in the table, checked before the method is called. */
import { visible } from "../../base/text.ts";
import { ManagementFailure } from "./failure.ts";

interface Declared {
  readonly name: string;
  readonly required: boolean;
  readonly doc: string;
}

/** Lengths count UTF-16 units. */
export interface TextArgument extends Declared {
  readonly type: "string";
  readonly minLength?: number;
  readonly maxLength: number;
  readonly oneOf?: readonly string[];
}

export interface WholeArgument extends Declared {
  readonly type: "integer";
  readonly least: number;
  readonly most: number;
}

/** One argument as it is declared. */
export type Argument = TextArgument | WholeArgument;

/** rpcd adds the session's id to every call that comes from the web; it says nothing to us. */
const SESSION = "ubus_rpc_session";

/** Checked arguments. Asking for one that was not declared is a bug and throws RangeError. */
export class Arguments {
  readonly #values: ReadonlyMap<string, string | number | null>;

  /** @throws {@link ManagementFailure} `bad-argument` */
  constructor(declared: readonly Argument[], given: unknown) {
    this.#values = checked(declared, given);
  }

  /** A required text. */
  text(name: string): string {
    const value = this.optionalText(name);
    if (value === null) throw new RangeError(`${name} is not required`);
    return value;
  }

  optionalText(name: string): string | null {
    const value = this.#value(name);
    if (value !== null && typeof value !== "string") throw new RangeError(`${name} is no text`);
    return value;
  }

  /** One of the words it was declared with; `words` must be that list. */
  optionalWord<T extends string>(name: string, words: readonly T[]): T | null {
    const value = this.optionalText(name);
    return words.find((word) => word === value) ?? null;
  }

  optionalWhole(name: string): number | null {
    const value = this.#value(name);
    if (value !== null && typeof value !== "number") throw new RangeError(`${name} is no number`);
    return value;
  }

  #value(name: string): string | number | null {
    const value = this.#values.get(name);
    if (value === undefined) throw new RangeError(`${name} is not declared`);
    return value;
  }
}

function checked(
  declared: readonly Argument[],
  given: unknown,
): Map<string, string | number | null> {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw wrong("the arguments are no object: send {}");
  }
  const fields = new Map<string, unknown>(Object.entries(given));
  fields.delete(SESSION);
  const values = new Map<string, string | number | null>();
  for (const argument of declared) {
    const value = fields.get(argument.name) ?? null;
    fields.delete(argument.name);
    if (value === null && argument.required) {
      throw wrong(`argument '${argument.name}' is missing: send it`);
    }
    values.set(argument.name, value === null ? null : checkedValue(argument, value));
  }
  for (const name of fields.keys()) {
    const known = declared.map((argument) => `'${argument.name}'`).join(", ") || "none";
    throw wrong(`argument '${visible(name, 64)}' is unknown: this method takes ${known}`);
  }
  return values;
}

function checkedValue(argument: Argument, value: unknown): string | number {
  return argument.type === "string" ? checkedText(argument, value) : checkedWhole(argument, value);
}

function checkedText(argument: TextArgument, value: unknown): string {
  const { name, minLength = 1, maxLength, oneOf } = argument;
  const named = `argument '${name}'`;
  if (typeof value !== "string") throw wrong(`${named} is no text: send a string`);
  if (value.length === 0) throw wrong(`${named} is empty: leave it out or fill it`);
  if (value.length < minLength) {
    throw wrong(`${named} is too short: send at least ${minLength} characters`);
  }
  if (value.length > maxLength) {
    throw wrong(`${named} is too long: send at most ${maxLength} characters`);
  }
  if (oneOf !== undefined && !oneOf.includes(value)) {
    throw wrong(`${named} is '${visible(value, 64)}': send one of ${oneOf.join(", ")}`);
  }
  return value;
}

function checkedWhole({ name, least, most }: WholeArgument, value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    throw wrong(`argument '${name}' is no number from ${least} to ${most}: correct it`);
  }
  return value;
}

const wrong = (sentence: string): ManagementFailure =>
  new ManagementFailure("bad-argument", sentence);
