// The page Devices: the list, and who may do what with whom.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { begin, GUEST, HOSTILE_NAME, isFit, picture, until, WIDTHS } from "./harness.mjs";

let stage;
let lamp;
let sensor;
before(async () => {
  stage = await begin();
  const { world } = stage;
  lamp = await world.member("lamp", "Kitchen lamp");
  sensor = await world.member("sensor", "Cellar sensor");
  await world.member("lamp", "Attic lamp");
  await world.stranger("camera", HOSTILE_NAME);
  await world.phone("Ada's phone");
  await world.home.call("group", { id: lamp.id, group: "lights" });
  await world.home.call("grant", { id: sensor.id, to: "@lights", path: "/on", methods: "PUT" });
});
after(() => stage?.end());

const rows = (page) => page.locator(".homeca-devices tbody tr");
const names = (page) => rows(page).locator("a").allTextContents();
const rightsOf = async (id) => (await stage.world.home.call("rights", { id })).rights;

for (const width of WIDTHS) {
  for (const dark of [false, true]) {
    const look = `at ${width} px, ${dark ? "dark" : "light"}`;
    const suffix = `${width}${dark ? "-dark" : ""}`;
    test(`${look}, the list is readable by everybody, and a name stays a name`, async () => {
      const page = await stage.page("devices", { width, dark });
      await rows(page).nth(4).waitFor();
      assert.ok((await names(page)).includes(HOSTILE_NAME));
      await isFit(page);
      await picture(page, `devices-${suffix}`);
      await page.context().close();
    });

    test(`${look}, the matrix is readable by everybody`, async () => {
      const page = await stage.page("devices#matrix", { width, dark });
      await page.getByRole("button", { name: /Cellar sensor may set something/u }).waitFor();
      await isFit(page);
      await picture(page, `matrix-${suffix}`);
      await page.context().close();
    });
  }
}

test("a row says where the device is, until when it is certified and what it may do", async () => {
  const page = await stage.page("devices");
  const row = rows(page).filter({ hasText: "Cellar sensor" });
  await row.waitFor();
  const cells = await row.locator("td").allTextContents();
  assert.match(cells[1], /active.*in the network/u);
  assert.match(cells[4], /^\d+ \w+ \d{4}$/u);
  assert.equal(cells[5], "may set /on of every device in the group lights");
  await page.context().close();
});

test("what is typed and chosen leaves only the devices that are meant", async () => {
  const page = await stage.page("devices");
  await rows(page).nth(4).waitFor();
  await page.getByLabel("Find").fill("LAMP");
  assert.deepEqual((await names(page)).toSorted(), ["Attic lamp", "Kitchen lamp"]);
  await page.getByText("2 of 5 devices are shown.").waitFor();
  await page.getByLabel("Find").fill("lights");
  assert.deepEqual(await names(page), ["Kitchen lamp"]);
  await page.getByLabel("Find").fill("");
  await page.getByLabel("State").selectOption("pending");
  assert.deepEqual(await names(page), [HOSTILE_NAME]);
  await page.getByLabel("State").selectOption("");
  await page.getByLabel("Class").selectOption("legacy");
  await page.getByText("0 of 5 devices are shown.").waitFor();
  await page.context().close();
});

test("a heading sorts by its column with the keyboard, and says which way", async () => {
  const page = await stage.page("devices");
  await rows(page).nth(4).waitFor();
  const sort = page.locator("th button", { hasText: "Device" });
  const heading = page.getByRole("columnheader", { name: "Device" });
  assert.equal(await heading.getAttribute("aria-sort"), "none");
  await sort.press("Enter");
  assert.equal(await heading.getAttribute("aria-sort"), "ascending");
  const up = await names(page);
  assert.deepEqual(
    up,
    up.toSorted((a, b) => a.localeCompare(b)),
  );
  await sort.press("Enter");
  assert.equal(await heading.getAttribute("aria-sort"), "descending");
  assert.deepEqual(await names(page), up.toReversed());
  await page.context().close();
});

test("where headings are not shown, a choice sorts", async () => {
  const page = await stage.page("devices", { width: 360 });
  await rows(page).nth(4).waitFor();
  await page.getByLabel("Sort by").selectOption("Device");
  assert.equal((await names(page))[1], "Ada's phone");
  await page.getByLabel("Sort by").selectOption("who needs you first");
  assert.equal((await names(page))[0], HOSTILE_NAME);
  await page.context().close();
});

test("the list follows the home, and takes the keyboard's place from nobody", async () => {
  const page = await stage.page("devices");
  const link = rows(page).filter({ hasText: "Attic lamp" }).locator("a");
  await link.focus();
  await rows(page).evaluateAll((all) => all.forEach((row) => (row.dataset.seen = "yes")));
  const { world } = stage;
  const { id } = (await world.home.call("devices")).devices.find(
    ({ name }) => name === "Attic lamp",
  );
  await world.home.call("rename", { id, name: "Loft lamp" });
  await page.getByRole("link", { name: "Loft lamp" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Loft lamp");
  assert.equal(await page.locator("tr[data-seen=yes]").count(), 5, "rows were made anew");
  await page.context().close();
});

test("a name leads to the device", async () => {
  const page = await stage.page("devices");
  await page.getByRole("link", { name: "Kitchen lamp" }).press("Enter");
  await page.getByRole("heading", { name: "Kitchen lamp" }).waitFor();
  await page.context().close();
});

test("with the keyboard alone a cell of the matrix gives a right and takes it", async () => {
  const page = await stage.page("devices#matrix");
  const cell = page.getByRole("button", {
    name: "–: Kitchen lamp may ask nothing of Cellar sensor.",
  });
  await cell.press("Enter");
  const dialog = page.getByRole("dialog");
  await isFit(page);
  await dialog.getByLabel("Path of what it may ask for").focus();
  await page.keyboard.type("/temperature");
  await dialog.getByText("Kitchen lamp may read /temperature of Cellar sensor.").waitFor();
  await page.keyboard.press("Enter");
  await until("it is granted", async () => (await rightsOf(lamp.id)).length === 1);
  assert.deepEqual(await rightsOf(lamp.id), [
    { to: sensor.id, path: "/temperature", methods: ["GET"] },
  ]);
  await dialog.getByRole("button", { name: "Close" }).press("Enter");
  assert.match(
    await page.evaluate(() => document.activeElement.getAttribute("aria-label")),
    /^read: Kitchen lamp may read something of Cellar sensor\.$/u,
  );
  await page.keyboard.press("Enter");
  await dialog.getByRole("button", { name: /^Take all away/u }).press("Enter");
  await until("it is taken", async () => (await rightsOf(lamp.id)).length === 0);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await page.context().close();
});

test("a member's name stays a name in the matrix too", async () => {
  const { id } = await stage.world.phone(HOSTILE_NAME);
  const page = await stage.page("devices#matrix");
  const cell = page.getByRole("button", {
    name: `–: ${HOSTILE_NAME} may ask nothing of Cellar sensor.`,
  });
  await cell.waitFor();
  await isFit(page);
  await cell.click();
  await page.getByRole("dialog").getByText(`${HOSTILE_NAME} asks Cellar sensor`).waitFor();
  await isFit(page);
  await page.context().close();
  await stage.world.home.call("revoke", { id });
  await stage.world.home.call("remove", { id });
});

test("who may only look sees the matrix and is offered no change", async () => {
  const page = await stage.page("devices#matrix", { user: GUEST });
  await page
    .getByRole("button", { name: /Kitchen lamp may ask nothing of Cellar sensor/u })
    .click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Kitchen lamp asks Cellar sensor").waitFor();
  assert.deepEqual(await dialog.getByRole("button").allTextContents(), ["Close"]);
  await page.context().close();
});

test("500 devices all come, the first before the last, and the matrix shows a part", async () => {
  await stage.world.cables(500);
  const page = await stage.page("devices");
  // When the first row stands, counted from the beginning of the navigation.
  await page.addInitScript(() => {
    new MutationObserver((_changes, observer) => {
      if (document.querySelector(".homeca-devices tbody tr") === null) return;
      observer.disconnect();
      requestAnimationFrame(() => (globalThis.drawnAfter = performance.now()));
    }).observe(document, { childList: true, subtree: true });
  });
  const took = [];
  for (let round = 0; round < 3; round++) {
    await page.reload();
    took.push(await page.waitForFunction(() => globalThis.drawnAfter).then((it) => it.jsonValue()));
  }
  // Shown, and not judged: the machine does other things as well.
  console.log(`# first rows after ${took.map((ms) => Math.round(ms)).join(", ")} ms`);
  await page.getByText("505 of 505 devices are shown.").waitFor();
  assert.equal(await rows(page).count(), 505);
  await page.getByRole("link", { name: "Who may do what with whom" }).press("Enter");
  await page.getByText(/^Asked: 1 to 8 of \d+$/u).waitFor();
  assert.ok((await page.locator(".homeca-matrix tbody tr").count()) <= 25);
  await page.getByRole("button", { name: "Further" }).last().press("Enter");
  await page.getByText(/^Asked: 9 to 16 of \d+$/u).waitFor();
  await page.context().close();
});
