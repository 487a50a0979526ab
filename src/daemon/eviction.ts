/**
 * Puts a device out, everywhere it may still be: its conversations, its
 * elements in the kernel, its association at the access point. The kernel comes
 * first and is waited for; the access point is told at the same time.
 */
import type { Mono } from "../base/machine.ts";
import { visible } from "../base/text.ts";
import type { SocketAddress, UdpSocket } from "../host/host.ts";
import { HostFailure } from "../host/host.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import { titleOf } from "../policy/registry/record.ts";
import type { DisconnectInput, DisconnectOutput } from "../proto/radius/das.ts";
import { DisconnectClient } from "../proto/radius/das.ts";
import type { House } from "./house.ts";
import type { Session } from "./sessions.ts";

/** RFC 5176 §3.5: the NAS has no such session, so it is gone already. */
const SESSION_CONTEXT_NOT_FOUND = 503;

export class Eviction {
  readonly #house: House;
  readonly #client: DisconnectClient;
  readonly #planned: () => void;
  #socket: UdpSocket | null = null;

  /** @param planned - called when {@link Eviction.wakeAt} may have changed */
  constructor(house: House, planned: () => void) {
    this.#house = house;
    this.#planned = planned;
    this.#client = new DisconnectClient(house.host.crypto);
  }

  get wakeAt(): Mono | null {
    return this.#client.wakeAt;
  }

  timeout(): void {
    this.#step({ kind: "timeout" });
  }

  close(): void {
    this.#socket?.close();
    this.#socket = null;
  }

  /**
   * Takes every address the device was seen with out of the firewall and tells
   * the access points of its sessions.
   * @returns settles once the kernel has it; rejects with what it refused
   */
  async evict(record: DeviceRecord): Promise<void> {
    const sessions = this.#house.sessions.ofDevice(record.id);
    const macs = new Set([
      ...sessions.map(({ mac }) => mac),
      ...record.macs.filter((mac) => this.#isTheirs(mac, record)),
      ...this.#nameless(),
    ]);
    // First of all: whatever fails below, the next look at the firewall finds that nobody has a place here.
    for (const { mac } of sessions) this.#house.sessions.remove(mac);
    const cuts = Promise.all([...macs].map((mac) => this.#cut(mac)));
    for (const session of sessions) this.#tell(session, record);
    await cuts;
  }

  /**
   * Stations taken over from the kernel after a restart that no record has: one of
   * them may be this device. Whoever is cut by mistake comes back by itself.
   */
  #nameless(): readonly string[] {
    const nameless = this.#house.sessions.all.filter(
      ({ device, nas }) => device === null && nas.client === "",
    );
    for (const { mac } of nameless) this.#house.sessions.remove(mac);
    return nameless.map(({ mac }) => mac);
  }

  /** An address that another device uses now stays: addresses are claims, and this one has passed on. */
  #isTheirs(mac: string, record: DeviceRecord): boolean {
    const session = this.#house.sessions.find(mac);
    return session === null || session.device === null || session.device === record.id;
  }

  #cut(mac: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#house.place({ kind: "cut", mac }, (failure: HostFailure | null) => {
        if (failure === null) resolve();
        else reject(failure);
      });
    });
  }

  /** The firewall is what counts; an access point that cannot be asked is worth a line. */
  #tell(session: Session, record: DeviceRecord): void {
    try {
      this.#disconnect(session, record);
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      this.#house.log.warning(
        `The access point was not asked to put ${visible(titleOf(record), 64)} out (${visible(failure.message)}); the firewall keeps it out, but it stays associated.`,
      );
    }
  }

  #disconnect({ mac, nas }: Session, record: DeviceRecord): void {
    const client = this.#house.configuration.clients.find(({ name }) => name === nas.client);
    if (client === undefined || client.das === null) return;
    const { address, port, secret } = client.das;
    const session = {
      callingStationId: mac,
      ...(nas.identifier === null ? {} : { nasIdentifier: nas.identifier }),
    };
    const token = visible(titleOf(record), 64);
    const unixTime = this.#house.clock.now();
    this.#step({ kind: "disconnect", token, to: { address, port, secret }, session, unixTime });
  }

  #step(input: DisconnectInput): void {
    for (const output of this.#client.handle(input, this.#house.host.mono()))
      this.#carryOut(output);
    this.#planned();
  }

  #carryOut(output: DisconnectOutput): void {
    const { log, counters } = this.#house;
    switch (output.kind) {
      case "send":
        return this.#open(output.to).send(output.bytes, output.to);
      case "acknowledged":
        counters.add("disconnected");
        return log.info(`The access point has put ${output.token} out.`);
      case "refused":
        if (output.errorCause === SESSION_CONTEXT_NOT_FOUND) return;
        return log.warning(
          `The access point did not put ${output.token} out (Error-Cause ${output.errorCause ?? "none"}); the firewall keeps it out, but check das_secret and the access point's radius_das_client.`,
        );
      case "timed-out":
        return log.warning(
          `The access point did not answer when ${output.token} was to be put out; the firewall keeps it out, but check das_address and das_port.`,
        );
      case "overloaded":
        return log.warning(
          `Too many devices were put out at once: ${output.token} stays associated but is cut off.`,
        );
      case "discarded":
        counters.add("disconnect-answers-discarded");
    }
  }

  /** One socket for all answers, opened when it is first needed. */
  #open(to: SocketAddress): UdpSocket {
    if (this.#socket === null) {
      const address = to.address.includes(":")
        ? "::"
        : isLoopback(to.address)
          ? "127.0.0.1"
          : "0.0.0.0";
      this.#socket = this.#house.host.udp({ address, port: 0 }, (bytes, from) =>
        this.#step({ kind: "datagram", from, bytes }),
      );
    }
    return this.#socket;
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.");
}
