/**
 * What is wrong on the disk when `homeca serve` starts: for each, the sentence
 * that names the file and the fix, the exit status, and a state folder in which
 * not one octet has changed.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createSocket, type Socket } from "node:dgram";
import os from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import { assert, skip, test } from "#kit";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { Home, homecaCommand } from "../kit/home.ts";
import { requestPem } from "../kit/memory-home.ts";

const [PROGRAM, ...FIRST] = homecaCommand();
const REFUSED = 1;
const WRONG_CONFIGURATION = 4;

/** One home on disk: made once, copied for each case. */
let template = "";
/** Another home, for keys that are not ours. */
let other = "";

async function grown(compacted: boolean): Promise<string> {
  const home = new Home();
  try {
    await home.start();
    const { id } = await home.call<{ id: string }>("issue", {
      name: "Kitchen lamp",
      password: "a long password",
    });
    await home.call("sign", { id, request: requestPem(nodeCrypto) });
    // Enough changes to fold the journal into a snapshot.
    const isDone = (): boolean => !compacted || existsSync(`${home.folder}/state/snapshot`);
    for (let n = 0; !isDone(); n++) {
      await home.call("rename", { id, name: `Kitchen lamp ${n}` });
    }
    await home.stop();
    const kept = mkdtempSync(path.join(os.tmpdir(), "homeca-kept-"));
    cpSync(path.join(home.folder, "state"), path.join(kept, "state"), { recursive: true });
    return kept;
  } finally {
    await home.remove();
  }
}

before(async () => {
  template = await grown(true);
  other = await grown(false);
});
after(() => {
  for (const folder of [template, other]) rmSync(folder, { recursive: true, force: true });
});

/** A copy of the home with a configuration, both free to be spoilt. */
class Copy {
  readonly folder: string = mkdtempSync(path.join(os.tmpdir(), "homeca-spoilt-"));
  readonly state: string = path.join(this.folder, "state");
  readonly config: string = path.join(this.folder, "homeca.conf");
  readonly ports: readonly [number, number];

  constructor(state: string | null = template, ports: readonly [number, number] = [0, 0]) {
    if (state !== null) cpSync(path.join(state, "state"), this.state, { recursive: true });
    this.ports = ports;
    this.configure();
  }

  configure(more = "", client = "\toption secret 'secret-of-a-spoilt-home'\n"): void {
    const [auth, acct] = this.ports;
    const text = `config homeca 'main'
	option state_dir '${this.state}'
	option socket '${this.folder}/run/homeca.sock'
	option enforce 'off'
config radius 'radius'
	list listen '127.0.0.1'
	option auth_port '${auth === 0 ? 1 + Math.floor(Math.random() * 20_000) + 40_000 : auth}'
	option acct_port '${acct === 0 ? 1 + Math.floor(Math.random() * 20_000) + 40_000 : acct}'
config client 'accesspoint'
	option prefix '127.0.0.1'
${client}${more}`;
    writeFileSync(this.config, text, { mode: 0o600 });
  }

  /** Starts HomeCA; gives how it ended, or that it got ready and was told to end. */
  serve(): Promise<{ readonly status: number | "ready"; readonly said: string }> {
    return new Promise((resolve) => {
      const child = spawn(PROGRAM, [...FIRST, "serve", "--config", this.config], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      let said = "";
      let isReady = false;
      const take = (chunk: Buffer): void => {
        said += chunk.toString("utf8");
        if (isReady || !said.includes("HomeCA is ready")) return;
        isReady = true;
        child.kill("SIGTERM");
      };
      child.stdout.on("data", take);
      child.stderr.on("data", take);
      child.on("close", (status) => resolve({ status: isReady ? "ready" : (status ?? -1), said }));
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Every file of a folder with its mode and content. */
function contents(folder: string): ReadonlyMap<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "lock")
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  return new Map(
    files.map((file) => {
      const mode = statSync(file).mode.toString(8);
      return [path.relative(folder, file), `${mode} ${readFileSync(file, "hex")}`];
    }),
  );
}

interface Case {
  readonly name: string;
  readonly spoil: (copy: Copy) => void;
  /** `STATE` stands for the state folder, `CONFIG` for the configuration's folder. */
  readonly sentence: string;
  readonly status?: number;
}

function overwrite(file: string, change: (bytes: Buffer) => Uint8Array): void {
  writeFileSync(file, change(readFileSync(file)));
}

const BACKUP = "restore both from one backup";

const CASES: readonly Case[] = [
  {
    name: "the journal damaged in the middle",
    spoil: ({ state }) => {
      appendFileSync(`${state}/journal`, "12 0123456789abcdef {not an entry}\n");
      appendFileSync(`${state}/journal`, "12 0123456789abcdef {not an entry}\n");
    },
    sentence:
      "STATE/journal is damaged at offset N and was left as it is: restore STATE from a backup, or move it away to begin anew and pair every device again.",
  },
  {
    name: "the snapshot damaged",
    spoil: ({ state }) =>
      overwrite(`${state}/snapshot`, (bytes) => {
        const at = bytes.length >> 1;
        bytes[at] = bytes[at]! ^ 1;
        return bytes;
      }),
    sentence:
      "STATE/snapshot is damaged at offset N and was left as it is: restore STATE from a backup, or move it away to begin anew and pair every device again.",
  },
  {
    name: "the snapshot cut short",
    spoil: ({ state }) => overwrite(`${state}/snapshot`, (bytes) => bytes.subarray(0, -20)),
    sentence:
      "STATE/snapshot is damaged at offset N and was left as it is: restore STATE from a backup, or move it away to begin anew and pair every device again.",
  },
  {
    name: "the journal missing",
    spoil: ({ state }) => rmSync(`${state}/journal`),
    sentence:
      "STATE/journal is missing while its other half is there: restore STATE from a backup, or move it away to begin anew.",
  },
  {
    name: "the snapshot missing",
    spoil: ({ state }) => rmSync(`${state}/snapshot`),
    sentence:
      "STATE/snapshot is missing while its other half is there: restore STATE from a backup, or move it away to begin anew.",
  },
  {
    name: "the journal of another home",
    spoil: ({ state }) => cpSync(`${other}/state/journal`, `${state}/journal`),
    sentence:
      "STATE/journal and STATE/snapshot are not of one time: restore both from the same backup.",
  },
  {
    name: "a root.key that others may read",
    spoil: ({ state }) => chmodSync(`${state}/ca/root.key`, 0o644),
    sentence:
      "STATE/ca/root.key is open to other users (mode 0644): run `chmod 600 STATE/ca/root.key`, and replace the key if anyone may have read it.",
  },
  {
    name: "a root.key of another home",
    spoil: ({ state }) => cpSync(`${other}/state/ca/root.key`, `${state}/ca/root.key`),
    sentence: `STATE/ca/root.pem: The authority's key does not belong to its certificate; ${BACKUP}.`,
  },
  {
    name: "an issuing.key that others may read",
    spoil: ({ state }) => chmodSync(`${state}/ca/issuing.key`, 0o640),
    sentence:
      "STATE/ca/issuing.key is open to other users (mode 0640): run `chmod 600 STATE/ca/issuing.key`, and replace the key if anyone may have read it.",
  },
  {
    name: "issuing.key missing",
    spoil: ({ state }) => rmSync(`${state}/ca/issuing.key`),
    sentence: "STATE/ca/issuing.key is missing: restore it from a backup.",
  },
  {
    name: "an issuing.key that is no key",
    spoil: ({ state }) => writeFileSync(`${state}/ca/issuing.key`, "no key\n", { mode: 0o600 }),
    sentence: "STATE/ca/issuing.key holds no private key in PEM: restore it from a backup.",
  },
  {
    name: "an issuing.key of another home",
    spoil: ({ state }) => cpSync(`${other}/state/ca/issuing.key`, `${state}/ca/issuing.key`),
    sentence: `STATE/ca/issuing.pem: The authority's key does not belong to its certificate; ${BACKUP}.`,
  },
  {
    name: "an issuing CA of another home, key and certificate",
    spoil: ({ state }) => {
      cpSync(`${other}/state/ca/issuing.key`, `${state}/ca/issuing.key`);
      cpSync(`${other}/state/ca/issuing.pem`, `${state}/ca/issuing.pem`);
    },
    sentence: `STATE/ca/issuing.pem was not issued by STATE/ca/root.pem: ${BACKUP}.`,
  },
  {
    name: "issuing.pem missing",
    spoil: ({ state }) => rmSync(`${state}/ca/issuing.pem`),
    sentence: "STATE/ca/issuing.pem is missing: restore it from a backup.",
  },
  {
    name: "issuing.pem damaged",
    spoil: ({ state }) =>
      overwrite(`${state}/ca/issuing.pem`, (bytes) =>
        Buffer.from(bytes.toString("latin1").replace(/\n[^\n]{64}\n/, "\n")),
      ),
    sentence: "STATE/ca/issuing.pem holds no certificate in PEM: restore it from a backup.",
  },
  {
    name: "a server.key of another home",
    spoil: ({ state }) => cpSync(`${other}/state/ca/server.key`, `${state}/ca/server.key`),
    sentence:
      "STATE/ca/server.pem is not the certificate of STATE/ca/server.key: restore both from one backup, or remove both and new ones are made.",
  },
  {
    name: "root.pem missing",
    spoil: ({ state }) => rmSync(`${state}/ca/root.pem`),
    sentence:
      "STATE/ca/root.pem is missing and this home has an authority already: restore STATE/ca from a backup.",
  },
  {
    name: "the whole authority missing",
    spoil: ({ state }) => rmSync(`${state}/ca`, { recursive: true }),
    sentence:
      "STATE/ca/root.pem is missing and this home has an authority already: restore STATE/ca from a backup.",
  },
  {
    name: "a state folder that is a file",
    spoil: ({ state }) => {
      rmSync(state, { recursive: true });
      writeFileSync(state, "a file");
    },
    sentence:
      "the system refused (makeDirectory STATE: EEXIST): free space or rights, then start again",
  },
  {
    name: "the configuration missing",
    spoil: ({ config }) => rmSync(config),
    sentence: "there is no CONFIG/homeca.conf: name one with --config",
    status: WRONG_CONFIGURATION,
  },
  {
    name: "the configuration no text",
    spoil: ({ config }) => writeFileSync(config, Uint8Array.of(0xff, 0xfe, 0)),
    sentence: "CONFIG/homeca.conf is no UTF-8 text: write it anew",
    status: WRONG_CONFIGURATION,
  },
  {
    name: "a wrong value",
    spoil: (copy) => copy.configure("config limits\n\toption pending_max 'many'\n"),
    sentence:
      "option 'pending_max' in section 'limits' is 'many': use a number from 1 to 200 (homeca.conf:13)",
    status: WRONG_CONFIGURATION,
  },
  {
    name: "a section twice",
    spoil: (copy) => copy.configure("config limits\nconfig limits\n"),
    sentence:
      "there is a second section 'limits': move its options into the first (homeca.conf:13)",
    status: WRONG_CONFIGURATION,
  },
  {
    name: "a quote that never ends",
    spoil: (copy) => copy.configure("config 'limits\n"),
    sentence: "(homeca.conf:12)",
    status: WRONG_CONFIGURATION,
  },
  {
    name: "a secret file missing",
    spoil: (copy) => copy.configure("", `\toption secret_file '${copy.folder}/secret'\n`),
    sentence: "secret file 'CONFIG/secret' is missing: write it with mode 0600 (homeca.conf:11)",
    status: WRONG_CONFIGURATION,
  },
  {
    name: "a secret file that others may read",
    spoil: (copy) => {
      writeFileSync(`${copy.folder}/secret`, "secret-of-a-spoilt-home\n");
      chmodSync(`${copy.folder}/secret`, 0o644);
      copy.configure("", `\toption secret_file '${copy.folder}/secret'\n`);
    },
    sentence:
      "secret file 'CONFIG/secret' has mode 0644, others can use it: run chmod 600 and change the secret (homeca.conf:11)",
    status: WRONG_CONFIGURATION,
  },
];

for (const { name, spoil, sentence, status = REFUSED } of CASES) {
  test(`${name}: status ${status}, one sentence, and nothing is overwritten`, async () => {
    const copy = new Copy();
    try {
      spoil(copy);
      const before =
        existsSync(copy.state) && statSync(copy.state).isDirectory() ? contents(copy.state) : null;
      const ended = await copy.serve();
      const said = ended.said
        .replaceAll(copy.state, "STATE")
        .replaceAll(copy.folder, "CONFIG")
        .replaceAll(/offset \d+/gu, "offset N");
      const lines = said.trimEnd().split("\n");
      assert.equal(lines.length, 1, said);
      assert.ok(said.includes(sentence), `said: ${said}`);
      assert.ok(said.startsWith("homeca: "));
      assert.equal(ended.status, status);
      if (before !== null) assert.deepEqual(contents(copy.state), before);
    } finally {
      copy.remove();
    }
  });
}

test("a torn tail of the journal is cut off and told of, and every device is there", async () => {
  const copy = new Copy();
  try {
    const whole = readFileSync(`${copy.state}/journal`);
    appendFileSync(`${copy.state}/journal`, '91 0123456789abcdef {"seq":');
    const { status, said } = await copy.serve();
    assert.equal(status, "ready");
    assert.match(
      said,
      /journal ended in a write that was cut off: \d+ octets from offset \d+ were removed; every acknowledged change is there/u,
    );
    assert.match(said, /1 devices on record/u);
    assert.ok(readFileSync(`${copy.state}/journal`).subarray(0, whole.length).equals(whole));
  } finally {
    copy.remove();
  }
});

test("a root.key that was taken offline is not missed", async () => {
  const copy = new Copy();
  try {
    rmSync(`${copy.state}/ca/root.key`);
    const before = contents(`${copy.state}/ca`);
    assert.equal((await copy.serve()).status, "ready");
    assert.deepEqual(contents(`${copy.state}/ca`), before);
  } finally {
    copy.remove();
  }
});

test("a server.key that is gone is made anew with its certificate; the authority stays as it is", async () => {
  const copy = new Copy();
  try {
    rmSync(`${copy.state}/ca/server.key`);
    const before = contents(`${copy.state}/ca`);
    assert.equal((await copy.serve()).status, "ready");
    const now = contents(`${copy.state}/ca`);
    for (const name of ["root.pem", "root.key", "issuing.pem", "issuing.key", "pseudonym.key"]) {
      assert.equal(now.get(name), before.get(name), name);
    }
    assert.notEqual(now.get("server.pem"), before.get("server.pem"));
    assert.ok(now.get("server.key")!.startsWith("100600 "));
  } finally {
    copy.remove();
  }
});

test("an unknown option is warned about with file, line and the word that was meant", async () => {
  const copy = new Copy();
  try {
    copy.configure("config limits\n\toption pendin_max '3'\nconfig lmits\n");
    const { status, said } = await copy.serve();
    assert.equal(status, "ready");
    assert.match(
      said,
      /option 'pendin_max' is unknown in section 'limits': did you mean 'pending_max'\? \(homeca\.conf:13\)/u,
    );
    assert.match(
      said,
      /section type 'lmits' is unknown: did you mean 'limits'\? \(homeca\.conf:14\)/u,
    );
  } finally {
    copy.remove();
  }
});

test("a port that is taken is told of with the likely cause, and HomeCA serves at the others", async () => {
  const taken = await bound();
  const { port } = taken.address();
  const copy = new Copy(template, [port, 0]);
  try {
    const { status, said } = await copy.serve();
    assert.equal(status, "ready");
    const line = said.split("\n").find((text) => text.includes(`port ${port}`))!;
    assert.match(
      line,
      /Nobody can ask at 127\.0\.0\.1 port \d+ \(EADDRINUSE\): another RADIUS server has the port: stop it .* or change auth_port/u,
    );
    assert.match(said, /HomeCA is ready: acct 127\.0\.0\.1 port/u);
  } finally {
    taken.close();
    copy.remove();
  }
});

function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(0, "127.0.0.1", () => resolve(socket));
  });
}

/** A disk of so many KiB at the folder; false where this machine gives none. */
function mounted(folder: string, kib: number): boolean {
  mkdirSync(folder, { recursive: true });
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${kib}k`, "tmpfs", folder]);
  return status === 0;
}

function unmount(folder: string): void {
  spawnSync("umount", [folder]);
}

/** Leaves no block free. */
function fill(file: string): void {
  try {
    for (;;) appendFileSync(file, new Uint8Array(4096));
  } catch {
    // Full, as wanted.
  }
}

const hasTmpfs = ((): boolean => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "homeca-mount-"));
  const worked = mounted(folder, 64);
  if (worked) unmount(folder);
  rmSync(folder, { recursive: true });
  return worked;
})();

if (!hasTmpfs) {
  skip("a real full disk at the start and during a change", "needs the right to mount tmpfs");
} else {
  test("a full disk at the first start: one sentence, status 1, and the next start makes all of it", async () => {
    const copy = new Copy(null);
    assert.ok(mounted(copy.state, 64));
    try {
      fill(path.join(copy.state, "filler"));
      const { status, said } = await copy.serve();
      assert.equal(status, REFUSED);
      assert.match(
        said,
        /^homeca: the system refused \([^)]*ENOSPC\): free space or rights, then start again\n$/u,
      );
      rmSync(path.join(copy.state, "filler"));
      assert.equal((await copy.serve()).status, "ready");
    } finally {
      unmount(copy.state);
      copy.remove();
    }
  });

  test("a disk that fills up while HomeCA runs: changes are refused in a sentence, none is lost or half there", async () => {
    const home = new Home();
    const state = path.join(home.folder, "state");
    assert.ok(mounted(state, 256));
    try {
      await home.start();
      const { id } = await home.call<{ id: string }>("issue", {
        name: "Lamp",
        password: "a long password",
      });
      fill(path.join(state, "filler"));
      let refused = "";
      let acknowledged = "Lamp";
      for (let n = 0; n < 500 && refused === ""; n++) {
        const name = `Lamp ${n}`;
        try {
          await home.call("rename", { id, name });
          acknowledged = name;
        } catch (failure) {
          refused = (failure as Error).message;
        }
      }
      assert.match(
        refused,
        /the system refused \([^)]*ENOSPC\): free space or rights, then try again/u,
      );
      await home.stop("SIGKILL");
      rmSync(path.join(state, "filler"));
      await home.start();
      const { devices } = await home.call<{ devices: { name: string }[] }>("devices");
      assert.deepEqual(
        devices.map(({ name }) => name),
        [acknowledged],
      );
    } finally {
      await home.stop();
      unmount(state);
      await home.remove();
    }
  });
}
