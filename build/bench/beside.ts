/**
 * Our server beside OpenSSL's s_server, both driven by the same client one
 * handshake at a time: `node beside.mjs OUR-SERVER.mjs [--quick]`. What counts
 * is the CPU time of the server's process, so the client costs nothing. Prints
 * one line of JSON for each figure.
 */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Dialer } from "./dialer.ts";
import type { Asking, Kind, Protocol } from "./dialer.ts";

const [ourServer, ...options] = process.argv.slice(2);
const quick = options.includes("--quick");
const COUNTED = quick ? 50 : 400;
const WARM_UP = quick ? 50 : 400;

const folder = mkdtempSync(path.join(tmpdir(), "homeca-beside-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

interface Served {
  readonly child: ChildProcess;
  readonly port: number;
}

interface Figure {
  readonly server: "homeca" | "openssl";
  readonly protocol: Protocol;
  readonly clientCertificate: Asking;
  readonly kind: Kind;
  readonly cpuMs: number;
  readonly handshakes: number;
}

function openssl(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("openssl", words, { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`openssl ${words.join(" ")}: ${stderr}`);
  return stdout;
}

/** A CA with P-256, a server and a client certificate. */
function makeCertificates(): void {
  const kinds = {
    ca: "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n",
    server: "subjectAltName=DNS:home.example\nextendedKeyUsage=serverAuth\n",
    client: "subjectAltName=DNS:device.example\nextendedKeyUsage=clientAuth\n",
  };
  for (const [name, extensions] of Object.entries(kinds)) {
    writeFileSync(path.join(folder, `${name}.ext`), extensions);
    openssl(
      "genpkey",
      "-algorithm",
      "EC",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-out",
      key(name),
    );
    openssl("req", "-new", "-key", key(name), "-subj", `/CN=${name}`, "-out", `${name}.csr`);
    const issuer = name === "ca" ? ["-key", key(name)] : ["-CA", "ca.pem", "-CAkey", key("ca")];
    const days = ["-days", "2", "-extfile", `${name}.ext`, "-out", `${name}.pem`];
    openssl("x509", "-req", "-in", `${name}.csr`, ...issuer, ...days);
  }
}

function key(name: string): string {
  return `${name}.key`;
}

/** A port that nobody had a moment ago, for UDP as well. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
  // A TCP server's address is an object; only a pipe's is text.
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => void server.close(done));
  return port;
}

async function startHomeca(protocol: Protocol, asking: Asking): Promise<Served> {
  const words = [ourServer!, folder, protocol, asking];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once("data", (text: Buffer) => resolve(Number(String(text))));
    child.once("exit", () => reject(new Error("our server does not start")));
  });
  return { child, port };
}

const VERSION_FLAGS: Readonly<Record<Protocol, string>> = {
  "TLS 1.2": "-tls1_2",
  "TLS 1.3": "-tls1_3",
  "DTLS 1.2": "-dtls1_2",
};

async function startOpenssl(protocol: Protocol, asking: Asking): Promise<Served> {
  const port = await freePort();
  const words = ["s_server", "-quiet", "-accept", `127.0.0.1:${port}`, VERSION_FLAGS[protocol]];
  words.push("-cert", "server.pem", "-key", "server.key");
  if (protocol === "TLS 1.3") words.push("-num_tickets", "1");
  if (asking === "required") {
    words.push("-Verify", "1", "-CAfile", "ca.pem", "-verify_return_error");
  }
  // It ends when its terminal does.
  const child = spawn("openssl", words, { cwd: folder, stdio: ["pipe", "ignore", "ignore"] });
  const table = protocol.startsWith("D") ? "/proc/net/udp" : "/proc/net/tcp";
  for (let patience = 200; !isBound(table, port); patience--) {
    if (child.exitCode !== null || patience === 0) {
      child.kill("SIGKILL");
      throw new Error("s_server does not start");
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  return { child, port };
}

/** Whether somebody has a port of ours; s_server tells nobody when it is quiet. */
function isBound(table: string, port: number): boolean {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000`;
  return readFileSync(table, "latin1").includes(local);
}

async function stop({ child }: Served): Promise<void> {
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  await ended;
}

/** User and system time of all threads of a process, in milliseconds (the first field, in nanoseconds). */
function cpuMs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  const times = readdirSync(tasks).map((task) => {
    const [onCpu] = readFileSync(`${tasks}/${task}/schedstat`, "latin1").split(" ");
    return Number(onCpu) / 1e6;
  });
  return times.reduce((sum, one) => sum + one, 0);
}

async function* measure(
  server: Figure["server"],
  protocol: Protocol,
  clientCertificate: Asking,
): AsyncGenerator<Figure> {
  const start = server === "homeca" ? startHomeca : startOpenssl;
  const served = await start(protocol, clientCertificate);
  const dialer = new Dialer({ folder, protocol, clientCertificate, port: served.port });
  try {
    for (const kind of ["full", "resumed"] as const) {
      // OpenSSL has nothing to compile.
      await dialer.dial(kind, server === "homeca" ? WARM_UP : 20);
      const before = cpuMs(served.child.pid!);
      await dialer.dial(kind, COUNTED);
      const spent = cpuMs(served.child.pid!) - before;
      const figure = { server, protocol, clientCertificate, kind, handshakes: COUNTED };
      yield { ...figure, cpuMs: spent / COUNTED };
    }
  } finally {
    dialer.close();
    await stop(served);
  }
}

makeCertificates();
for (const protocol of ["TLS 1.2", "TLS 1.3", "DTLS 1.2"] as const) {
  for (const asking of ["none", "required"] as const) {
    for (const server of ["homeca", "openssl"] as const) {
      for await (const figure of measure(server, protocol, asking)) {
        console.log(JSON.stringify(figure));
      }
    }
  }
}
