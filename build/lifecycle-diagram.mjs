// Draws docs/lifecycle.md and docs/lifecycle.svg from the transition table; `--check` only compares. Exit status 1 where they are stale.
import { keep, load } from "./generated.mjs";

/** Where each state stands in the drawing; a state that has no place here stops the build. */
const PLACES = {
  expected: [90, 60],
  pending: [90, 200],
  denied: [90, 350],
  approved: [340, 130],
  active: [590, 130],
  dormant: [840, 130],
  revoked: [440, 300],
  released: [810, 400],
};
const WIDTH = 940;
const HEIGHT = 450;
const BOX = [110, 40];
/** How far a line bows out to its left, so that two between the same states stay apart. */
const BOW = 0.12;

const { table, step } = await load(`
  export * as table from "./src/policy/lifecycle/table.ts";
  export * as step from "./src/policy/lifecycle/step.ts";`);
const { STATES, EVENTS, BEGINNINGS } = table;
const edges = STATES.flatMap((from) =>
  STATES.map((to) => ({ from, to, events: eventsBetween(from, to) })),
).filter(({ events }) => events.length > 0);

keep(
  { "docs/lifecycle.md": markdown(), "docs/lifecycle.svg": svg() },
  "build/lifecycle-diagram.mjs",
);

function eventsBetween(from, to) {
  return step.eventsOf(from).filter((event) => table.TRANSITIONS[from][event] === to);
}

function markdown() {
  const begins = Object.entries(BEGINNINGS).map(([how, state]) => `  [*] --> ${state}: ${how}`);
  const lines = edges.map(({ from, to, events }) => `  ${from} --> ${to}: ${events.join(", ")}`);
  const forgotten = STATES.filter((state) => table.FORGETTABLE.has(state)).join(", ");
  const events = Object.entries(EVENTS).map(([event, meaning]) => `| ${event} | ${meaning} |`);
  return `# A device's life

Drawn by \`node build/lifecycle-diagram.mjs\` from \`src/policy/lifecycle/table.ts\`. What is not drawn does not happen.

![States and transitions](lifecycle.svg)

\`\`\`mermaid
stateDiagram-v2
${[...begins, ...lines].join("\n")}
\`\`\`

| event | means |
| --- | --- |
${events.join("\n")}

A record can be forgotten in: ${forgotten}. In every other state the device may hold a valid certificate.
`;
}

function svg() {
  const begins = Object.entries(BEGINNINGS).map(([how, state]) => beginning(how, state));
  const lines = edges.map(({ from, to, events }) => line(from, to, events.join(", ")));
  const boxes = STATES.map((state) => box(state));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13" text-anchor="middle">
<title>A device's life: states and transitions</title>
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="#334"/></marker></defs>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${[...lines.map(({ curve }) => curve), ...begins, ...boxes, ...lines.map(({ label }) => label)].join("\n")}
</svg>
`;
}

function box(state) {
  const [x, y] = PLACES[state];
  const [width, height] = BOX;
  return `<rect x="${x - width / 2}" y="${y - height / 2}" width="${width}" height="${height}" rx="6" fill="#eef2f7" stroke="#334"/><text x="${x}" y="${y + 5}">${state}</text>`;
}

function beginning(how, state) {
  const [x, y] = PLACES[state];
  const top = y - BOX[1] / 2;
  return `<circle cx="${x}" cy="${top - 26}" r="4" fill="#334"/><path d="M${x} ${top - 22}V${top}" stroke="#334" fill="none" marker-end="url(#tip)"/><text x="${x + 8}" y="${top - 10}" text-anchor="start" fill="#556">${how}</text>`;
}

/** A bow from border to border and its label at the middle. */
function line(from, to, text) {
  const [x1, y1] = PLACES[from];
  const [x2, y2] = PLACES[to];
  const middle = [(x1 + x2) / 2 + BOW * (y2 - y1), (y1 + y2) / 2 - BOW * (x2 - x1)];
  const start = border([x1, y1], middle);
  const end = border([x2, y2], middle);
  const at = [0, 1].map((axis) => start[axis] / 4 + middle[axis] / 2 + end[axis] / 4);
  const width = text.length * 7 + 6;
  return {
    curve: `<path d="M${point(start)} Q${point(middle)} ${point(end)}" stroke="#334" fill="none" marker-end="url(#tip)"/>`,
    label: `<rect x="${round(at[0] - width / 2)}" y="${round(at[1] - 9)}" width="${width}" height="18" fill="#fff" opacity=".85"/><text x="${round(at[0])}" y="${round(at[1] + 4)}" fill="#556">${text}</text>`,
  };
}

/** Where the way from a box's centre to a point leaves the box. */
function border([x, y], [towardX, towardY]) {
  const [dx, dy] = [towardX - x, towardY - y];
  const scale = Math.min(BOX[0] / 2 / Math.abs(dx || 1e-9), BOX[1] / 2 / Math.abs(dy || 1e-9));
  return [x + dx * scale, y + dy * scale];
}

function point([x, y]) {
  return `${round(x)} ${round(y)}`;
}

function round(number) {
  return Math.round(number * 10) / 10;
}
