// The wireless set-up whole, on a router in memory: from the diff to undo, and through every power cut between.
import { assert, test } from "#kit";
import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { PowerCut } from "../../src/host/memory/files.ts";
import type { MemoryFiles } from "../../src/host/memory/files.ts";
import { FRESH_24, LIVED_IN_25 } from "../kit/routers.ts";
import { diskWith, SetupRouter, textsOn } from "../kit/setup-router.ts";

const PLAN = ["setup", "--radio", "radio0", "--ssid", "Home"] as const;
const APPLY = [...PLAN, "--yes"] as const;
const RECORD = "/etc/homeca-setup/record.json";

const fresh = (): SetupRouter => new SetupRouter(diskWith(FRESH_24));

async function applied(): Promise<SetupRouter> {
  const router = fresh();
  const { status, err } = await router.homeca("", ...APPLY);
  assert.deepEqual([status, err], [0, ""]);
  return router;
}

test("without --yes the diff is shown, no secret in it, and nothing is written", async () => {
  const router = fresh();
  const { status, out } = await router.homeca("", ...PLAN);
  assert.equal(status, 0);
  assert.ok(out.includes("+ wireless.homeca_radio0.encryption='wpa3-mixed'\n"));
  assert.ok(out.includes("+ homeca.homeca_ap.secret=(secret)\n"));
  assert.match(out, /run this again with --yes/);
  assert.deepEqual(textsOn(router.files), { ...FRESH_24 });
  assert.equal(router.files.facts(RECORD), null);
});

test("applied, confirmed, run again, undone: the files are the same octets, modes included", async () => {
  const router = await applied();
  assert.deepEqual(
    router.ran.filter((command) => !command.includes("iwinfo")),
    [
      'ubus call service delete {"name":"homeca-setup"}',
      'ubus call service add {"name":"homeca-setup","instances":{"watch":{"command":["/usr/sbin/homeca","setup","--watch"],"stderr":true}}}',
      "reload_config",
      "wifi reload",
      "ubus -t 5 call hostapd.homeca0 get_status",
    ],
  );
  assert.deepEqual(
    ["wireless", "network", "homeca"].map(
      (name) => router.files.facts(`/etc/config/${name}`)?.mode,
    ),
    [0o640, 0o644, 0o640],
    "files with a secret are closed to others",
  );
  assert.equal(router.files.facts(RECORD)?.mode, 0o600);
  assert.equal(router.files.facts("/etc/homeca-setup")?.mode, 0o700);
  const done = textsOn(router.files);
  const secrets = [...(done["wireless"] ?? "").matchAll(/_secret '([a-z2-7]{32})'/g)];
  assert.equal(new Set(secrets.map(([, secret]) => secret)).size, 1);
  assert.ok(done["homeca"]?.includes(`option secret '${secrets[0]?.[1]}'`));

  assert.equal((await router.homeca("", "setup", "confirm")).status, 0);
  assert.equal((await router.homeca("", "setup", "--watch")).status, 0);
  const again = await router.homeca("", ...APPLY);
  assert.equal(again.out, "everything is set up so already: nothing to do\n");
  assert.deepEqual(textsOn(router.files), done);

  assert.equal((await router.homeca("", "setup", "undo")).status, 0);
  assert.deepEqual(textsOn(router.files), { ...FRESH_24 });
  assert.equal(router.files.facts("/etc/config/wireless")?.mode, 0o644);
  assert.equal(router.files.facts(RECORD), null);
  const none = await router.homeca("", "setup", "undo");
  assert.deepEqual([none.status, none.out], [1, ""]);
});

test("nobody confirms: the watcher puts everything back and tells the router", async () => {
  const router = await applied();
  router.ran.length = 0;
  assert.equal((await router.homeca("", "setup", "--watch")).status, 0);
  assert.deepEqual(textsOn(router.files), { ...FRESH_24 });
  assert.deepEqual(router.ran, ["reload_config", "wifi reload"]);
  assert.match(router.logged.join("\n"), /nobody confirmed/);
  assert.match((await router.homeca("", "setup", "confirm")).err, /no set-up waits/);
});

test("a network that is not up cannot be confirmed", async () => {
  const router = await applied();
  for (const [answer, words] of [
    [{ stdout: '{"status":"DFS"}' }, "DFS"],
    [{ stdout: "junk" }, "not told by hostapd"],
    [{ status: 4 }, "not known to hostapd"],
    [{ status: 127 }, "no program ubus"],
    [{ stdout: '{"status":"\\u001b[2J"}' }, "\\x1b"],
  ] as const) {
    router.status = answer;
    const { status, err } = await router.homeca("", "setup", "confirm");
    assert.equal(status, 1);
    assert.ok(err.includes(words), err);
  }
  assert.match((await router.homeca("", "setup", "state")).out, /waits for homeca setup confirm/);
  assert.match((await router.homeca("", ...APPLY)).err, /waits for your yes/);
});

test("a network that does not come up: the command ends in time, and the watcher waits for nobody for ever", async () => {
  const router = fresh();
  router.status = { status: 4 };
  const { status, err } = await router.homeca("", ...APPLY);
  assert.equal(status, 1);
  assert.match(err, /homeca0 did not come up in 60 seconds/);
  assert.ok(router.ran.filter((command) => command.includes("get_status")).length <= 31);
  const disk = router.files;
  disk.restart = () => disk;
  let held = 5;
  disk.lock = () => held-- <= 0;
  assert.equal((await router.homeca("", "setup", "--watch")).status, 0);
  assert.equal(held, -1);
  assert.deepEqual(textsOn(disk), { ...FRESH_24 });
});

test("two at once: the second is told to wait", async () => {
  const router = fresh();
  const disk = router.files;
  disk.restart = () => disk;
  disk.lock = () => false;
  assert.match((await router.homeca("", ...APPLY)).err, /another homeca setup is at work/);
  assert.deepEqual(textsOn(disk), { ...FRESH_24 });
});

test("where nobody could put it back nothing is written", async () => {
  for (const status of [127, 3]) {
    const router = fresh();
    router.script = (command) => (command.includes("service") ? { status } : {});
    const { err } = await router.homeca("", ...APPLY);
    assert.match(err, /nothing was changed/);
    assert.deepEqual(textsOn(router.files), { ...FRESH_24 });
    assert.equal(router.files.facts(RECORD), null);
  }
});

test("a full flash leaves everything as it was, wherever it fills up", async () => {
  for (const errno of ["ENOSPC", "EROFS"]) {
    for (const name of ["wireless", "network", "firewall", "dhcp", "homeca"]) {
      const router = fresh();
      router.script = (command) => {
        if (command.includes("add"))
          router.files.failNext(`replaceDurably /etc/config/${name}`, errno);
        return {};
      };
      const { status, err } = await router.homeca("", ...APPLY);
      assert.equal(status, 1);
      assert.match(err, /nothing was changed; free space/);
      assert.deepEqual(textsOn(router.files), { ...FRESH_24 }, name);
      assert.equal(router.files.facts(RECORD), null);
    }
  }
});

test("what the owner changed since is not thrown away by undo", async () => {
  const router = await applied();
  await router.homeca("", "setup", "confirm");
  const mine = `${fromUtf8(router.files.read("/etc/config/network") ?? utf8(""))}# mine\n`;
  router.files.plant("/etc/config/network", utf8(mine), 0o644);
  const refused = await router.homeca("", "setup", "undo");
  assert.equal(refused.status, 1);
  assert.match(refused.err, /\/etc\/config\/network changed since .* undo --force/);
  const forced = await router.homeca("", "setup", "undo", "--force");
  assert.deepEqual(textsOn(router.files), { ...FRESH_24 });
  assert.match(forced.out, /kept in \/etc\/homeca-setup\/replaced\.json/);
  const kept = fromUtf8(router.files.read("/etc/homeca-setup/replaced.json") ?? utf8(""));
  assert.ok(kept?.includes("# mine"));
});

test("a second change on trial is put back to the first, and undo still knows the beginning", async () => {
  const router = await applied();
  await router.homeca("", "setup", "confirm");
  const first = textsOn(router.files);
  const words = ["setup", "--radio", "radio1", "--ssid", "Home", "--yes"];
  assert.equal((await router.homeca("", ...words)).status, 0);
  assert.notEqual(textsOn(router.files)["wireless"], first["wireless"]);
  await router.homeca("", "setup", "--watch");
  assert.deepEqual(textsOn(router.files), first);
  assert.match((await router.homeca("", "setup", "state")).out, /set up/);
  await router.homeca("", "setup", "undo");
  assert.deepEqual(textsOn(router.files), { ...FRESH_24 });
});

/** Runs a command with the power going after so many units of work. @returns whether it went */
async function cut(
  files: MemoryFiles,
  units: number,
  ...words: readonly string[]
): Promise<SetupRouter | null> {
  const router = new SetupRouter(files);
  // Its own copy of the disk, which stays this one so that the test sees where the power went.
  const disk = files.restart();
  disk.restart = () => disk;
  disk.cutPowerAfter(units);
  router.files = disk;
  try {
    await router.homeca("", ...words);
    return null;
  } catch (failure) {
    assert.ok(failure instanceof PowerCut, String(failure));
    return router;
  }
}

/** What the disk has once the power is back. */
function afterwards(disk: MemoryFiles): SetupRouter {
  return new SetupRouter(Object.getPrototypeOf(disk).restart.call(disk));
}

test("the power goes at any moment of a set-up: the next start has the router as it was", async () => {
  let cuts = 0;
  for (let units = 0; ; units++) {
    const router = await cut(diskWith(FRESH_24), units, ...APPLY);
    if (router === null) break;
    cuts++;
    const next = afterwards(router.files);
    assert.equal((await next.homeca("", "setup", "--resume")).status, 0);
    assert.deepEqual(textsOn(next.files), { ...FRESH_24 }, `after ${units} units`);
    assert.equal(next.files.facts(RECORD), null);
  }
  assert.ok(cuts > 15, `${cuts} cuts`);
});

test("the power goes at any moment of putting back or of undo: the start after that finishes it", async () => {
  const trial = await applied();
  const kept = new SetupRouter(trial.files.restart());
  await kept.homeca("", "setup", "confirm");
  const done = JSON.stringify(textsOn(kept.files));
  for (const [disk, words] of [
    [trial.files, ["setup", "--resume"]],
    [kept.files, ["setup", "undo"]],
  ] as const) {
    let cuts = 0;
    for (let units = 0; ; units++) {
      const router = await cut(disk, units, ...words);
      if (router === null) break;
      cuts++;
      const next = afterwards(router.files);
      assert.equal((await next.homeca("", "setup", "--resume")).status, 0);
      const texts = JSON.stringify(textsOn(next.files));
      const isOld = texts === JSON.stringify({ ...FRESH_24 });
      // An undo that had not begun has not happened.
      assert.ok(isOld || (words[1] === "undo" && texts === done), `after ${units} units`);
      if (!isOld) assert.match((await next.homeca("", "setup", "state")).out, /set up/);
    }
    assert.ok(cuts > 10, `${cuts} cuts`);
  }
});

test("LuCI's calls get an answer each, refusals among them", async () => {
  const router = new SetupRouter(diskWith(LIVED_IN_25, "ucode"));
  const rpc = async (method: string, input = "{}"): Promise<Record<string, unknown>> => {
    const { status, out, err } = await router.homeca(input, "setup", "--rpcd", "call", method);
    assert.deepEqual([status, err], [0, ""]);
    return { ...JSON.parse(out) };
  };
  const methods: unknown = JSON.parse((await router.homeca("", "setup", "--rpcd", "list")).out);
  assert.deepEqual(Object.keys({ ...Object(methods) }), [
    "plan",
    "apply",
    "confirm",
    "undo",
    "state",
  ]);
  const wish = '{"radio":"radio1","ssid":"Home","ubus_rpc_session":"0123"}';
  const plan = await rpc("plan", wish);
  assert.deepEqual([plan["ok"], plan["security"], plan["confirmWithinSeconds"]], [true, "wpa3", 0]);
  assert.ok(!String(plan["diff"]).includes("secret-of-a-test-only"));
  assert.deepEqual(textsOn(router.files), { ...LIVED_IN_25 });
  assert.equal((await rpc("apply", wish))["confirmWithinSeconds"], 90);
  assert.deepEqual(await rpc("state"), {
    ok: true,
    step: "trial",
    networks: [{ interface: "homeca1", status: "ENABLED" }],
  });
  assert.deepEqual(await rpc("confirm"), { ok: true });
  assert.equal((await rpc("confirm"))["ok"], false);
  assert.deepEqual(await rpc("undo"), { ok: true, replaced: null });
  assert.deepEqual(textsOn(router.files), { ...LIVED_IN_25 });
  for (const [input, words] of [
    ["", "radio is missing"],
    ["[]", "no JSON object"],
    ["{", "no JSON object"],
    ['{"radio":7}', "no text"],
    ['{"radio":"radio1","ssid":"Home","security":"eap192"}', "one of auto, wpa3"],
    ['{"radio":"\\u001b","ssid":"Home"}', "\\x1b"],
  ] as const) {
    const answer = await rpc("plan", input);
    assert.equal(answer["ok"], false);
    assert.ok(String(answer["message"]).includes(words), String(answer["message"]));
  }
  assert.equal((await router.homeca("", "setup", "--rpcd", "call", "erase")).status, 2);
});

test("a router that cannot do it says why and what to do", async () => {
  const basic = diskWith(FRESH_24);
  for (const folder of ["/lib/apk", "/lib/apk/packages"]) basic.makeDirectory(folder, 0o755);
  basic.plant("/lib/apk/packages/wpad-basic-mbedtls.list", utf8(""));
  const alien = diskWith(FRESH_24);
  alien.remove("/lib/netifd/hostapd.sh");
  const wrong = diskWith({ ...FRESH_24, homeca: "config homeca\n option enforce maybe\n" });
  const broken = diskWith({ ...FRESH_24, dhcp: "option a b\n" });
  const open = diskWith(FRESH_24);
  open.makeDirectory("/etc/homeca-setup", 0o700);
  open.plant(RECORD, utf8("{}"), 0o644);
  for (const [disk, status, words] of [
    [basic, 1, "install wpad-mbedtls"],
    [alien, 1, "OpenWrt 24.10 or later"],
    [wrong, 4, "'nft', 'show' or 'off'"],
    [broken, 1, "(dhcp:1)"],
    [open, 1, "open to others"],
  ] as const) {
    const ended = await new SetupRouter(disk).homeca("", ...APPLY);
    assert.equal(ended.status, status, ended.err);
    assert.ok(ended.err.includes(words), ended.err);
    assert.deepEqual(textsOn(disk)["wireless"], FRESH_24.wireless);
  }
});

test("a radio without management frame protection gets WPA2", async () => {
  const router = fresh();
  router.script = (command) =>
    command.includes("iwinfo")
      ? { stdout: '{"phy":"phy0"}' }
      : command[0] === "iw"
        ? { stdout: "Supported Ciphers:\n * CCMP-128 (00-0f-ac:4)\n" }
        : {};
  const { out } = await router.homeca("", ...PLAN);
  assert.ok(out.includes("encryption='wpa2'"), out);
  assert.ok(out.includes("ieee80211w='0'"));
});
