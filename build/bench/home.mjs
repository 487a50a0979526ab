// The home that is measured: HomeCA makes its authority and one phone's credential; the other servers get copies of
// the same certificates, so that all three verify the same chain.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { bundleProduct } from "../bundle.mjs";
import { SECRET } from "./peers.mjs";

const PASSWORD = "benchmark-password";
const READY = /HomeCA is ready/;

/** Makes authority, server certificate and one client certificate in `folder`. */
export async function makeHome(folder) {
  const product = await bundleProduct();
  const home = path.join(folder, "homeca");
  mkdirSync(home);
  const config = (port) => {
    const file = path.join(home, `config-${port}`);
    writeFileSync(file, uci(home, port), { mode: 0o600 });
    return file;
  };
  const client = await issueClient(product, home, config(21_800));
  const state = path.join(home, "state/ca");
  // Servers of others want the whole chain in one file each.
  const chain = path.join(folder, "server-chain.pem");
  writeFileSync(
    chain,
    ["server.pem", "issuing.pem"].map((name) => readFileSync(path.join(state, name))).join(""),
  );
  const ca = path.join(folder, "ca.pem");
  writeFileSync(
    ca,
    ["root.pem", "issuing.pem"].map((name) => readFileSync(path.join(state, name))).join(""),
  );
  const files = { ca, chain, key: path.join(state, "server.key") };
  return { folder: home, product, config, ready: READY, client, files };
}

async function issueClient(product, home, config) {
  const server = spawn(process.execPath, [product, "serve", "--config", config], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    await ready(server);
    const p12 = path.join(home, "phone.p12");
    const password = path.join(home, "password");
    writeFileSync(password, `${PASSWORD}\n`, { mode: 0o600 });
    const issue = [
      "issue",
      "--name",
      "phone",
      "--class",
      "certificate",
      "--p12",
      p12,
      "--password-file",
      password,
    ];
    execFileSync(process.execPath, [product, ...issue, "--socket", socketOf(home)], {
      stdio: "pipe",
    });
    const pem = path.join(home, "phone.pem");
    execFileSync(
      "openssl",
      ["pkcs12", "-in", p12, "-passin", `pass:${PASSWORD}`, "-nodes", "-out", pem],
      { stdio: "pipe" },
    );
    return { cert: pem, key: pem };
  } finally {
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGTERM");
    await ended;
  }
}

function ready(server) {
  return new Promise((resolve, reject) => {
    let log = "";
    server.stderr.on("data", (chunk) => {
      log += chunk;
      if (READY.test(log)) resolve();
    });
    server.once("exit", () => reject(new Error(`homeca does not start:\n${log}`)));
  });
}

function socketOf(home) {
  return path.join(home, "run/homeca.sock");
}

/**
 * Configuration of a home whose keys are below `home`, listening at `port` and 100 above it.
 *
 * The firewall is left out: the other servers have none. Lines that each admission writes are left out alike.
 */
export function uci(home, port) {
  return `config homeca 'main'
	option state_dir '${home}/state'
	option socket '${socketOf(home)}'
	option enforce 'off'
	option log_level 'notice'

config radius 'radius'
	list listen '127.0.0.1'
	option auth_port '${port}'
	option acct_port '${port + 100}'

config client 'bench'
	option prefix '127.0.0.1'
	option secret '${SECRET}'
`;
}
