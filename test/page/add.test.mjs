// The page Add: a profile for a phone, a link that opens once, a label, and a list.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import https from "node:https";
import { after, before, test } from "node:test";
import { begin, GUEST, HOSTILE_NAME, isFit, picture, WIDTHS } from "./harness.mjs";

let stage;
before(async () => {
  stage = await begin();
});
after(() => stage?.end());

const devices = async () => (await stage.world.home.call("devices")).devices;

async function filled(page, name, platform) {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("What it is").selectOption(platform);
  await page.getByLabel("Wi-Fi network").fill("Home");
}

for (const width of WIDTHS) {
  for (const dark of [false, true]) {
    test(`at ${width} px, ${dark ? "dark" : "light"}, it is readable by everybody`, async () => {
      const page = await stage.page("add", { width, dark });
      await page.getByRole("heading", { name: "A list of devices" }).waitFor();
      await isFit(page);
      await picture(page, `add-${width}${dark ? "-dark" : ""}`);
      await page.context().close();
    });
  }
}

test("a profile is saved, with a password that no file and no answer has, and the next one gets another", async () => {
  const page = await stage.page("add");
  const shown = page.locator("output");
  const first = await shown.textContent();
  assert.match(first, /^(?:[a-z2-9]{5}-){3}[a-z2-9]{5}$/u);
  await filled(page, HOSTILE_NAME, "apple");
  const waiting = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save the profile here" }).press("Enter");
  const profile = readFileSync(await (await waiting).path(), "utf8");
  assert.match(profile, /<!DOCTYPE plist/u);
  assert.ok(!profile.includes(first) && !profile.includes("<img"));
  await page.getByText(first).waitFor();
  assert.notEqual(await shown.textContent(), first);
  const [device] = await devices();
  assert.deepEqual(
    [device.name, device.class, device.state],
    [HOSTILE_NAME, "certificate", "approved"],
  );
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "");
  await isFit(page);
  await page.context().close();
});

test("a link is shown with what to compare, and opens once", async () => {
  const page = await stage.page("add", { width: 360 });
  await filled(page, "Ada's phone", "android");
  await page.getByRole("button", { name: "Make a link that opens once" }).click();
  const url = await page.locator(".homeca-link").textContent();
  assert.match(url, /^https:\/\/127\.0\.0\.1:\d+\/link\/[a-z2-7]{26}$/u);
  await isFit(page);
  const answers = [await fetched(url), await fetched(url)];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 404],
  );
  assert.ok(answers[0].length > 500);
  await page.context().close();
});

/** As the phone's browser after its owner has compared the fingerprint: this home's root vouches for it. */
function fetched(url) {
  return new Promise((resolve, reject) => {
    const options = { ca: stage.world.home.rootPem, servername: "homeca.home.arpa", agent: false };
    https
      .get(url, options, (response) => {
        let length = 0;
        response.on("data", (chunk) => (length += chunk.length));
        response.on("end", () => resolve({ status: response.statusCode, length }));
      })
      .on("error", reject);
  });
}

test("what is missing is said and gets the focus, and nothing is made", async () => {
  const before = (await devices()).length;
  const page = await stage.page("add");
  await page.getByRole("button", { name: "Save the profile here" }).click();
  await page.getByRole("alert").filter({ hasText: "Give it a name first" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "homeca-name");
  assert.equal((await devices()).length, before);
  await page.context().close();
});

test("a list with a mistake is refused whole with its line, stays to be mended, and is then taken in", async () => {
  const page = await stage.page("add");
  const good = "id,code,name,type\nabcdefghijklmnop,7KQ2-M4X9-RTDH-3VNP,Bedroom heater,heater\n";
  const list = `${good}x,y,z,q\n`;
  await page.getByLabel("From a file").setInputFiles({
    name: "list.csv",
    mimeType: "text/csv",
    buffer: Buffer.from(list),
  });
  const text = page.getByLabel("Or its text");
  assert.equal(await text.inputValue(), list);
  await page.getByRole("button", { name: "Take it in" }).press("Enter");
  await page
    .locator("p.homeca-bad")
    .filter({ hasText: /^Line 3: .*[^.]\.$/u })
    .waitFor();
  assert.equal(await text.inputValue(), list);
  await text.fill(good);
  await page.getByRole("button", { name: "Take it in" }).press("Enter");
  await page.getByText("1 device is expected now.").waitFor();
  assert.equal(await text.inputValue(), "");
  const expected = (await devices()).filter(({ state }) => state === "expected");
  assert.deepEqual(
    expected.map(({ name }) => name),
    ["Bedroom heater"],
  );
  await page.context().close();
});

test("the text of a label that is none is refused in a sentence, and stays", async () => {
  const page = await stage.page("add");
  await page.getByLabel("Text of the code on its label").fill(HOSTILE_NAME);
  await page.getByRole("button", { name: "Expect it" }).click();
  await page.locator(".homeca-bad").first().waitFor();
  assert.equal(await page.getByLabel("Text of the code on its label").inputValue(), HOSTILE_NAME);
  await isFit(page);
  await page.context().close();
});

test("a search is begun for a type, counts down and is ended, and what is typed elsewhere stays", async () => {
  const page = await stage.page("add");
  await page.getByLabel("Name", { exact: true }).fill("half a na");
  await page.getByLabel("of type").fill("heating");
  await page.getByRole("button", { name: "Search for new devices" }).press("Enter");
  await page.getByText(/Searching for new devices: 1\d\d s left/u).waitFor();
  const { search } = await stage.world.home.call("status");
  assert.deepEqual(search.types, ["heating"]);
  await isFit(page);
  await page.getByRole("button", { name: "Stop searching" }).press("Enter");
  await page.getByRole("button", { name: "Search for new devices" }).waitFor();
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "half a na");
  await page.context().close();
});

test("who may only look makes nothing", async () => {
  const before = (await devices()).length;
  const page = await stage.page("add", { user: GUEST });
  await filled(page, "Mallory's phone", "apple");
  await page.getByRole("button", { name: "Save the profile here" }).click();
  await page.getByRole("alert").filter({ hasText: "log in as an administrator" }).waitFor();
  assert.equal((await devices()).length, before);
  await page.context().close();
});
