// Writes docs/bench.md and docs/bench.svg from dist/bench.json: `node build/bench/page.mjs`, after `make bench`.
// Of a run that lacks a part the page lacks its section:
//
//     node build/bench/page.mjs [FILE [FOLDER]]
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "../bundle.mjs";
import {
  adoptionPartsTable,
  adoptionTable,
  associationTable,
  besideTable,
  handshakeTable,
  partsTable,
  refreshTable,
  routerTable,
  sizeTable,
  storeTable,
} from "./tables.mjs";
import { homeTargetTable, targetTable } from "./targets.mjs";

const [file = path.join(root, "dist/bench.json"), folder = path.join(root, "docs")] =
  process.argv.slice(2);
const bench = JSON.parse(readFileSync(file, "utf8"));
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

function drawing({ servers, runs }) {
  const height = 150 + servers.length * 48;
  const cpu = servers.map(({ name, warmMs }) => [name, warmMs, "ms"]);
  const memory = servers.map(({ name, memoryKiB }) => [name, memoryKiB / 1024, "MB"]);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="640" height="${height}" font-family="sans-serif" font-size="13">
  <rect width="640" height="${height}" fill="#ffffff"/>
  ${bars("CPU time of the warm server per full EAP-TLS authentication", cpu, 8)}
  ${bars(`Resident memory after ${runs.each} authentications`, memory, 66 + servers.length * 24)}
</svg>
`;
}

function serverSection({ servers, live, runs }) {
  const own = servers.find(({ name }) => name === "homeca");
  return `![CPU time and memory per server](bench.svg)

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

`;
}

function inProcessSection({ inProcess }) {
  return `## In process, without sockets

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

`;
}

function handshakeSection(figures) {
  return `## TLS and DTLS handshakes

${tableOf(targetTable(figures))}

Each cell is the worse of two: without, and with a client's certificate. Resumption in 1.3 agrees on keys anew, for
the sake of forward secrecy, so there it saves the signatures alone.

### In memory

Milliseconds of the server's machine per handshake, nothing else: our client and our server in one process on
P-256 and AES-128-GCM, one certificate for each side, tickets issued, no path validation. DTLS has its exchange of
cookies. Mean of the middle half of the runs, the engine warm.

${tableOf(handshakeTable(figures.handshakes))}

By part on Node with \`node:crypto\`:

${tableOf(partsTable(figures.handshakes, "Node", "node"))}

By part on QuickJS:

${tableOf(partsTable(figures.handshakes, "QuickJS", "noble"))}

"aead" has the making of keys and the encryption of record numbers in it. "other" is the engine itself: reading,
writing, states, the session store. "not public-key" is all but "verify", "ecdh" and "sign".

### Beside OpenSSL

CPU milliseconds of the server's process per handshake, over loopback, connections one after the other: our server on
Node with \`node:crypto\`, and \`openssl s_server -quiet\`, with the same certificates, suite, group and client (Node's
own TLS client; over DTLS, ours). User and system time of all threads from /proc, sockets and closing included; ${figures.beside[0]?.handshakes}
handshakes each to a warm server. Both validate the client's path. There are no cookies in either DTLS server;
OpenSSL has no DTLS 1.3.

${tableOf(besideTable(figures.beside))}

### Memory per association

Bytes that live for each DTLS association whose client is gone: what the server's table holds, and the session with
the client's certificate (\`TlsSession\`) that its user keeps. On Node heap and buffers after garbage collection; on QuickJS
what the engine counts as used. The second column is after the four minutes in which the end of the handshake may be
asked for again.

${tableOf(associationTable(figures.associations))}

### Size

Octets of the engine alone, minified, without a crypto provider.

${tableOf(sizeTable(figures.sizes))}

`;
}

function adoptionSection({ adoption, refresh, store }) {
  const { days } = store.find(({ devices }) => devices === 50);
  return `## Adoption

${tableOf(homeTargetTable({ store }))}

### Taking a device in

A whole home and a whole device in one memory, from the first datagram to the report that comes with the new key; the
owner says yes at once. Milliseconds per step, DTLS and CoAP included, without sockets, media and random sources; no
step waits for a network. Mean of the middle half of the runs, the engine warm. Adoptions per second are what one core
of that side could carry one after the other. The home's side:

${tableOf(adoptionTable(adoption, "home"))}

The device's side, on the same engines:

${tableOf(adoptionTable(adoption, "device"))}

By part on QuickJS, the home's side and then the device's:

${tableOf(adoptionPartsTable(adoption, "home"))}

${tableOf(adoptionPartsTable(adoption, "device"))}

"ecdh" has the key update's point arithmetic in it. "wait" is the device's question and the owner's word, as the
command line brings it.

### A thousand devices

A home that has stood for a year, with 1,000 devices of which each reports once a day. Reports that are a day apart
come by a full handshake: a session serves for eight hours. Of a thousand devices all come on Node with
\`node:crypto\`, a sample elsewhere; a day is reckoned from what one report and one renewal take. "live" is what the
home holds on Node beyond the devices that were simulated beside it, garbage collected; "resident" is the whole
process on QuickJS, the devices included.

${tableOf(refreshTable(refresh))}

### Wear of the flash

Octets that a settled home hands to its files in a day, as a mean of some days (${days} with 50 devices): every record as
full as records get, the journal's folding spread over the days it takes to fill.

${tableOf(storeTable(store))}
`;
}

function routerSection({ router }) {
  return `## On the router

\`homecad\` is the daemon on QuickJS in one static executable. Milliseconds from its start until it is ready, and what
the process holds half a second later, with no device, with 200 and with 1,000 on record, each as full as records get
in a year; the middle of five starts, keys and certificates there already.

${tableOf(routerTable(router))}

`;
}

/** A section for each part of a run, with the figures that it is made of. */
const SECTIONS = [
  [serverSection, ["servers", "live", "runs"]],
  [routerSection, ["router"]],
  [inProcessSection, ["inProcess"]],
  [handshakeSection, ["handshakes", "beside", "associations", "sizes"]],
  [adoptionSection, ["adoption", "refresh", "store"]],
];

const sections = SECTIONS.flatMap(([section, names]) => {
  const missing = names.filter((name) => bench[name] === undefined);
  if (missing.length === 0) return [section(bench)];
  console.error(`page: the run has no ${missing.join(", ")}: the page lacks that section`);
  return [];
});
const { when, cpus, node } = bench;
const page = `# Figures

Written by \`node build/bench/page.mjs\` from a run of \`make bench\` on ${when.slice(0, 10)}: ${cpus} shared
x86-64 cores, Node ${node.slice(1)}. Compare within a run only.

${sections.map((section) => section.trim()).join("\n\n")}
`;
writeFileSync(path.join(folder, "bench.md"), page);
if (bench.servers !== undefined) writeFileSync(path.join(folder, "bench.svg"), drawing(bench));
