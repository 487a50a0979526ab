/** The part of the interop matrix whose peers Debian has; `make interop` runs the whole. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { assert, skip, test } from "#kit";
import { nameOf } from "../interop/cell.ts";
import { Identities } from "../interop/identities.ts";
import { linesOf, pairwise } from "../interop/matrix.ts";
import { ours } from "../interop/ours.ts";
import { debianPeers } from "../interop/peers.ts";
import { runCell } from "../interop/run-cell.ts";
import { has } from "../interop/tls-loopback.ts";

if (has("openssl", "version")) withIdentities(new Identities());
else skip("the interop matrix", "needs openssl");

function withIdentities(identities: Identities): void {
  const cache = mkdtempSync(path.join(tmpdir(), "homeca-peers-"));
  after(() => {
    identities.remove();
    rmSync(cache, { recursive: true, force: true });
  });

  for (const peer of debianPeers(path.resolve("test/interop/peers"), cache)) {
    if (peer.is === null) {
      skip(`the interop matrix with ${peer.name}`, `needs ${peer.from}`);
      continue;
    }
    for (const { version, role, possible } of linesOf(peer, ours)) {
      for (const cell of pairwise(possible)) {
        test(`${peer.name} and our ${version} ${role}: ${nameOf(cell)}`, async () => {
          const outcome = await runCell(cell, ours, peer, identities);
          assert.equal(outcome.kind === "passed" ? "passed" : outcome.because, "passed");
        });
      }
    }
  }
}
