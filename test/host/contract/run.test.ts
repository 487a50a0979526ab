// The contract of programs in host.ts, over every host of this engine that can start one.
import { assert, skip, test } from "#kit";
import { EMULATED, STAGES } from "#stages";
import type { ProcessResult } from "../../../src/host/host.ts";
import { MAX_OUTPUT_BYTES } from "../../../src/host/limits.ts";
import { onStage } from "../../kit/stage.ts";
import type { Stage } from "../../kit/stage.ts";

async function run(
  { host, until }: Stage,
  command: readonly string[],
  input = "",
): Promise<ProcessResult> {
  const ended: ProcessResult[] = [];
  host.run(command, input, (result) => ended.push(result));
  assert.deepEqual(ended, [], "nobody is called back before run returns");
  await until(() => ended.length > 0);
  return ended[0]!;
}

// Programs of the memory host are scripted by its test.
for (const maker of STAGES.filter(({ kind }) => kind !== "memory")) {
  const suite = (name: string, body: (stage: Stage) => Promise<void>): void =>
    test(`${maker.kind} run: ${name}`, () => onStage(maker, body));

  suite(
    "words are arguments and no shell text; input, outputs and status come through",
    async (stage) => {
      assert.deepEqual(await run(stage, ["printf", "%s", "$(id); *"]), {
        status: 0,
        stdout: "$(id); *",
        stderr: "",
      });
      assert.deepEqual(await run(stage, ["sh", "-c", "cat; echo no >&2; exit 3"], "in"), {
        status: 3,
        stdout: "in",
        stderr: "no\n",
      });
    },
  );

  suite("a missing program is 127, a killed one 128 and its signal", async (stage) => {
    assert.equal((await run(stage, ["/nonexistent/nft"])).status, 127);
    assert.equal((await run(stage, ["sh", "-c", "kill -9 $$"])).status, 137);
  });

  const why = "why a program did not start is told, and one that cannot be run is 126";
  if (EMULATED === null) {
    suite(why, async (stage) => {
      const { stdout, stderr } = await run(stage, ["/nonexistent/nft"]);
      assert.deepEqual([stdout, stderr], ["", "/nonexistent/nft: ENOENT"]);
      assert.equal((await run(stage, ["/"])).status, 126);
      assert.equal((await run(stage, [])).status, 126);
    });
  } else {
    skip(
      `${maker.kind} run: ${why}`,
      `${EMULATED} makes a fork of vfork, and posix_spawn learns nothing`,
    );
  }

  suite(
    "a program that ignores its input does no harm, and its output is cut at the bound",
    async (stage) => {
      assert.equal((await run(stage, ["true"], "x".repeat(1 << 20))).status, 0);
      const size = String(MAX_OUTPUT_BYTES + 5000);
      const { status, stdout } = await run(stage, ["head", "-c", size, "/dev/zero"]);
      assert.deepEqual([status, stdout.length], [0, MAX_OUTPUT_BYTES]);
    },
  );

  suite(
    "a program sees PATH and the locale of no place, and nothing else of our environment",
    async (stage) => {
      const { stdout } = await run(stage, ["env"]);
      const names = stdout
        .trim()
        .split("\n")
        .map((line) => line.split("=")[0]!);
      assert.deepEqual(
        names.sort((a, b) => (a < b ? -1 : 1)),
        ["LC_ALL", "PATH"],
      );
    },
  );

  suite("a program inherits no descriptor that we opened", async (stage) => {
    const { host } = stage;
    const before = await run(stage, ["ls", "/proc/self/fd"]);
    const listener = host.listenTcp({ address: "127.0.0.1", port: 0 }, () => assert.fail("came"));
    const after = await run(stage, ["ls", "/proc/self/fd"]);
    listener.close();
    assert.equal(after.stdout, before.stdout);
  });

  suite("many at once end each with its own answer", async (stage) => {
    const words = Array.from({ length: 20 }, (_, at) => `answer ${at}`);
    const results = await Promise.all(words.map((word) => run(stage, ["printf", "%s", word])));
    assert.deepEqual(
      results.map(({ stdout }) => stdout),
      words,
    );
  });
}
