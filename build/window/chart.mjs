// Draws docs/window.svg: the window over the year in each home, and what each rule did to the devices.
import { HOMES, YEAR_DAYS } from "./homes.mjs";

const WIDTH = 860;
const HEIGHT = 690;

/** Where the window over the year is drawn. */
const PLOT = { left: 64, right: 770, top: 74, bottom: 344 };
const [LEAST, MOST] = [3, 60];
const TICKS = [3, 5, 10, 20, 30, 60];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Where bars are drawn: the width of the longest, below a title. */
const BARS = { top: 424, left: [140, 556], width: 220, step: 17, group: 84 };

/** Colours for light pages, and for dark ones where the viewer asks for them. */
const STYLE = `
    text { font-family: sans-serif; font-size: 13px; fill: #2b3137; }
    .title { font-weight: bold; font-size: 14px; }
    .soft { fill: #5d6871; font-size: 12px; }
    .page { fill: #ffffff; }
    .grid { stroke: #d9dee2; }
    .axis { stroke: #6b757d; }
    .paper { stroke: #6b757d; stroke-dasharray: 5 4; }
    .away { fill: #c2571a; opacity: .10; }
    .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
    .range { stroke: none; opacity: .14; }
    .busy { stroke: #1565b0; } .calm { stroke: #1b7f4f; } .absent { stroke: #c2571a; }
    .range.busy, .label.busy { fill: #1565b0; } .range.calm, .label.calm { fill: #1b7f4f; }
    .range.absent, .label.absent { fill: #c2571a; }
    .label { stroke: none; font-weight: bold; }
    .ours { fill: #2f6f4f; } .other { fill: #9aa5ad; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e3e8ec; }
      .soft { fill: #a3afb8; }
      .page { fill: #14181c; }
      .grid { stroke: #2f373e; }
      .axis, .paper { stroke: #8b969e; }
      .away { opacity: .22; }
      .range { opacity: .24; }
      .busy { stroke: #6db3f2; } .calm { stroke: #5fcf97; } .absent { stroke: #f0955a; }
      .range.busy, .label.busy { fill: #6db3f2; } .range.calm, .label.calm { fill: #5fcf97; }
      .range.absent, .label.absent, .away { fill: #f0955a; }
      .label { stroke: none; }
      .ours { fill: #5fcf97; } .other { fill: #65717a; }
    }`;

const round = (value) => Math.round(value * 10) / 10;
const xOf = (day) => round(PLOT.left + (day / YEAR_DAYS) * (PLOT.right - PLOT.left));
const yOf = (days) =>
  round(PLOT.bottom - (Math.log(days / LEAST) / Math.log(MOST / LEAST)) * (PLOT.bottom - PLOT.top));

/** @param results - of each home its `curves`, and of each rule its name, `wrong` a year and mean days until `noticed` */
export function chart(results, years) {
  const description =
    "Above, the window t in days over a year, for a busy, a calm and an absent home. Below, how often each rule gives up a device that comes back, and how long it takes to give up one that vanished.";
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${description}">
  <style>${STYLE}
  </style>
  <rect class="page" width="${WIDTH}" height="${HEIGHT}"/>
  <text class="title" x="16" y="26">How long a device may be silent: the window t over a home's first year</text>
  <text class="soft" x="16" y="45">t in days, on a logarithmic scale; line: one invented year, shade: the range of ${years} years</text>
  ${[...awayBands(), ...axes(), ...results.map(range), ...results.map(line), ...lineLabels(results)].join("\n  ")}
  ${bars("Devices given up that came back, a year", results, "wrong", 0)}
  ${bars("Days until a vanished device is given up", results, "noticed", 1)}
</svg>
`;
}

function awayBands() {
  const { away, off, name } = HOMES.find((home) => home.away.length > 0);
  return away.map(([first, last]) => {
    const [from, to] = [xOf(first), xOf(last + 1)];
    const dark = off.some(([start]) => start === first);
    return `<rect class="away" x="${from}" y="${PLOT.top}" width="${round(to - from)}" height="${PLOT.bottom - PLOT.top}"/><text class="soft" x="${round((from + to) / 2)}" y="${PLOT.top - 8}" text-anchor="middle">${name}: ${dark ? "away, router off" : "away"}</text>`;
  });
}

function axes() {
  const rows = TICKS.map(
    (days) =>
      `<path class="${days === 10 ? "paper" : "grid"}" d="M${PLOT.left} ${yOf(days)}H${PLOT.right}"/><text class="soft" x="${PLOT.left - 8}" y="${yOf(days) + 4}" text-anchor="end">${days} d</text>`,
  );
  let day = 0;
  const columns = MONTHS.map((name, month) => {
    const [from, to] = [xOf(day), xOf(day + MONTH_DAYS[month])];
    day += MONTH_DAYS[month];
    return `<path class="axis" d="M${from} ${PLOT.bottom}v5"/><text class="soft" x="${round((from + to) / 2)}" y="${PLOT.bottom + 18}" text-anchor="middle">${name}</text>`;
  });
  return [
    ...rows,
    `<path class="axis" d="M${PLOT.left} ${PLOT.bottom}H${PLOT.right}"/>`,
    ...columns,
    `<text class="soft" x="${PLOT.right + 8}" y="${yOf(10) + 4}">first value</text>`,
    `<text class="soft" x="${PLOT.right + 8}" y="${yOf(MOST) + 4}">upper bound</text>`,
    `<text class="soft" x="${PLOT.right + 8}" y="${yOf(LEAST) + 4}">lower bound</text>`,
  ];
}

function range({ home, curves }) {
  const points = (pick) =>
    curves[0].map(
      (_, day) => `${xOf(day + 0.5)} ${yOf(pick(...curves.map((curve) => curve[day])))}`,
    );
  const around = [...points(Math.max), ...points(Math.min).toReversed()];
  return `<path class="range ${home.name}" d="M${around.join("L")}Z"/>`;
}

function line({ home, curves: [curve] }) {
  const points = curve.map((days, day) => `${xOf(day + 0.5)} ${yOf(days)}`);
  return `<path class="line ${home.name}" d="M${points.join("L")}"/>`;
}

/** A name behind the end of its line, and clear of the other names there. */
function lineLabels(results) {
  const taken = [yOf(10), yOf(LEAST), yOf(MOST)];
  return results.map(({ home, curves: [curve] }) => {
    let y = yOf(curve[curve.length - 1]);
    while (taken.some((other) => Math.abs(other - y) < 15)) y = round(y - 1);
    taken.push(y);
    return `<text class="label ${home.name}" x="${PLOT.right + 8}" y="${y + 4}">${home.name}</text>`;
  });
}

function bars(title, results, measure, column) {
  const left = BARS.left[column];
  const most = Math.max(...results.flatMap(({ rules }) => rules.map((rule) => rule[measure])));
  const groups = results.map(({ home, rules }, group) => {
    const top = BARS.top + group * BARS.group;
    const rows = rules.map((rule, row) => {
      const y = top + row * BARS.step;
      const width = round(Math.max(1, (rule[measure] / most) * BARS.width));
      return `<text class="soft" x="${left - 8}" y="${y + 11}" text-anchor="end">${rule.name}</text><rect class="${row === 0 ? "ours" : "other"}" x="${left}" y="${y}" width="${width}" height="13"/><text class="soft" x="${round(left + width + 6)}" y="${y + 11}">${rule[measure].toFixed(1)}</text>`;
    });
    const label = `<text class="label ${home.name}" x="${left - 124}" y="${top + 11}">${home.name}</text>`;
    return [label, ...rows].join("\n  ");
  });
  return [
    `<text class="title" x="${left - 124}" y="${BARS.top - 18}">${title}</text>`,
    ...groups,
  ].join("\n  ");
}
