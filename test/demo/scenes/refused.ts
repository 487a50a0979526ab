/** Those who do not belong: another home's device, and access points that are not this home's. */
import { fromBase64 } from "../../../src/base/bytes.ts";
import type { LogEvent } from "../../../src/daemon/management/service.ts";
import { expect } from "../stage.ts";
import { certifiedPeer, identityIn, macOfThing, Thing } from "../things.ts";
import { joining } from "./cast.ts";
import type { Cast, Part } from "./cast.ts";

const IMPOSTOR = macOfThing(0x41);
const STRANGER = macOfThing(0x42);
const PASSWORD = "a password of the demo";

export async function refusedScenes(cast: Cast): Promise<readonly Part[]> {
  cast.stage.chapter("Those who do not belong here");
  return [await impostor(cast), await wrongSecret(cast), await unsealed(cast)];
}

async function impostor(cast: Cast): Promise<Part> {
  const { stage, observed, otherHome } = cast;
  const said = await stage.step(
    "An impostor shows a certificate of another home: refused",
    async () => {
      const { p12 } = await otherHome.call<{ p12: string }>("issue", {
        name: "Impostor",
        password: PASSWORD,
      });
      // It is not choosy about whom it talks to; that the home refuses it is the point.
      const peer = certifiedPeer(identityIn(fromBase64(p12)!, PASSWORD), null);
      await joining(cast, IMPOSTOR, peer, "rejected");
      const { events } = await observed.ask<{ events: LogEvent[] }>("log", "--limit", "1");
      const text = events[0]?.text ?? "";
      expect(text.includes("its certificate is from another authority"), `HomeCA said: ${text}`);
      return text;
    },
  );
  return {
    row: {
      device: "an impostor",
      class: "-",
      proof: "another home's certificate",
      place: "outside",
    },
    record: null,
    said,
  };
}

async function wrongSecret({ stage, observed, accessPoint }: Cast): Promise<Part> {
  const said = await stage.step(
    "A stranger's access point guesses the shared secret: silence",
    async () => {
      const peer = new Thing("lamp", "Stranger").firstContact();
      const { outcome } = await accessPoint.strangerWithWrongSecret(
        STRANGER,
        "@setup.home.arpa",
        peer,
      );
      expect(outcome === "silence", `it was ${outcome}`);
      return observed.sentence(/Ignored a RADIUS request from \S+: its shared secret[^\n]*/u);
    },
  );
  return {
    row: { device: "a stranger", class: "-", proof: "a guessed secret", place: "outside" },
    record: null,
    said,
  };
}

async function unsealed({ stage, observed, accessPoint }: Cast): Promise<Part> {
  const said = await stage.step("A request that bears no seal at all: silence", async () => {
    stage.note("The seal is RADIUS' Message-Authenticator: without it, requests can be forged.");
    const reply = await accessPoint.strangerWithoutSeal(STRANGER, "@setup.home.arpa");
    expect(reply === null, "it was answered");
    return observed.sentence(/Ignored a RADIUS request from \S+: it has no Message[^\n]*/u);
  });
  return {
    row: { device: "a forged request", class: "-", proof: "no seal", place: "outside" },
    record: null,
    said,
  };
}
