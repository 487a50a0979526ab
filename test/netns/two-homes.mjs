// A newcomer that hears two homes at once belongs to neither until one of them is silent.
import { Homeca } from "./homeca.mjs";
import { expect } from "./steps.mjs";

/** Ports beside those of the home that is there already. */
const PORTS = { authPort: 1822, coaps: 5685 };

/** @param storyOf - gives what life.mjs has so far */
export function twoHomes(storyOf) {
  return [
    {
      name: "two homes in range search for a sensor: it asks neither, and says why",
      run: async (lab) => {
        const { home, devices, calendar } = storyOf();
        const from = devices.dev3.events.length;
        const neighbour = new Homeca(lab, "neighbour", { ...PORTS, enforce: "off", calendar });
        await neighbour.start();
        const search = ["--type", "sensor"];
        await Promise.all([neighbour.search(120, ...search), home.search(120, ...search)]);
        const both = await devices.dev3.tells("failed", {
          from,
          seconds: 60,
          reason: "several-homes",
        });
        const told = devices.dev3.events.slice(from);
        expect(!told.some(({ kind }) => kind === "waits-for-owner"), "it asked one of them");
        expect((await neighbour.devices()).length === 0, "the neighbour has met it");
        await home.search(0);
        // It says farewell, and is forgotten by who heard it.
        await neighbour.stop("SIGTERM");
        return both.reason;
      },
    },
  ];
}
