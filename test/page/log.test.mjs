// The page Log: what was done for good, what happened lately, filters, export, and the check.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { begin, HOSTILE_NAME, isFit, picture, until, WIDTHS } from "./harness.mjs";

const FORMULA = '=HYPERLINK("http://x";"y")';

let stage;
before(async () => {
  stage = await begin();
  await stage.world.member("lamp", "Kitchen lamp");
  const { id } = await stage.world.stranger("camera", HOSTILE_NAME);
  await stage.world.home.call("approve", { id });
});
after(() => stage?.end());

const rows = (page) => page.locator("tbody tr");

for (const width of WIDTHS) {
  test(`at ${width} px it is readable by everybody`, async () => {
    const page = await stage.page("log", { width });
    await rows(page).first().waitFor();
    await isFit(page);
    await picture(page, `log-${width}`);
    await page.context().close();
  });
}

test("filters by who and by words narrow it down, and say how far", async () => {
  const page = await stage.page("log");
  await rows(page).filter({ hasText: HOSTILE_NAME }).first().waitFor();
  await page.getByLabel("By", { exact: true }).selectOption("authority");
  await until("only the authority's", async () => {
    const all = await rows(page).allTextContents();
    return all.length > 0 && all.every((text) => /Issued|made/u.test(text));
  });
  await page.getByLabel("By", { exact: true }).selectOption("owner");
  await page.getByLabel("With the words").fill("issued kitchen LAMP");
  assert.equal(await rows(page).count(), 1);
  await page.getByText(/^1 of \d+ entries$/u).waitFor();
  await page.getByLabel("With the words").fill("");
  await page.getByLabel("Show").selectOption("log");
  await page.getByLabel("By", { exact: true }).selectOption("admitted");
  await rows(page).filter({ hasText: "joined with its certificate" }).waitFor();
  await page.context().close();
});

test("what is saved has every entry, and no cell that a spreadsheet would run", async () => {
  const { id } = await stage.world.stranger("camera", FORMULA);
  await stage.world.home.call("rename", { id, name: FORMULA });
  const page = await stage.page("log");
  await rows(page).first().waitFor();
  const saved = async (name) => {
    const waiting = page.waitForEvent("download");
    await page.getByRole("button", { name }).click();
    return readFileSync(await (await waiting).path(), "utf8");
  };
  const json = JSON.parse(await saved("Save as JSON"));
  assert.equal(json[0].number, 1);
  assert.ok(json.some(({ text }) => text.includes(FORMULA)));
  const csv = await saved("Save as CSV");
  assert.equal(csv.trimEnd().split("\r\n").length, json.length + 1);
  for (const line of csv.trimEnd().split("\r\n")) assert.doesNotMatch(line, /(?:^|,)"[=+@]/u);
  await page.context().close();
});

test("the check says that all is as written, and where somebody changed it", async () => {
  const page = await stage.page("log");
  await rows(page).first().waitFor();
  await page.getByRole("button", { name: "Check that nothing was changed" }).press("Enter");
  await page.getByText(/Entries 1 to \d+ are as they were written\./u).waitFor();
  const folder = path.join(stage.world.home.folder, "state/audit");
  const file = path.join(folder, readdirSync(folder)[0]);
  writeFileSync(file, readFileSync(file, "utf8").replace("Kitchen lamp", "Kitchen lump"));
  await page.getByRole("button", { name: "Check that nothing was changed" }).press("Enter");
  await page.getByText(/somebody changed it/u).waitFor();
  await page.context().close();
});
