/** Joins the machines: each datagram goes down its way, and whoever has something due is woken. */
import type { Mono } from "../base/machine.ts";
import { mono } from "../base/machine.ts";
import { visible } from "../base/text.ts";
import { FirewallFailure } from "../policy/firewall/render.ts";
import { RadiusClients } from "../proto/radius/clients.ts";
import { RadiusServer } from "../proto/radius/endpoint.ts";
import type { RadiusInput, RadiusOutput } from "../proto/radius/endpoint.ts";
import { ACCESS_REJECT, ACCOUNTING_REQUEST, ACCOUNTING_RESPONSE } from "../proto/radius/packet.ts";
import type { RadiusRequest } from "../proto/radius/request.ts";
import { HostFailure } from "../host/host.ts";
import { Accounting } from "./accounting.ts";
import { AddressDesk, addressQuestion } from "./address.ts";
import { Alarm } from "./alarm.ts";
import { Authenticator } from "./authenticate.ts";
import { CoapsDesk } from "./coaps/desk.ts";
import type { Configuration } from "./config/configuration.ts";
import { ConfigurationFailure, loadConfiguration } from "./config/configuration.ts";
import { discardLine } from "./discards.ts";
import { Discovery } from "./discovery.ts";
import { EstHttps } from "./est-https.ts";
import { EstDesk } from "./est.ts";
import { Eviction } from "./eviction.ts";
import { Farewells } from "./farewell.ts";
import { FirewallWatch } from "./firewall-watch.ts";
import { Hour } from "./hour.ts";
import type { House } from "./house.ts";
import { Household } from "./household.ts";
import { PublishedList } from "./list.ts";
import { Listeners } from "./listeners.ts";
import { ManagementFailure } from "./management/failure.ts";
import { ManagementServer } from "./management/server.ts";
import { RouterBus } from "./ubus/router.ts";
import { keepUp, writeSightings } from "./upkeep.ts";
import type { Reach } from "./withdrawal.ts";

/** How often the kernel is compared with what it should hold. */
const DRIFT_MS = 60_000;
/** How often records, the list, the server's certificate and the sightings are looked after. */
const UPKEEP_MS = 3_600_000;

/** The daemon once it has its keys. */
export class Running {
  readonly #house: House;
  readonly #configPath: string;
  readonly #radius: RadiusServer;
  readonly #clients: RadiusClients;
  readonly #authenticator: Authenticator;
  readonly #addresses: AddressDesk;
  readonly #eviction: Eviction;
  readonly #list: PublishedList;
  readonly #accounting: Accounting;
  readonly #management: ManagementServer;
  readonly #listeners: Listeners;
  readonly #coaps: CoapsDesk;
  readonly #discovery: Discovery;
  readonly #est: EstHttps;
  readonly #farewells: Farewells;
  readonly #alarm: Alarm;
  readonly #firewall: FirewallWatch;
  readonly #reach: Reach;
  readonly #ubus: RouterBus;
  readonly #hour = new Hour();
  #driftAt: Mono;
  #upkeepAt: Mono;
  #stopped = false;

  constructor(house: House, configPath: string) {
    this.#house = house;
    this.#configPath = configPath;
    const { host, configuration } = house;
    this.#clients = new RadiusClients(radiusClients(configuration));
    this.#radius = new RadiusServer({
      crypto: host.crypto,
      random: host.random,
      clients: this.#clients,
    });
    this.#listeners = new Listeners(host, house.log, (datagram) => this.#take(datagram));
    this.#alarm = new Alarm(
      host,
      () => this.#due(),
      () => this.#wake(),
    );
    this.#est = new EstHttps(house, new EstDesk(house), () => this.#alarm.plan(0));
    this.#authenticator = new Authenticator(
      house,
      (answer) => this.#take({ kind: "answer", ...answer }),
      (request) => this.#take({ kind: "forget", request }),
    );
    this.#addresses = new AddressDesk(house, (answer) => this.#take({ kind: "answer", ...answer }));
    this.#eviction = new Eviction(
      house,
      () => this.#alarm.plan(0),
      (macs) => this.#look("an access point", () => this.#ubus.expel(macs)),
    );
    this.#list = new PublishedList(house);
    this.#firewall = new FirewallWatch(house);
    this.#accounting = new Accounting(
      house,
      `${folderOf(configuration.homeca.socket)}/accounting`,
      (mac, nas) => this.#eviction.turnAway(mac, nas),
    );
    this.#coaps = new CoapsDesk(
      house,
      this.#list,
      () => this.#alarm.plan(0),
      (kind, device) => {
        if (kind === "confirmed-release") this.#farewells.confirmed(device);
        if (kind === "gave-itself-up") void household.left(device);
      },
    );
    this.#farewells = new Farewells(house, (device) => this.#coaps.isConnected(device));
    this.#discovery = new Discovery(house, () => this.#alarm.plan(0));
    house.isSearching = () => this.#discovery.search !== null;
    house.watch(() => this.#look("observers", () => this.#coaps.refresh()));
    house.watch(() => this.#look("discovery", () => this.#discovery.refresh()));
    this.#reach = {
      eviction: this.#eviction,
      list: this.#list,
      endConversations: (device) => {
        this.#authenticator.conversations.endOf(device);
        house.tickets.forget(device);
        house.links.forget(device);
        this.#est.endOf(device);
      },
      endAssociations: (device) => this.#coaps.endOf(device),
      farewells: this.#farewells,
    };
    const household = new Household(house, {
      ...this.#reach,
      listening: () => this.#doors,
      open: () => this.#authenticator.conversations.size,
      reload: () => this.reload(),
      discovery: this.#discovery,
      linkedAt: () => this.#est.addresses,
    });
    this.#ubus = new RouterBus(house, household, () => this.#alarm.plan(0));
    house.watch(() => this.#look("ubus", () => this.#ubus.look()));
    house.accessPoints = () => this.#ubus.accessPoints;
    house.moreTroubles("radius", () => this.#listeners.troubles);
    house.moreTroubles("access-points", () => this.#ubus.troubles);
    house.moreTroubles("firewall", () => this.#firewall.troubles);
    host.files.makeDirectory(folderOf(configuration.homeca.socket), 0o700);
    this.#management = new ManagementServer(
      host,
      configuration.homeca.socket,
      household,
      house.log,
    );
    this.#driftAt = mono(host.mono() + DRIFT_MS);
    this.#upkeepAt = mono(host.mono() + UPKEEP_MS);
    this.#house.recordMade();
    keepUp(this.#house, this.#reach, null);
    this.#firewall.adopt(() => this.#listen());
  }

  /** @returns the warnings of the new configuration. @throws ManagementFailure `bad-configuration` */
  reload(): readonly string[] {
    const { host, log } = this.#house;
    try {
      const next = loadConfiguration(host.files, this.#configPath);
      // Both take all of it or throw and keep what they had; the one that may throw here comes first.
      this.#house.reconfigure(next);
      this.#clients.replace(radiusClients(next));
      for (const warning of next.warnings) log.warning(warning);
      this.#firewall.load(() => {});
      log.notice("The configuration was read again.");
      return next.warnings;
    } catch (failure) {
      const expected =
        failure instanceof ConfigurationFailure ||
        failure instanceof RangeError ||
        failure instanceof FirewallFailure ||
        failure instanceof HostFailure;
      if (!expected) throw failure;
      throw new ManagementFailure(
        "bad-configuration",
        `${failure.message}; the old configuration stays in force`,
      );
    }
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#alarm.close();
    this.#farewells.close();
    this.#listeners.close();
    this.#coaps.close();
    this.#discovery.close();
    this.#est.close();
    this.#firewall.close();
    this.#management.close();
    this.#ubus.close();
    this.#eviction.close();
    this.#accounting.close();
    writeSightings(this.#house, "all");
    this.#house.audit.close();
    this.#house.log.notice(
      "HomeCA stops: nobody new gets in, admitted devices stay until their sessions end.",
    );
  }

  #listen(): void {
    if (this.#stopped) return;
    const { configuration, log } = this.#house;
    this.#listeners.open(configuration.radius);
    this.#coaps.open();
    this.#discovery.refresh();
    this.#est.open();
    this.#ubus.open();
    log.notice(
      `HomeCA is ready: ${this.#doors.join(", ")}; ${this.#house.registry.devices.size} devices on record.`,
    );
    this.#alarm.plan();
  }

  /** Where it listens, for people. */
  get #doors(): readonly string[] {
    return [...this.#listeners.names, ...this.#coaps.names];
  }

  #lookAtHour(): void {
    const clockKnown = this.#house.clock.now() !== null;
    this.#hour.look({ clockKnown, reachable: this.#doors.length > 0 && this.#house.isReachable });
  }

  #take(input: RadiusInput): void {
    if (this.#stopped) return;
    try {
      for (const output of this.#radius.handle(input, this.#house.host.mono()))
        this.#carryOut(output);
    } catch (fault) {
      this.#house.fault("a datagram", fault);
    }
    this.#alarm.plan();
  }

  #carryOut(output: RadiusOutput): void {
    switch (output.kind) {
      case "request":
        return this.#answer(output.request);
      case "send": {
        const { service, to, bytes } = output;
        return this.#listeners.send(service, to, bytes);
      }
      case "discarded": {
        const { reason, from } = output;
        this.#house.counters.add(`discarded ${reason}`);
        const { level, sentence } = discardLine(reason, from.address);
        return this.#house.log.limited(`discarded ${reason}`, level, sentence);
      }
    }
  }

  #answer(request: RadiusRequest): void {
    if (request.code === ACCOUNTING_REQUEST) {
      const stored = this.#accounting.take(request);
      return this.#take(
        stored
          ? { kind: "answer", request, code: ACCOUNTING_RESPONSE, attributes: [] }
          : { kind: "forget", request },
      );
    }
    if (request.eap === null) {
      const question = addressQuestion(request);
      if (question !== null) return this.#addresses.handle(request, question);
      const mac = visible(request.callingStationId ?? "a device", 32);
      this.#house.event(
        "refused",
        null,
        null,
        `Refused ${mac}: it came with a password and not with EAP; set the network to WPA-Enterprise.`,
      );
      return this.#take({ kind: "answer", request, code: ACCESS_REJECT, attributes: [] });
    }
    this.#authenticator.handle(request, request.eap);
  }

  #due(): Mono {
    const wakes = [
      this.#radius.wakeAt,
      this.#authenticator.conversations.wakeAt,
      this.#eviction.wakeAt,
      this.#coaps.wakeAt,
      this.#discovery.wakeAt,
      this.#est.wakeAt,
      this.#ubus.wakeAt,
      this.#driftAt,
      this.#upkeepAt,
    ];
    return mono(Math.min(...wakes.filter((at) => at !== null)));
  }

  #wake(): void {
    const now = this.#house.host.mono();
    this.#look("a timeout", () => this.#authenticator.conversations.timeout(now));
    this.#look("a disconnect", () => this.#eviction.timeout());
    this.#look("a device's timeout", () => this.#coaps.timeout());
    this.#look("discovery", () => this.#discovery.timeout());
    this.#look("an enrolment", () => this.#est.timeout(now));
    this.#look("ubus", () => this.#ubus.timeout(now));
    this.#take({ kind: "timeout" });
    if (now >= this.#driftAt) {
      this.#driftAt = mono(now + DRIFT_MS);
      this.#look("the firewall's watch", () => this.#firewall.check());
      this.#look("listening", () => this.#listeners.retry());
      this.#look("listening", () => this.#coaps.retry());
      this.#look("listening", () => this.#est.retry());
      this.#look("the hour", () => this.#lookAtHour());
      this.#look("ubus", () => this.#ubus.lookAtStatus());
    }
    if (now >= this.#upkeepAt) {
      this.#upkeepAt = mono(now + UPKEEP_MS);
      this.#look("upkeep", () => keepUp(this.#house, this.#reach, this.#hour.end()));
    }
    this.#alarm.plan();
  }

  /** One thing that is due: a fault in it must not keep the others from their turn, nor the alarm from its next. */
  #look(where: string, due: () => void): void {
    try {
      due();
    } catch (fault) {
      this.#house.fault(where, fault);
    }
  }
}

function radiusClients({ clients }: Configuration): ConstructorParameters<typeof RadiusClients>[0] {
  return clients.map(({ name, prefix, secret, requireMessageAuthenticator, limitProxyState }) => {
    return { name, prefix, secret, requireMessageAuthenticator, limitProxyState };
  });
}

/** The folder that a path is in. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
