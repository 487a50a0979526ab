// The tables of handshakes and adoptions: rows of text, for the terminal and for the page.
import { engineMs, timesOpenssl } from "./targets.mjs";

const PARTS = ["verify", "ecdh", "sign", "hash", "aead", "other"];
const ENGINES = [
  ["Node", "node", "Node"],
  ["Node", "noble", "Node, noble"],
  ["QuickJS", "noble", "QuickJS"],
];

/** Prints rows with the first column to the left and numbers to the right. */
export function printTable(table) {
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table) {
    console.log(
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
        )
        .join("  "),
    );
  }
}

/** The daemon as the router runs it: until it is ready, and what it holds. */
export function routerTable(rows) {
  const counts = Object.keys(rows[0].readyMs);
  const ready = counts.map((count) => `ready, ${count}`);
  const held = counts.map((count) => `resident, ${count}`);
  return [
    ["program", ...ready, ...held],
    ...rows.map(({ name, readyMs, memoryKiB }) => [
      name,
      ...counts.map((count) => `${readyMs[count].toFixed(0)} ms`),
      ...counts.map((count) => `${(memoryKiB[count] / 1024).toFixed(1)} MB`),
    ]),
  ];
}

/** Milliseconds of the server per handshake, by engine. */
export function handshakeTable(rows) {
  const of = (like, [engine, provider]) =>
    rows.find((row) => row.engine === engine && row.provider === provider && isSame(row, like));
  const head = ["handshake", ...ENGINES.map(([, , name]) => name)];
  const lines = handshakesOf(rows).map((like) => [
    nameOf(like),
    ...ENGINES.map((engine) => of(like, engine).totalMs.toFixed(2)),
  ]);
  return [head, ...lines];
}

/** Where the time goes, on one engine. */
export function partsTable(rows, engine, provider) {
  const head = ["handshake", "total", ...PARTS, "not public-key"];
  const own = rows.filter((row) => row.engine === engine && row.provider === provider);
  const lines = own.map((row) => [
    nameOf(row),
    ...[row.totalMs, ...PARTS.map((part) => row.parts[part]), engineMs(row)].map((ms) =>
      ms.toFixed(2),
    ),
  ]);
  return [head, ...lines];
}

/** CPU milliseconds of both servers' processes. */
export function besideTable(rows) {
  const of = (server, like) => rows.find((row) => row.server === server && isSame(row, like));
  const lines = handshakesOf(rows).map((like) => [
    nameOf(like),
    ...["homeca", "openssl"].map((server) => of(server, like).cpuMs.toFixed(2)),
    timesOpenssl(rows, like).toFixed(2),
  ]);
  return [["handshake", "homeca", "openssl", "times"], ...lines];
}

/** Bytes per established association. */
export function associationTable(rows) {
  const lines = rows.map(({ engine, provider, protocol, freshBytes, settledBytes }) => [
    `${protocol}, ${engine}, ${provider}`,
    ...[freshBytes, settledBytes].map((bytes) => bytes.toFixed(0)),
  ]);
  return [["association", "established", "four minutes later"], ...lines];
}

/** Octets of each step of the engine in a bundle. */
export function sizeTable(rows) {
  const lines = rows.map(({ name, bytes, gzippedBytes }) => [
    name,
    String(bytes),
    String(gzippedBytes),
  ]);
  return [["bundle", "minified", "gzipped"], ...lines];
}

/** Milliseconds of each step of an adoption, on one side; the last row is how many such adoptions fill a second. */
export function adoptionTable(rows, side) {
  const of = (step, [engine, provider]) =>
    rows.find((row) => row.engine === engine && row.provider === provider && row.step === step)[
      side
    ].totalMs;
  const steps = [...new Set(rows.map(({ step }) => step))];
  const lines = steps.map((step) => [
    step,
    ...ENGINES.map((engine) => of(step, engine).toFixed(2)),
  ]);
  const whole = steps.at(-1);
  const perSecond = ENGINES.map((engine) => (1000 / of(whole, engine)).toFixed(1));
  return [
    ["step", ...ENGINES.map(([, , name]) => name)],
    ...lines,
    ["adoptions per second", ...perSecond],
  ];
}

/** Where the time goes on QuickJS, on one side. */
export function adoptionPartsTable(rows, side) {
  const own = rows.filter(({ engine }) => engine === "QuickJS");
  const lines = own.map((row) => {
    const { totalMs, parts } = row[side];
    return [row.step, ...[totalMs, ...PARTS.map((part) => parts[part])].map((ms) => ms.toFixed(2))];
  });
  return [["step", "total", ...PARTS], ...lines];
}

/** What a settled home's devices cost it. */
export function refreshTable(rows) {
  const own = ENGINES.map(([engine, provider]) =>
    rows.find((row) => row.engine === engine && row.provider === provider),
  );
  const line = (name, figure) => [name, ...own.map(figure)];
  const ms = (of) => (row) => of(row).toFixed(2);
  return [
    ["the home's part", ...ENGINES.map(([, , name]) => name)],
    line(
      "report, full handshake (ms)",
      ms(({ report }) => report.totalMs),
    ),
    line(
      "report, session resumed (ms)",
      ms(({ resumed }) => resumed.totalMs),
    ),
    line(
      "renewal, on top (ms)",
      ms(({ renewal }) => renewal.totalMs),
    ),
    line("renewals a day", ({ renewalsPerDay }) => renewalsPerDay.toFixed(1)),
    line("due by itself, a day (s)", ({ restMsPerDay }) => (restMsPerDay / 1000).toFixed(2)),
    line("a day (s)", ({ msPerDay }) => (msPerDay / 1000).toFixed(1)),
    line("share of a core (%)", ({ msPerDay }) => ((100 * msPerDay) / 86_400_000).toFixed(3)),
    line("live (MB)", ({ liveBytes }) => megabytes(liveBytes)),
    line("resident (MB)", ({ residentBytes }) => megabytes(residentBytes)),
    line("of it before the home started (MB)", ({ residentBeforeBytes }) =>
      megabytes(residentBeforeBytes),
    ),
  ];
}

function megabytes(bytes) {
  return bytes === undefined || bytes === null ? "–" : (bytes / 1e6).toFixed(1);
}

/** Octets that settled homes write in a day, by file. */
export function storeTable(rows) {
  const files = [...new Set(rows.flatMap(({ bytesPerDay }) => Object.keys(bytesPerDay)))];
  const lines = files.map((file) => [
    file === "snapshot" ? "snapshot, spread over its days" : file,
    ...rows.map(({ bytesPerDay }) => (bytesPerDay[file] ?? 0).toFixed(0)),
  ]);
  return [
    ["file", ...rows.map(({ devices }) => `${devices} devices`)],
    ...lines,
    ["together", ...rows.map(({ totalPerDay }) => totalPerDay.toFixed(0))],
  ];
}

/** Each kind of handshake once, in order. */
function handshakesOf(rows) {
  return rows.filter((row, index) => rows.findIndex((other) => isSame(other, row)) === index);
}

function isSame(row, other) {
  return ["protocol", "clientCertificate", "kind"].every((key) => row[key] === other[key]);
}

function nameOf({ protocol, clientCertificate, kind }) {
  const asks = clientCertificate === "required" ? ", client certificate" : "";
  return `${protocol} ${kind}${asks}`;
}
