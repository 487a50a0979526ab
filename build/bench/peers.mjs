// The servers that are measured: each started by the benchmark itself, on loopback, with the same certificates.
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";

export const SECRET = "benchmark-secret-1";

/** Starts a server and resolves once `ready` finds its text in the log; ends it by its process id. */
export function start(name, command, args, cwd, ready, patienceMs = 20_000) {
  const log = path.join(cwd, `${name}.log`);
  const out = openSync(log, "w");
  const child = spawn(command, args, { cwd, stdio: ["ignore", out, out] });
  return new Promise((resolve, reject) => {
    const until = Date.now() + patienceMs;
    const poll = setInterval(() => {
      const text = readFileSync(log, "utf8");
      if (ready.test(text)) {
        clearInterval(poll);
        resolve({ name, pid: child.pid, stop: () => stop(child) });
      } else if (child.exitCode !== null || Date.now() > until) {
        clearInterval(poll);
        child.kill("SIGKILL");
        reject(new Error(`${name} does not start:\n${text.slice(-2000)}`));
      }
    }, 10);
  });
}

function stop(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.once("exit", resolve);
    child.kill("SIGTERM");
  });
}

export function hostapd(folder, port, { ca, chain, key }) {
  writeFileSync(path.join(folder, "users"), "* TLS\n");
  writeFileSync(path.join(folder, "clients"), `127.0.0.1 ${SECRET}\n`);
  writeFileSync(
    path.join(folder, "hostapd.conf"),
    [
      "interface=lo",
      "driver=none",
      "eap_server=1",
      "eap_user_file=users",
      "radius_server_clients=clients",
      `radius_server_auth_port=${port}`,
      `ca_cert=${ca}`,
      `server_cert=${chain}`,
      `private_key=${key}`,
      "",
    ].join("\n"),
  );
  return start("hostapd", "/usr/sbin/hostapd", ["hostapd.conf"], folder, /AP-ENABLED/);
}

export function freeradius(folder, port, { ca, chain, key }) {
  const config = path.join(folder, "freeradius");
  mkdirSync(config);
  writeFileSync(
    path.join(config, "radiusd.conf"),
    `max_requests = 65536
cleanup_delay = 2
security {
  allow_vulnerable_openssl = yes
}
client bench {
  ipaddr = 127.0.0.1
  secret = ${SECRET}
}
modules {
  eap {
    default_eap_type = tls
    max_sessions = 4096
    tls-config bench {
      private_key_file = ${key}
      certificate_file = ${chain}
      ca_file = ${ca}
      tls_min_version = "1.2"
      tls_max_version = "1.2"
      ecdh_curve = "prime256v1"
      cache {
        enable = no
      }
    }
    tls {
      tls = bench
    }
  }
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = ${port}
  }
  authorize {
    eap
  }
  authenticate {
    eap
  }
}
`,
  );
  const args = ["-d", config, "-D", "/usr/share/freeradius", "-f", "-l", "stdout"];
  return start("freeradius", "/usr/sbin/freeradius", args, folder, /Ready to process requests/);
}

const STOCK = "/etc/freeradius/3.0";

/** FreeRADIUS as Debian configures it, every module in its place: only keys, port and client are ours. */
export function freeradiusStock(folder, port, { ca, chain, key }) {
  const config = path.join(folder, "stock");
  cpSync(STOCK, config, { recursive: true, dereference: true });
  rmSync(path.join(config, "sites-enabled/inner-tunnel"), { force: true });
  edit(path.join(config, "radiusd.conf"), [
    [/^\s*(user|group) = .*$/gm, ""],
    [/max_requests = .*/, "max_requests = 65536"],
    [/^\s*logdir = .*$/m, `logdir = ${folder}`],
    [/^\s*run_dir = .*$/m, `run_dir = ${folder}`],
    [/^\s*pidfile = .*$/m, `pidfile = ${folder}/freeradius.pid`],
    [/^(\s*)checkrad = .*$/m, ""],
  ]);
  writeFileSync(
    path.join(config, "clients.conf"),
    `client bench {\n  ipaddr = 127.0.0.1\n  secret = ${SECRET}\n}\n`,
  );
  edit(path.join(config, "mods-enabled/eap"), [
    [/default_eap_type = .*/, "default_eap_type = tls"],
    [/^\s*private_key_password = .*$/m, ""],
    [/private_key_file = .*/, `private_key_file = ${key}`],
    [/certificate_file = .*/, `certificate_file = ${chain}`],
    [/ca_file = .*/, `ca_file = ${ca}`],
    [/tls_max_version = .*/, 'tls_max_version = "1.2"'],
  ]);
  // Four listeners, in this order: authentication and accounting over IPv4, then over IPv6.
  let listener = 0;
  edit(path.join(config, "sites-enabled/default"), [
    [/^\tport = 0$/gm, () => `\tport = ${port + (listener++ % 2)}`],
    [/^\tipaddr = \*$/gm, "\tipaddr = 127.0.0.1"],
    [/^\tipv6addr = ::$/gm, "\tipv6addr = ::1"],
  ]);
  const args = ["-d", config, "-D", "/usr/share/freeradius", "-f", "-l", "stdout"];
  return start(
    "freeradius-stock",
    "/usr/sbin/freeradius",
    args,
    folder,
    /Ready to process requests/,
  );
}

export function hasStockFreeradius() {
  return existsSync(path.join(STOCK, "mods-enabled/eap"));
}

function edit(file, changes) {
  let text = readFileSync(file, "utf8");
  for (const [pattern, replacement] of changes) text = text.replace(pattern, replacement);
  writeFileSync(file, text);
}

export function homeca(folder, product, config, ready) {
  return start("homeca", process.execPath, [product, "serve", "--config", config], folder, ready);
}
