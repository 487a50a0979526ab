/** The lamp is lost: from the owner's word to its end, and its attempt to come back. */
import { performance } from "node:perf_hooks";
import { expect } from "../stage.ts";
import { certifiedPeer } from "../things.ts";
import type { Lamp } from "./aware.ts";
import { expectRecord, joining } from "./cast.ts";
import type { Cast, Part } from "./cast.ts";

/** From the owner's word until nothing of the device is left on the network: within a second. */
const MOST_MS = 1000;

export async function revocationScene(cast: Cast, { id, mac, identity }: Lamp): Promise<Part> {
  const { stage, observed, accessPoint } = cast;
  stage.chapter("The lamp is lost");
  await stage.step("The owner revokes it, and it is out", async () => {
    stage.note(`$ homeca revoke ${id}`);
    const start = performance.now();
    // Over the socket that the command uses, so that no program's start is in the figure.
    await observed.home.call("revoke", { id });
    const answered = performance.now() - start;
    const departure = await accessPoint.departureOf(mac);
    expect(departure !== null, "the access point was not told to put it out");
    const told = departure - start;
    stage.note(
      `${shown(answered)} ms from command to answer; access point told after ${shown(told)} ms`,
    );
    stage.note(await observed.firewall(mac));
    expect(Math.max(answered, told) < MOST_MS, `that took longer than ${MOST_MS} ms`);
    await expectRecord(cast, id, "revoked", "none");
  });
  await stage.step("It comes back with its old certificate and is refused", async () => {
    const peer = certifiedPeer(identity, cast.trust);
    await joining(cast, mac, peer, "rejected");
    expect(peer.tlsError?.includes("REVOKED") === true, `it was told ${peer.tlsError}`);
  });
  return {
    row: {
      device: "Kitchen lamp",
      class: "aware",
      proof: "certificate, now revoked",
      place: "outside",
    },
    record: { id, state: "revoked", place: "none" },
    said: null,
  };
}

function shown(elapsed: number): string {
  return elapsed < 10 ? elapsed.toFixed(1) : String(Math.round(elapsed));
}
