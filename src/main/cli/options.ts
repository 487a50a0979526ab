/** Reads the words behind a command: options by a small table, the rest in their order. */
import { distance } from "../../daemon/config/configuration.ts";
import { CommandFailure, EXIT } from "./exit.ts";

export interface OptionRow {
  /** Without its dashes. */
  readonly name: string;
  /** What its value is called in help (`FILE`); null for an option without one. */
  readonly value: string | null;
  readonly doc: string;
  /** Whether it may stand more than once; each value counts then. */
  readonly repeats?: boolean;
}

/** Words as they were understood: `flags` has options without a value. */
export interface Words {
  readonly operands: readonly string[];
  readonly values: ReadonlyMap<string, string>;
  /** Of options that may stand more than once, in their order. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  readonly flags: ReadonlySet<string>;
}

/**
 * `--name VALUE`, `--name=VALUE`, `-h` for `--help`; `--` ends the options, and
 * a lone `-` is an operand. @throws {@link CommandFailure} `usage`
 */
export function readWords(words: readonly string[], rows: readonly OptionRow[]): Words {
  const operands: string[] = [];
  const values = new Map<string, string>();
  const lists = new Map<string, string[]>();
  const flags = new Set<string>();
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === "--") {
      operands.push(...words.slice(at + 1));
      break;
    }
    if (word === "-h") flags.add("help");
    else if (!word.startsWith("-") || word === "-") operands.push(word);
    else {
      const [name, inline] = cut(word);
      const row = rows.find((candidate) => `--${candidate.name}` === name);
      if (row === undefined) throw unknownOption(name, rows);
      if (values.has(row.name) || flags.has(row.name)) {
        throw new CommandFailure(EXIT.usage, `option ${name} stands twice: keep one`);
      }
      if (row.value === null) {
        if (inline !== undefined) {
          throw new CommandFailure(EXIT.usage, `option ${name} takes no value: write it alone`);
        }
        flags.add(row.name);
      } else {
        const value = inline ?? words[++at];
        if (value === undefined) {
          throw new CommandFailure(EXIT.usage, `option ${name} has no ${row.value}: add it`);
        }
        if (row.repeats === true) lists.set(row.name, [...(lists.get(row.name) ?? []), value]);
        else values.set(row.name, value);
      }
    }
  }
  return { operands, values, lists, flags };
}

function cut(word: string): readonly [string, string?] {
  const equals = word.indexOf("=");
  return equals < 0 ? [word] : [word.slice(0, equals), word.slice(equals + 1)];
}

function unknownOption(name: string, rows: readonly OptionRow[]): CommandFailure {
  const known = rows.map((row) => `--${row.name}`);
  return new CommandFailure(EXIT.usage, `unknown option ${name}: ${nearest(name, known)}`);
}

/** "did you mean x?" where one of the known words is near, otherwise where to read on. */
export function nearest(word: string, known: readonly string[]): string {
  const [best] = known
    .map((candidate) => ({ candidate, away: distance(word.slice(0, 64), candidate) }))
    .sort((a, b) => a.away - b.away);
  return best !== undefined && best.away <= 2
    ? `did you mean ${best.candidate}?`
    : "run homeca help for all there are";
}
