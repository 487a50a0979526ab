// The page Why?: one sentence, and one button that mends it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { begin, GUEST, HOSTILE_NAME, isFit, picture, until, WIDTHS } from "./harness.mjs";

let stage;
let lamp;
let sensor;
before(async () => {
  stage = await begin();
  lamp = await stage.world.member("lamp", "Kitchen lamp");
  sensor = await stage.world.member("sensor", "Cellar sensor");
  await stage.world.stranger("camera", HOSTILE_NAME);
});
after(() => stage?.end());

const answer = (page) => page.locator(".homeca-answer");
const choose = (page, device, about) =>
  page
    .getByLabel("Device")
    .selectOption({ label: device })
    .then(() => page.getByLabel("What about").selectOption({ label: about }));

for (const width of WIDTHS) {
  for (const dark of [false, true]) {
    test(`at ${width} px, ${dark ? "dark" : "light"}, it is readable by everybody, and a name stays a name`, async () => {
      const page = await stage.page("why", { width, dark });
      await choose(page, HOSTILE_NAME, "being in the network");
      await answer(page).getByText("No.").waitFor();
      await answer(page).getByText(HOSTILE_NAME).waitFor();
      await isFit(page);
      await picture(page, `why-stranger-${width}${dark ? "-dark" : ""}`);
      await page.context().close();
    });
  }
}

test("a member is in the network, and there is nothing to mend", async () => {
  const page = await stage.page("why");
  await choose(page, "Kitchen lamp", "being in the network");
  await answer(page).getByText("Kitchen lamp is in the network.").waitFor();
  await answer(page).getByText("Yes.").waitFor();
  assert.equal(await answer(page).getByRole("button").count(), 0);
  await page.context().close();
});

test("what is not granted is granted by the button, with the keyboard alone", async () => {
  const page = await stage.page(`why?id=${lamp.id}&to=${sensor.id}`);
  await answer(page).getByText("No.").waitFor();
  await page.getByLabel("Path").focus();
  await page.keyboard.type("/temperature");
  await page.keyboard.press("Enter");
  const mend = answer(page).getByRole("button", { name: "Grant GET /temperature" });
  const { rights } = await stage.world.home.call("rights", { id: lamp.id });
  assert.deepEqual(rights, []);
  await mend.waitFor();
  await picture(page, "why-1280");
  await mend.press("Enter");
  await until("it is granted", async () => {
    const after = await stage.world.home.call("rights", { id: lamp.id });
    return after.rights.some(({ to, path }) => to === sensor.id && path === "/temperature");
  });
  await answer(page).getByText("Yes.").waitFor();
  await page.context().close();
});

test("who waits is let in by the button", async () => {
  const { id, name } = await stage.world.stranger("heating", "Bathroom heating");
  const page = await stage.page("why");
  await choose(page, name, "being in the network");
  await answer(page).getByRole("button", { name: "Let it in" }).click();
  await until("it is approved", async () => {
    const { state } = await stage.world.home.call("device", { id });
    return state === "approved";
  });
  await answer(page)
    .getByText(/is approved/u)
    .waitFor();
  await page.context().close();
});

test("about a time, what was decided then is told", async () => {
  const page = await stage.page("why");
  await choose(page, "Kitchen lamp", "being in the network");
  await page.getByLabel("At which time").fill("2001-01-01T00:00");
  await answer(page).getByText("Nothing was decided about Kitchen lamp").waitFor();
  await page.getByLabel("At which time").fill("2099-01-01T00:00");
  await answer(page)
    .getByText(/^Admitted Kitchen lamp/u)
    .waitFor();
  await page.context().close();
});

test("the times when something was decided can be asked about with one press", async () => {
  const page = await stage.page("why");
  await choose(page, HOSTILE_NAME, "being in the network");
  await answer(page).getByText("it still waits for you").waitFor();
  const moments = page.getByRole("group", { name: "When something was decided about it" });
  await moments
    .getByRole("button", { name: /held in quarantine$/u })
    .first()
    .press("Enter");
  await answer(page).getByText("it is new here").waitFor();
  await isFit(page);
  await page.getByLabel("What about").selectOption({ label: "asking every device" });
  await moments.waitFor({ state: "hidden" });
  await page.context().close();
});

test("what can be chosen and the answer follow the home, and what is chosen stays", async () => {
  const page = await stage.page("why");
  await choose(page, "Cellar sensor", "asking every device");
  await answer(page).getByText("No.").waitFor();
  await stage.world.home.call("grant", { id: sensor.id, to: "all", path: "/on", methods: "GET" });
  await answer(page).getByText("Yes.").waitFor();
  assert.equal(await page.getByLabel("Device").inputValue(), sensor.id);
  assert.equal(await page.getByLabel("What about").inputValue(), "all");
  await page.context().close();
});

test("a path that is none is refused in one sentence", async () => {
  const page = await stage.page(`why?id=${lamp.id}&to=all`);
  await page.getByLabel("Path").fill("temperature");
  await page.getByRole("button", { name: "Why?" }).click();
  await answer(page).getByText("no path in its one spelling").waitFor();
  await page.context().close();
});

test("who may only look gets the sentence and no button", async () => {
  const page = await stage.page("why", { user: GUEST });
  await choose(page, HOSTILE_NAME, "being in the network");
  await answer(page).getByText("No.").waitFor();
  assert.equal(await answer(page).getByRole("button").count(), 0);
  await page.context().close();
});
