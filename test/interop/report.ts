/** The matrix as a page: `docs/interop.md`, and the same table on the terminal. */
import type { Cell } from "./cell.ts";
import type { End } from "./end.ts";
import type { Line, Result } from "./matrix.ts";

/** A row that another test fills: who, what, and how many of its cases passed. */
export interface OtherRow {
  readonly peer: string;
  readonly is: string;
  readonly what: string;
  readonly passed: number;
  readonly failed: number;
}

export interface Page {
  /** As `2026-11-23`. */
  readonly date: string;
  readonly machine: string;
  readonly peers: readonly End[];
  readonly lines: readonly Line[];
  readonly results: readonly Result[];
  readonly others: readonly OtherRow[];
  /** Whether every possible cell was run, or a pairwise choice. */
  readonly whole: boolean;
}

export function markdown(page: Page): string {
  return `${[
    "# Interop matrix",
    "Written by `make interop`; do not edit. What each peer can do and how it is driven is told in " +
      "[test/interop/README.md](../test/interop/README.md).",
    `${page.date}, ${page.machine}. ${
      page.whole
        ? "Every cell that both sides can play was run"
        : "A choice of cells was run in which any two values of two axes that can meet do meet"
    }: a handshake with application data both ways, in which both sides agree with the cell ` +
      "and with each other on version, suite, group, resumption, credential and exported keys, " +
      "as far as each can tell them.",
    "## Peers",
    table(
      ["peer", "version", "from"],
      [
        ...page.peers.map(({ name, is, from }) => [name, is ?? "not on this machine", from]),
        ...page.others.map(({ peer, is }) => [peer, is, "Debian"]),
      ],
    ),
    "## Passed",
    summary(page),
    "Each number is cells passed of cells run; – where there is no cell, for the reasons below.",
    ...failures(page),
    "## What was run",
    coverage(page),
    "## What was not, and why",
    reasons(page),
  ].join("\n\n")}\n`;
}

const KINDS = ["TLS 1.2", "TLS 1.3", "DTLS 1.2", "DTLS 1.3"].flatMap((version) =>
  (["server", "client"] as const).map((role) => ({ version, role })),
);

/** Passed cells by peer, and by version and role of ours. */
export function summary({ peers, results, others }: Page): string {
  const head = ["peer", ...KINDS.map(({ version, role }) => `${version} ${role}`)];
  const rows = peers.map((peer) => [
    peer.name,
    ...KINDS.map(({ version, role }) => {
      const ran = results.filter(
        (each) => each.peer === peer && each.cell.version === version && each.cell.role === role,
      );
      const passed = ran.filter(({ outcome }) => outcome.kind === "passed");
      return ran.length === 0 ? "–" : `${passed.length}/${ran.length}`;
    }),
  ]);
  const more = others.map(
    ({ peer, what, passed, failed }) => `${peer}: ${what}, ${passed}/${passed + failed}.`,
  );
  return [table(head, rows), "The role is ours.", ...more].join("\n\n");
}

function failures({ results }: Page): string[] {
  const failed = results.filter(({ outcome }) => outcome.kind === "failed");
  if (failed.length === 0) return [];
  const rows = failed.map(({ peer, cell, outcome }) => [
    peer.name,
    cell.role,
    [cell.version, cell.credential, cell.suite, cell.group, cell.flow].join(", "),
    outcome.kind === "failed" ? (outcome.because.split("\n")[0] ?? "") : "",
  ]);
  return ["## Failed", table(["peer", "our role", "cell", "because"], rows)];
}

/** Of each line with results: the values each axis took in a cell that passed, and what was compared. */
function coverage({ lines, results }: Page): string {
  const rows: string[][] = [];
  for (const { peer, version, role } of lines) {
    const ran = results.filter(
      ({ peer: who, cell, outcome }) =>
        who === peer && cell.version === version && cell.role === role && outcome.kind === "passed",
    );
    if (ran.length === 0) continue;
    const values = (of: (cell: Cell) => string): string =>
      [...new Set(ran.map(({ cell }) => of(cell)))].join(", ");
    const compared = new Set(
      ran.flatMap(({ outcome }) => (outcome.kind === "passed" ? outcome.compared : [])),
    );
    rows.push([
      peer.name,
      `${version} ${role}`,
      values(({ credential }) => credential),
      values(({ suite }) => suite.replace(/^TLS_/, "").replaceAll("_", " ")),
      values(({ group }) => group),
      values(({ flow }) => flow),
      [...compared].join(", "),
    ]);
  }
  const head = ["peer", "ours", "credentials", "suites", "groups", "flows", "compared"];
  return table(head, rows);
}

function reasons({ lines }: Page): string {
  const rows = lines.flatMap(({ peer, version, role, possible, impossible }) => {
    const absent: [string, number][] =
      peer.is === null && possible.length > 0 ? [["not on this machine", possible.length]] : [];
    return [...absent, ...impossible].map(([because, count]) => [
      peer.name,
      `${version} ${role}`,
      `${count}`,
      because,
    ]);
  });
  return table(["peer", "ours", "cells", "because"], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
