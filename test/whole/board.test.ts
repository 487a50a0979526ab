/** A backup of a home that was restored on another router is noticed, told, and settled by the owner's word. */
import { assert, providers, test } from "#kit";
import { utf8 } from "../../src/base/bytes.ts";
import { MAX_BOARD_ADDRESSES } from "../../src/daemon/board.ts";
import type { MemoryFiles } from "../../src/host/memory/files.ts";
import type { MemoryHost } from "../../src/host/memory/host.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const STATE = "/etc/homeca/board";

interface Port {
  readonly name: string;
  readonly address: string;
  /** As Linux has it: 0 permanent, 1 random, 3 set by somebody. */
  readonly type?: string;
  readonly isHardware?: boolean;
}

const FIRST: readonly Port[] = [
  { name: "eth0", address: "02:11:00:00:00:01" },
  { name: "eth1", address: "02:11:00:00:00:02" },
];
const SECOND: readonly Port[] = [{ name: "eth0", address: "02:22:00:00:00:01" }];

const files = (host: MemoryHost): MemoryFiles => host.files as MemoryFiles; // the kit made this disk

function plug(disk: MemoryFiles, ports: readonly Port[]): void {
  for (const { name, address, type = "0", isHardware = true } of ports) {
    const folder = `/sys/class/net/${name}`;
    disk.plant(folder, utf8(""), 0o755, "directory");
    if (isHardware) disk.plant(`${folder}/device`, utf8(""), 0o777, "other");
    disk.plant(`${folder}/addr_assign_type`, utf8(`${type}\n`));
    disk.plant(`${folder}/address`, utf8(`${address}\n`));
  }
}

/** The state of `home` on a router with other ports. */
function restoredOn(home: MemoryHome, ports: readonly Port[]): MemoryFiles {
  const disk = files(home.host).restart();
  for (const { name } of FIRST) {
    for (const part of ["device", "addr_assign_type", "address"]) {
      disk.remove(`/sys/class/net/${name}/${part}`);
    }
  }
  plug(disk, ports);
  return disk;
}

/** What the owner is told of the router itself. */
async function warnings(home: MemoryHome): Promise<readonly string[]> {
  const { warnings: all } = await home.call("status");
  assert.ok(Array.isArray(all));
  return all.filter((text: string) => text.includes("backup"));
}

/** The addresses that the owner's yes is answered with. */
async function confirm(home: MemoryHome): Promise<readonly unknown[]> {
  const { status, router } = await home.call("replaced");
  return [status, router];
}

const boardOf = (home: MemoryHome): string =>
  String.fromCharCode(...(files(home.host).read(STATE) ?? []));

for (const crypto of providers) {
  const begin = (ports: readonly Port[] = FIRST): MemoryHome =>
    new MemoryHome(crypto, { prepare: (host) => plug(files(host), ports) });

  test(`${crypto.name}: the router that makes a home is remembered, and starts again without a word`, async () => {
    const home = begin();
    assert.equal(boardOf(home), "02:11:00:00:00:01\n02:11:00:00:00:02\n");
    assert.equal(files(home.host).facts(STATE)?.mode, 0o600);
    home.stop();
    const again = new MemoryHome(crypto, { files: files(home.host).restart() });
    assert.deepEqual(await warnings(again), []);
  });

  test(`${crypto.name}: another router with this state is told of in one sentence until the owner confirms it`, async () => {
    const home = begin();
    home.stop();
    const moved = new MemoryHome(crypto, { files: restoredOn(home, SECOND) });
    const sentence =
      "This home was restored from a backup of the router 02:11:00:00:00:01, and both have its keys: keep only one of the two on, then run `homeca replaced` here.";
    assert.deepEqual(await warnings(moved), [sentence]);
    assert.match(moved.lines.join("\n"), /restored from a backup of the router/u);
    // Nothing is forgotten before the owner has spoken, however often it starts.
    moved.stop();
    const disk = files(moved.host).restart();
    const later = new MemoryHome(crypto, { files: disk });
    assert.deepEqual(await warnings(later), [sentence]);
    assert.deepEqual(await confirm(later), [0, ["02:22:00:00:00:01"]]);
    assert.deepEqual(await warnings(later), []);
    assert.equal(boardOf(later), "02:22:00:00:00:01\n");
    later.stop();
    const settled = new MemoryHome(crypto, { files: files(later.host).restart() });
    assert.deepEqual(await warnings(settled), []);
  });

  test(`${crypto.name}: one port in common is the same router, whose new port is remembered too`, async () => {
    const home = begin();
    home.stop();
    const ports = [FIRST[1]!, ...SECOND];
    const other = new MemoryHome(crypto, { files: restoredOn(home, ports) });
    assert.deepEqual(await warnings(other), []);
    assert.equal(boardOf(other), "02:11:00:00:00:02\n02:22:00:00:00:01\n");
  });

  test(`${crypto.name}: addresses that are random, set by somebody or of no hardware say nothing`, async () => {
    const ports = [
      { name: "eth0", address: "02:33:00:00:00:01", type: "1" },
      { name: "eth1", address: "02:33:00:00:00:02", type: "3" },
      { name: "br-lan", address: "02:33:00:00:00:03", isHardware: false },
      { name: "odd", address: "no address" },
    ];
    const home = begin(ports);
    assert.equal(files(home.host).facts(STATE), null);
    assert.deepEqual(await warnings(home), []);
    assert.deepEqual(await confirm(home), [0, []]);
    assert.equal(files(home.host).facts(STATE), null);
  });

  test(`${crypto.name}: a router without hardware that tells is not another one`, async () => {
    const home = begin();
    home.stop();
    const nowhere = new MemoryHome(crypto, { files: restoredOn(home, []) });
    assert.deepEqual(await warnings(nowhere), []);
    assert.equal(boardOf(nowhere), "02:11:00:00:00:01\n02:11:00:00:00:02\n");
  });

  test(`${crypto.name}: what is remembered is bounded, and what makes no sense is written anew`, () => {
    const many = Array.from({ length: MAX_BOARD_ADDRESSES + 1 }, (_, at) => ({
      name: `eth${at}`,
      address: `02:44:00:00:00:${at.toString(16).padStart(2, "0")}`,
    }));
    const home = begin(many);
    assert.equal(boardOf(home).split("\n").length - 1, MAX_BOARD_ADDRESSES);
    home.stop();
    for (const text of ["nonsense\n", "02:11:00:00:00:01\n\u0007\n", "x".repeat(5000)]) {
      const disk = files(home.host).restart();
      disk.plant(STATE, utf8(text));
      const next = new MemoryHome(crypto, { files: disk });
      assert.equal(boardOf(next).split("\n").length - 1, MAX_BOARD_ADDRESSES, text.slice(0, 20));
      next.stop();
    }
  });

  test(`${crypto.name}: a flash that takes nothing keeps nobody out, and the owner is told when it hinders a yes`, async () => {
    const home = new MemoryHome(crypto, {
      prepare: (host) => {
        plug(files(host), FIRST);
        files(host).failNext(`replaceDurably ${STATE}`, "ENOSPC");
      },
    });
    assert.match(home.lines.join("\n"), /Which router this is could not be written/u);
    files(home.host).failNext(`replaceDurably ${STATE}`, "ENOSPC");
    const [status] = await confirm(home);
    assert.notEqual(status, 0);
    assert.deepEqual(await confirm(home), [0, ["02:11:00:00:00:01", "02:11:00:00:00:02"]]);
  });
}
