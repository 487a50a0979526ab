// The wireless set-up as its owner meets it: the program as built, below a root of its own, before stub programs
// that write down what they were told. OpenWrt's own uci reads the result where UCI names it.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { assert, skip, test } from "#kit";
import { PACKAGES } from "../../src/policy/wireless/wanted.ts";
import { homecadPath, homecaCommand } from "../kit/home.ts";
import { FRESH_24, LIVED_IN_25 } from "../kit/routers.ts";
import type { Texts } from "../kit/routers.ts";

/** A root with a router's files, and programs of OpenWrt's names. */
class Root {
  readonly folder: string = mkdtempSync(path.join(tmpdir(), "homeca-setup-"));
  readonly #command: readonly string[];

  constructor(texts: Texts, generation: "shell" | "ucode", command: readonly string[]) {
    this.#command = command;
    this.file(
      generation === "shell" ? "lib/netifd/hostapd.sh" : "usr/share/ucode/wifi/ap.uc",
      "#\n",
    );
    for (const name of PACKAGES) this.file(`etc/config/${name}`, texts[name]);
    for (const name of ["ubus", "wifi", "reload_config"]) {
      const answer =
        name === "ubus"
          ? `case "$*" in *get_status*) echo '{"status":"ENABLED"}' ;; *iwinfo*) exit 4 ;; esac\n`
          : "";
      this.file(
        `bin/${name}`,
        `#!/bin/sh\necho "${name} $*" >>'${this.folder}/told'\n${answer}`,
        0o755,
      );
    }
  }

  file(name: string, text: string, mode = 0o644): void {
    const whole = path.join(this.folder, name);
    mkdirSync(path.dirname(whole), { recursive: true });
    writeFileSync(whole, text);
    chmodSync(whole, mode);
  }

  text(name: string): string {
    return readFileSync(path.join(this.folder, name), "utf8");
  }

  homeca(...words: readonly string[]): {
    readonly status: number | null;
    readonly out: string;
    readonly err: string;
  } {
    const [program = "", ...first] = this.#command;
    const { status, stdout, stderr } = spawnSync(
      program,
      [...first, "setup", ...words, "--root", this.folder],
      {
        encoding: "utf8",
        input: "",
        env: { ...process.env, PATH: `${path.join(this.folder, "bin")}:${process.env["PATH"]}` },
      },
    );
    return { status, out: stdout, err: stderr };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

const COMMANDS: readonly (readonly [string, readonly string[]])[] = [
  ["homeca", homecaCommand()],
  ...(existsSync(homecadPath()) ? ([["homecad", [homecadPath()]]] as const) : []),
];
if (COMMANDS.length === 1) skip("the wireless set-up by homecad", "needs dist/homecad");

for (const [name, command] of COMMANDS) {
  test(`${name}: a set-up is applied, confirmed and undone, octet for octet`, () => {
    const root = new Root(FRESH_24, "shell", command);
    const applied = root.homeca("--radio", "radio0", "--ssid", "Home", "--yes");
    assert.deepEqual([applied.status, applied.err], [0, ""]);
    assert.match(applied.out, /it is up: run homeca setup confirm/);
    assert.ok(!/_secret '|secret='/.test(applied.out));
    const secret = /auth_secret '([a-z2-7]{32})'/.exec(root.text("etc/config/wireless"))?.[1] ?? "";
    assert.equal(secret.length, 32);
    assert.ok(!root.text("told").includes(secret) && !applied.out.includes(secret));
    assert.match(
      root.text("told"),
      /service add .*"setup","--watch","--root"[^]*reload_config[^]*wifi reload/,
    );
    assert.equal(
      statSync(path.join(root.folder, "etc/homeca-setup/record.json")).mode & 0o777,
      0o600,
    );
    assert.equal(root.homeca("confirm").status, 0);
    assert.match(root.homeca("state").out, /homeca0 +ENABLED/);
    assert.equal(root.homeca("undo").status, 0);
    for (const each of PACKAGES)
      assert.equal(root.text(`etc/config/${each}`), FRESH_24[each], each);
    root.remove();
  });
}

const UCI = process.env["UCI"];
if (UCI === undefined) skip("OpenWrt's uci reads what was written", "UCI names no uci");
else {
  test("OpenWrt's uci reads what was written, and every other section as before", () => {
    const show = (root: Root, name: string): string[] => {
      const words = ["-c", path.join(root.folder, "etc/config"), "show", name];
      const { status, stdout, stderr } = spawnSync(UCI, words, { encoding: "utf8" });
      assert.deepEqual([status, stderr], [0, ""]);
      return stdout.split("\n").filter((line) => line !== "");
    };
    for (const [texts, generation, radio] of [
      [FRESH_24, "shell", "radio1"],
      [LIVED_IN_25, "ucode", "radio1"],
    ] as const) {
      const root = new Root(texts, generation, homecaCommand());
      const before = PACKAGES.map((name) => show(root, name));
      const ssid = "It's #1; ä\\";
      const { status, err } = root.homeca("--radio", radio, "--ssid", ssid, "--yes");
      assert.deepEqual([status, err], [0, ""]);
      for (const [at, name] of PACKAGES.entries()) {
        const ours =
          /^\w+\.(homeca_\w+[.=]|main\.interface|(radius|@radius\[0\])\.(quarantine_vlan|listen)|@homeca|coaps|router\.das_|radio1\.disabled)|main\.interface/;
        const kept = (lines: readonly string[] | undefined): string[] =>
          (lines ?? []).filter((line) => !ours.test(line));
        assert.deepEqual(kept(show(root, name)), kept(before[at]), name);
      }
      const wireless = show(root, "wireless");
      const quoted = `'${ssid.replaceAll("'", "'\\''")}'`;
      for (const line of [
        "wireless.homeca_radio1=wifi-iface",
        `wireless.homeca_radio1.ssid=${quoted}`,
        "wireless.homeca_q_radio1=wifi-vlan",
        "wireless.homeca_q_radio1.vid='77'",
      ]) {
        assert.ok(wireless.includes(line), `${line} in ${wireless.join("\n")}`);
      }
      assert.ok(
        show(root, "firewall").includes(
          "firewall.homeca_q_nd.icmp_type='neighbour-solicitation' 'neighbour-advertisement'",
        ),
      );
      root.remove();
    }
  });
}
