// Writes docs/reference.md from the tables of the product: commands, configuration, management methods.
// `node build/reference.mjs --check` writes nothing and ends with status 1 where the page is stale.
import { keep, load } from "./generated.mjs";

const tables = await load(`
  export { METHODS, OBJECT } from "./src/daemon/management/methods.ts";
  export { SECTIONS } from "./src/daemon/config/schema.ts";
  export { COMMANDS } from "./src/main/cli/main.ts";
  export { optionsOf } from "./src/main/cli/command.ts";
  export { EXIT_DOCS } from "./src/main/cli/exit.ts";
  export { synopsis } from "./src/main/cli/help.ts";`);
keep({ "docs/reference.md": render(tables) }, "build/reference.mjs");

function render(product) {
  return [
    "# Reference\n",
    "Written by `node build/reference.mjs` from the tables of the product; do not edit.\n",
    ...commandLine(product),
    ...configuration(product),
    ...management(product),
  ].join("\n");
}

function commandLine({ COMMANDS, EXIT_DOCS, optionsOf, synopsis }) {
  const common = new Set(["socket", "json", "help"]);
  const shared = COMMANDS.flatMap(optionsOf).filter(({ name }) => common.has(name));
  const asking = COMMANDS.find(({ asks }) => asks);
  const commands = COMMANDS.map((command) => {
    const own = optionsOf(command).filter((row) => !shared.includes(row) || !common.has(row.name));
    const also = command.alias === null ? "" : ` \`homeca ${command.alias}\` is the same.`;
    return [
      `### homeca ${command.name}\n`,
      `${command.summary}.${also}\n`,
      `    ${synopsis(command)}\n`,
      command.description.join("\n\n") + "\n",
      ...own.map((row) => `- \`${written(row)}\`: ${row.doc}`),
      ...(own.length > 0 ? [""] : []),
      ...command.examples.map((line) => `    ${line}`),
      "",
    ].join("\n");
  });
  return [
    "## Command line\n",
    ...optionsOf(asking)
      .filter(({ name }) => common.has(name))
      .map((row) => `- \`${written(row)}\`: ${row.doc}`),
    "",
    "| exit status | meaning |",
    "| --- | --- |",
    ...EXIT_DOCS.map(([status, doc]) => `| ${status} | ${doc} |`),
    "",
    ...commands,
  ];
}

function configuration({ SECTIONS }) {
  return [
    "## Configuration\n",
    "`/etc/config/homeca` is UCI text. Unknown options are warned about by name; a wrong value keeps HomeCA from starting, and on reload the configuration in force stays.\n",
    ...Object.entries(SECTIONS).flatMap(([type, options]) => [
      `### config ${type}\n`,
      "| option | default | takes | meaning |",
      "| --- | --- | --- | --- |",
      ...options.map((option) => {
        const name = `${option.kind === "list" ? "list " : ""}\`${option.name}\``;
        const fallback =
          option.fallback === null
            ? "required"
            : option.fallbackText === ""
              ? ""
              : option.fallbackText
                  .split(" ")
                  .map((text) => `\`${text}\``)
                  .join(" ");
        return `| ${[name, fallback, option.takes, option.doc].map(cell).join(" | ")} |`;
      }),
      "",
    ]),
  ];
}

function management({ METHODS, OBJECT }) {
  return [
    "## Management methods\n",
    `The ubus object \`${OBJECT}\`, and the same as JSON-RPC on the local socket: one message in one line, at most 64 KiB, in the form of uhttpd's \`/ubus\`.\n`,
    '    {"jsonrpc":"2.0","id":1,"method":"call","params":["00000000000000000000000000000000","homeca","device",{"id":"abcdefghijklmnop"}]}',
    '    {"jsonrpc":"2.0","id":1,"result":[0,{"id":"abcdefghijklmnop"}]}\n',
    "The first element of a result is the status of ubus; where it is not 0, `reason` is a word for programs and `message` one sentence for people. Times are seconds since 1970, or null where the clock was not known.\n",
    ...METHODS.map((method) =>
      [
        `### ${method.name} (${method.access})\n`,
        `${method.summary}.\n`,
        ...method.arguments.map(
          ({ name, type, required, oneOf, doc }) =>
            `- \`${name}\` (${type}${required ? "" : ", optional"}): ${doc}${oneOf === undefined ? "" : ` One of ${oneOf.join(", ")}.`}`,
        ),
        ...(method.arguments.length > 0 ? [""] : []),
        `Result: ${method.result}\n`,
      ].join("\n"),
    ),
  ];
}

function written({ name, value }) {
  return value === null ? `--${name}` : `--${name} ${value}`;
}

/** A bar would end the cell. */
function cell(text) {
  return text.replaceAll("|", "\\|");
}
