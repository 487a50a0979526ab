/** What procd's jail leaves the daemon: a user of its own and two capabilities, no way to more. It must do with that. */
import { spawn, spawnSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { assert, skip, test } from "#kit";
import { homecadPath } from "../kit/home.ts";

const NAME =
  "as its own user with two capabilities the daemon makes its authority and closes the firewall";
/** A user that owns nothing on this machine. */
const USER = 32768;

const missing = lacking();
if (missing === null) test(NAME, confined);
else skip(NAME, missing);

function lacking(): string | null {
  if (process.getuid?.() !== 0) return "needs root";
  if (!existsSync(homecadPath())) return "needs a C compiler: musl-gcc or cc";
  const table = "table bridge t { chain c { type filter hook prerouting priority -300; }; }";
  const words = ["--net", "sh", "-c", `command -v setpriv && nft '${table}'`];
  const { status } = spawnSync("unshare", words);
  return status === 0 ? null : "needs setpriv, nft and a kernel with nftables of family bridge";
}

async function confined(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-confined-"));
  try {
    const at = (name: string): string => path.join(folder, name);
    chownSync(folder, 0, USER);
    spawnSync("chmod", ["710", folder]);
    for (const name of ["state", "run"]) {
      mkdirSync(at(name), { mode: 0o700 });
      chownSync(at(name), USER, USER);
    }
    const config = `config homeca 'main'
	option state_dir '${at("state")}'
	option socket '${at("run/homeca.sock")}'
	list interface 'wlan0'
config radius 'radius'
	list listen '127.0.0.1'
`;
    writeFileSync(at("homeca"), config, { mode: 0o640 });
    chownSync(at("homeca"), 0, USER);
    const { status, log, ruleset } = await run(at("homeca"));
    assert.match(log, /HomeCA is ready: auth 127\.0\.0\.1 port 1812/u);
    assert.ok(!log.includes("error"), log);
    assert.match(ruleset, /set controlled \{[^}]*elements = \{ "wlan0" \}/u);
    assert.equal(status, 0, log);
    const key = statSync(at("state/ca/root.key"));
    assert.deepEqual([key.uid, key.mode & 0o777], [USER, 0o600]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In a network namespace of its own, which ends with it. */
function run(config: string): Promise<{ status: number | null; log: string; ruleset: string }> {
  const privileges = [
    `--reuid=${USER}`,
    `--regid=${USER}`,
    "--clear-groups",
    "--no-new-privs",
    "--bounding-set=-all,+net_admin,+net_bind_service",
    "--inh-caps=-all,+net_admin,+net_bind_service",
    "--ambient-caps=-all,+net_admin,+net_bind_service",
  ].join(" ");
  // Once it is ready the kernel is asked, and then the daemon told to end.
  const script = `ip link set lo up
    setpriv ${privileges} '${homecadPath()}' serve --config '${config}' 2>&1 &
    read -r _
    nft list ruleset >&2
    kill $!
    wait $!`;
  return new Promise((resolve) => {
    const child = spawn("unshare", ["--net", "sh", "-c", script]);
    let log = "";
    let ruleset = "";
    // One that ends before it is ready has said why.
    const patience = setTimeout(() => child.stdin.end("\n"), 20_000);
    child.stdout.on("data", (part: Buffer) => {
      log += part.toString();
      if (log.includes("HomeCA is ready")) child.stdin.end("\n");
    });
    child.stderr.on("data", (part: Buffer) => (ruleset += part.toString()));
    child.on("close", (status) => {
      clearTimeout(patience);
      resolve({ status, log, ruleset });
    });
  });
}
