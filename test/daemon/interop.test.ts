/** The part of the interop matrix whose peers Debian has; `make interop` runs the whole. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import { assert, skip, test } from "#kit";
import { nameOf } from "../interop/cell.ts";
import type { Cell } from "../interop/cell.ts";
import type { End } from "../interop/end.ts";
import { Identities } from "../interop/identities.ts";
import { linesOf, pairwise, runCells } from "../interop/matrix.ts";
import { ours } from "../interop/ours.ts";
import { debianPeers } from "../interop/peers.ts";
import { promised } from "../interop/program.ts";
import type { Promised } from "../interop/program.ts";
import type { Outcome } from "../interop/run-cell.ts";
import { has } from "../interop/tls-loopback.ts";

const WIDTH = 4;

if (has("openssl", "version")) withIdentities(new Identities());
else skip("the interop matrix", "needs openssl");

function withIdentities(identities: Identities): void {
  const cache = mkdtempSync(path.join(tmpdir(), "homeca-peers-"));
  after(() => {
    identities.remove();
    rmSync(cache, { recursive: true, force: true });
  });

  const cells: { readonly peer: End; readonly cell: Cell }[] = [];
  const outcomes = new Map<Cell, Promised<Outcome>>();
  for (const peer of debianPeers(path.resolve("test/interop/peers"), cache)) {
    if (peer.is === null) {
      skip(`the interop matrix with ${peer.name}`, `needs ${peer.from}`);
      continue;
    }
    for (const { version, role, possible } of linesOf(peer, ours)) {
      for (const cell of pairwise(possible)) {
        const promise = promised<Outcome>();
        cells.push({ peer, cell });
        outcomes.set(cell, promise);
        test(`${peer.name} and our ${version} ${role}: ${nameOf(cell)}`, async () => {
          const outcome = await promise.promise;
          assert.equal(outcome.kind === "passed" ? "passed" : outcome.because, "passed");
        });
      }
    }
  }

  // Most of a cell is waiting for programs: one at a time would take minutes.
  before(() => {
    const told = runCells(cells, ours, identities, WIDTH, ({ cell, outcome }) => {
      outcomes.get(cell)?.resolve(outcome);
    });
    told.catch((fault: Error) => {
      for (const outcome of outcomes.values()) outcome.reject(fault);
    });
  });
}
