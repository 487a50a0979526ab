/** openssl s_server and s_client. */
import { groupsFor, hasClientKey, isDatagram, isNew, SMALL_MTU, suiteNames } from "../cell.ts";
import { connectionsOf, usesPsk, usesRawKeys } from "../cell.ts";
import type { Cell, Role } from "../cell.ts";
import { EXPORTER, lineOf } from "../end.ts";
import type { End, Report, Serving } from "../end.ts";
import { PSK } from "../identities.ts";
import type { Identities } from "../identities.ts";
import { firstLine, freePort, Program } from "../program.ts";

export const openssl: End = {
  name: "OpenSSL",
  application: "lines",
  is: firstLine("openssl", "version")?.replace(/ *\(.*/, "") ?? null,
  from: "Debian openssl",

  cannot(cell) {
    if (cell.version === "DTLS 1.3") return "OpenSSL 3.0 has no DTLS 1.3";
    if (usesRawKeys(cell)) return "OpenSSL 3.0 has no raw public keys";
    if (suiteNames(cell).openssl === null) return `OpenSSL 3.0 has no ${cell.suite}`;
    if (usesPsk(cell) && isNew(cell)) {
      return "s_server and s_client know no importer (RFC 9258), only -psk with the key as it is";
    }
    return null;
  },

  async serve(cell, identities) {
    const port = await freePort(isDatagram(cell));
    const words = [
      "s_server",
      "-accept",
      `127.0.0.1:${port}`,
      "-naccept",
      `${connectionsOf(cell)}`,
    ];
    const server = new Program("openssl", [...words, ...common(cell, "server", identities)]);
    await server.until(/^ACCEPT/m);
    const reports = answer(server, cell);
    // Whoever waits for the reports hears of it; nobody need.
    reports.catch(() => {});
    return { port, reports, stop: () => server.stop() } satisfies Serving;
  },

  async connect(cell, identities, port) {
    const reports: Report[] = [];
    const words = ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "peer.test"];
    const session = identities.file(`session-${port}`);
    for (let count = 1; count <= connectionsOf(cell); count++) {
      const kept = count === 1 ? ["-sess_out", session] : ["-sess_in", session];
      const own = common(cell, "client", identities);
      const client = new Program("openssl", [...words, ...kept, ...own]);
      try {
        await client.until(/Keying material: [0-9A-F]+\s+---/);
        const from = client.text.length;
        client.write(`${lineOf(count)}\n`);
        const [heard] = await client.until(new RegExp(lineOf(count), "i"), from);
        client.write("Q\n");
        await client.closed();
        reports.push({ ...seen(client.text, cell), heard });
      } finally {
        await client.stop();
      }
    }
    return reports;
  },
};

function common(cell: Cell, role: Role, identities: Identities): string[] {
  const versions = { "TLS 1.2": "-tls1_2", "TLS 1.3": "-tls1_3", "DTLS 1.2": "-dtls1_2" };
  const words = cell.version === "DTLS 1.3" ? [] : [versions[cell.version]];
  words.push(isNew(cell) ? "-ciphersuites" : "-cipher", suiteNames(cell).openssl ?? "");
  words.push("-groups", groupsFor(cell, role).join(":"));
  words.push("-keymatexport", EXPORTER.label, "-keymatexportlen", `${EXPORTER.length}`);
  const own = identities.own(cell, role);
  if (own !== null) words.push("-cert", own.certificate, "-key", own.key);
  else if (role === "server") words.push("-nocert");
  if (usesPsk(cell)) words.push("-psk", PSK.hex, "-psk_identity", PSK.identity);
  else if (role === "client" || hasClientKey(cell)) {
    words.push("-CAfile", identities.trust(cell), "-verify_return_error");
    if (role === "server") words.push("-Verify", "2");
  }
  if (isDatagram(cell)) words.push("-timeout");
  // That connects its one socket to the first client, for good.
  const asksForCookie = isDatagram(cell) && role === "server" && connectionsOf(cell) === 1;
  if (asksForCookie) words.push("-listen");
  if (cell.flow === "fragmented") words.push("-mtu", `${SMALL_MTU}`);
  return words;
}

async function answer(server: Program, cell: Cell): Promise<Report[]> {
  const lines: string[] = [];
  let from = 0;
  for (let count = 1; count <= connectionsOf(cell); count++) {
    // A client that leaves without a word has at least shaken hands.
    const said = new RegExp(`^(${lineOf(count)})$|^${END}$`, "m");
    const [, heard = ""] = await server.until(said, from);
    if (heard !== "") server.write(`${heard.toUpperCase()}\n`);
    lines.push(heard);
    if (count === connectionsOf(cell)) break;
    const { index } = await server.until(new RegExp(`^${END}$`, "m"), from);
    from += index + END.length;
  }
  await server.closed();
  const parts = server.text.split(END);
  return lines.map((heard, at) => ({ ...seen(parts[at] ?? "", cell), heard }));
}

/** What s_server says after each connection. */
const END = "CONNECTION CLOSED";

function seen(text: string, cell: Cell): Report {
  const cipher = /^(?:New|Reused), \S+, Cipher is (\S+)$|^CIPHER is (\S+)$/m.exec(text);
  const exported = /Keying material: ([0-9A-F]+)/.exec(text)?.[1]?.toLowerCase();
  const protocol = /^(?:New|Reused), TLSv(1\.\d), Cipher|^ *Protocol *: D?TLSv(1\.\d)$/m.exec(text);
  const group = /Server Temp Key: (?:ECDH, )?([\w-]+)/.exec(text)?.[1];
  const suite = cipher?.[1] ?? cipher?.[2];
  const expected = suiteNames(cell).openssl?.split(":")[0];
  return {
    ...(protocol === null ? {} : { version: `${isDatagram(cell) ? "D" : ""}TLS ${protocol[1]}` }),
    ...(suite === undefined ? {} : { suite: suite === expected ? cell.suite : suite }),
    ...(group === undefined ? {} : { group: CURVES[group] ?? group }),
    ...(exported === undefined ? {} : { exported }),
    resumed: /^Reused[, ]/m.test(text),
  };
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384" };
