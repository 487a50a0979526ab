// What the page's tests share: a living home, its page on loopback, and Debian's Chromium to look at it.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { root } from "../../build/bundle.mjs";
import { servePage } from "../../luci-app/stand-in/server.mjs";

export const OWNER = { name: "root", password: "a password of a test", write: true };
export const GUEST = { name: "guest", password: "another password of a test", write: false };
export const WIDTHS = [360, 1280];
/** Long enough for a busy machine; nothing waits so long where all is well. */
const PATIENCE_MS = 15_000;
/** Only where pictures are asked for: a run of tests leaves nothing behind. */
const PICTURES = process.env.HOMECA_SCREENS === undefined ? null : path.join(root, "docs/screens");

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);
const { World, HOSTILE_NAME } = await import(
  pathToFileURL(path.join(root, "dist/page-world.mjs")).href
);
export { HOSTILE_NAME };

/** A home with its page; `end()` removes all of it. */
export async function begin() {
  const world = await World.begin();
  const site = await servePage({ socket: world.home.socketPath, users: [OWNER, GUEST] });
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
  return new Stage(world, site, browser);
}

class Stage {
  constructor(world, site, browser) {
    this.world = world;
    this.site = site;
    this.browser = browser;
  }

  async end() {
    await this.browser.close();
    await this.site.close();
    await this.world.end();
  }

  /** The page at that path, logged in, in a window so wide. */
  async page(where, { width = 1280, user = OWNER, dark = false, query = "" } = {}) {
    const context = await this.browser.newContext({
      viewport: { width, height: 900 },
      colorScheme: dark ? "dark" : "light",
      locale: "en-GB",
      timezoneId: "UTC",
      acceptDownloads: true,
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const faults = [];
    page.on("pageerror", (fault) => faults.push(fault.message));
    page.on("console", (line) => {
      if (line.type() === "error" && !/ERR_|Failed to load resource/u.test(line.text())) {
        faults.push(line.text());
      }
    });
    page.faults = faults;
    await page.goto(`${this.site.url}admin/services/homeca/${where}${query}`);
    await page.locator("#username").fill(user.name);
    await page.locator("#password").fill(user.password);
    await page.locator("form button").press("Enter");
    await page.locator("#view:not([aria-busy])").waitFor();
    return page;
  }
}

/** Nothing that a person with a screen reader, a keyboard or a narrow window would stumble over, and no fault. */
export async function isFit(page) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  const told = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`,
  );
  assert.deepEqual(told, []);
  const [wide, window] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert.ok(wide <= window, `${wide} px in a window of ${window}`);
  assert.equal(await page.title().then((title) => title.includes("broken")), false, "it broke out");
  assert.deepEqual(page.faults, []);
}

/** Pictures that the project keeps; with HOMECA_SCREENS=all there are others to look at. */
const KEPT = [
  "add-1280",
  "authority-1280",
  "device-1280",
  "devices-1280",
  "home-1280",
  "home-360-dark",
  "log-1280",
  "matrix-1280",
  "proof-1280",
  "why-1280",
];

/** Keeps what the page looks like, where pictures are wanted. */
export async function picture(page, name) {
  if (PICTURES === null) return;
  if (process.env.HOMECA_SCREENS !== "all" && !KEPT.includes(name)) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: path.join(PICTURES, `${name}.png`), fullPage: true });
}

/** Until it holds. */
export async function until(what, holds) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
