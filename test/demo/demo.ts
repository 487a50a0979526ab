/**
 * A home at work, on loopback: HomeCA as it is built, an access point, devices of
 * all four classes, an impostor and two strangers. Every line is checked; the
 * exit status is 0 only if all of it held.
 */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { Home, productPath } from "../kit/home.ts";
import { AccessPoint } from "./access-point.ts";
import { ObservedHome } from "./observed.ts";
import { certificateScenes } from "./scenes/certificate.ts";
import { cagedScenes } from "./scenes/caged.ts";
import { refusedScenes } from "./scenes/refused.ts";
import { revocationScene } from "./scenes/revocation.ts";
import { awareScenes } from "./scenes/aware.ts";
import type { Cast } from "./scenes/cast.ts";
import { closing } from "./scenes/closing.ts";
import { Stage } from "./stage.ts";
import { certifiedPeer, macOfThing, Thing } from "./things.ts";

const SECRET_OF_HOME = "test-secret-for-loopback";

const GLOSSARY: readonly (readonly [string, string])[] = [
  ["access point", "asks HomeCA about each device and does as it is told"],
  ["quarantine", "the device reaches HomeCA and nothing else"],
  ["cage", "quarantine for good, for what can hold no certificate"],
  ["nft", "the router's firewall; its changes are shown here, not applied"],
];

/** Who comes last, for the page. */
const VISITOR = macOfThing(0x40);

const stage = new Stage(process.stdout, process.env);
const accessPoint = await AccessPoint.switchedOn(SECRET_OF_HOME);
const home = new Home({
  enforce: "show",
  logLevel: "info",
  // Kit and demo share the section of the access point; these are options of it.
  more: `\toption das_address '127.0.0.1'\n\toption das_port '${accessPoint.disconnectPort}'\n`,
});
const otherHome = new Home();

let cleared: Promise<unknown> | null = null;

/** Ends both homes and removes their folders; once, whoever asks. */
function clearUp(): Promise<unknown> {
  if (cleared === null) {
    accessPoint.switchOff();
    cleared = Promise.all([home.remove(), otherHome.remove(), site?.close()]);
  }
  return cleared;
}

for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => void clearUp().finally(() => process.exit(status)));
}

interface Site {
  readonly url: string;
  readonly close: () => Promise<void>;
}

let site: Site | null = null;

try {
  await play();
  if (isWatched()) await stay();
} catch {
  // The step has said what it was; what HomeCA said last helps to see why.
  stage.chapter("The last lines of HomeCA's log");
  const lines = home.log.split("\n").filter((line) => line !== "" && !line.includes("nft: "));
  for (const line of lines.slice(-8)) stage.say(line);
} finally {
  await clearUp();
}
const { held, failed } = stage.counts;
if (failed > 0) stage.say(`\n${held} steps held, ${failed} failed.`);
process.exitCode = failed === 0 && held > 0 ? 0 : 1;

async function play(): Promise<void> {
  stage.say("A home with HomeCA, played on this machine: no root, no radio.");
  for (const [word, meaning] of GLOSSARY) stage.say(`  ${word.padEnd(12)}  ${meaning}`);

  stage.chapter("A home begins");
  await stage.step("HomeCA starts and makes this home its own certificate authority", async () => {
    await Promise.all([home.start(), otherHome.start()]);
    accessPoint.ask(home.ports.auth);
    stage.note(`It listens on 127.0.0.1, UDP port ${home.ports.auth}, to its one access point.`);
  });
  const { serverName } = await home.call<{ serverName: string }>("authority");
  const cast: Cast = {
    stage,
    accessPoint,
    otherHome,
    observed: new ObservedHome(home),
    trust: { rootPem: home.rootPem, serverName },
  };
  const lamp = await awareScenes(cast);
  const phone = await certificateScenes(cast);
  const caged = await cagedScenes(cast);
  const refused = await refusedScenes(cast);
  const revoked = await revocationScene(cast, lamp);
  await closing(cast, [revoked, lamp.heater, phone, ...caged, ...refused]);
}

/** Whether somebody is there who could open the page: on a terminal, or where PAGE asks for it. */
function isWatched(): boolean {
  return process.env["PAGE"] !== "0" && (process.stdout.isTTY || process.env["PAGE"] !== undefined);
}

/** The home goes on, with its page, until the demo is ended; somebody more comes to be decided about. */
async function stay(): Promise<void> {
  stage.chapter("The home's page");
  const password = randomBytes(9).toString("base64url");
  const visitor = new Thing("heating", "Bathroom heating");
  await stage.step(
    "A bathroom heating comes and waits for its owner, who has a page now",
    async () => {
      await accessPoint.join(VISITOR, "@homeca.home.arpa", visitor.firstContact());
      // It finds its files beside itself, so it is not bundled.
      const stands = path.resolve(path.dirname(productPath()), "../luci-app/stand-in/server.mjs");
      const { servePage } = (await import(pathToFileURL(stands).href)) as PageServer;
      const users = [{ name: "root", password, write: true }];
      const port = Number(process.env["PAGE_PORT"] ?? 0);
      site = await servePage({ socket: home.socketPath, users, port });
    },
  );
  stage.say();
  stage.say(`  Open      ${site!.url}`);
  stage.say("  User      root");
  stage.say(`  Password  ${password}`);
  stage.say("Ctrl-C ends the demo.");
  await joinOnceApproved(visitor);
  await new Promise<never>(() => {});
}

/** The heating does what a device does that hears its owner's yes: it gets its certificate and comes back with it. */
async function joinOnceApproved(visitor: Thing): Promise<void> {
  for (;;) {
    const { devices } = await home.call<{ devices: readonly { id: string; macs: string[] }[] }>(
      "devices",
      { state: "approved" },
    );
    const mac = VISITOR.replaceAll("-", ":").toLowerCase();
    const own = devices.find(({ macs }) => macs.includes(mac));
    if (own !== undefined) {
      const request = visitor.request();
      const { chainPem } = await home.call<{ chainPem: string }>("sign", { id: own.id, request });
      const { serverName } = await home.call<{ serverName: string }>("authority");
      const trust = { rootPem: home.rootPem, serverName };
      const peer = certifiedPeer(visitor.certified(chainPem), trust);
      await accessPoint.join(VISITOR, "@homeca.home.arpa", peer);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

interface PageServer {
  readonly servePage: (options: {
    readonly socket: string;
    readonly users: readonly {
      readonly name: string;
      readonly password: string;
      readonly write: boolean;
    }[];
    readonly port: number;
  }) => Promise<Site>;
}
