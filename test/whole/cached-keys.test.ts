/** Stations that an access point lets back in by a key it kept (PMKSA caching): it asks nobody, and only tells of it. */
import { assert, providers, seeded, test } from "#kit";
import { utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import {
  AcctSessionId,
  AcctStatusType,
  attribute,
  CallingStationId,
  Class,
  read,
} from "../../src/proto/radius/attributes.ts";
import { DISCONNECT_REQUEST, parsePacket } from "../../src/proto/radius/packet.ts";
import {
  chainOf,
  join,
  lampIdentity,
  HOME_SECRET,
  MemoryHome,
  type MemoryHomeOptions,
  requestPem,
  selfSigned,
} from "../kit/memory-home.ts";
import { RadiusTestClient } from "../kit/radius-client.ts";

const ACCT = { address: "127.0.0.1", port: 1813 };
const MAC = "02-00-00-00-00-11";
const KERNEL_MAC = "02:00:00:00:00:11";
const ACCEPT = 2;
const ACCOUNTING_RESPONSE = 5;
const START = 1;
const STOP = 2;

/** A lamp in its home, and the access point's reports about it. */
class Scene {
  readonly home: MemoryHome;
  id = "";
  /** Disconnect-Requests that came. */
  disconnects = 0;
  readonly #nas: RadiusTestClient;
  #arrived: Uint8Array[] = [];
  readonly #socket: ReturnType<MemoryHome["host"]["udp"]>;
  #class: Uint8Array = new Uint8Array();

  constructor(crypto: Crypto, options: MemoryHomeOptions = {}) {
    this.home = new MemoryHome(crypto, options);
    const { host } = this.home;
    this.#nas = new RadiusTestClient(crypto, seeded("cached keys"), utf8(HOME_SECRET));
    this.#socket = host.udp({ address: "127.0.0.1", port: 0 }, (bytes) =>
      this.#arrived.push(bytes),
    );
    host.udp({ address: "127.0.0.1", port: 3799 }, (bytes) => {
      if (parsePacket(bytes).code === DISCONNECT_REQUEST) this.disconnects++;
    });
  }

  async joined(): Promise<this> {
    const { home } = this;
    const { crypto } = home.host;
    const inner = { name: lampIdentity(), password: "none" };
    const first = { mac: MAC, method: "ttls", identity: "@setup.home.arpa", inner } as const;
    join(home, { ...first, chain: [selfSigned(crypto)] });
    const { devices } = await home.call("devices");
    this.id = (devices as { id: string }[])[0]!.id;
    await home.call("approve", { id: this.id });
    const { chainPem } = await home.call("sign", { id: this.id, request: requestPem(crypto) });
    const chain = chainOf(chainPem as string);
    const { code, answer } = join(home, { mac: MAC, method: "tls", chain });
    assert.equal(code, ACCEPT);
    this.#class = read(answer.attributes, Class)!;
    this.report(START);
    home.forget();
    return this;
  }

  /** @param named - what it says of Class; that of the admission unless told */
  report(status: number, named: Uint8Array | null = this.#class): void {
    this.#arrived = [];
    const request = this.#nas.accountingRequest([
      attribute(AcctStatusType, status),
      attribute(AcctSessionId, "1"),
      attribute(CallingStationId, MAC),
      ...(named === null ? [] : [attribute(Class, named)]),
    ]);
    this.#socket.send(request, ACCT);
    this.home.host.clock.advance(1);
    assert.equal(this.#nas.open(this.#arrived[0]!).code, ACCOUNTING_RESPONSE);
  }

  async place(): Promise<string> {
    const { devices } = await this.home.call("devices");
    return (devices as { place: string }[])[0]!.place;
  }
}

for (const crypto of providers) {
  test(`${crypto.name}: a station that left and is let in by its cached key has its place back`, async () => {
    const scene = await new Scene(crypto).joined();
    scene.report(STOP);
    assert.equal(await scene.place(), "none");
    scene.report(START);
    assert.equal(await scene.place(), "home");
    assert.ok(scene.home.nft.at(-1)!.includes(KERNEL_MAC));
    assert.equal(scene.disconnects, 0);
  });

  test(`${crypto.name}: revoked while it was away, it is put out as soon as its access point lets it in`, async () => {
    const scene = await new Scene(crypto).joined();
    scene.report(STOP);
    await scene.home.call("revoke", { id: scene.id });
    const asked = scene.disconnects;
    assert.ok(asked > 0, "its access point is told, for it may have the key still");
    scene.home.forget();
    scene.report(START);
    assert.ok(scene.disconnects > asked);
    assert.equal(await scene.place(), "none");
    assert.equal(
      scene.home.nft.some((text) => text.includes("admitted")),
      false,
    );
  });

  test(`${crypto.name}: whoever was not in a session of ours, or whose session is over, has to authenticate`, async () => {
    for (const spoil of [
      (scene: Scene) => scene.report(START, utf8("0123456789abcdef")),
      (scene: Scene) => scene.report(START, null),
      (scene: Scene) => {
        scene.home.host.clock.advance(9 * 3_600_000);
        scene.report(START);
      },
    ]) {
      const scene = await new Scene(crypto).joined();
      scene.report(STOP);
      spoil(scene);
      assert.equal(scene.disconnects > 0, true);
      assert.equal(await scene.place(), "none");
    }
  });

  test(`${crypto.name}: where nft refuses the way back, it is put out and not left without a way`, async () => {
    let refuses = false;
    const scene = await new Scene(crypto, {
      script: (command) => (refuses && command[1] === "-f" ? { status: 1, stderr: "busy" } : {}),
    }).joined();
    scene.report(STOP);
    refuses = true;
    scene.report(START);
    assert.ok(scene.disconnects > 0);
    assert.equal(await scene.place(), "none");
  });
}
