/** gnutls-serv and gnutls-cli. */
import { connectionsOf, groupsFor, hasClientKey, isDatagram, isNew, SMALL_MTU } from "../cell.ts";
import { suiteNames, usesPsk, usesRawKeys } from "../cell.ts";
import type { Cell, Role } from "../cell.ts";
import { EXPORTER, lineOf } from "../end.ts";
import type { End, Report, Serving } from "../end.ts";
import { PSK } from "../identities.ts";
import type { Identities } from "../identities.ts";
import { firstLine, freePort, Program } from "../program.ts";

export const gnutls: End = {
  name: "GnuTLS",
  application: "lines",
  is: firstLine("gnutls-cli", "--version")?.replace("gnutls-cli", "GnuTLS") ?? null,
  from: "Debian gnutls-bin",

  cannot(cell, role) {
    if (cell.version === "DTLS 1.3") return "GnuTLS 3.7 has no DTLS 1.3";
    if (suiteNames(cell).gnutls === null) return `GnuTLS 3.7 has no ${cell.suite}`;
    if (usesPsk(cell) && role === "client") {
      // In gnutls_psk_server_get_username, which it asks for the line it prints on the session.
      return "gnutls-cli 3.7.9 crashes after each handshake with a PSK";
    }
    if (usesPsk(cell) && isNew(cell)) {
      return "GnuTLS 3.7 knows no importer (RFC 9258), only the key as it is";
    }
    return null;
  },

  async serve(cell, identities) {
    // It cannot bind to one address: it listens on all of them.
    const port = await freePort(isDatagram(cell));
    const place = ["--echo", "--port", `${port}`, ...(isDatagram(cell) ? ["--udp"] : [])];
    const server = new Program("gnutls-serv", [...place, ...common(cell, "server", identities)]);
    await server.until(/listening on IPv4 .*done/);
    const reports = heardBy(server, cell);
    reports.catch(() => {});
    return { port, reports, stop: () => server.stop() } satisfies Serving;
  },

  async connect(cell, identities, port) {
    const place = ["--port", `${port}`, ...(isDatagram(cell) ? ["--udp"] : [])];
    const resume = cell.flow === "resumed" ? ["--resume", "--waitresumption"] : [];
    const words = [...place, ...resume, ...common(cell, "client", identities), "127.0.0.1"];
    const client = new Program("gnutls-cli", words);
    try {
      await client.until(/Simple Client Mode:/);
      const count = connectionsOf(cell);
      const from = client.text.length;
      client.write(`${lineOf(count)}\n`);
      const [heard] = await client.until(new RegExp(lineOf(count), "i"), from);
      client.finish();
      await client.closed();
      const parts = client.text.split(/Connecting again/);
      return parts.map((part) => ({ ...seen(part, cell), heard }));
    } finally {
      await client.stop();
    }
  },
};

function common(cell: Cell, role: Role, identities: Identities): string[] {
  const words = ["--priority", priority(cell, role)];
  words.push("--keymatexport", EXPORTER.label, "--keymatexportsize", `${EXPORTER.length}`);
  const own = identities.own(cell, role);
  if (usesRawKeys(cell)) {
    if (own !== null) words.push("--rawpkkeyfile", own.key, "--rawpkfile", own.publicKey);
    if (role === "client") words.push("--no-ca-verification");
  } else if (usesPsk(cell)) {
    if (role === "server") words.push("--pskpasswd", identities.file("psk.txt"));
    else words.push("--pskusername", PSK.identity, "--pskkey", PSK.hex);
  } else {
    if (own !== null) words.push("--x509certfile", own.certificate, "--x509keyfile", own.key);
    words.push("--x509cafile", identities.trust(cell));
  }
  if (role === "server") {
    words.push(hasClientKey(cell) ? "--require-client-cert" : "--disable-client-cert");
  }
  if (cell.flow === "fragmented") words.push("--mtu", `${SMALL_MTU}`);
  return words;
}

const VERSIONS = {
  "TLS 1.2": "VERS-TLS1.2",
  "TLS 1.3": "VERS-TLS1.3",
  "DTLS 1.2": "VERS-DTLS1.2",
  "DTLS 1.3": "VERS-DTLS1.3",
} as const;
const GROUPS = { "P-256": "SECP256R1", "P-384": "SECP384R1", X25519: "X25519" } as const;

function priority(cell: Cell, role: Role): string {
  const { exchange, cipher } = suiteNames(cell).gnutls ?? { exchange: "", cipher: "" };
  const parts = ["NORMAL:-VERS-ALL", `+${VERSIONS[cell.version]}`, "-CIPHER-ALL", `+${cipher}`];
  if (exchange !== "") parts.push("-KX-ALL", `+${exchange}`);
  parts.push("-GROUP-ALL", ...groupsFor(cell, role).map((group) => `+GROUP-${GROUPS[group]}`));
  if (usesRawKeys(cell)) parts.push("-CTYPE-ALL", "+CTYPE-RAWPK");
  return parts.join(":");
}

async function heardBy(server: Program, cell: Cell): Promise<Report[]> {
  const last = connectionsOf(cell);
  const [heard] = await server.until(new RegExp(lineOf(last)));
  if (!isDatagram(cell)) {
    // What it says of the connection and what it heard come by two ways.
    await server.until(new RegExp(`(?:\\* Accepted connection[^]*?Key material:[^]*?){${last}}`));
  }
  // Its datagram server says nothing of a connection, and its sessions have no line that ends them.
  if (isDatagram(cell)) return Array.from({ length: last }, () => ({ heard }));
  const parts = server.text.split("* Accepted connection").slice(1);
  return parts.map((part) => ({ ...seen(part, cell), heard }));
}

function seen(text: string, cell: Cell): Report {
  const description = /Description: \(D?TLS(1\.\d).*\)-\(([^()]+)\)\s*$/m.exec(text);
  const group = /\(ECDHE(?:-PSK)?-([A-Z0-9]+)\)/.exec(text)?.[1];
  const exported = /Key material: ([0-9a-f]+)/.exec(text)?.[1];
  const cipher = suiteNames(cell).gnutls?.cipher;
  const shown = /^- Certificate type: (X\.509|Raw Public Key)\n- Got /m.exec(text)?.[1];
  const named = Object.entries(GROUPS).find(([, name]) => name === group)?.[0];
  return {
    ...(description === null
      ? {}
      : {
          version: `${isDatagram(cell) ? "D" : ""}TLS ${description[1]}`,
          suite: description[2] === cipher ? cell.suite : `cipher ${description[2]}`,
        }),
    ...(named === undefined ? {} : { group: named }),
    ...(exported === undefined ? {} : { exported }),
    ...(shown === undefined
      ? {}
      : { peer: shown === "X.509" ? ("certificate" as const) : ("raw public key" as const) }),
    ...(/resumed session/.test(text) ? { resumed: true } : {}),
  };
}
