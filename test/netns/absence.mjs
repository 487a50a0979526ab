// Who is away: a device for ten days, a home for ever. The days are invented; see calendar.mjs.
import { existsSync } from "node:fs";
import { lacksCalendar } from "./calendar.mjs";
import { until } from "./lab.mjs";
import { isAdmitted } from "./probes.mjs";
import { expect } from "./steps.mjs";

const DAY = 24;
/** More than any home of this story tells its devices. */
const MOST_DAYS = 90;

/** Hour by hour, until the home has waited for a device so long. */
async function waits({ home, calendar, ids }, days) {
  const silence = async () => (await home.show(ids.dev1)).silence;
  for (let tries = 0; tries < 10; tries++) {
    const missing = days * DAY - (await silence()).hours;
    if (missing <= 0) return;
    await calendar.pass(missing);
  }
  throw new Error(`the home counts ${(await silence()).hours} hours`);
}

/** Sessions ended each hour, which is faster here than anybody authenticates: who stayed is switched off and on. */
async function everybodyAgain({ devices }) {
  for (const device of [devices.dev2, devices.dev3]) {
    const from = device.events.length;
    await device.stop();
    await device.start();
    await device.tells("lives", { from });
  }
}

/** @param storyOf - gives what life.mjs has so far */
export function absence(storyOf) {
  return [
    {
      name: "ten days away: nine are nothing, then it is dormant and its certificate is on the list",
      needs: lacksCalendar,
      run: async () => {
        const { home, devices, ids } = storyOf();
        await devices.dev1.stop();
        await waits(storyOf(), 9);
        const nine = await home.show(ids.dev1);
        expect(nine.state === "active", `after nine days: ${nine.state}`);
        expect(
          nine.certificates.some(({ revoked }) => !revoked),
          "its certificate is revoked after nine days",
        );
        await storyOf().calendar.pass(2 * DAY);
        const eleven = await until("it is dormant", async () => {
          const shown = await home.show(ids.dev1);
          return shown.state === "dormant" && shown;
        });
        expect(
          eleven.certificates.every(({ revoked }) => revoked),
          "a certificate is not revoked",
        );
        return eleven.why;
      },
    },
    {
      name: "back again it proves its key, and is in with a new certificate; nobody did anything",
      needs: lacksCalendar,
      run: async (lab) => {
        const { home, devices, ids } = storyOf();
        const before = await devices.dev1.show();
        const from = devices.dev1.events.length;
        await devices.dev1.start();
        await devices.dev1.tells("renewed", { from });
        const { keyHash } = await devices.dev1.show();
        expect(keyHash === before.keyHash, "it has another key");
        const { state, certificates, silence } = await home.show(ids.dev1);
        expect(state === "active", `state ${state}`);
        expect(certificates.filter(({ revoked }) => !revoked).length === 1, "not one certificate");
        await isAdmitted(lab, "dev1");
        await everybodyAgain(storyOf());
        return `waited for ${silence.days.toFixed(0)} days from now on`;
      },
    },
  ];
}

/** @param storyOf - gives what life.mjs has so far */
export function lostHome(storyOf) {
  return [
    {
      name: "the home burns down: its devices look for it, and time alone frees none",
      needs: lacksCalendar,
      essential: true,
      run: async () => {
        const { home, devices, ids, calendar } = storyOf();
        await home.lock(ids.dev1);
        await until("the lamp knows its lock", async () => (await devices.dev1.show()).theftLock);
        await home.stop();
        const early = await devices.dev3.pair();
        expect(/its home is not lost/.test(early), `on the first day it says ${early}`);
        const from = devices.dev3.events.length;
        let days = 0;
        const isLost = () =>
          devices.dev3.events.slice(from).some(({ kind }) => kind === "home-lost");
        for (; !isLost() && days < MOST_DAYS; days++) await calendar.pass(DAY);
        const { homeLost, releaseDays, missedHours } = await devices.dev3.show();
        expect(homeLost, `after ${days} days it has missed it for ${missedHours} hours`);
        expect(missedHours >= releaseDays * DAY, `lost after ${missedHours} hours`);
        expect(!devices.dev3.events.slice(from).some(({ kind }) => kind === "pairing"), "it pairs");
        return `lost after ${(missedHours / DAY).toFixed(0)} days`;
      },
    },
    {
      name: "locked against theft, the lamp is paired by nobody, however long it waits",
      needs: lacksCalendar,
      run: async () => {
        const { devices } = storyOf();
        const said = await devices.dev1.pair();
        expect(/theft-locked/.test(said), `it says ${said}`);
        const { owned, homeLost, missedHours } = await devices.dev1.show();
        expect(owned && !homeLost, "it is free");
        return `missed it for ${(missedHours / DAY).toFixed(0)} days`;
      },
    },
    {
      name: "the sensor, held in somebody's hands, is taken in by the other home; what it had of the first is gone",
      needs: lacksCalendar,
      run: async () => {
        const { devices, second, elsewhere } = storyOf();
        const { root } = devices.dev3.memory.owner;
        const { keyHash } = await devices.dev3.show();
        await devices.dev3.carryTo(elsewhere);
        await devices.dev3.start();
        await devices.dev3.tells("home-lost", { hurries: true });
        const waiting = () =>
          second.device(({ name, state }) => name === "Sensor" && state === "pending");
        expect((await waiting()) === null, "it asked before anybody was there");
        const said = await devices.dev3.pair();
        expect(/say yes there/.test(said), `it says ${said}`);
        await devices.dev3.tells("waits-for-owner", { hurries: true });
        expect((await devices.dev3.show()).owned, "its first home is forgotten before the yes");
        await second.approve((await waiting()).id);
        await devices.dev3.tells("lives", { seconds: 60 });
        const now = devices.dev3.memory.owner;
        expect(now.root !== root, "it trusts its first home");
        expect((await devices.dev3.show()).keyHash !== keyHash, "its key is the first home's");
        expect(existsSync(devices.dev3.credential.certificate), "it has no certificate");
        await until("it is in by EAP-TLS", () => devices.dev3.eap.success >= 2, 30);
        return isAdmitted(elsewhere, "dev3");
      },
    },
  ];
}
