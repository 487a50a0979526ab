import fc from "fast-check";
import { assert, test } from "#kit";
import { editUci, uciSection, UciEditFailure } from "../../src/base/uci-edit.ts";
import type { UciEdit } from "../../src/base/uci-edit.ts";
import { MAX_PACKAGE_CHARACTERS, parseUci, UciFailure } from "../../src/base/uci.ts";

const edited = (text: string, ...edits: readonly UciEdit[]): string =>
  editUci(text, "network", edits);
const set = (section: string, option: string, ...values: readonly string[]): UciEdit => ({
  kind: "option",
  section,
  option,
  values,
});
const list = (section: string, option: string, ...values: readonly string[]): UciEdit => ({
  kind: "list",
  section,
  option,
  values,
});

const ODD = `# mine
package network
config interface 'lan'   # the house
  option device "br-lan" # behind it
\toption proto static;option ipaddr 192.168.1.1

config device
\tlist ports 'lan1'
\tlist ports 'lan2'
config route; option target '0.0.0.0/0'; config interface wan
#last
`;

test("a changed option keeps its place, its neighbours and the comment behind it", () => {
  assert.equal(
    edited(ODD, set("lan", "device", "br it's")),
    ODD.replace(`device "br-lan" #`, `device 'br it'\\''s' #`),
  );
});

test("of several commands on one line only the meant one changes", () => {
  assert.equal(
    edited(ODD, set("lan", "ipaddr", "10.0.0.1")),
    ODD.replace("ipaddr 192.168.1.1", "ipaddr '10.0.0.1'"),
  );
  assert.equal(edited(ODD, set("lan", "proto")), ODD.replace("option proto static;", ";"));
});

test("a new option stands behind the section's last one, comment and all", () => {
  assert.equal(
    edited("config a 'b'\n\toption c '1' # why\n\n# next\n", set("b", "d", "2")),
    "config a 'b'\n\toption c '1' # why\n\toption d '2'\n\n# next\n",
  );
  assert.equal(edited("config a b", set("b", "d", "2")), "config a b\n\toption d '2'");
  assert.equal(
    edited(ODD, set("@route[0]", "metric", "5")),
    ODD.replace("'0.0.0.0/0'; ", "'0.0.0.0/0'\n\toption metric '5'; "),
  );
});

test("a list is written whole where it stood, and goes with its lines", () => {
  assert.equal(
    edited(ODD, list("@device[0]", "ports", "lan1", "lan2", "lan3")),
    ODD.replace(
      "list ports 'lan1'\n\tlist ports 'lan2'",
      "list ports 'lan1'\n\tlist ports 'lan2'\n\tlist ports 'lan3'",
    ),
  );
  assert.equal(
    edited(ODD, list("@device[0]", "ports")),
    ODD.replace("\tlist ports 'lan1'\n\tlist ports 'lan2'\n", ""),
  );
});

test("a section is added at the end, once", () => {
  const add: UciEdit = { kind: "section", type: "zone", section: "z" };
  assert.equal(edited("", add, set("z", "a", "1")), "config zone 'z'\n\toption a '1'\n");
  assert.equal(edited("config a b\n", add, add), "config a b\n\nconfig zone 'z'\n");
  assert.equal(edited("config a b", add), "config a b\n\nconfig zone 'z'\n");
});

test("a section that is opened twice is one, and an index counts it once", () => {
  const twice = "config t a\n option x 1\nconfig t\nconfig t a\n option x 2\n";
  assert.equal(
    edited(twice, set("a", "x", "3")),
    "config t a\n option x '3'\nconfig t\nconfig t a\n",
  );
  assert.equal(
    edited(twice, set("@t[1]", "y", "1")),
    "config t a\n option x 1\nconfig t\n\toption y '1'\nconfig t a\n option x 2\n",
  );
});

test("lines that end in CR LF stay so, and no new one does", () => {
  assert.equal(
    edited("config a b\r\n option c 1\r\n", set("b", "d", "2")),
    "config a b\r\n option c 1\r\n\toption d '2'\n",
  );
});

test("what is not there, or of another type, or empty, is refused", () => {
  for (const edit of [
    set("none", "a", "1"),
    set("@interface[9]", "a", "1"),
    set("lan", "device", ""),
    { kind: "section", type: "zone", section: "lan" } as const,
  ]) {
    assert.throws(() => edited(ODD, edit), UciEditFailure);
  }
  assert.throws(() => edited("option a b\n", set("a", "b", "c")), UciFailure);
  assert.throws(() => edited("#".repeat(MAX_PACKAGE_CHARACTERS + 1), set("a", "b")), UciFailure);
});

const word = fc.constantFrom("a", "b", "cc", "d_1");
const value = fc.oneof(
  fc.constantFrom("x", "it's", "a b", "#no", "\\", '"', ";", "two\nlines", "ä", "'"),
  fc.string({ minLength: 1, maxLength: 6 }).filter((text) => !text.includes("\0")),
);
const written = value.chain((text) =>
  fc.constantFrom(
    `'${text.replaceAll("'", `'"'"'`)}'`,
    `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`,
  ),
);
const ending = fc.constantFrom("\n", " # why 'not\n", "\r\n", "; ", "\n\n# alone\n", "\n\n");
const command = fc.oneof(
  fc.tuple(word, written, ending).map(([name, text, end]) => `option ${name} ${text}${end}`),
  fc.tuple(word, written, ending).map(([name, text, end]) => `\tlist ${name}\t${text}${end}`),
  fc.tuple(word, ending).map(([name, end]) => `config t ${name}${end}`),
  ending.map((end) => `config u${end}`),
);
const file = fc
  .array(command, { maxLength: 12 })
  .map((commands) => `# head\nconfig t a\n${commands.join("")}`);
const edit: fc.Arbitrary<UciEdit> = fc.oneof(
  fc.record({ kind: fc.constant("section" as const), type: fc.constant("t"), section: word }),
  fc.record({
    kind: fc.constantFrom("option" as const, "list" as const),
    section: fc.oneof(word, fc.constantFrom("@u[0]", "@u[1]", "@t[1]")),
    option: word,
    values: fc.array(value, { maxLength: 3 }),
  }),
);

test("property: an edit changes what it names and no other octet's meaning, or refuses", () => {
  fc.assert(
    fc.property(file, edit, (text, change) => {
      let result: string;
      try {
        result = edited(text, change);
      } catch (failure) {
        assert.ok(failure instanceof UciEditFailure);
        return;
      }
      const sections = parseUci(result, "network");
      const found = uciSection(sections, change.section);
      assert.ok(found !== null);
      if (change.kind === "section") return;
      const values = found.options.get(change.option)?.values.map((each) => each.text) ?? [];
      assert.deepEqual(values, change.values);
      // Comments are never touched.
      assert.equal(result.split("# ").length, text.split("# ").length);
      assert.equal(edited(result, change), edited(edited(result, change), change));
    }),
    { numRuns: 500 },
  );
});

test("property: files as uci writes them are never refused, and going back gives the same octets", () => {
  const usual = fc.array(fc.tuple(word, value), { minLength: 1, maxLength: 5 }).map((options) => {
    const unique = new Map(options);
    const lines = [...unique].map(
      ([name, text]) => `\toption ${name} '${text.replaceAll("'", "'\\''")}'\n`,
    );
    return { text: `\nconfig t 'a'\n${lines.join("")}\nconfig u\n`, unique };
  });
  fc.assert(
    fc.property(usual, word, value, ({ text, unique }, option, other) => {
      const before = unique.get(option);
      const there = edited(text, set("a", option, other));
      const back = edited(there, set("a", option, ...(before === undefined ? [] : [before])));
      assert.equal(back, text);
    }),
    { numRuns: 300 },
  );
});
