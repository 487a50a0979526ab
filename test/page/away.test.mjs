// Pages that are opened while the daemon is away: they say so, and go on by themselves.
import { after, before, test } from "node:test";
import { begin, isFit } from "./harness.mjs";

let stage;
let lamp;
before(async () => {
  stage = await begin();
  lamp = await stage.world.phone("Ada's phone");
});
after(() => stage?.end());

for (const [name, where, wanted] of [
  ["Devices", () => "devices", (page) => page.getByRole("link", { name: "Ada's phone" })],
  ["the matrix", () => "devices#matrix", (page) => page.getByText("As soon as two devices")],
  [
    "a device",
    () => `device?id=${lamp.id}`,
    (page) => page.getByRole("heading", { name: "Ada's phone" }),
  ],
  [
    "Why?",
    () => `why?id=${lamp.id}&to=all`,
    (page) => page.getByText("Ada's phone may ask nothing now"),
  ],
  ["Authority", () => "authority", (page) => page.getByText("Good until")],
]) {
  test(`${name} says that the daemon is away, and is there once it is back`, async () => {
    await stage.world.home.stop();
    const page = await stage.page(where());
    try {
      await page.getByText("HomeCA is not running.").first().waitFor();
      await isFit(page);
    } finally {
      await stage.world.home.start();
    }
    await wanted(page).waitFor();
    await page.getByText("HomeCA is not running.").waitFor({ state: "detached" });
    await isFit(page);
    await page.context().close();
  });
}
