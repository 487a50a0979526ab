/** Runs one cell: a server, a client, and whether they agree with it and with each other. */
import { connectionsOf, hasClientKey, nameOf, usesPsk, usesRawKeys } from "./cell.ts";
import type { Cell, Role } from "./cell.ts";
import type { End, Report } from "./end.ts";
import type { Identities } from "./identities.ts";

export type Outcome =
  | { readonly kind: "passed"; readonly compared: readonly string[] }
  | { readonly kind: "failed"; readonly because: string }
  | { readonly kind: "impossible"; readonly because: string };

/** `first` plays the role the cell names. */
export async function runCell(
  cell: Cell,
  first: End,
  second: End,
  identities: Identities,
): Promise<Outcome> {
  const [server, client] = cell.role === "server" ? [first, second] : [second, first];
  const because =
    second.cannot(cell, cell.role === "server" ? "client" : "server") ??
    first.cannot(cell, cell.role);
  if (because !== null) return { kind: "impossible", because };
  const application = second.application;
  try {
    const serving = await server.serve(cell, identities, application);
    try {
      const ofClient = await client.connect(cell, identities, serving.port, application);
      const ofServer = await serving.reports;
      return { kind: "passed", compared: compare(cell, ofServer, ofClient) };
    } catch (fault) {
      // Where the client fails, what the server says of it tells more.
      const other = await Promise.race([serving.reports.catch(textOf), later()]);
      const more = typeof other === "string" ? `\n  ${other}` : "";
      return { kind: "failed", because: `${textOf(fault)}${more}` };
    } finally {
      await serving.stop();
    }
  } catch (fault) {
    return { kind: "failed", because: textOf(fault) };
  }
}

function textOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}

function later(): Promise<null> {
  return new Promise((done) => void setTimeout(() => done(null), 200).unref());
}

/** What of an agreement is compared; with the cell, and where both ends tell it, with each other. */
const FACTS = ["version", "suite", "group", "resumed", "exported", "heard"] as const;
type Fact = (typeof FACTS)[number] | "peer";

/** @throws Error for the first disagreement. Says which facts both ends told. */
function compare(cell: Cell, ofServer: readonly Report[], ofClient: readonly Report[]): Fact[] {
  const wanted = connectionsOf(cell);
  if (ofServer.length !== wanted || ofClient.length !== wanted) {
    throw new Error(`${ofServer.length} and ${ofClient.length} connections, not ${wanted}`);
  }
  const compared = new Set<Fact>(FACTS);
  for (let at = 0; at < wanted; at++) {
    const server = ofServer[at] ?? {};
    const client = ofClient[at] ?? {};
    for (const [side, report] of [
      ["server", server],
      ["client", client],
    ] as const) {
      expect(side, "version", report.version, cell.version);
      expect(side, "suite", report.suite, cell.suite);
      expect(side, "resumed", report.resumed, at > 0);
      if (at > 0) continue;
      expect(side, "group", report.group, cell.group);
      expect(side, "peer", report.peer, shown(cell, side));
    }
    if (server.heard === "" || client.heard === "") {
      if (at === wanted - 1) throw new Error("no application data came");
    }
    if (server.exported !== undefined && client.exported !== undefined) {
      expect("client", "exported", client.exported, server.exported);
    }
    for (const fact of FACTS) {
      if (at === 0 && (server[fact] ?? client[fact]) === undefined) compared.delete(fact);
      if (fact === "exported" && (server.exported ?? null) === null) compared.delete(fact);
      if (fact === "exported" && (client.exported ?? null) === null) compared.delete(fact);
    }
  }
  return [...compared];
}

/** What the other side of `side` shows of itself. */
function shown(cell: Cell, side: Role): Report["peer"] {
  if (usesPsk(cell) || (side === "server" && !hasClientKey(cell))) return "nothing";
  return usesRawKeys(cell) ? "raw public key" : "certificate";
}

function expect<T>(side: string, fact: Fact, told: T | undefined, wanted: T): void {
  if (told === undefined || told === wanted) return;
  throw new Error(`${fact}: the ${side} has ${String(told)}, wanted is ${String(wanted)}`);
}

export function describe(cell: Cell, peer: End, outcome: Outcome): string {
  const where = `${peer.name} as ${cell.role === "server" ? "client" : "server"}: ${nameOf(cell)}`;
  return outcome.kind === "passed"
    ? `passed ${where}`
    : `${outcome.kind} ${where}: ${outcome.because}`;
}
