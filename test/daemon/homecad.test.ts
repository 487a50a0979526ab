/** `homecad`, the daemon on QuickJS over the C host, as the program that it is. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { assert, skip, test } from "#kit";
import { EXIT } from "../../src/main/cli/exit.ts";
import { Home, homecadPath } from "../kit/home.ts";

const PASSWORD = "a password for tests";
const KILLS = 10;

if (existsSync(homecadPath())) suite();
else skip("homecad", "needs a C compiler: musl-gcc or cc");

async function withHome(
  body: (home: Home) => Promise<void>,
  options: ConstructorParameters<typeof Home>[0] = {},
): Promise<void> {
  const home = new Home({ ...options, command: [homecadPath()] });
  try {
    await home.start();
    await body(home);
  } finally {
    await home.remove();
  }
}

interface Listed {
  readonly devices: readonly { readonly name: string }[];
}

function suite(): void {
  test("homecad: an issued PKCS#12 is one that OpenSSL opens", () =>
    withHome(async (home) => {
      const wanted = { name: "phone", class: "certificate", password: PASSWORD };
      const { p12 } = await home.call<{ p12: string }>("issue", wanted);
      const file = path.join(home.folder, "phone.p12");
      writeFileSync(file, Buffer.from(p12, "base64"));
      const words = ["pkcs12", "-in", file, "-passin", `pass:${PASSWORD}`, "-noenc"];
      const { status, stdout, stderr } = spawnSync("openssl", words, { encoding: "utf8" });
      assert.equal(status, 0, stderr);
      assert.match(stdout, /BEGIN PRIVATE KEY/u);
    }));

  test("homecad: what was acknowledged is there after each of ten kills", () =>
    withHome(async (home) => {
      for (let kill = 0; kill < KILLS; kill++) {
        const cage = { name: `Thing ${kill}`, class: "wired", mac: `02:00:00:00:00:0${kill}` };
        await home.call("cage", cage);
        await home.stop("SIGKILL");
        await home.start();
        const { devices } = await home.call<Listed>("devices");
        assert.equal(devices.length, kill + 1);
      }
    }));

  test("homecad: SIGTERM ends it with status 0, and it says so", () =>
    withHome(async (home) => {
      assert.equal(await home.stop("SIGTERM"), 0);
      assert.match(home.log, /HomeCA stops/u);
    }));

  test("homecad: a wrong configuration leaves the one in force after SIGHUP, and ends it at the start", () =>
    withHome(async (home) => {
      const good = readFileSync(home.configPath, "utf8");
      writeFileSync(home.configPath, good.replace("option enforce 'off'", "option enforce 'of'"));
      home.hangUp();
      await home.waitForLog(/'of': use 'nft'.*the old configuration stays in force/u);
      await home.call("status");
      const words = ["serve", "--config", home.configPath];
      const { status, stderr } = spawnSync(homecadPath(), words, { encoding: "utf8" });
      assert.equal(status, EXIT.configuration, stderr);
      assert.match(stderr, /enforce/u);
    }));

  test("homecad: a second one beside it is refused with one sentence, and harms nothing", () =>
    withHome(async (home) => {
      const words = ["serve", "--config", home.configPath];
      const { status, stderr } = spawnSync(homecadPath(), words, { encoding: "utf8" });
      assert.equal(status, 1, stderr);
      assert.match(stderr, /^homeca: [^\n]+\n$/u);
      await home.call("status");
    }));
}
