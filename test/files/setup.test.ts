/** The router's scripts of the wireless set-up, under busybox. */
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { assert, skip, test } from "#kit";
import { Router } from "./router.ts";

const BOOT = "etc/init.d/homeca-setup";
const PLUGIN = "files/usr/libexec/rpcd/homeca-setup";
const PROGRAM = '#!/bin/sh\necho "homeca $*: $(cat)"\n';

if (spawnSync("busybox", ["true"]).status === 0) suite();
else skip("the scripts of the wireless set-up", "needs busybox");

function suite(): void {
  test("at boot, before the network, an unfinished set-up is put back; without one nothing runs", () => {
    const router = new Router();
    router.file("usr/sbin/homeca", PROGRAM, 0o755);
    const said = (): readonly string[] =>
      router.run(BOOT, "logger() { cat; }; boot </dev/null; start");
    assert.deepEqual(said(), []);
    router.file("etc/homeca-setup/record.json", "{}");
    assert.deepEqual(said(), ["homeca setup --resume:"]);
    assert.deepEqual(router.run(BOOT, 'echo "$START"'), ["16"]);
    router.remove();
  });

  test("rpcd's plugin hands its words and its input on, and is executable", () => {
    const router = new Router();
    router.file("usr/sbin/homeca", PROGRAM, 0o755);
    const { stdout } = spawnSync("busybox", ["sh", PLUGIN, "call", "plan"], {
      encoding: "utf8",
      input: '{"ssid":"It\'s"}',
      env: { PATH: process.env["PATH"] ?? "", HOMECA_ROOT: router.root },
    });
    assert.equal(stdout, `homeca setup --rpcd call plan: {"ssid":"It's"}\n`);
    assert.equal(statSync(PLUGIN).mode & 0o111, 0o111);
    router.remove();
  });
}
