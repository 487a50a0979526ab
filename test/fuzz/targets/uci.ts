/**
 * A configuration: sections and values, or sentences of ours that may stand in
 * a terminal. What is read and written again means the same.
 */
import { fromUtf8 } from "../../../src/base/bytes.ts";
import { isHostile } from "../../../src/base/text.ts";
import {
  ConfigurationFailure,
  readConfiguration,
} from "../../../src/daemon/config/configuration.ts";
import { parseUci, UciFailure } from "../../../src/base/uci.ts";
import type { UciSection } from "../../../src/base/uci.ts";
import { hold, outcome, valueOf } from "../expect.ts";

/** One file that is there, with a secret in it, and nothing else. */
const FILES = {
  read: (path: string): Uint8Array | null =>
    path === "/etc/secret" ? Uint8Array.from("a long enough secret", (c) => c.charCodeAt(0)) : null,
  facts: (): null => null,
};

export function fuzz(bytes: Uint8Array): void {
  const text = fromUtf8(bytes);
  if (text === null) return;
  const sections = valueOf(() => parseUci(text, "homeca"), [UciFailure]);
  if (sections !== null) {
    const again = valueOf(() => parseUci(written(sections), "homeca"), [UciFailure]);
    hold(again !== null && shape(again) === shape(sections), "what is written again is the same");
  }
  const result = outcome(() => readConfiguration(text, "homeca", FILES), [ConfigurationFailure]);
  if ("value" in result) {
    for (const warning of result.value.warnings) hold(!isHostile(warning), `harmless: ${warning}`);
    return;
  }
  const { failure } = result;
  hold(
    failure instanceof ConfigurationFailure && failure.problems.length > 0,
    "a problem is named",
  );
  for (const problem of failure.problems) hold(!isHostile(problem), `harmless: ${problem}`);
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

function written(sections: readonly UciSection[]): string {
  return sections
    .flatMap(({ type, name, options }) => [
      `config ${quoted(type)}${name === null ? "" : ` ${quoted(name)}`}`,
      ...[...options.values()].flatMap((option) =>
        option.values.map(({ text }) => `${option.kind} ${option.name} ${quoted(text)}`),
      ),
    ])
    .join("\n");
}

/** Everything but the lines where it stood. */
function shape(sections: readonly UciSection[]): string {
  return JSON.stringify(
    sections.map(({ type, name, options }) => [
      type,
      name,
      [...options.values()].map((option) => [
        option.name,
        option.kind,
        option.values.map(({ text }) => text),
      ]),
    ]),
  );
}
