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

/** Where a station is to be put out. */
type Told = Pick<Session, "mac" | "nas">;

export class Eviction {
  readonly #house: House;
  readonly #client: DisconnectClient;
  readonly #planned: () => void;
  readonly #expel: (macs: Iterable<string>) => void;
  /** By the local address they are bound to, each opened when it is first needed. */
  readonly #sockets = new Map<string, UdpSocket>();

  /**
   * @param planned - called when {@link Eviction.wakeAt} may have changed
   * @param expel - asks this router's own access points, whatever RADIUS can reach
   */
  constructor(house: House, planned: () => void, expel: (macs: Iterable<string>) => void) {
    this.#house = house;
    this.#planned = planned;
    this.#expel = expel;
    this.#client = new DisconnectClient(house.host.crypto);
  }

  get wakeAt(): Mono | null {
    return this.#client.wakeAt;
  }

  timeout(): void {
    this.#step({ kind: "timeout" });
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  /**
   * Takes every address the device was seen with out of the firewall and tells
   * the access points of its sessions.
   * @returns settles once the kernel has it, with how many access points were
   *   asked by RADIUS; rejects with what the kernel refused
   */
  async evict(record: DeviceRecord): Promise<number> {
    const sessions = this.#house.sessions.everyOfDevice(record.id);
    const macs = new Set([
      ...sessions.map(({ mac }) => mac),
      ...record.macs.filter((mac) => this.#isTheirs(mac, record)),
      ...this.#nameless(),
    ]);
    // First of all: whatever fails below, the next look at the firewall finds that nobody has a place here.
    for (const { mac } of sessions) this.#house.sessions.remove(mac);
    const cuts = Promise.all([...macs].map((mac) => this.#cut(mac)));
    const token = visible(titleOf(record), 64);
    const asked = sessions.filter((session) => this.#tell(session, token)).length;
    this.#expel(macs);
    await cuts;
    return asked;
  }

  /** Asks an access point to put a station out that it let in without our word. */
  turnAway(mac: string, nas: Session["nas"]): void {
    this.#house.counters.add("turned-away");
    this.#tell({ mac, nas }, mac);
    this.#expel([mac]);
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

  /**
   * The firewall is what counts: no fault on the way to the access point may hide what became of the cuts.
   * @returns whether there was one to ask
   */
  #tell(session: Told, token: string): boolean {
    try {
      return this.#disconnect(session, token);
    } catch (fault) {
      this.#house.fault("a disconnect", fault);
      return false;
    }
  }

  /** @param token - what the log says of it, safe to show */
  #disconnect({ mac, nas }: Told, token: string): boolean {
    const client = this.#house.configuration.clients.find(({ name }) => name === nas.client);
    if (client === undefined || client.das === null) return false;
    const { address, port, secret } = client.das;
    const session = {
      callingStationId: mac,
      ...(nas.identifier === null ? {} : { nasIdentifier: nas.identifier }),
    };
    const unixTime = this.#house.clock.now();
    this.#step({ kind: "disconnect", token, to: { address, port, secret }, session, unixTime });
    return true;
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
        return this.#send(output.to, output.bytes);
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

  /** What cannot leave now is sent again, and in the end told as unanswered. */
  #send(to: SocketAddress, bytes: Uint8Array): void {
    try {
      this.#socketTo(to).send(bytes, to);
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      this.#house.log.limited(
        "disconnect",
        "warning",
        `The access point at ${to.address} could not be asked to put a device out (${visible(failure.message)}); the firewall keeps it out, but it stays associated.`,
      );
    }
  }

  /** A socket that reaches there: what is bound to the loopback address goes nowhere else. @throws HostFailure */
  #socketTo({ address }: SocketAddress): UdpSocket {
    const local = localFor(address);
    const open = this.#sockets.get(local);
    if (open !== undefined) return open;
    const socket = this.#house.host.udp({ address: local, port: 0 }, (bytes, from) =>
      this.#step({ kind: "datagram", from, bytes }),
    );
    this.#sockets.set(local, socket);
    return socket;
  }
}

/** The address to ask from, one of three. */
function localFor(address: string): string {
  if (address.includes(":")) return "::";
  return address.startsWith("127.") ? "127.0.0.1" : "0.0.0.0";
}
