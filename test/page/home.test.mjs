// The page Home: who waits, what works, what happened.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { begin, GUEST, HOSTILE_NAME, isFit, picture, until, WIDTHS } from "./harness.mjs";

let stage;
before(async () => {
  stage = await begin();
  await stage.world.member("lamp", "Kitchen lamp");
  await stage.world.stranger("heating", "Bathroom heating");
  await stage.world.stranger("camera", HOSTILE_NAME);
});
after(() => stage?.end());

const cardOf = (page, name) => page.locator(".homeca-card").filter({ hasText: name });
const stateOf = async (name) => {
  const { devices } = await stage.world.home.call("devices");
  return devices.find((device) => device.name === name)?.state;
};

for (const width of WIDTHS) {
  for (const dark of [false, true]) {
    test(`at ${width} px, ${dark ? "dark" : "light"}, it is readable by everybody, and a name stays a name`, async () => {
      const page = await stage.page("home", { width, dark });
      await cardOf(page, "Bathroom heating").waitFor();
      assert.equal(await cardOf(page, HOSTILE_NAME).locator("h4").textContent(), HOSTILE_NAME);
      await isFit(page);
      await picture(page, `home-${width}${dark ? "-dark" : ""}`);
      await page.context().close();
    });
  }
}

test("what is proven stands apart from what a device says of itself", async () => {
  const page = await stage.page("home");
  const card = cardOf(page, "Bathroom heating");
  await card.waitFor();
  const said = await card.locator(".homeca-claim").allTextContents();
  assert.ok(said.some((text) => text.includes("heating")));
  assert.match(await card.locator("dd").first().textContent(), /Nothing is proven yet/u);
  await page.context().close();
});

test("somebody who comes is shown within a second or two, without a reload", async () => {
  const page = await stage.page("home");
  await cardOf(page, "Bathroom heating").waitFor();
  await stage.world.stranger("sensor", "Cellar sensor");
  const from = Date.now();
  await cardOf(page, "Cellar sensor").waitFor();
  console.log(`# shown after ${Date.now() - from} ms`);
  await page.context().close();
});

test("with the keyboard alone: a name, a yes, a no, a not now", async () => {
  const page = await stage.page("home");
  const card = cardOf(page, "Bathroom heating");
  await card.waitFor();
  await card.getByLabel("Name", { exact: true }).focus();
  await page.keyboard.type("Heating upstairs");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Approve");
  await page.keyboard.press("Enter");
  await until("it is approved", async () => (await stateOf("Heating upstairs")) === "approved");
  await cardOf(page, "Bathroom heating").waitFor({ state: "detached" });
  const later = cardOf(page, HOSTILE_NAME);
  await later.getByRole("button", { name: /^Not now/u }).press("Enter");
  await later.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Show them" }).press("Enter");
  await later.getByRole("button", { name: /^Deny/u }).press("Space");
  await until("it is denied", async () => (await stateOf(HOSTILE_NAME)) === "denied");
  await isFit(page);
  await page.context().close();
});

test("a search counts down, for a type, and can be ended", async () => {
  const page = await stage.page("home");
  await page.getByLabel("of type").fill("heating");
  await page.getByRole("button", { name: "Search for new devices" }).click();
  await page.getByText(/Searching for new devices: 1\d\d s left/u).waitFor();
  const { search } = await stage.world.home.call("status");
  assert.deepEqual(search.types, ["heating"]);
  await page.getByRole("button", { name: "Stop searching" }).click();
  await page.getByRole("button", { name: "Search for new devices" }).waitFor();
  await page.context().close();
});

test("a type that is none is refused in one sentence, and nothing is lost", async () => {
  const page = await stage.page("home");
  await page.getByLabel("of type").fill("Ärger!");
  await page.getByRole("button", { name: "Search for new devices" }).click();
  await page.getByRole("alert").filter({ hasText: /type/u }).waitFor();
  assert.equal(await page.getByLabel("of type").inputValue(), "Ärger!");
  await page.context().close();
});

test("who may only look changes nothing, whatever is pressed or sent", async () => {
  const name = "Guest's camera";
  await stage.world.stranger("camera", name);
  const page = await stage.page("home", { user: GUEST });
  await cardOf(page, name)
    .getByRole("button", { name: /^Approve/u })
    .click();
  await page.getByRole("alert").filter({ hasText: "log in as an administrator" }).waitFor();
  assert.equal(await stateOf(name), "pending");
  await page.context().close();
});

test("while the daemon is away the page says so, and goes on by itself", async () => {
  const page = await stage.page("home");
  await page.getByText("What happened").waitFor();
  await stage.world.home.stop();
  await page.getByText("HomeCA is not running.").waitFor();
  await stage.world.home.start();
  await page.getByText("HomeCA is not running.").waitFor({ state: "detached" });
  await page.context().close();
});
