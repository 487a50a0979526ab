/** The feed: its Makefile under a stand-in of OpenWrt's build system installs what `make package` does. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { assert, skip, test } from "#kit";
import { VERSION } from "../../src/daemon/version.ts";
import { homecadPath } from "../kit/home.ts";

/** What of rules.mk and package.mk the Makefile uses: each step is a target, its recipe what the Makefile says. */
const RULES = `
INCLUDE_DIR:=$(TOPDIR)
BUILD_DIR:=$(TOPDIR)/build
DL_DIR:=$(TOPDIR)/dl
INSTALL_DIR:=install -d -m0755
INSTALL_BIN:=install -m0755
INSTALL_DATA:=install -m0644
CP:=cp -fpR
TAR:=tar
TARGET_CC?=cc
TARGET_CFLAGS?=-Os
`;
const PACKAGE = `
PKG_BUILD_DIR:=$(BUILD_DIR)/$(PKG_NAME)-$(PKG_VERSION)
define Build/Prepare/Default
	mkdir -p $(PKG_BUILD_DIR)
	tar -C $(PKG_BUILD_DIR) --strip-components=2 -xJf $(DL_DIR)/$(PKG_SOURCE)
endef
Download=
define BuildPackage
prepare:
$(Build/Prepare)
compile:
$(Build/Compile)
install:
$(call Package/$(1)/install,$(TOPDIR)/root)
facts:
	@echo "$(PKG_NAME) $(PKG_VERSION) $(PKG_RELEASE) $(PKG_HASH)"
endef
`;

const missing = ["make", "xz"].find(
  (program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0,
);
if (missing === undefined) suite();
else skip("the feed", `needs ${missing}`);

/** Every .c file of the host in the compilers of the routers that no engine library is at hand for. */
for (const target of ["mips", "mipsel"]) {
  const compiler = `${target}-linux-gnu-gcc`;
  const name = `the C host compiles for ${target} without a warning`;
  const probe = `printf '#include <stdio.h>' | ${compiler} -fsyntax-only -xc -`;
  if (spawnSync("sh", ["-c", probe]).status !== 0) {
    skip(name, `needs gcc-${target}-linux-gnu and libc6-dev-${target}-cross`);
    continue;
  }
  test(name, () => {
    const folder = "package/homeca/src";
    const sources = readdirSync(folder).filter((file) => file.endsWith(".c"));
    assert.ok(sources.length > 5);
    const words = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsyntax-only"];
    const engine = "node_modules/@suchipi/quickjs/build/x86_64-unknown-linux-static/include";
    const files = sources.map((file) => path.join(folder, file));
    const { status, stderr } = spawnSync(compiler, [...words, "-isystem", engine, ...files], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
  });
}

function suite(): void {
  const top = mkdtempSync(path.join(tmpdir(), "homeca-feed-"));
  process.on("exit", () => rmSync(top, { recursive: true, force: true }));
  const feed = path.join(top, "dl/feed/net/homeca");
  const build = path.join(top, `build/homeca-${VERSION}`);
  const make = (target: string, ...words: readonly string[]): string => {
    const all = ["-f", path.join(feed, "Makefile"), `TOPDIR=${top}`, ...words, target];
    // Of its own, and no part of a make that may run these tests.
    const { MAKEFLAGS: _flags, MFLAGS: _more, MAKELEVEL: _level, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync("make", all, { encoding: "utf8", env });
    assert.equal(status, 0, stdout + stderr);
    return stdout;
  };
  const dist = (out: string): void => {
    const { status, stderr } = spawnSync(process.execPath, ["build/dist.mjs", "--out", out], {
      encoding: "utf8",
      env: { ...process.env, SOURCE_DATE_EPOCH: "1793491200" },
    });
    assert.equal(status, 0, stderr);
  };

  writeFileSync(path.join(top, "rules.mk"), RULES);
  writeFileSync(path.join(top, "package.mk"), PACKAGE);
  dist(path.join(top, "dl"));
  quickjsTarball(top);
  make("prepare");

  test("the feed's Makefile is of this version, and knows its tarball's hash", () => {
    const tarball = readFileSync(path.join(top, `dl/homeca-${VERSION}.tar.xz`));
    const hash = createHash("sha256").update(tarball).digest("hex");
    assert.equal(make("facts"), `homeca ${VERSION} 1 ${hash}\n`);
  });

  test("two release tarballs have the same bytes", () => {
    dist(path.join(top, "again"));
    const name = `homeca-${VERSION}.tar.xz`;
    const [first, second] = ["dl", "again"].map((each) => readFileSync(path.join(top, each, name)));
    assert.ok(first !== undefined && second !== undefined && first.equals(second));
  });

  test("the engine's five files and every file of the host are compiled, and linked to one program", () => {
    // A compiler that says what it was asked and makes what it was asked for.
    const compiler = path.join(top, "cc");
    const script = `#!/bin/sh
echo "$(basename "$PWD"): $*" >>'${top}/asked'
case "$*" in *" -o "*) echo linked >'${build}/homeca' ;; *) for each; do case "$each" in *.c | *.S) : >"\${each%.*}.o" ;; esac; done ;; esac
`;
    writeFileSync(compiler, script, { mode: 0o755 });
    make("compile", `TARGET_CC=${compiler}`);
    const [engine = "", host = "", link = ""] = readFileSync(path.join(top, "asked"), "utf8").split(
      "\n",
    );
    assert.match(
      engine,
      /^quickjs: .*-fwrapv .* quickjs\.c libregexp\.c libunicode\.c cutils\.c dtoa\.c$/u,
    );
    const sources = readdirSync("package/homeca/src").filter((name) => name.endsWith(".c"));
    assert.match(host, /^src: .*-std=c11 .*-DBUNDLE="\.\.\/homecad\.js"/u);
    for (const name of [...sources, "bundle.S"]) assert.ok(host.split(" ").includes(name), name);
    for (const name of [...sources, "bundle.S", "quickjs.c", "dtoa.c"]) {
      assert.match(link, new RegExp(`/${name.replace(/\.[cS]$/u, "\\.o")}\\b`, "u"));
    }
  });

  test("the feed installs exactly the documented files with their modes", () => {
    rmSync(path.join(top, "root"), { recursive: true, force: true });
    mkdirSync(path.join(top, "root"));
    make("install");
    const root = path.join(top, "root");
    const files = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((name) => statSync(path.join(root, name)).isFile())
      .map((name) => [`/${name}`, modeOf(path.join(root, name))] as const);
    const rows = readFileSync("docs/package.md", "utf8").matchAll(
      /^\| `(\/[^`]+)` +\| (\d{4}) +\|/gmu,
    );
    assert.deepEqual(
      new Map(files.toSorted(([a], [b]) => (a < b ? -1 : 1))),
      new Map([...rows].map(([, name = "", mode = ""]) => [name, mode])),
    );
  });

  const source = process.env["QUICKJS"];
  const name = "the feed's steps make a program of upstream's engine";
  if (source === undefined) {
    skip(name, "needs QUICKJS, a folder with Fabrice Bellard's QuickJS of 2025-09-13 or later");
  } else {
    test(name, () => {
      spawnSync("sh", [
        "-c",
        `rm -rf "$2"/* && cp -R "$1"/. "$2"`,
        "sh",
        source,
        path.join(build, "quickjs"),
      ]);
      rmSync(path.join(build, "homeca"), { force: true });
      make("compile", "TARGET_CFLAGS=-Os -w");
      const words = ["-c", '"$1" --version 2>&1', "sh", path.join(build, "homeca")];
      const { stdout } = spawnSync("sh", words, { encoding: "utf8" });
      assert.ok(stdout.includes(VERSION), stdout);
    });
  }

  if (existsSync(homecadPath()))
    test("the feed's own test passes, and knows its package only", feedTest);
  else skip("the feed's own test passes", "needs a C compiler: musl-gcc or cc");
}

function modeOf(file: string): string {
  return (statSync(file).mode & 0o7777).toString(8).padStart(4, "0");
}

/** Stands for upstream's: files of those names. */
function quickjsTarball(top: string): void {
  const folder = path.join(top, "dl/quickjs-2025-09-13");
  mkdirSync(folder);
  for (const name of ["quickjs.c", "libregexp.c", "libunicode.c", "cutils.c", "dtoa.c"]) {
    writeFileSync(path.join(folder, name), "");
  }
  const words = ["-C", path.dirname(folder), "-cJf", `${folder}-2.tar.xz`, path.basename(folder)];
  assert.equal(spawnSync("tar", words).status, 0);
}

/** With the program under the name that it has on a router. */
function feedTest(): void {
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-feed-test-"));
  try {
    spawnSync("ln", ["-s", homecadPath(), path.join(folder, "homeca")]);
    const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}` };
    const run = (...words: readonly string[]): number | null =>
      spawnSync("sh", ["package/homeca/test.sh", ...words], { env }).status;
    assert.equal(run("homeca", VERSION), 0);
    assert.equal(run("homeca", "9.9.9"), 1);
    assert.equal(run("another", VERSION), 1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
