// Writes docs/bench.md and docs/bench.svg from dist/bench.json: `node build/bench/page.mjs`, after `make bench`.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "../bundle.mjs";
import { associationTable, besideTable, handshakeTable, partsTable, sizeTable } from "./tables.mjs";
import { targetTable } from "./targets.mjs";

const bench = JSON.parse(readFileSync(path.join(root, "dist/bench.json"), "utf8"));
const { when, cpus, node, servers, inProcess, live, runs } = bench;
const PARTS = ["verify", "ecdh", "sign", "hash", "aead", "other"];

/** Rows as a Markdown table, numbers to the right. */
function table(head, rows) {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const padded = (cell, column) =>
    column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]);
  const line = (cells) => `| ${cells.map(padded).join(" | ")} |`;
  const rule = widths.map((width, column) =>
    column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

/** The same of rows that begin with their head. */
function tableOf([head, ...rows]) {
  return table(head, rows);
}

/** Horizontal bars with their numbers beside them. */
function bars(title, rows, top) {
  const most = Math.max(...rows.map(([, value]) => value));
  const drawn = rows.map(([name, value, unit], index) => {
    const y = top + 34 + index * 24;
    const width = Math.max(1, (value / most) * 360);
    const colour = name.startsWith("homeca") ? "#2f6f4f" : "#9aa5ad";
    return `<text x="150" y="${y + 12}" text-anchor="end">${name}</text>
  <rect x="160" y="${y}" width="${width.toFixed(1)}" height="16" fill="${colour}"/>
  <text x="${(168 + width).toFixed(1)}" y="${y + 12}">${value.toFixed(unit === "MB" ? 0 : 2)} ${unit}</text>`;
  });
  return `<text x="16" y="${top + 18}" font-weight="bold">${title}</text>\n  ${drawn.join("\n  ")}`;
}

const height = 150 + servers.length * 48;
const cpu = servers.map(({ name, warmMs }) => [name, warmMs, "ms"]);
const memory = servers.map(({ name, memoryKiB }) => [name, memoryKiB / 1024, "MB"]);
const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="${height}" font-family="sans-serif" font-size="13">
  <rect width="640" height="${height}" fill="#ffffff"/>
  ${bars("CPU time of the warm server per full EAP-TLS authentication", cpu, 8)}
  ${bars(`Resident memory after ${runs.each} authentications`, memory, 66 + servers.length * 24)}
</svg>
`;
writeFileSync(path.join(root, "docs/bench.svg"), svg);

const own = servers.find(({ name }) => name === "homeca");
const page = `# Figures

Written by \`node build/bench/page.mjs\` from a run of \`make bench\` on ${when.slice(0, 10)}: ${cpus} shared
x86-64 cores, Node ${node.slice(1)}. Compare within a run only.

![CPU time and memory per server](bench.svg)

${table(
  [
    "server",
    `CPU, first ${runs.each}`,
    "CPU, warm",
    `memory after ${runs.each}`,
    "1 client",
    "2",
    "8",
  ],
  servers.map(({ name, coldMs, warmMs, throughput, memoryKiB }) => [
    name,
    `${coldMs.toFixed(2)} ms`,
    `${warmMs.toFixed(2)} ms`,
    `${(memoryKiB / 1024).toFixed(0)} MB`,
    ...[1, 2, 8].map((clients) => `${throughput[clients].toFixed(0)}/s`),
  ]),
)}

HomeCA's memory: ${Object.entries(own.memoryKiBAfter)
  .map(([count, kib]) => `${(kib / 1024).toFixed(0)} MB after ${count}`)
  .join(", ")}. What lives in the daemon, measured in memory after garbage
collection, is ${live[0].toFixed(2)} MB after 1,000 and ${live[1].toFixed(2)} MB after 5,000.

How it is taken: each server is started by the benchmark on loopback with copies of the same certificates
(P-256, TLS 1.2; the client sends its certificate with the two above it). Authentications come from 16 eapol_test processes with
resumption off: ${runs.each} to a server just started, ${runs.each} uncounted, ${runs.each} to a warm one. CPU time is user and system time of the server
process from /proc, so it does not include eapol_test. "freeradius" is Debian's own configuration with
keys, port and client exchanged; "freeradius-bare" has the EAP module and nothing else. For throughput every client starts eapol_test anew for
each authentication, so its start is part of the time, alike for all. HomeCA keeps its firewall out of it, as the others have none.

## In process, without sockets

The whole daemon in memory (\`test/kit/memory-home.ts\`), asked by a scripted station whose own time is not counted;
milliseconds of the server per full EAP-TLS authentication.

${table(
  ["engine", "provider", "total", ...PARTS],
  inProcess.map(({ engine, provider, totalMs, parts }) => [
    engine,
    provider,
    totalMs.toFixed(2),
    ...PARTS.map((part) => parts[part].toFixed(2)),
  ]),
)}

"other" is everything that is not cryptography: RADIUS, EAP, TLS, X.509, admission, storing, and the stop watches.

## TLS and DTLS handshakes

${tableOf(targetTable(bench))}

Each cell is the worse of two: without, and with a client's certificate. Resumption in 1.3 agrees on keys anew, for
the sake of forward secrecy, so there it saves the signatures alone.

### In memory

Milliseconds of the server's machine per handshake, nothing else: our client and our server in one process on
P-256 and AES-128-GCM, one certificate for each side, tickets issued, no path validation. DTLS has its exchange of
cookies. Mean of the middle half of the runs, the engine warm.

${tableOf(handshakeTable(bench.handshakes))}

By part on Node with \`node:crypto\`:

${tableOf(partsTable(bench.handshakes, "Node", "node"))}

By part on QuickJS:

${tableOf(partsTable(bench.handshakes, "QuickJS", "noble"))}

"aead" has the making of keys and the encryption of record numbers in it. "other" is the engine itself: reading,
writing, states, the session store. "not public-key" is all but "verify", "ecdh" and "sign".

### Beside OpenSSL

CPU milliseconds of the server's process per handshake, over loopback, connections one after the other: our server on
Node with \`node:crypto\`, and \`openssl s_server -quiet\`, with the same certificates, suite, group and client (Node's
own TLS client; over DTLS, ours). User and system time of all threads from /proc, sockets and closing included; ${bench.beside[0]?.handshakes}
handshakes each to a warm server. Both validate the client's path. There are no cookies in either DTLS server;
OpenSSL has no DTLS 1.3.

${tableOf(besideTable(bench.beside))}

### Memory per association

Bytes that live for each DTLS association whose client is gone: what the server's table holds, and the session with
the client's certificate (\`TlsSession\`) that its user keeps. On Node heap and buffers after garbage collection; on QuickJS
what the engine counts as used. The second column is after the four minutes in which the end of the handshake may be
asked for again.

${tableOf(associationTable(bench.associations))}

### Size

Octets of the engine alone, minified, without a crypto provider.

${tableOf(sizeTable(bench.sizes))}
`;
writeFileSync(path.join(root, "docs/bench.md"), page);
