// Pages that are opened while the daemon is away: they say so, and go on by themselves.
import { after, before, test } from "node:test";
import { begin, isFit } from "./harness.mjs";

let stage;
let phone;
before(async () => {
  stage = await begin();
  phone = await stage.world.phone("Ada's phone");
});
after(() => stage?.end());

const PAGES = [
  {
    name: "Devices",
    where: () => "devices",
    wanted: (page) => page.getByRole("link", { name: "Ada's phone" }),
  },
  {
    name: "the matrix",
    where: () => "devices#matrix",
    wanted: (page) => page.getByText("As soon as two devices"),
  },
  {
    name: "a device",
    where: () => `device?id=${phone.id}`,
    wanted: (page) => page.getByRole("heading", { name: "Ada's phone" }),
  },
  {
    name: "Why?",
    where: () => `why?id=${phone.id}&to=all`,
    wanted: (page) => page.getByText("Ada's phone may ask nothing now"),
  },
  { name: "Authority", where: () => "authority", wanted: (page) => page.getByText("Good until") },
];

for (const { name, where, wanted } of PAGES) {
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
