// The page Authority: the home's certificates and its revocation list.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { begin, GUEST, isFit, picture, WIDTHS } from "./harness.mjs";

let stage;
before(async () => {
  stage = await begin();
});
after(() => stage?.end());

/** As if this router had taken the place of another; what the button sends goes to `sent` and no further. */
async function moved(page, sent) {
  await page.route("**/ubus", async (route) => {
    const asked = [route.request().postDataJSON()].flat();
    if (asked.some(({ params }) => params[2] === "replaced")) {
      sent.push(...asked.map(({ params }) => params.slice(1)));
      const replies = asked.map(({ id }) => ({ jsonrpc: "2.0", id, result: [0, { router: [] }] }));
      return route.fulfill({ json: replies.length === 1 ? replies[0] : replies });
    }
    const response = await route.fetch();
    const replies = await response.json();
    for (const [at, reply] of [replies].flat().entries()) {
      if (asked[at].params[2] !== "status") continue;
      const part = reply.result[1].parts.find((one) => one.part === "authority");
      const fix = { label: "This router took its place", method: "replaced", arguments: {} };
      Object.assign(part, { good: false, sentence: "This home came from another router.", fix });
    }
    return route.fulfill({ response, json: replies });
  });
}

for (const width of WIDTHS) {
  for (const dark of [false, true]) {
    test(`at ${width} px, ${dark ? "dark" : "light"}, it is readable by everybody`, async () => {
      const page = await stage.page("authority", { width, dark });
      await page.getByRole("heading", { name: "Revocation list" }).waitFor();
      await isFit(page);
      await picture(page, `authority-${width}${dark ? "-dark" : ""}`);
      await page.context().close();
    });
  }
}

test("fingerprints, names and ends are the authority's own", async () => {
  const it = await stage.world.home.call("authority");
  const page = await stage.page("authority");
  const prints = await page.locator(".homeca-fingerprint").allTextContents();
  assert.deepEqual(prints, [it.rootFingerprint, it.rootKeyFingerprint]);
  const day = (seconds) =>
    new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" }).format(
      new Date(seconds * 1000),
    );
  const server = page.locator("tr").filter({ hasText: it.serverName });
  const cells = await server.locator("td").allTextContents();
  assert.deepEqual(cells.slice(1), [day(it.serverNotAfter), day(it.serverRenewsAt)]);
  const issuing = page.locator("tr").filter({ hasText: "Issuing authority" });
  assert.equal(await issuing.locator("td").nth(1).textContent(), day(it.issuingNotAfter));
  await page.context().close();
});

test("the root certificate and the revocation list are saved as they are", async () => {
  const { rootPem } = await stage.world.home.call("authority");
  const { crlPem } = await stage.world.home.call("crl");
  const page = await stage.page("authority");
  for (const [name, file, wanted] of [
    ["Download the root certificate", "homeca-ca.pem", rootPem],
    ["Download the revocation list", "homeca-crl.pem", crlPem],
  ]) {
    const coming = page.waitForEvent("download");
    await page.getByRole("button", { name }).press("Enter");
    const download = await coming;
    assert.equal(download.suggestedFilename(), file);
    assert.equal(readFileSync(await download.path(), "utf8"), wanted);
  }
  await page.context().close();
});

test("a revocation is on the list without a reload", async () => {
  const { id } = await stage.world.phone("Lost phone");
  const page = await stage.page("authority");
  const count = page.locator("dt", { hasText: "Withdrawn certificates on it" }).locator("+ dd");
  assert.equal(await count.textContent(), "0");
  await stage.world.home.call("revoke", { id });
  await count.filter({ hasText: "1" }).waitFor();
  const { number } = await stage.world.home.call("crl");
  const shown = page.locator("dt", { hasText: "Number" }).locator("+ dd");
  assert.equal(await shown.textContent(), String(number));
  await page.context().close();
});

test("a replaced router is confirmed once, by who may change something, after a question", async () => {
  const sent = [];
  const page = await stage.page("home");
  await moved(page, sent);
  await page.getByRole("link", { name: "Authority" }).click();
  const button = page.getByRole("button", { name: "This router took its place" });
  await button.press("Enter");
  const dialog = page.getByRole("dialog", { name: "This router took its place" });
  await dialog.getByText("must not run at once").waitFor();
  await isFit(page);
  assert.deepEqual(sent, []);
  await dialog.getByRole("button", { name: "This router took its place" }).press("Enter");
  await dialog.waitFor({ state: "hidden" });
  assert.deepEqual(sent, [["homeca", "replaced", {}]]);
  // An answer on its way would find nobody.
  await page.unrouteAll({ behavior: "wait" });
  await page.context().close();
});

test("who may only look is told of a replaced router and gets no button", async () => {
  const page = await stage.page("home", { user: GUEST });
  await moved(page, []);
  await page.getByRole("link", { name: "Authority" }).click();
  await page.getByText("This home came from another router.").waitFor();
  assert.equal(await page.getByRole("button", { name: "This router took its place" }).count(), 0);
  // An answer on its way would find nobody.
  await page.unrouteAll({ behavior: "wait" });
  await page.context().close();
});
