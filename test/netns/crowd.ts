// Many devices at once, each with its own key, code and state file, in one process: `crowd FOLDER COUNT ADDRESS`.
// Says a line of JSON when a device belongs to the home, and ends once all do.
import { mkdirSync } from "node:fs";
import { DeviceAgent } from "../../src/device/agent.ts";
import { newDevice, StateFile } from "../../src/device/state.ts";
import { nodeFiles } from "../../src/host/node/files.ts";
import { nodeHost } from "../../src/host/node/index.ts";
import { claimedId, deviceIdHash } from "../../src/policy/admission/setup.ts";
import { toBase32 } from "../../src/base/bytes.ts";

const [folder = "", count = "0", address = ""] = process.argv.slice(2);
const host = nodeHost({ files: nodeFiles, logStyle: "plain" });
mkdirSync(folder, { mode: 0o700, recursive: true });

interface Member {
  readonly id: string;
  readonly code: string;
  readonly agent: DeviceAgent;
}

let lives = 0;

function member(number: number): Member {
  const { crypto, random, files } = host;
  const deviceId = deviceIdHash(crypto, [{ kind: "serial", value: `C-${number}` }]);
  const setupCode = toBase32(random(10)).toUpperCase();
  const identity = {
    ...{ deviceId, type: "lamp", name: `Lamp ${number}`, model: null },
    ...{ setupCode, hasRandomness: true },
  };
  const scalar = crypto.generateScalar("P-256", random);
  const file = StateFile.create(files, `${folder}/${number}.json`, newDevice(identity, scalar));
  const agent = new DeviceAgent(host, {
    file,
    home: { address, port: 5684 },
    pinned: null,
    erase: () => Promise.resolve(),
    tell: (event) => {
      if (event.kind === "failed") say({ kind: "failed", reason: event.reason });
      if (event.kind !== "lives") return;
      agent.stop();
      if (++lives === Number(count)) {
        say({ kind: "all" });
        process.exit(0);
      }
    },
  });
  return { id: claimedId(deviceId), code: setupCode, agent };
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const members = Array.from({ length: Number(count) }, (_, number) => member(number));
say({ kind: "list", lines: members.map(({ id, code }) => `${id},${code}`) });
// The owner imports the list meanwhile; a word on standard input lets all begin.
process.stdin.once("data", () => {
  for (const { agent } of members) agent.start();
});
