/** Which cells there are for a peer, which of them are run, and the running of them. */
import { cellsOf, VERSIONS } from "./cell.ts";
import type { Cell, Role, Version } from "./cell.ts";
import type { End } from "./end.ts";
import type { Identities } from "./identities.ts";
import { runCell } from "./run-cell.ts";
import type { Outcome } from "./run-cell.ts";

/** A peer with one version and one role of ours: a line of the table. */
export interface Line {
  readonly peer: End;
  readonly version: Version;
  /** Ours. */
  readonly role: Role;
  /** What both can. */
  readonly possible: readonly Cell[];
  /** Why the others are none: the reason, and how many cells it takes. */
  readonly impossible: ReadonlyMap<string, number>;
}

export interface Result {
  readonly peer: End;
  readonly cell: Cell;
  readonly outcome: Outcome;
}

/** Every line of a peer; each cell of it is either possible or has its reason. */
export function linesOf(peer: End, us: End): Line[] {
  const lines: Line[] = [];
  for (const version of VERSIONS) {
    for (const role of ["server", "client"] as const) {
      const theirs = role === "server" ? "client" : "server";
      const possible: Cell[] = [];
      const impossible = new Map<string, number>();
      for (const cell of cellsOf(version, role)) {
        const because = peer.cannot(cell, theirs) ?? us.cannot(cell, role);
        if (because === null) possible.push(cell);
        else impossible.set(because, (impossible.get(because) ?? 0) + 1);
      }
      lines.push({ peer, version, role, possible, impossible });
    }
  }
  return lines;
}

/**
 * So many of the cells that every two values of two axes which meet in a cell
 * meet in a chosen one: always the cell that brings the most new pairs.
 */
export function pairwise(cells: readonly Cell[]): Cell[] {
  const open = new Set(cells.flatMap(pairsOf));
  const chosen: Cell[] = [];
  const gain = (cell: Cell): number => pairsOf(cell).filter((pair) => open.has(pair)).length;
  while (open.size > 0) {
    const best = cells.reduce((a, b) => (gain(b) > gain(a) ? b : a));
    for (const pair of pairsOf(best)) open.delete(pair);
    chosen.push(best);
  }
  return chosen;
}

function pairsOf({ credential, suite, group, flow }: Cell): string[] {
  const values = [credential, suite, group, flow];
  return values.flatMap((one, at) => values.slice(at + 1).map((other) => `${one} & ${other}`));
}

/** Runs cells, `width` at a time, and tells each result as it comes. */
export async function runCells(
  cells: readonly { readonly peer: End; readonly cell: Cell }[],
  us: End,
  identities: Identities,
  width: number,
  tell: (result: Result) => void,
): Promise<Result[]> {
  const waiting = cells.values();
  const results: Result[] = [];
  const work = async (): Promise<void> => {
    for (const { peer, cell } of waiting) {
      const result = { peer, cell, outcome: await runCell(cell, us, peer, identities) };
      results.push(result);
      tell(result);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return results;
}
