/**
 * OpenWrt's own ubusd and ubus judge ours: the object, its answers, its notices,
 * and a hostapd of ours that is another client of that bus. UBUSD and UBUS name
 * the two programs.
 */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { assert, skip, test } from "#kit";
import { mono } from "../../src/base/machine.ts";
import { METHODS } from "../../src/daemon/management/methods.ts";
import { BlobType } from "../../src/proto/ubus/blobmsg.ts";
import { UbusConnection } from "../../src/proto/ubus/connection.ts";
import type { UbusInput, UbusRequest } from "../../src/proto/ubus/connection.ts";
import { Home, homecadPath, homecaCommand } from "../kit/home.ts";

const { UBUSD, UBUS } = process.env;
const NAME = "ubus judged by OpenWrt's ubusd and ubus";
const MAC = "02:00:00:00:00:21";

if (UBUSD === undefined || UBUS === undefined) {
  skip(NAME, "UBUSD and UBUS do not name OpenWrt's ubusd and ubus");
} else {
  suite(UBUSD, UBUS, "Node", homecaCommand());
  if (existsSync(homecadPath())) suite(UBUSD, UBUS, "homecad", [homecadPath()]);
  else skip(`homecad: ${NAME}`, "needs a C compiler: musl-gcc or cc");
}

/** A ubusd of its own, a home on it, and a folder for both. */
class Stage {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), "homeca-ubus-"));
  readonly socket = path.join(this.folder, "ubus.sock");
  readonly home: Home;
  readonly #ubusd: string;
  readonly #ubus: string;
  readonly #children = new Set<ChildProcess>();

  constructor(ubusd: string, ubus: string, command: readonly string[]) {
    this.#ubusd = ubusd;
    this.#ubus = ubus;
    this.home = new Home({ command, main: `\toption ubus '${this.socket}'` });
  }

  start(program: string, ...words: readonly string[]): ChildProcess {
    const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] });
    this.#children.add(child);
    return child;
  }

  async stop(child: ChildProcess): Promise<void> {
    this.#children.delete(child);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill();
    await ended;
  }

  async startBus(): Promise<ChildProcess> {
    const child = this.start(this.#ubusd, "-s", this.socket);
    await until("ubusd listens", () => this.ubus("list").status === 0);
    return child;
  }

  ubus(...words: readonly string[]): { status: number | null; stdout: string; stderr: string } {
    const options = { encoding: "utf8", timeout: 20_000 } as const;
    return spawnSync(this.#ubus, ["-t", "5", "-s", this.socket, ...words], options);
  }

  /** What `ubus` prints while it runs. */
  listen(...words: readonly string[]): { readonly child: ChildProcess; heard: string } {
    const child = this.start(this.#ubus, "-s", this.socket, ...words);
    const listening = { child, heard: "" };
    child.stdout?.on("data", (chunk: Buffer) => {
      listening.heard += chunk.toString("utf8");
    });
    return listening;
  }

  isPublished(): boolean {
    return this.ubus("list", "homeca").stdout === "homeca\n";
  }

  async end(): Promise<void> {
    await this.home.remove();
    for (const child of this.#children) await this.stop(child);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function until(what: string, done: () => boolean): Promise<void> {
  for (const end = Date.now() + 15_000; !done();) {
    if (Date.now() > end) assert.fail(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A hostapd with one BSS, as another client of the bus, over our own machine. */
class Hostapd {
  readonly deleted: UbusRequest[] = [];
  readonly #machine = new UbusConnection(mono(0));
  readonly #socket: net.Socket;

  constructor(path: string) {
    this.#socket = net.connect(path);
    this.#socket.on("data", (bytes) => this.#tell({ kind: "bytes", bytes }));
  }

  close(): void {
    this.#socket.destroy();
  }

  #tell(input: UbusInput): void {
    for (const output of this.#machine.handle(input, mono(Date.now()))) {
      if (output.kind === "send") this.#socket.write(output.bytes);
      if (output.kind === "ready") {
        const signature = {
          get_clients: {},
          get_status: {},
          del_client: { addr: BlobType.string, ban_time: BlobType.int32 },
        };
        this.#tell({ kind: "add-object", call: 1, path: "hostapd.phy0-ap0", signature });
      }
      if (output.kind === "request") this.#answer(output.request);
    }
  }

  #answer(request: UbusRequest): void {
    if (request.method === "del_client") this.deleted.push(request);
    const clients = { freq: 2412, clients: { [MAC]: { authorized: true } } };
    const fields = request.method === "get_clients" ? clients : { ssid: "Home" };
    this.#tell({ kind: "answer", request, status: 0, fields });
  }
}

function suite(ubusd: string, ubus: string, engine: string, command: readonly string[]): void {
  async function onStage(body: (stage: Stage, bus: ChildProcess) => Promise<void>): Promise<void> {
    const stage = new Stage(ubusd, ubus, command);
    try {
      const bus = await stage.startBus();
      await stage.home.start();
      await until("homeca is on the bus", () => stage.isPublished());
      await body(stage, bus);
    } finally {
      await stage.end();
    }
  }

  test(`${engine}: ubus lists every method, calls them, and shows a refusal with its sentence`, () =>
    onStage(async (stage) => {
      const listed = stage.ubus("-v", "list", "homeca").stdout;
      for (const { name } of METHODS) assert.ok(listed.includes(`"${name}":{`), `no ${name}`);
      assert.match(listed, /"approve":\{"id":"String","name":"String","vlan":"Integer"\}/u);

      const status = stage.ubus("call", "homeca", "status", '{"ubus_rpc_session":"0"}');
      assert.equal(status.status, 0, status.stderr);
      const told: unknown = JSON.parse(status.stdout);
      assert.deepEqual(told, sameClock(await stage.home.call<object>("status"), told));

      const refused = stage.ubus("call", "homeca", "approve", '{"id":"aaaaaaaaaaaaaaaa"}');
      assert.match(refused.stdout, /"message": "there is no device aaaaaaaaaaaaaaaa: /u);
      assert.match(refused.stderr, /\(Not found\)$/mu);
      const unknown = stage.ubus("call", "homeca", "nosuch");
      assert.match(unknown.stderr, /\(Method not found\)$/mu);
      const wrong = stage.ubus("call", "homeca", "approve", '{"id":7}');
      assert.match(wrong.stderr, /\(Invalid argument\)$/mu);
    }));

  test(`${engine}: whoever subscribes hears of a device, and a revoked one is put out of its BSS`, () =>
    onStage(async (stage) => {
      const hostapd = new Hostapd(stage.socket);
      const watching = stage.listen("subscribe", "homeca");
      const cage = { name: "Garage door", class: "legacy", mac: MAC };
      const { id } = await stage.home.call<{ id: string }>("cage", cage);
      // Until the subscription holds nothing is told, so something is done until it is.
      let turn = 0;
      await until("a notice", () => {
        if (watching.heard === "") {
          const mac = `02:00:00:00:01:${(turn++).toString(16).padStart(2, "0")}`;
          stage.ubus("call", "homeca", "cage", JSON.stringify({ ...cage, name: `n${turn}`, mac }));
        }
        return watching.heard !== "";
      });
      assert.match(
        watching.heard,
        /\{ "device": \{"id":"[a-z2-7]{16}","state":"approved","alarm":false\} \}/u,
      );

      const seen = (): boolean =>
        stage.ubus("call", "homeca", "status").stdout.includes("phy0-ap0");
      await until("the access point is seen", seen);
      const revoked = stage.ubus("call", "homeca", "revoke", JSON.stringify({ id }));
      assert.equal(revoked.status, 0, revoked.stderr);
      await until("the station is put out", () => hostapd.deleted.length > 0);
      const [{ data, user } = { data: new Map(), user: null }] = hostapd.deleted;
      assert.deepEqual([data.get("addr"), data.get("deauth")], [MAC, true]);
      assert.equal(user, os.userInfo().username);

      hostapd.close();
      const again = new Hostapd(stage.socket);
      await until("the BSS made anew is told of the ban", () => again.deleted.length > 0);
      again.close();
    }));

  test(`${engine}: ubusd started anew has the object again`, () =>
    onStage(async (stage, bus) => {
      await stage.stop(bus);
      const { warnings } = await stage.home.call<{ warnings: readonly string[] }>("status");
      assert.ok(warnings.some((line) => line.startsWith("HomeCA is not on ubus at ")));
      await stage.startBus();
      await until("homeca is on the bus again", () => stage.isPublished());
      await stage.home.waitForLog(/HomeCA is on ubus again/u);
    }));
}

/** The one thing that differs between two looks at a status. */
function sameClock(now: object, told: unknown): object {
  assert.ok(typeof told === "object" && told !== null && "uptimeSeconds" in told);
  return { ...now, uptimeSeconds: told.uptimeSeconds };
}
