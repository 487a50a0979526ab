// What stands between the markers of docs/protocol.md: `<!-- KIND ARGUMENT... -->` up to `<!-- end -->`.

const MARKED = /<!-- (?!end )([a-z-]+)((?: [^ ]+)*?) -->\n[\s\S]*?<!-- end -->/g;

/** The page with every marked part written anew from the vectors. */
export function filled(page, vectors) {
  return page.replaceAll(MARKED, (_, kind, rest) => {
    const render = KINDS[kind];
    if (render === undefined) throw new Error(`docs/protocol.md: there is no part ${kind}`);
    const words = rest.trim() === "" ? [] : rest.trim().split(" ");
    return `<!-- ${kind}${rest} -->\n\n${render(vectors, ...words)}\n\n<!-- end -->`;
  });
}

const KINDS = {
  /** A body of the device API. */
  body: (vectors, name) => notation(named(vectors["device-api"].cases, name)),
  /** A CoAP message, or the links. */
  message: (vectors, name) => {
    const { what, hex } = named(vectors["device-api"].messages, name);
    return `${what.replaceAll("<", "&lt;")}:\n\n${fenced(wrapped(hex))}`;
  },
  /** Any object with a diagnostic notation. */
  object: (vectors, file, path) => notation(at(vectors, file, path)),
  /** Octets or text. */
  octets: (vectors, file, path) => fenced(wrapped(at(vectors, file, path))),
  text: (vectors, file, path) => fenced(at(vectors, file, path).trimEnd()),
  values: (vectors, file, ...paths) =>
    table(
      ["", ""],
      paths.map((path) => [path.replaceAll(".", " "), code(shown(at(vectors, file, path)))]),
    ),
  "key-update": (vectors, at) => keyUpdate(vectors["key-update"].cases[Number(at)]),
  resources: ({ "device-api": { resources } }) =>
    table(
      ["path", "method", "who", "Content-Formats", "observe", "rt"],
      resources.map(({ path, method, who, formats, observable, type }) => [
        code(path),
        method,
        who,
        formats.join(", "),
        observable ? "yes" : "",
        type === null ? "" : code(type),
      ]),
    ),
  problems: ({ errors: { problems } }) =>
    table(
      ["number", "code", "title", "Max-Age", "what a device does"],
      problems.map(({ number, code, title, maxAge, advice }) => [
        number,
        code,
        title,
        maxAge ?? "",
        advice,
      ]),
    ),
  "key-update-reasons": ({ errors }) =>
    table(
      ["`detail`", "problem", "found by", "means"],
      errors.keyUpdate.map(({ reason, number, side, meaning }) => [
        code(reason),
        number ?? "",
        side,
        meaning,
      ]),
    ),
  "enrolment-refusals": ({ enrolment: { refusals } }) =>
    table(
      ["code", "HTTP", "`detail`"],
      refusals.map(({ code, status, detail }) => [code, status, detail]),
    ),
  suites: ({ limits: { suites } }) =>
    table(
      ["version", "suite", "number"],
      suites.map(({ version, name, code: number }) => [version, code(name), number]),
    ),
  limits: ({ limits: { groups } }) =>
    Object.entries(groups)
      .map(([group, rows]) =>
        table(
          [group, ""],
          rows.map(({ name, value }) => [name, value]),
        ),
      )
      .join("\n\n"),
};

function keyUpdate({ inputs, points, messages, derived, newKey }) {
  const rows = [inputs, points, messages, derived, newKey].flatMap(Object.entries);
  return fenced(
    rows
      .map(([name, value]) => {
        const lines = wrapped(value).split("\n");
        return lines.map((line, at) => `${(at === 0 ? name : "").padEnd(21)}${line}`).join("\n");
      })
      .join("\n"),
  );
}

function named(list, name) {
  const found = list.find((each) => each.name === name);
  if (found === undefined) throw new Error(`docs/protocol.md: there is no vector ${name}`);
  return found;
}

function at(vectors, file, path) {
  const value = path.split(".").reduce((within, key) => within?.[key], vectors[file]);
  if (value === undefined) throw new Error(`docs/protocol.md: ${file}.json has no ${path}`);
  return value;
}

function notation({ diagnostic, hex }) {
  return `${fenced(broken(diagnostic))}\n\n${fenced(wrapped(hex))}`;
}

/** Diagnostic notation of a map or array, an entry in a line. Strings of ours hold no comma with a blank behind it. */
function broken(text) {
  if (text.length <= 72) return text;
  const [, tag, items] = /^(18\(\[)(.+)\]\)$/s.exec(text) ?? [];
  if (items !== undefined) return `${tag}\n  ${items.replaceAll(/, (?=[h{])/g, ",\n  ")}\n])`;
  if (!/^[{[]/.test(text)) return text;
  const entries = text.slice(1, -1).split(/, (?=(?:"[^"]*"|-?\d+): )/);
  return `${text[0]}\n${entries.map((entry) => `  ${entry}`).join(",\n")}\n${text.at(-1)}`;
}

function wrapped(text) {
  return text.replaceAll(/.{64}(?=.)/g, "$&\n");
}

function fenced(text) {
  return `\`\`\`\n${text}\n\`\`\``;
}

function code(text) {
  return `\`${text}\``;
}

function shown(value) {
  return typeof value === "object" || String(value).includes("\n")
    ? JSON.stringify(value)
    : String(value);
}

/** Padded as the other pages' tables are, so that the source can be read as well. */
function table(head, rows) {
  const cells = [head, ...rows].map((row) =>
    row.map((cell) => String(cell).replaceAll("|", "\\|")),
  );
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, at) => cell.padEnd(widths[at])).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join("\n");
}
