/**
 * A living home for the page's tests and its pictures: HomeCA as it is built, on
 * loopback, an access point that carries RADIUS, and devices that really join.
 */
import net from "node:net";
import { AccessPoint } from "../demo/access-point.ts";
import { certifiedPeer, macOfThing, Thing } from "../demo/things.ts";
import { Home } from "../kit/home.ts";

const SECRET = "test-secret-for-loopback";
const PASSWORD = "correct horse battery";

/** What a device calls itself that would break out of a page that is not careful: at most 64 characters. */
export const HOSTILE_NAME = `<img src=x onerror="document.title='broken'">`;

export interface Known {
  readonly id: string;
  readonly name: string;
}

export class World {
  readonly home: Home;
  readonly #accessPoint: AccessPoint;
  #macs = 0x20;

  private constructor(home: Home, accessPoint: AccessPoint) {
    this.home = home;
    this.#accessPoint = accessPoint;
  }

  static async begin(): Promise<World> {
    const accessPoint = await AccessPoint.switchedOn(SECRET);
    const das = `\toption das_address '127.0.0.1'\n\toption das_port '${accessPoint.disconnectPort}'\n`;
    const limits = "config limits 'limits'\n\toption onboarding_per_minute '60'\n";
    const est = `config est 'est'\n\toption enabled '1'\n\toption port '${await freeTcpPort()}'\n\tlist listen '127.0.0.1'\n`;
    const home = new Home({ enforce: "show", more: das + limits + est });
    await home.start();
    accessPoint.ask(home.ports.auth);
    return new World(home, accessPoint);
  }

  async end(): Promise<void> {
    this.#accessPoint.switchOff();
    await this.home.remove();
  }

  /** A device that comes for the first time and waits for the owner. */
  async stranger(type: string, name: string): Promise<Known> {
    return (await this.#come(new Thing(type, name))).known;
  }

  /** A device that was approved, has its certificate and came with it. */
  async member(type: string, name: string): Promise<Known> {
    const thing = new Thing(type, name);
    const { known, mac } = await this.#come(thing);
    await this.home.call("approve", { id: known.id, name });
    const { chainPem } = await this.home.call<{ chainPem: string }>("sign", {
      id: known.id,
      request: thing.request(),
    });
    const { serverName } = await this.home.call<{ serverName: string }>("authority");
    const trust = { rootPem: this.home.rootPem, serverName };
    const peer = certifiedPeer(thing.certified(chainPem), trust);
    const { outcome } = await this.#accessPoint.join(mac, "@homeca.home.arpa", peer);
    if (outcome !== "accepted") throw new Error(`${name} was told: ${outcome}`);
    return known;
  }

  /** A phone that was given a key and a certificate. */
  async phone(name: string): Promise<Known> {
    const { id } = await this.home.call<{ id: string }>("issue", { name, password: PASSWORD });
    return { id, name };
  }

  /** As many devices on cables, without anybody joining. */
  async cables(count: number): Promise<void> {
    for (let at = 0; at < count; at++) {
      const mac = `02:00:00:01:${octet(at >> 8)}:${octet(at & 0xff)}`;
      await this.home.call("cage", { name: `Socket ${at}`, class: "wired", mac });
    }
  }

  async #come(thing: Thing): Promise<{ readonly known: Known; readonly mac: string }> {
    const before = await this.#ids();
    const mac = macOfThing(this.#macs++);
    const { outcome } = await this.#accessPoint.join(
      mac,
      "@homeca.home.arpa",
      thing.firstContact(),
    );
    if (outcome !== "accepted") throw new Error(`${thing.claim.name} was told: ${outcome}`);
    const [id = ""] = [...(await this.#ids())].filter((one) => !before.has(one));
    return { known: { id, name: thing.claim.name ?? id }, mac };
  }

  async #ids(): Promise<ReadonlySet<string>> {
    const { devices } = await this.home.call<{ devices: readonly { id: string }[] }>("devices");
    return new Set(devices.map(({ id }) => id));
  }
}

/** A TCP port of loopback that was free a moment ago. */
function freeTcpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo; // It listens at a port.
      server.close(() => resolve(port));
    });
  });
}

function octet(value: number): string {
  return value.toString(16).padStart(2, "0");
}
