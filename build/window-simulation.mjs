// Lives invented years under the product's rule for the window t and under fixed ones, and writes docs/window.md and
// docs/window.svg; `--check` only compares. Exit status 1 where they are stale.
import { keep, load } from "./generated.mjs";
import { chart } from "./window/chart.mjs";
import { devicesOf, HOMES } from "./window/homes.mjs";
import { adaptive, fixed, live } from "./window/years.mjs";

/** Years that each home lives, each with chances of its own. */
const YEARS = 10;

const policy = await load(`
  export * from "./src/policy/window/home.ts";
  export * from "./src/policy/window/presence.ts";`);
const RULES = [
  { name: "adaptive", begin: adaptive(policy) },
  ...[3, 10, 60].map((days) => ({ name: `always ${days} d`, begin: fixed(days) })),
];

const results = HOMES.map((home) => {
  const lives = Array.from({ length: YEARS }, (_, year) => devicesOf(home, year));
  const rules = RULES.map(({ name, begin }) =>
    summary(
      name,
      lives.map((devices) => live(home, devices, begin)),
    ),
  );
  return { home, curves: rules[0].curves, rules };
});

keep(
  { "docs/window.md": page(), "docs/window.svg": chart(results, YEARS) },
  "build/window-simulation.mjs",
);

function summary(name, years) {
  const mean = (numbers) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
  return {
    name,
    curves: years.map(({ curve }) => curve),
    wrong: mean(years.map(({ wrong }) => wrong)),
    soon: mean(years.map(({ soon }) => soon)),
    noticed: mean(years.flatMap(({ noticed }) => noticed)),
  };
}

function page() {
  const rows = results.flatMap(({ home, rules }) =>
    rules.map((rule) => [
      home.name,
      rule.name,
      rule.wrong.toFixed(1),
      rule.soon.toFixed(1),
      `${rule.noticed.toFixed(1)} d`,
    ]),
  );
  const years = results.flatMap(({ home, curves }) => {
    const days = [0, 30, 90, 180, 364].map((day) => {
      const all = curves.map((curve) => curve[day]).toSorted((a, b) => a - b);
      return `${all[Math.floor(all.length / 2)].toFixed(1)} d`;
    });
    return [[home.name, ...days]];
  });
  return `# The window t

Written by \`node build/window-simulation.mjs\`, which runs \`src/policy/window/\` over invented years.

A device that is not seen for the window t becomes dormant: its certificate is withdrawn until it proves that it
lives. Too short, and devices are given up that are only seldom on; too long, and a device that was sold or stolen
stays a member for weeks. The paper begins with ten days and lets the home's own dynamics decide; this is what
becomes of that.

![The window over a year, and what each rule does to devices](window.svg)

## The homes

${HOMES.map(({ name, text }) => `- **${name}**: ${text}.`).join("\n")}

Each lives ${YEARS} years under each rule, with the same devices at the same hours under all of them. A home is furnished in
its first two days. Some devices make contact several times a day, some about every four days, some about every
twelve; carried ones go on holiday. Of the devices that leave, four in ten do so without a word: those are the ones
that have to be noticed.

## What each rule does

A year's average. "Adaptive" is the product's rule; the others are a fixed window by the wall clock.

${table(["home", "rule", "given up, came back", "within a week", "vanished: noticed after"], rows)}

## The window over the first year

The median of the years.

${table(["home", "day 1", "day 31", "day 91", "day 181", "day 365"], years)}

- Furnishing a home looks like a busy one, so its first weeks are short. It costs few devices: each is waited for
  half as long again as it has stayed away before.
- A holiday makes carried devices dormant, which shortens the window, and lengthens it for those devices. Next time
  they are waited for.
- While the router is off no hour counts, so its return finds every device as it was. A fixed window by the wall
  clock gives all of them up at once.
`;
}

/** Rows as a Markdown table, numbers to the right. */
function table(head, rows) {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const text = (cell) => !/^\d/.test(cell);
  const right = head.map((_, column) => rows.every((row) => !text(row[column])));
  const line = (cells) =>
    `| ${cells.map((cell, column) => (right[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join(" | ")} |`;
  const rule = widths.map((width, column) =>
    right[column] ? `${"-".repeat(width - 1)}:` : "-".repeat(width),
  );
  return [line(head), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}
