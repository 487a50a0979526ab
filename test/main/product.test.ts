// The program as it is built, with its own keys, from an empty folder to a credential that OpenSSL opens.
import { spawn, spawnSync } from "node:child_process";
import dgram from "node:dgram";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { assert, skip, test } from "#kit";
import { homecaCommand } from "../kit/home.ts";

const [PROGRAM, ...FIRST] = homecaCommand();
const NAME =
  "a home makes its authority, issues a credential that openssl opens, revokes it and stops";

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket("udp4");
    socket.bind(0, "127.0.0.1", () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

async function wholeLife(folder: string): Promise<void> {
  const at = (name: string): string => path.join(folder, name);
  writeFileSync(at("secret"), `${"s".repeat(32)}\n`);
  chmodSync(at("secret"), 0o600);
  const socket = at("run/homeca.sock");
  writeFileSync(
    at("homeca"),
    `config homeca 'main'
	option state_dir '${at("state")}'
	option socket '${socket}'
	option enforce 'off'
config radius 'radius'
	list listen '127.0.0.1'
	option auth_port '${await freePort()}'
	option acct_port '${await freePort()}'
config client 'local'
	option prefix '127.0.0.1'
	option secret_file '${at("secret")}'
`,
  );
  const child = spawn(PROGRAM, [...FIRST, "serve", "--config", at("homeca")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  await new Promise<void>((resolve, reject) => {
    let log = "";
    child.stderr.on("data", (part: Buffer) => {
      log += part.toString();
      if (log.includes("HomeCA is ready")) resolve();
    });
    child.on("close", () => reject(new Error(`ended before it was ready:\n${log}`)));
  });
  const homeca = (...words: readonly string[]): string => {
    const all = [...FIRST, ...words, "--socket", socket];
    const { status, stdout, stderr } = spawnSync(PROGRAM, all, { encoding: "utf8" });
    assert.deepEqual([status, stderr], [0, ""], words.join(" "));
    return stdout;
  };
  try {
    const issued = homeca(
      "issue",
      "--name",
      "Ada's phone",
      "--p12",
      at("ada.p12"),
      "--ca",
      at("ca.pem"),
    );
    const [, id = "", password = ""] = /^issued to (\w{16}),[^]*once: (\S+)\n$/.exec(issued) ?? [];
    const words = ["pkcs12", "-in", at("ada.p12"), "-passin", `pass:${password}`, "-nodes"];
    const opened = spawnSync("openssl", words, { encoding: "utf8" });
    assert.equal(opened.status, 0, opened.stderr);
    assert.match(
      opened.stdout,
      /BEGIN PRIVATE KEY[^]*BEGIN CERTIFICATE|BEGIN CERTIFICATE[^]*BEGIN PRIVATE KEY/,
    );
    assert.match(
      homeca("devices"),
      new RegExp(`^${id} {2}Ada's phone {2}certificate {2}approved`, "m"),
    );
    const [said, ...proof] = homeca("revoke", id).trimEnd().split("\n");
    assert.equal(said, `${id} is revoked`);
    assert.match(
      proof.at(-1) ?? "",
      /^ +\d+ ms {2}The revocation list that others get is signed\.$/u,
    );
    assert.match(homeca("crl"), /^revoked certificates {2}1$/m);
    assert.equal(statSync(socket).mode & 0o777, 0o600);
  } finally {
    child.kill("SIGTERM");
  }
  assert.equal(await ended, 0);
}

if (spawnSync("openssl", ["version"]).error !== undefined) skip(NAME, "needs openssl");
else {
  test(NAME, async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "homeca-product-"));
    try {
      await wholeLife(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
