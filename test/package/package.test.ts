/** What `make package` builds, unpacked: the documented files, nothing else, and the same bytes each time. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { assert, skip, test } from "#kit";
import { VERSION } from "../../src/daemon/version.ts";

const PAGE = "docs/package.md";
const ARCH = process.arch === "arm64" ? "aarch64_generic" : "x86_64";

interface Entry {
  readonly path: string;
  readonly kind: "file" | "link";
  readonly mode: number;
  readonly owner: number;
  readonly group: number;
  readonly sha256: string;
  readonly text: string | null;
}

interface Package {
  readonly members: readonly string[];
  readonly facts: { readonly name: string; readonly version: string; readonly arch: string };
  readonly scripts: Readonly<Record<string, string>>;
  readonly data: readonly Entry[];
}

const PAGE_NAME = `luci-app-homeca_${VERSION}-r1_all`;

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}

const missing = lacking("musl-gcc");
if (missing === null) suite();
else skip("packages", missing);

function lacking(program: string): string | null {
  const { status } = spawnSync("sh", ["-c", `command -v ${program}`]);
  return status === 0 ? null : `needs ${program}`;
}

function build(folder: string): void {
  const words = ["build/package.mjs", "--arch", ARCH, "--out", folder];
  const env = { ...process.env, SOURCE_DATE_EPOCH: "1793491200" };
  const { status, stderr } = spawnSync(process.execPath, words, { encoding: "utf8", env });
  assert.equal(status, 0, stderr);
}

function contents(file: string): Package {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["build/package/list.mjs", file], {
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

/** The paths in the table of the page, with the mode that stands behind each. */
function documented(): Map<string, string> {
  const rows = readFileSync(PAGE, "utf8").matchAll(/^\| `(\/[^`]+)` +\| (\d{4}) +\|/gmu);
  return new Map([...rows].map(([, name = "", mode = ""]) => [name, mode]));
}

const sum = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function suite(): void {
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-package-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  build(folder);
  const name = `homeca_${VERSION}-r1_${ARCH}`;
  const at = (ending: string): string => path.join(folder, `${name}.${ending}`);
  const ipk = contents(at("ipk"));
  const apk = contents(at("apk"));
  const modesOf = ({ data }: Package): Map<string, string> =>
    new Map(data.map((entry) => [entry.path, entry.mode.toString(8).padStart(4, "0")]));

  test("the .ipk installs exactly the documented files, all of them root's", () => {
    assert.deepEqual(modesOf(ipk), documented());
    assert.deepEqual(
      new Set(ipk.data.map(({ owner, group }) => `${owner} ${group}`)),
      new Set(["0 0"]),
    );
  });

  test("the .apk installs the same bytes, and what OpenWrt notes beside", () => {
    const ofApk = apk.data.filter((entry) => !entry.path.startsWith("/lib/apk/packages/"));
    const essence = ({ data }: { data: readonly Entry[] }): readonly string[] =>
      data.map((entry) => `${entry.path} ${entry.mode} ${entry.sha256}`).sort();
    assert.deepEqual(essence({ data: ofApk }), essence(ipk));
    const notes = new Map(
      apk.data.map((entry) => [entry.path.replace("/lib/apk/packages/homeca.", ""), entry.text]),
    );
    const config = sum(readFileSync("files/etc/config/homeca"));
    assert.equal(notes.get("conffiles"), "/etc/config/homeca\n");
    assert.equal(notes.get("conffiles_static"), `/etc/config/homeca ${config}\n`);
    assert.equal(notes.get("rusers"), "homeca:homeca\n");
    const listed = (notes.get("list") ?? "").trim().split("\n").sort();
    const others = apk.data.map((entry) => entry.path).filter((each) => !each.endsWith(".list"));
    assert.deepEqual(listed, others.sort());
  });

  test("tar reads the .ipk, and its members are in the order that opkg wants", () => {
    assert.deepEqual(ipk.members, ["./debian-binary", "./data.tar.gz", "./control.tar.gz"]);
    const script = `tar xzOf "$1" ./data.tar.gz | tar tzv --numeric-owner`;
    const { status, stdout } = spawnSync("sh", ["-ec", script, "sh", at("ipk")], {
      encoding: "utf8",
    });
    assert.equal(status, 0);
    const listed = stdout.split("\n").filter((line) => line.startsWith("-"));
    assert.deepEqual(
      listed.map((line) => line.replace(/^.* \./u, "")),
      ipk.data.map((entry) => entry.path),
    );
  });

  test("both say the same name, version, processor, dependencies and configuration files", () => {
    const { control = "", conffiles } = ipk.scripts;
    const field = (wanted: string): string | undefined =>
      new RegExp(`^${wanted}: (.*)$`, "mu").exec(control)?.[1];
    assert.deepEqual(
      [field("Package"), field("Version"), field("Architecture")],
      ["homeca", `${VERSION}-r1`, ARCH],
    );
    assert.deepEqual(apk.facts, {
      name: "homeca",
      version: `${VERSION}-r1`,
      arch: ARCH,
      depends: (field("Depends") ?? "").split(", ").sort(),
    });
    assert.equal(conffiles, "/etc/config/homeca\n");
  });

  test("scripts are shell, and do OpenWrt's own steps below IPKG_INSTROOT and nothing else", () => {
    const scripts = [...Object.entries(ipk.scripts), ...Object.entries(apk.scripts)].filter(
      ([kind]) => kind !== "control" && kind !== "conffiles",
    );
    assert.deepEqual(scripts.map(([kind]) => kind).sort(), [
      "post-install",
      "post-upgrade",
      "postinst",
      "pre-deinstall",
      "prerm",
    ]);
    for (const [kind, text] of scripts) {
      const step = kind.startsWith("post") ? "default_postinst" : "default_prerm";
      // A root without OpenWrt's functions, as in another system's folder: nothing is done.
      const told = run(text, mkdtempSync(path.join(folder, "root-")));
      assert.deepEqual(told, { status: 0, stdout: "" }, kind);
      const root = mkdtempSync(path.join(folder, "root-"));
      const functions = `mkdir "$1/lib"; cat >"$1/lib/functions.sh"`;
      spawnSync("sh", ["-ec", functions, "sh", root], {
        input:
          "add_group_and_user() { echo user; }\n" +
          'default_postinst() { echo "default_postinst $PKG_UPGRADE"; }\n' +
          'default_prerm() { echo "default_prerm $PKG_UPGRADE"; }\n',
      });
      const { status, stdout } = run(text, root);
      const upgrade = kind === "post-upgrade" ? "1" : "";
      const user = kind.startsWith("post-") ? "user\n" : "";
      assert.deepEqual([status, stdout], [0, `${user}${step} ${upgrade}\n`], kind);
    }
  });

  test("two builds have the same bytes", () => {
    const again = path.join(folder, "again");
    build(again);
    const names = readdirSync(again).sort();
    const expected = [name, PAGE_NAME].flatMap((each) =>
      ["apk", "ipk", "spdx.json"].map((ending) => `${each}.${ending}`),
    );
    assert.deepEqual(names, expected);
    for (const file of names) {
      assert.equal(
        sum(readFileSync(path.join(again, file))),
        sum(readFileSync(path.join(folder, file))),
        file,
      );
    }
  });

  test("the bill of materials has every file with its sum, and every part by name", () => {
    const bill: {
      readonly spdxVersion: string;
      readonly files: readonly { fileName: string; checksums: { checksumValue: string }[] }[];
      readonly packages: readonly { name: string; licenseDeclared: string }[];
    } = JSON.parse(readFileSync(at("spdx.json"), "utf8"));
    assert.equal(bill.spdxVersion, "SPDX-2.3");
    assert.deepEqual(
      bill.files.map(({ fileName, checksums }) => `${fileName} ${checksums[1]?.checksumValue}`),
      ipk.data.map((entry) => `.${entry.path} ${entry.sha256}`),
    );
    assert.deepEqual(
      bill.packages.map((each) => `${each.name} ${each.licenseDeclared}`),
      [
        "homeca Apache-2.0 AND MIT",
        "@noble/ciphers MIT",
        "@noble/curves MIT",
        "@noble/hashes MIT",
        "@suchipi/quickjs MIT",
        "musl MIT",
      ],
    );
  });

  test("the page's package is for every processor, and installs LuCI's folders as they are", () => {
    const page = (ending: string): Package => contents(path.join(folder, `${PAGE_NAME}.${ending}`));
    const [pageIpk, pageApk] = [page("ipk"), page("apk")];
    const expected = [
      ...filesBelow("luci-app/htdocs").map((file) => `/www/${file}`),
      ...filesBelow("luci-app/root").map((file) => `/${file}`),
    ].sort();
    assert.ok(expected.length > 10);
    assert.deepEqual(
      pageIpk.data.map((entry) => `${entry.path} ${entry.mode.toString(8)}`).sort(),
      expected.map((file) => `${file} 644`),
    );
    const ofApk = pageApk.data.map((entry) => entry.path);
    assert.deepEqual(
      ofApk.filter((file) => !file.startsWith("/lib/apk/packages/")).sort(),
      expected,
    );
    // What is empty is not noted: it has no configuration and no user.
    assert.deepEqual(
      ofApk.filter((file) => file.startsWith("/lib/apk/packages/")),
      ["/lib/apk/packages/luci-app-homeca.list"],
    );
    const control = pageIpk.scripts["control"] ?? "";
    assert.match(control, /^Architecture: all$/mu);
    assert.ok(!control.includes("Require-User"));
    assert.deepEqual(pageApk.facts, {
      name: "luci-app-homeca",
      version: `${VERSION}-r1`,
      arch: "noarch",
      depends: ["homeca", "luci-base", "luci-lib-uqr"],
    });
    for (const script of [pageIpk.scripts["postinst"], pageApk.scripts["post-install"]]) {
      // Below another root nothing of the machine that builds an image is touched.
      const root = mkdtempSync(path.join(folder, "root-"));
      const functions = `mkdir "$1/lib"; cat >"$1/lib/functions.sh"`;
      spawnSync("sh", ["-ec", functions, "sh", root], {
        input: "add_group_and_user() { :; }\ndefault_postinst() { echo done; }\n",
      });
      assert.deepEqual(run(script ?? "", root), { status: 0, stdout: "done\n" });
      assert.match(script ?? "", /\/etc\/init\.d\/rpcd reload/u);
    }
  });

  test("what is installed names no folder of the machine that built it", () => {
    const whole = spawnSync("sh", ["-c", `tar xzOf "$1" ./data.tar.gz | gunzip`, "sh", at("ipk")], {
      maxBuffer: 2 ** 26,
    }).stdout;
    assert.ok(whole.length > 1_000_000);
    assert.ok(!whole.includes(Buffer.from(process.cwd())));
  });

  test("a processor that nobody knows is refused with the ones there are", () => {
    const words = ["build/package.mjs", "--arch", "vax", "--out", folder];
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
    assert.deepEqual(
      [status, stderr],
      [1, "make package: no processor vax: name x86_64 or aarch64_generic\n"],
    );
  });

  const apkTools = ["APK", "apk"].map((each) => process.env[each] ?? each).find(isApk3);
  if (apkTools === undefined) {
    skip("apk verifies and installs the .apk", "needs apk of apk-tools 3, on PATH or named by APK");
  } else test("apk verifies and installs the .apk", () => apkTakes(apkTools, at("apk"), folder));
}

function run(script: string, root: string): { status: number | null; stdout: string } {
  const env = { PATH: process.env["PATH"], IPKG_INSTROOT: root };
  const { status, stdout } = spawnSync("sh", ["-c", script], { encoding: "utf8", env });
  return { status, stdout };
}

function isApk3(program: string): boolean {
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  return stdout?.startsWith("apk-tools 3.") ?? false;
}

/** With packages that are nothing but the names it depends on. */
function apkTakes(apk: string, file: string, folder: string): void {
  const script = `set -e
    cd "$3"
    mkdir nothing
    "$1" verify --allow-untrusted "$2"
    for name in kmod-nft-bridge nftables-json; do
      "$1" mkpkg -I "name:$name" -I version:1-r1 -I "arch:$4" -F nothing -o "$name.apk"
    done
    "$1" add --root root --initdb --no-network --allow-untrusted --no-scripts --arch "$4" ./*-*.apk "$2"
    test -x root/usr/sbin/homeca -a -f root/lib/apk/packages/homeca.list`;
  const { status, stderr, stdout } = spawnSync(
    "sh",
    ["-c", script, "sh", apk, file, folder, ARCH],
    {
      encoding: "utf8",
    },
  );
  assert.equal(status, 0, stderr + stdout);
}
