/**
 * `node main.mjs --sources DIR --cache DIR [--pairwise] [--only TEXT] [--page FILE]`: runs the matrix,
 * prints it, and writes it as a page. Exit status 1 if a cell failed.
 */
import { writeFileSync } from "node:fs";
import { arch, type } from "node:os";
import { parseArgs } from "node:util";
import { Identities } from "./identities.ts";
import { linesOf, pairwise, runCells } from "./matrix.ts";
import { ours } from "./ours.ts";
import { debianPeers, registryPeers } from "./peers.ts";
import { markdown, summary } from "./report.ts";
import type { OtherRow, Page } from "./report.ts";
import { describe } from "./run-cell.ts";

const { values } = parseArgs({
  options: {
    sources: { type: "string" },
    cache: { type: "string" },
    page: { type: "string" },
    others: { type: "string", default: "[]" },
    only: { type: "string", default: "" },
    pairwise: { type: "boolean", default: false },
  },
});

/** Wide enough that two cores do not wait for programs that wait for each other. */
const WIDTH = 4;

const identities = new Identities();
try {
  process.exitCode = await run(identities);
} finally {
  identities.remove();
}

async function run(identities: Identities): Promise<number> {
  const { sources, cache } = values;
  if (sources === undefined || cache === undefined)
    throw new Error("--sources and --cache say where");
  const all = [...debianPeers(sources, cache), ...registryPeers(sources, cache)];
  const peers = all.filter(({ name }) => name.includes(values.only));
  const lines = peers.flatMap((peer) => linesOf(peer, ours));
  const cells = lines.flatMap(({ peer, possible }) => {
    if (peer.is === null) return [];
    const chosen = values.pairwise ? pairwise(possible) : possible;
    return chosen.map((cell) => ({ peer, cell }));
  });
  const started = Date.now();
  const results = await runCells(cells, ours, identities, WIDTH, (result) => {
    if (result.outcome.kind !== "passed") {
      console.log(describe(result.cell, result.peer, result.outcome));
    }
  });
  const page: Page = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${type()} ${arch()}, Node ${process.versions.node}`,
    peers,
    lines,
    results,
    // Written by the caller in this very form.
    others: JSON.parse(values.others) as OtherRow[],
    whole: !values.pairwise,
  };
  console.log(summary(page));
  const failed = results.filter(({ outcome }) => outcome.kind === "failed").length;
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`\ninterop: ${results.length - failed} passed, ${failed} failed (${seconds} s)`);
  if (values.page !== undefined) writeFileSync(values.page, markdown(page));
  return failed > 0 ? 1 : 0;
}
