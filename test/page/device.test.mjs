// The page of one device: what it is, what it may do, and what is done with it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { begin, GUEST, HOSTILE_NAME, isFit, picture, until, WIDTHS } from "./harness.mjs";

let stage;
let lamp;
let sensor;
let stranger;
before(async () => {
  stage = await begin();
  lamp = await stage.world.member("lamp", "Kitchen lamp");
  sensor = await stage.world.member("sensor", "Cellar sensor");
  stranger = await stage.world.stranger("camera", HOSTILE_NAME);
  await stage.world.home.call("grant", {
    id: sensor.id,
    to: lamp.id,
    path: "/on",
    methods: "GET,PUT",
  });
});
after(() => stage?.end());

const open = (id, options) => stage.page(`device?id=${id}`, options);
const call = (method, args) => stage.world.home.call(method, args);
const stateOf = async (id) => (await call("device", { id })).state;
const buttons = (page) => page.locator(".homeca-actions button");

for (const width of WIDTHS) {
  for (const dark of [false, true]) {
    test(`at ${width} px, ${dark ? "dark" : "light"}, a member and a stranger are readable by everybody`, async () => {
      const page = await open(sensor.id, { width, dark });
      await page.getByText("Cellar sensor may read and set /on of Kitchen lamp.").waitFor();
      await isFit(page);
      await picture(page, `device-${width}${dark ? "-dark" : ""}`);
      await page.context().close();
      const other = await open(stranger.id, { width, dark });
      assert.equal(await other.locator("h2").textContent(), HOSTILE_NAME);
      await isFit(other);
      await other.context().close();
    });
  }
}

test("what is proven stands apart from what it claims, and the key is told in plain words", async () => {
  const page = await open(stranger.id);
  const claimed = await page.locator(".homeca-claimed").textContent();
  assert.ok(claimed.includes(HOSTILE_NAME) && claimed.includes("camera"));
  const proven = await page.locator(".homeca-proven").textContent();
  assert.ok(!proven.includes(HOSTILE_NAME), "a claim passes as proven");
  await page.getByText("It has no certified key yet").waitFor();
  await page.getByText("The device calls itself so.").waitFor();
  await page.context().close();
});

/** As if its key had come about in this way. */
async function withKeyCase(page, keyCase) {
  await page.route("**/ubus", async (route) => {
    const asked = [route.request().postDataJSON()].flat();
    const response = await route.fetch();
    const replies = await response.json();
    for (const [at, reply] of [replies].flat().entries()) {
      if (asked[at].params[2] === "device") reply.result[1].keyCase = keyCase;
    }
    return route.fulfill({ response, json: replies });
  });
}

test("each of the four cases of a key update is told apart, and the weak ones as weak", async () => {
  const page = await open(sensor.id);
  const told = [];
  for (const [keyCase, isWeak] of [
    ["good-unknown", false],
    ["good-known", false],
    ["weak-unknown", true],
    ["weak-known", true],
  ]) {
    await withKeyCase(page, keyCase);
    await page.reload();
    const key = page.locator(".cbi-section").filter({ hasText: "Identity and key" });
    await key.getByText("The four cases").click();
    const chosen = key.locator("[aria-current=true]");
    await chosen.getByText("this device").waitFor();
    told.push(await key.locator("strong").first().textContent(), await chosen.textContent());
    assert.equal(await key.locator(".alert-message.warning").count(), isWeak ? 1 : 0, keyCase);
    await isFit(page);
    // An answer on its way would find nobody.
    await page.unrouteAll({ behavior: "wait" });
  }
  assert.equal(new Set(told).size, told.length, "two cases read the same");
  await page.context().close();
});

test("a question about a device shows its name as text", async () => {
  const page = await open(stranger.id);
  await page.getByRole("button", { name: "Turn it away" }).click();
  const dialog = page.getByRole("dialog", { name: "Turn this device away?" });
  assert.equal(await dialog.locator("strong").textContent(), HOSTILE_NAME);
  await isFit(page);
  await page.keyboard.press("Escape");
  assert.equal(await stateOf(stranger.id), "pending");
  await page.context().close();
});

test("a group's name stays a name wherever it is shown", async () => {
  const group = `"><img src=x onerror="document.title='broken'">`;
  const right = { id: lamp.id, to: `@${group}`, path: "/x" };
  await call("group", { id: lamp.id, group });
  await call("grant", { ...right, methods: "GET" });
  try {
    const page = await open(lamp.id);
    const said = `Kitchen lamp may read /x of every device in the group ${group}.`;
    await page.getByText(said).waitFor();
    await page.getByRole("button", { name: `Take out: ${group}` }).waitFor();
    const choices = page.getByLabel("It may ask", { exact: true }).locator("option");
    const wanted = `the group ${group}`;
    await until("the group can be chosen", async () =>
      (await choices.allTextContents()).includes(wanted),
    );
    await isFit(page);
    await page.context().close();
  } finally {
    await call("withhold", right);
    await call("ungroup", { id: lamp.id, group });
  }
});

test("only what the state allows can be done", async () => {
  const member = await open(sensor.id);
  await member.getByRole("button", { name: "Revoke" }).waitFor();
  const allowed = await buttons(member).allTextContents();
  assert.ok(allowed.includes("Release"));
  assert.ok(!allowed.includes("Forget") && !allowed.includes("Let it in"));
  await member.context().close();
  const waiting = await open(stranger.id);
  await waiting.getByRole("button", { name: "Let it in" }).waitFor();
  const others = await buttons(waiting).allTextContents();
  assert.ok(others.includes("Turn it away") && others.includes("Forget"));
  assert.ok(!others.includes("Revoke") && !others.includes("Release"));
  await waiting.context().close();
});

test("who may only look is offered nothing that changes", async () => {
  const page = await open(sensor.id, { user: GUEST });
  await page.getByText("Cellar sensor may read and set /on of Kitchen lamp.").waitFor();
  assert.equal(await buttons(page).count(), 0);
  assert.equal(await page.locator("#view form").count(), 0);
  await page.context().close();
});

test("a right is said in words as it is typed, is given, and is taken away", async () => {
  const page = await open(lamp.id);
  const grant = page.getByRole("button", { name: "Grant" });
  await page.getByText("Choose whom it may ask.").waitFor();
  assert.ok(await grant.isDisabled());
  await page.getByLabel("It may ask", { exact: true }).selectOption({ label: "Cellar sensor" });
  await page.getByLabel("Path of what it may ask for").fill("temperature");
  await page.getByText("Begin the path with /").waitFor();
  assert.ok(await grant.isDisabled());
  await page.getByLabel("Path of what it may ask for").fill("/temperature");
  await page.getByLabel("set (PUT)").check();
  await page.getByText("Kitchen lamp may read and set /temperature of Cellar sensor.").waitFor();
  await grant.press("Enter");
  const taken = page.getByRole("button", { name: /^Take away: Kitchen lamp may read and set/u });
  await taken.waitFor();
  assert.deepEqual((await call("rights", { id: lamp.id })).rights, [
    { to: sensor.id, path: "/temperature", methods: ["GET", "PUT"] },
  ]);
  await taken.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Take this right away?" });
  await dialog.getByText("Kitchen lamp may read and set /temperature of Cellar sensor.").waitFor();
  await dialog.getByRole("button", { name: "Take away" }).press("Enter");
  await page.getByText("It may ask nothing of other devices.").waitFor();
  assert.deepEqual((await call("rights", { id: lamp.id })).rights, []);
  await page.context().close();
});

test("a right that the daemon does not take says why, and what was typed stays", async () => {
  const page = await open(lamp.id);
  await page.getByLabel("It may ask", { exact: true }).selectOption("all");
  const path = page.getByLabel("Path of what it may ask for");
  await path.fill("/a/../b");
  await page.getByRole("button", { name: "Grant" }).click();
  await page.getByRole("alert").filter({ hasText: "no path in its one spelling" }).waitFor();
  assert.equal(await path.inputValue(), "/a/../b");
  await page.context().close();
});

test("it goes into a group and out of it", async () => {
  const page = await open(lamp.id);
  await page.getByLabel("Name of the group").fill("lights");
  await page.keyboard.press("Enter");
  const out = page.getByRole("button", { name: "Take out: lights" });
  await out.waitFor();
  assert.deepEqual((await call("rights", { id: lamp.id })).groups, ["lights"]);
  await out.press("Enter");
  await page.getByText("It is in no group.").waitFor();
  await page.context().close();
});

test("it gets another name with the keyboard alone, and the keyboard's place comes back", async () => {
  const page = await open(lamp.id);
  await page.getByRole("button", { name: "Rename" }).press("Enter");
  await page.keyboard.type("Lamp over the table");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Lamp over the table" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Rename");
  await call("rename", { id: lamp.id, name: "Kitchen lamp" });
  await page.getByRole("heading", { name: "Kitchen lamp" }).waitFor();
  await page.context().close();
});

test("its silence is taken for as long as the owner says", async () => {
  const page = await open(lamp.id);
  const days = page.getByLabel("Days of silence, 3 to 60");
  await days.fill("10");
  await page.keyboard.press("Enter");
  await page.getByText("10 days, as you set it").waitFor();
  await days.fill("30");
  await page.keyboard.press("Enter");
  await page.getByText(/It was told a shorter time before/u).waitFor();
  await page.getByRole("button", { name: "Let the home decide" }).click();
  await page.getByText(/\d days, as the home decides/u).waitFor();
  await page.context().close();
});

test("Escape leaves a dialog, nothing is done, and the keyboard's place comes back", async () => {
  const page = await open(sensor.id);
  await page.getByRole("button", { name: "Release" }).press("Enter");
  const dialog = page.getByRole("dialog", { name: "Give this device up?" });
  await dialog.getByText("Cellar sensor").waitFor();
  await isFit(page);
  for (let at = 0; at < 5; at++) {
    await page.keyboard.press("Tab");
    assert.ok(
      await page.evaluate(() => document.activeElement.closest("[role=dialog]") !== null),
      "the keyboard left the dialog",
    );
  }
  // Meanwhile the home moves on, and the page under the dialog with it.
  await call("rename", { id: sensor.id, name: "Sensor" });
  await page.locator("h2", { hasText: /^Sensor$/u }).waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Release");
  assert.equal(await stateOf(sensor.id), "active");
  await call("rename", { id: sensor.id, name: "Cellar sensor" });
  await page.context().close();
});

test("a theft lock goes on and off", async () => {
  const page = await open(stranger.id);
  await page.getByRole("button", { name: "Theft-lock" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Theft-lock" }).click();
  await page.getByText("theft-locked", { exact: true }).waitFor();
  assert.equal((await call("device", { id: stranger.id })).theftLock, true);
  await page.getByRole("button", { name: "Unlock" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Unlock" }).click();
  await page.getByRole("button", { name: "Theft-lock" }).waitFor();
  assert.equal((await call("device", { id: stranger.id })).theftLock, false);
  await page.context().close();
});

test("a revocation shows its proof step by step, and what can be done then", async () => {
  const { id } = await stage.world.member("camera", "Garden camera");
  const page = await open(id);
  await page.getByRole("button", { name: "Revoke" }).press("Enter");
  const dialog = page.getByRole("dialog", { name: "Revoke this device?" });
  await dialog.getByText("Garden camera").waitFor();
  await dialog.getByLabel("Why").selectOption("keyCompromise");
  await dialog.getByRole("button", { name: "Revoke" }).press("Enter");
  const proof = page.getByRole("dialog", { name: "Revoked: the proof" });
  await proof.getByText(/It is out: everything was done within \d/u).waitFor();
  assert.equal(await stateOf(id), "revoked");
  const done = proof.locator(".homeca-done");
  assert.ok((await done.count()) >= 4, "too few steps");
  for (const step of ["record", "connections", "firewall", "list"]) {
    const took = proof.locator(`[data-step=${step}].homeca-done .homeca-took`);
    assert.match(await took.textContent(), /^\d+(?:\.\d)? ms$/u);
  }
  await isFit(page);
  await picture(page, "proof-1280");
  await proof.getByRole("button", { name: "Close" }).press("Enter");
  await page.getByRole("button", { name: "Take it in again" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Revoke" }).count(), 0);
  await page.context().close();
});

test("a device that is revoked is taken in again, or forgotten", async () => {
  const { id } = await stage.world.member("socket", "Old socket");
  await call("revoke", { id });
  const page = await open(id);
  await page.getByRole("button", { name: "Take it in again" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Take it in again" }).click();
  await page.getByRole("button", { name: "Let it in" }).waitFor();
  await page.getByRole("button", { name: "Forget" }).click();
  const dialog = page.getByRole("dialog", { name: "Forget this device?" });
  await dialog.getByText("Old socket").waitFor();
  await dialog.getByRole("button", { name: "Forget" }).click();
  await page.waitForURL(/\/devices$/u);
  const { devices } = await call("devices");
  assert.ok(!devices.some((device) => device.id === id));
  await page.context().close();
});

test("a release says what the device has said to it", async () => {
  const { id } = await stage.world.phone("Ada's phone");
  const page = await open(id);
  await page.getByRole("button", { name: "Release" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Release" }).click();
  const receipt = page.getByRole("dialog", { name: "Released" });
  await receipt.getByText("It cannot confirm that itself.").waitFor();
  await receipt.getByRole("button", { name: "Close" }).click();
  assert.equal(await stateOf(id), "released");
  await page.getByRole("button", { name: "Take it in again" }).waitFor();
  await page.context().close();
});

test("what happens to it is shown without a reload", async () => {
  const page = await open(lamp.id);
  await page.getByText("It may ask nothing of other devices.").waitFor();
  await call("grant", { id: lamp.id, to: "all", path: "/time", methods: "GET" });
  await page.getByText("Kitchen lamp may read /time of every device.").waitFor();
  await page
    .locator(".homeca-history li")
    .first()
    .filter({ hasText: "You granted Kitchen lamp a right" })
    .waitFor();
  await call("withhold", { id: lamp.id, to: "all" });
  await page.context().close();
});

test("the address of no device says so in one sentence", async () => {
  for (const where of ["device", "device?id=aaaaaaaaaaaaaaaa", `device?id=${"<b>".repeat(5)}`]) {
    const page = await stage.page(where);
    await page.locator(".alert-message").waitFor();
    await until("there is a way back", () =>
      page.getByRole("link", { name: "All devices" }).isVisible(),
    );
    await isFit(page);
    await page.context().close();
  }
});
