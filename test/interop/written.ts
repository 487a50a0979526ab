/** Peers written for this matrix: programs of one contract, told by flags, answering in lines of JSON. */
import { connectionsOf, groupsFor, hasClientKey, SMALL_MTU, usesPsk, usesRawKeys } from "./cell.ts";
import type { Cell, Role } from "./cell.ts";
import type { End, Report } from "./end.ts";
import { PSK } from "./identities.ts";
import type { Identities } from "./identities.ts";
import { Program } from "./program.ts";

export interface Written {
  readonly name: string;
  readonly is: string | null;
  readonly from: string;
  readonly command: string;
  /** Before the flags of the contract. */
  readonly words: readonly string[];
  readonly cannot: (cell: Cell, role: Role) => string | null;
}

/** The end that such a program is. */
export function written({ name, is, from, command, words, cannot }: Written): End {
  return {
    name,
    application: "lines",
    is,
    from,
    cannot,

    async serve(cell, identities) {
      const program = new Program(command, [...words, ...contract(cell, "server", identities)]);
      const [, port] = await program.until(/^\{"listening": ?(\d+)\}$/m);
      const reports = ended(program);
      reports.catch(() => {});
      return { port: Number(port), reports, stop: () => program.stop() };
    },

    async connect(cell, identities, port) {
      const own = contract(cell, "client", identities);
      const program = new Program(command, [...words, ...own, "--connect", `${port}`]);
      try {
        return await ended(program);
      } finally {
        await program.stop();
      }
    },
  };
}

async function ended(program: Program): Promise<Report[]> {
  const status = await program.closed();
  if (status !== 0) throw program.failure(`ended with status ${status}`);
  return (
    program.text
      .split("\n")
      .filter((line) => line.startsWith("{") && !line.startsWith('{"listening"'))
      // The contract says what a line is; what is missing or wrong shows in the comparison.
      .map((line) => JSON.parse(line) as Report)
  );
}

/** The flags of the contract; a flag that is not needed is left out. */
export function contract(cell: Cell, role: Role, identities: Identities): string[] {
  const words = ["--role", role, "--version", cell.version, "--suite", cell.suite];
  words.push("--groups", groupsFor(cell, role).join(","));
  words.push("--connections", `${connectionsOf(cell)}`);
  const own = identities.own(cell, role);
  const other = identities.own(cell, role === "server" ? "client" : "server");
  if (usesPsk(cell)) words.push("--psk", PSK.hex, "--psk-identity", PSK.identity);
  else if (usesRawKeys(cell)) {
    if (own !== null) words.push("--raw-key", own.key, "--raw-public", own.publicKey);
    if (other !== null) words.push("--raw-peer", other.publicKey);
  } else {
    if (own !== null) words.push("--certificate", own.certificate, "--key", own.key);
    if (role === "client" || hasClientKey(cell)) words.push("--trust", identities.trust(cell));
  }
  if (cell.flow === "fragmented") words.push("--mtu", `${SMALL_MTU}`);
  return words;
}
