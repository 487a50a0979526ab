// Multicast of the Node host over real sockets, in a network namespace that ends with the command in it.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import esbuild from "esbuild";
import { assert, skip, test } from "#kit";
import type { Trial } from "../kit/multicast-trial.ts";

const NAME = "multicast over real sockets";
const SCRIPT = `
  set -e
  sysctl -q -w net.ipv6.conf.default.accept_dad=0
  ip link set lo up
  ip link add one type veth peer name other-one
  ip link add two type veth peer name other-two
  for each in other-one one other-two two; do ip link set $each up; done
  ip addr add 192.0.2.1/24 dev one
  ip addr add fd00:2::1/64 dev one nodad
  ip addr add 198.51.100.1/24 dev two
  for each in other-one other-two; do ip -6 addr flush dev $each; done
  exec "$0" trial.mjs`;

function missing(): string | null {
  const tried = spawnSync("unshare", ["--net", "ip", "link", "add", "one", "type", "veth"]);
  return tried.status === 0 ? null : "root, ip and network namespaces";
}

/** What the trial printed. */
function run(): Trial {
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-multicast-"));
  try {
    esbuild.buildSync({
      entryPoints: ["test/kit/multicast-trial.ts"],
      outfile: path.join(folder, "trial.mjs"),
      bundle: true,
      format: "esm",
      platform: "node",
    });
    const args = ["--net", "sh", "-c", SCRIPT, process.execPath];
    const { status, stdout, stderr } = spawnSync("unshare", args, {
      cwd: folder,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    // The trial is of our own making.
    return JSON.parse(stdout) as Trial;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const lacking = missing();
if (lacking !== null) skip(NAME, `needs ${lacking}`);
else {
  const trial = run();
  const heard = (text: string): string[] =>
    trial.heard.filter((line) => line.includes(`"${text}"`)).sort();

  test("interfaces are those that are up, with their addresses and prefixes, the loopback aside", () => {
    assert.deepEqual(trial.interfaces, [
      {
        name: "one",
        ipv4: [{ address: "192.0.2.1", prefixLength: 24 }],
        ipv6: [{ address: "fd00:2::1", prefixLength: 64 }],
      },
      { name: "two", ipv4: [{ address: "198.51.100.1", prefixLength: 24 }], ipv6: [] },
    ]);
  });

  test("a link is a family of an interface that has an address of it; one that does not exist has none", () => {
    const links = trial.links.map(({ interface: name, family }) => `${name} ${family}`);
    assert.deepEqual(links, ["one ipv4", "one ipv6", "two ipv4", "two ipv6"]);
  });

  test("what is sent to the group is heard once by each socket on that link, and on no other", () => {
    assert.deepEqual(heard("to one"), [
      `all "to one" from 192.0.2.1 group`,
      `beside "to one" from 192.0.2.1 group on one ipv4`,
      `beside "to one" from link-local group on one ipv6`,
      `group "to one" from 192.0.2.1 group on one ipv4`,
      `group "to one" from link-local group on one ipv6`,
    ]);
    assert.deepEqual(heard("to two"), [
      `all "to two" from 198.51.100.1 group`,
      `group "to two" from 198.51.100.1 group on two ipv4`,
    ]);
    assert.deepEqual(heard("to nowhere"), []);
  });

  test("a question from a port of its own is heard by the group, and its answer there alone", () => {
    assert.equal(heard("question").filter((line) => line.startsWith("group")).length, 2);
    assert.ok(heard("question").every((line) => line.includes(" own")));
    assert.deepEqual(heard("answer"), [
      `own "answer" from 192.0.2.1 group on one ipv4`,
      `own "answer" from link-local group on one ipv6`,
    ]);
  });

  test("what is sent to the host's own address is left to who is bound to it", () => {
    assert.deepEqual(heard("direct"), [`all "direct" from 192.0.2.1 group`]);
  });

  test("a closed socket says nothing, and closing it twice is nothing", () => {
    assert.deepEqual(heard("closed"), []);
  });

  test("a group that is none is told with its interface and errno, and nothing was logged", () => {
    assert.equal(trial.failure, "multicast on one at 192.0.2.77 port 40353: EADDRNOTAVAIL");
    assert.deepEqual(trial.logged, []);
  });
}
