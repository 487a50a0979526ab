/** libcoap's example client and server, in the builds with OpenSSL and with GnuTLS: CoAP over DTLS and over TLS. */
import { hasClientKey, isDatagram, isNew, suiteNames, usesPsk, usesRawKeys } from "../cell.ts";
import type { Cell, Group, Role } from "../cell.ts";
import type { End, Serving } from "../end.ts";
import { PSK } from "../identities.ts";
import type { Identities } from "../identities.ts";
import { firstLine, freePort, Program } from "../program.ts";

export type Build = "openssl" | "gnutls";

/** What a build offers of itself, its programs taking no choice of it. */
const OFFERS = {
  openssl: {
    name: "libcoap (OpenSSL)",
    // OpenSSL's security level leaves CCM_8 out, its default list of TLS 1.3 all CCM.
    without: ["TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", "TLS_AES_128_CCM_SHA256"],
    shares: ["X25519"],
  },
  gnutls: { name: "libcoap (GnuTLS)", without: [], shares: ["P-256", "X25519"] },
} as const satisfies Record<
  Build,
  { name: string; without: readonly string[]; shares: readonly Group[] }
>;

export function libcoap(build: Build): End {
  const { name } = OFFERS[build];
  const has = firstLine("dpkg-query", "-W", "-f", "${Version}", "libcoap3-bin");
  return {
    name,
    application: "coap",
    is: has === null ? null : `libcoap ${has}, ${build === "openssl" ? "OpenSSL" : "GnuTLS"} build`,
    from: "Debian libcoap3-bin",
    cannot: (cell, role) => cannot(build, cell, role),

    async serve(cell, identities) {
      const server = await start(build, cell, identities, ATTEMPTS);
      // It says nothing of its connections; what it answered is for the client to say.
      return { ...server, reports: Promise.resolve([{}]) } satisfies Serving;
    },

    async connect(cell, identities, port) {
      const scheme = isDatagram(cell) ? "coaps" : "coaps+tcp";
      const words = ["-B", "10", "-v", "6", ...common(cell, "client", identities)];
      const client = new Program(`coap-client-${build}`, [
        ...words,
        `${scheme}://127.0.0.1:${port}/`,
      ]);
      try {
        await client.closed();
        return [{ heard: /coap answer of ours/.exec(client.text)?.[0] ?? "" }];
      } finally {
        await client.stop();
      }
    },
  };
}

/** For a server that needs two free ports side by side, of which one alone can be asked for. */
const ATTEMPTS = 5;

async function start(
  build: Build,
  cell: Cell,
  identities: Identities,
  attempts: number,
): Promise<Omit<Serving, "reports">> {
  // CoAP in the clear has the port that is asked for, CoAP over DTLS and TLS the next one.
  const port = await freePort(isDatagram(cell));
  const place = ["-A", "127.0.0.1", "-p", `${port - 1}`, "-v", "7"];
  const words = [...place, ...common(cell, "server", identities)];
  const server = new Program(`coap-server-${build}`, words);
  try {
    await server.until(/created TLS {2}endpoint/);
    return { port, stop: () => server.stop() };
  } catch (fault) {
    if (attempts === 1) throw fault;
    return start(build, cell, identities, attempts - 1);
  }
}

function cannot(build: Build, cell: Cell, role: Role): string | null {
  const { name, without, shares } = OFFERS[build];
  if (cell.version === "DTLS 1.3") return `${name} has no DTLS 1.3`;
  if (cell.flow === "resumed") return "libcoap's programs keep no session";
  if (cell.flow === "fragmented") return "libcoap's programs take no MTU";
  if (usesRawKeys(cell) && build === "openssl") return "OpenSSL 3.0 has no raw public keys";
  if (suiteNames(cell)[build] === null) return `${name} has no ${cell.suite}`;
  if (without.some((suite) => suite === cell.suite)) return `${name} does not offer ${cell.suite}`;
  if (usesPsk(cell) && isNew(cell)) return `${name} knows no importer (RFC 9258)`;
  if (role === "server" && cell.flow === "retry")
    return "libcoap's server takes any group that comes";
  if (role === "client" && isNew(cell)) {
    const shared = shares.some((group) => group === cell.group);
    if (cell.flow === "retry" && shared) return `${name} begins with a share of ${cell.group}`;
    if (cell.flow === "full" && !shared) return `${name} begins without a share of ${cell.group}`;
  }
  return null;
}

function common(cell: Cell, role: Role, identities: Identities): string[] {
  if (usesPsk(cell)) {
    return role === "server" ? ["-k", PSK.text] : ["-k", PSK.text, "-u", PSK.identity];
  }
  const own = identities.own(cell, role);
  if (usesRawKeys(cell)) {
    const judges = role === "client" || hasClientKey(cell);
    return [
      ...(own === null ? [] : ["-M", own.keyPair]),
      ...(judges && own !== null ? [] : ["-n"]),
    ];
  }
  const words = own === null ? [] : ["-c", own.certificate, "-j", own.key];
  if (role === "client" || hasClientKey(cell)) words.push("-C", identities.trust(cell));
  return role === "server" && !hasClientKey(cell) ? [...words, "-n"] : words;
}
