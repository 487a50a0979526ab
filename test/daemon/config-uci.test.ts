import fc from "fast-check";
import { assert, test } from "#kit";
import { MAX_UCI_CHARACTERS, parseUci, UciFailure } from "../../src/base/uci.ts";
import type { UciSection } from "../../src/base/uci.ts";

/** Sections as plain values: [type, name, { option: values }]. */
function plain(sections: readonly UciSection[]): unknown[] {
  return sections.map(({ type, name, options }) => [
    type,
    name,
    Object.fromEntries([...options].map(([key, { values }]) => [key, values.map((v) => v.text)])),
  ]);
}
const parse = (text: string): unknown[] => plain(parseUci(text, "homeca"));
const failure = (text: string): UciFailure =>
  assert.throws(() => parseUci(text, "homeca"), UciFailure);

test("sections, options, lists and comments are read as libuci reads them", () => {
  const text = `package homeca

# the house
config homeca 'main'
\toption state_dir '/etc/homeca'   # behind a value
\tlist interface 'br-iot'
\tlist interface "br-guest"
config client
  option prefix 10.0.0.1;option secret "a b"
c limits l; o pending_max 3
`;
  assert.deepEqual(parse(text), [
    ["homeca", "main", { state_dir: ["/etc/homeca"], interface: ["br-iot", "br-guest"] }],
    ["client", null, { prefix: ["10.0.0.1"], secret: ["a b"] }],
    ["limits", "l", { pending_max: ["3"] }],
  ]);
});

test("quotes join, keep backslashes when single, lose them when double, and span lines", () => {
  const text = `config t
option a 'it'\\''s'
option b 'c:\\d'
option c "say \\"hi\\" # ; '"
option d 'two
lines'
option e "one \\
line"
option f plain\\ space`;
  const [section] = parseUci(text, "homeca");
  const values = [...section!.options.values()].map((option) => option.values[0]!.text);
  const expected = ["it's", "c:\\d", `say "hi" # ; '`, "two\nlines", "one line", "plain space"];
  assert.deepEqual(values, expected);
});

test("each value knows its line", () => {
  const [section] = parseUci("\n\nconfig t\noption a 'x\ny'\n list b 1\nlist b 2\n", "homeca");
  assert.equal(section!.line, 3);
  const lines = [...section!.options.values()].flatMap(({ values }) => values.map((v) => v.line));
  assert.deepEqual(lines, [4, 6, 7]);
});

test("an option written again has its last value, an empty one is unset, a list grows", () => {
  assert.deepEqual(parse("config t\noption a 1\noption a 2\noption b 1\noption b ''\nlist c ''"), [
    ["t", null, { a: ["2"] }],
  ]);
  assert.deepEqual(parse("config t\noption a 1\nlist a 2"), [["t", null, { a: ["1", "2"] }]]);
});

test("a section of the same name and type is taken up again; anonymous ones stay apart", () => {
  assert.deepEqual(parse("config t x\noption a 1\nconfig t\nconfig t\nconfig t x\noption b 2\n"), [
    ["t", "x", { a: ["1"], b: ["2"] }],
    ["t", null, {}],
    ["t", null, {}],
  ]);
});

test("names that JavaScript knows are options like others", () => {
  assert.deepEqual(parse("config t\noption constructor 1")[0], ["t", null, { constructor: ["1"] }]);
  assert.equal(parseUci("config __proto__ x\noption __proto__ 1", "homeca")[0]!.options.size, 1);
});

const WRONG: readonly (readonly [text: string, message: string])[] = [
  [
    "config t\nopton a 1",
    "a line starts with none of config, option, list: correct its first word (homeca:2)",
  ],
  [
    "config",
    "a word is missing: write config TYPE, option NAME VALUE or list NAME VALUE (homeca:1)",
  ],
  [
    "config t\noption",
    "a word is missing: write config TYPE, option NAME VALUE or list NAME VALUE (homeca:2)",
  ],
  [
    "config t\noption a b c",
    "there are too many words: put a value that has spaces into quotes (homeca:2)",
  ],
  [
    "config t\noption a-b c",
    "a name has other characters than letters, digits and _: rename it (homeca:2)",
  ],
  [
    "config t 'my home'",
    "a name has other characters than letters, digits and _: rename it (homeca:1)",
  ],
  [
    "config t\u00fcr x",
    "a section type has characters that cannot be printed: correct it (homeca:1)",
  ],
  ["config t\noption a 'b\nc\n", "a quote is opened and never closed: close it (homeca:2)"],
  ['config t\noption a "b', "a quote is opened and never closed: close it (homeca:2)"],
  [
    "option a b",
    "an option stands before the first section: put a config line above it (homeca:1)",
  ],
  [
    "config t x\nconfig u x",
    "a section has the name of one of another type: rename one of the two (homeca:2)",
  ],
  [
    "package network",
    "the file names another package: move those sections to that package's file (homeca:1)",
  ],
  [
    "config t\noption a 'b\0c'",
    "the file holds a NUL character: write it as plain text (homeca:2)",
  ],
  [
    " ".repeat(MAX_UCI_CHARACTERS + 1),
    "the file is larger than a configuration can be: shorten it (homeca:1)",
  ],
];
for (const [text, message] of WRONG) {
  test(`UCI refused: ${message}`, () => assert.equal(failure(text).message, message));
}

test("a file of exactly 64 KiB is read", () => {
  assert.deepEqual(parse(" ".repeat(MAX_UCI_CHARACTERS)), []);
});

test("every strict prefix of a good file is read or refused with a UciFailure", () => {
  const text = `package homeca\nconfig client 'attic'\n\toption secret "a\\"b" # c\n\tlist l 'x'\\''y';o a b\n`;
  for (let length = 0; length < text.length; length++) orUciFailure(text.slice(0, length));
});

test("property: any text is read or refused with a UciFailure, nothing else", () => {
  const pieces = [
    "config ",
    "option ",
    "list ",
    "package ",
    "a",
    "'",
    '"',
    "\\",
    "\n",
    "#",
    ";",
    " ",
    "\0",
    "é",
  ];
  const likely = fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((all) => all.join(""));
  fc.assert(fc.property(fc.oneof(likely, fc.string({ unit: "binary" })), orUciFailure));
});

test("property: what is written in UCI's own quoting is read back", () => {
  const name = fc.stringMatching(/^[a-z_]{1,12}$/);
  const text = fc.string({ unit: "binary", minLength: 1 }).filter((value) => !value.includes("\0"));
  const options = fc.dictionary(name, fc.array(text, { minLength: 1, maxLength: 3 }), {
    noNullPrototype: true,
  });
  const file = fc.array(fc.tuple(name, options), { maxLength: 4 });
  fc.assert(
    fc.property(file, (sections) => {
      const expected = sections.map(([type, values]) => [type, null, values]);
      assert.deepEqual(parse(render(sections)), expected);
    }),
  );
});

function orUciFailure(text: string): void {
  try {
    parseUci(text, "homeca");
  } catch (thrown) {
    assert.ok(thrown instanceof UciFailure);
  }
}

function render(sections: readonly (readonly [string, Record<string, string[]>])[]): string {
  const quoted = (value: string): string => `'${value.replaceAll("'", "'\\''")}'`;
  return sections
    .map(([type, values]) => {
      const lists = Object.entries(values).flatMap(([name, all]) =>
        all.map((value) => `\tlist ${name} ${quoted(value)}\n`),
      );
      return `config ${type}\n${lists.join("")}`;
    })
    .join("\n");
}
