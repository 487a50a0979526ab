// The tables of the handshakes: rows of text, for the terminal and for the page.
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
