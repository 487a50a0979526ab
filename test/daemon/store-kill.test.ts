// The store on the real file system, killed without warning two hundred times, on either engine.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import esbuild from "esbuild";
import { assert, seeded, skip, test } from "#kit";
import { Store } from "../../src/daemon/store/journal.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { nodeFiles } from "../../src/host/node/files.ts";
import { homecadPath } from "../kit/home.ts";

const LIVES = 200;
/** Homes that are killed at the same time: what costs time is starting a process, not the store. */
const HOMES = 4;
/** A life ends after so many acknowledgements at most. */
const MAX_ACKNOWLEDGED = 24;

/** Lets a writer live until it has acknowledged so many commits, and kills it. Gives the last number it said. */
function oneLife(
  [program, ...words]: Command,
  home: string,
  acknowledgements: number,
): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const writer = spawn(program, [...words, home], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    let complaint = "";
    writer.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.split("\n").length > acknowledgements + 1) writer.kill("SIGKILL");
    });
    writer.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
    writer.on("error", reject);
    writer.on("close", (status, signal) => {
      if (signal !== "SIGKILL") return reject(new Error(`status ${status}: ${complaint}`));
      // The last line may be cut off by the kill; what has its newline was said.
      const last = said
        .slice(0, said.lastIndexOf("\n") + 1)
        .trimEnd()
        .split("\n")
        .at(-1);
      resolve(last === undefined || last === "ready" ? null : Number(last));
    });
  });
}

/** What a new daemon would find. The lock is not taken, so that the next writer can. */
function reopened(home: string): Store {
  const store = new Store({
    files: { ...nodeFiles, lock: () => true },
    crypto: nodeCrypto,
    directory: home,
    report: () => {},
  });
  store.close();
  return store;
}

type Command = readonly [program: string, ...words: string[]];

/** Makes the writer in a folder; null where this machine cannot. */
type Maker = (root: string) => Promise<Command>;

async function onNode(root: string): Promise<Command> {
  const script = path.join(root, "writer.mjs");
  await esbuild.build({
    entryPoints: ["test/kit/journal-writer-node.ts"],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: script,
  });
  return [process.execPath, script];
}

function onHomecad(root: string): Promise<Command> {
  const program = path.join(root, "writer");
  const words = ["build/homecad.mjs", "--entry", "test/kit/journal-writer-homecad.ts"];
  const { status, stderr } = spawnSync(process.execPath, [...words, "--out", program], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return Promise.resolve([program]);
}

async function withWriter(
  maker: Maker,
  body: (command: Command, root: string) => Promise<void>,
): Promise<void> {
  const root = mkdtempSync(path.join(tmpdir(), "homeca-kill-"));
  try {
    await body(await maker(root), root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

suite("node", onNode);
if (existsSync(homecadPath())) suite("homecad", onHomecad);
else skip("homecad's store, killed", "needs a C compiler: musl-gcc or cc");

function suite(kind: string, maker: Maker): void {
  test(`${kind}: a write that the file system takes half of is cut off again, and the journal stays whole`, () =>
    withWriter(maker, async (command, root) => {
      const home = `${root}/home`;
      // Files of 2 KiB and no more: the write that meets the bound is done in part and then EFBIG.
      const { status, stdout, stderr } = spawnSync(
        "bash",
        ["-c", 'ulimit -f 2; exec "$0" "$@"', ...command, home],
        { encoding: "utf8" },
      );
      assert.equal(status, 0, stderr);
      const acknowledged = Number(/^failed EFBIG after (\d+)$/m.exec(stdout)?.[1]);
      assert.ok(acknowledged > 2, stdout);
      const store = reopened(home);
      assert.equal(store.sequence, acknowledged);
      // The half that was written filled the file; a tail found now would be that half.
      assert.equal(store.torn, null);
      assert.ok(nodeFiles.facts(`${home}/journal`)!.size < 2048);
    }));

  test(`${kind}: SIGKILL at ${LIVES} random points: every acknowledged commit is there`, () =>
    withWriter(maker, async (command, root) => {
      const random = seeded("store-kill");
      const home = async (name: string): Promise<number> => {
        let highest = 0;
        for (let life = 0; life < LIVES / HOMES; life++) {
          const said = await oneLife(command, name, random(1)[0]! % MAX_ACKNOWLEDGED);
          const { sequence, registry } = reopened(name);
          assert.ok(
            sequence >= (said ?? highest),
            `life ${life}: ${sequence} found, ${said} acknowledged`,
          );
          assert.ok(sequence >= highest);
          // Whole commits alone: both changes of one, and the right names of all before it.
          assert.equal(registry.timeFloor ?? 0, sequence);
          for (const record of registry.devices.values()) {
            const number = Number(record.name?.value.slice("commit ".length));
            assert.ok(number <= sequence && number > sequence - 8);
          }
          highest = sequence;
        }
        return highest;
      };
      const highest = await Promise.all(
        Array.from({ length: HOMES }, (_, n) => home(`${root}/home${n}`)),
      );
      // They have done something, and folded the journal many times over.
      for (const count of highest) assert.ok(count > LIVES / HOMES, `${count} commits`);
    }));
}
