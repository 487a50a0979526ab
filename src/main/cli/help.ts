/** Help texts in the form of a manual page, drawn from the table of commands. */
import type { Command } from "./command.ts";
import { optionsOf } from "./command.ts";
import { EXIT_DOCS } from "./exit.ts";
import type { OptionRow } from "./options.ts";
import { wrap } from "./text.ts";

export function synopsis(command: Command): string {
  const operands = command.operands.map(({ name, required }) => (required ? name : `[${name}]`));
  const options = optionsOf(command)
    .filter(({ name }) => name !== "help")
    .map((row) => `[${written(row)}]`);
  return ["homeca", command.name, ...operands, ...options].join(" ");
}

/** The page of one command. */
export function page(command: Command): string {
  const also = command.alias === null ? [] : [`homeca ${command.alias} is the same command.`];
  return [
    section("NAME", wrap(`homeca ${command.name} - ${lowerFirst(command.summary)}`, 4)),
    section("SYNOPSIS", wrap(synopsis(command), 4)),
    section(
      "DESCRIPTION",
      [...command.description, ...also].map((text) => wrap(text, 4)).join("\n"),
    ),
    section("OPTIONS", optionsOf(command).map(optionLines).join("")),
    section("EXIT STATUS", EXIT_DOCS.map(([status, doc]) => `    ${status}  ${doc}\n`).join("")),
    section("EXAMPLES", command.examples.map((line) => `    ${line}\n`).join("")),
  ].join("\n");
}

/** The page of `homeca` itself. */
export function overview(commands: readonly Command[]): string {
  const longest = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `    ${name.padEnd(longest)}  ${summary}\n`);
  return [
    section("NAME", wrap("homeca - a home's own certificate authority and gatekeeper", 4)),
    section(
      "SYNOPSIS",
      "    homeca COMMAND [OPERANDS] [OPTIONS]\n    homeca help [COMMAND]\n    homeca --version\n",
    ),
    section("COMMANDS", lines.join("")),
    section("EXIT STATUS", EXIT_DOCS.map(([status, doc]) => `    ${status}  ${doc}\n`).join("")),
  ].join("\n");
}

const section = (heading: string, body: string): string => `${heading}\n${body}`;

const written = ({ name, value }: OptionRow): string =>
  value === null ? `--${name}` : `--${name} ${value}`;

const optionLines = (row: OptionRow): string => `    ${written(row)}\n${wrap(row.doc, 8)}`;

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
