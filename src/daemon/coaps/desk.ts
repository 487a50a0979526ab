/**
 * CoAP over DTLS: the door that devices themselves knock at. A datagram goes to
 * its association; a chain is judged as in EAP; a request is answered by the
 * device API, and what it changes is stored before the answer leaves.
 */
import { peerName, peerOf } from "../../base/address.ts";
import type { Mono } from "../../base/machine.ts";
import { earliest } from "../../base/machine.ts";
import { visible } from "../../base/text.ts";
import type { SocketAddress, UdpSocket } from "../../host/host.ts";
import { HostFailure } from "../../host/host.ts";
import { isObservable } from "../../policy/devices/index.ts";
import { faultResponse } from "../../policy/devices/refusal.ts";
import type { Answer, Caller, Note } from "../../policy/devices/resource.ts";
import { RegistryFailure } from "../../policy/registry/failure.ts";
import { MAX_DEVICES } from "../../policy/registry/registry.ts";
import type { CoapRequest } from "../../proto/coap/request.ts";
import type { CoapResponse } from "../../proto/coap/response.ts";
import type { TlsSession } from "../../proto/tls/connection.ts";
import { bindingOf } from "../../policy/devices/binding.ts";
import { DtlsServer } from "../../proto/tls/datagram/server.ts";
import type {
  AssociationId,
  EndpointInput,
  EndpointOutput,
} from "../../proto/tls/datagram/server.ts";
import type { House } from "../house.ts";
import { askerOf, bindingsOf } from "../est.ts";
import { judgeChain } from "../peer.ts";
import type { PublishedList } from "../list.ts";
import { StoreFailure } from "../store/failure.ts";
import { Association } from "./association.ts";
import { Reception } from "./reception.ts";

/** An association that says nothing for so long is closed; a device that comes back has a session. */
export const IDLE_MS: number = 10 * 60_000;

/**
 * Associations of devices without a certificate, which whoever makes a key can
 * have: the oldest that waits for nothing gives way, so that members always find room.
 */
export const MAX_STRANGERS = 64;

/** One for each device that a home may have, for each keeps its own to be told things in, and those of strangers. */
const MAX_ASSOCIATIONS: number = MAX_DEVICES + MAX_STRANGERS;

/** Associations of one key: more than a device that lost its last ones needs. */
export const MAX_OF_ONE_KEY = 4;

/** Who has shown a chain. */
type Shown = Pick<Caller, "asker" | "spkiHash">;

export class CoapsDesk {
  readonly #house: House;
  readonly #reception: Reception;
  readonly #soon: () => void;
  readonly #told: (kind: Note["kind"], device: string) => void;
  readonly #dtls: DtlsServer;
  readonly #sockets: UdpSocket[] = [];
  #unopened: readonly SocketAddress[] = [];
  /** Until their handshakes are over. */
  readonly #shown = new Map<AssociationId, Shown>();
  readonly #members = new Map<AssociationId, Association>();

  /**
   * @param soon - called when something may be due earlier than before
   * @param told - called with each note of a device on record, once what it tells is stored
   */
  constructor(
    house: House,
    list: PublishedList,
    soon: () => void,
    told: (kind: Note["kind"], device: string) => void,
  ) {
    this.#house = house;
    this.#reception = new Reception(house, list);
    this.#soon = soon;
    this.#told = told;
    this.#dtls = new DtlsServer({
      tls: house.coapsTls(),
      mtu: null,
      idleMs: IDLE_MS,
      maxAssociations: MAX_ASSOCIATIONS,
    });
  }

  /** Where it listens, for people. */
  get names(): readonly string[] {
    return this.#sockets.map(({ local }) => `coaps ${local.address} port ${local.port}`);
  }

  get wakeAt(): Mono | null {
    return earliest([
      this.#dtls.wakeAt,
      ...[...this.#members.values()].map(({ wakeAt }) => wakeAt),
    ]);
  }

  /** Opens what the configuration names; what cannot be opened waits for {@link CoapsDesk.retry}. */
  open(): void {
    const { listen, port } = this.#house.configuration.coaps;
    this.#unopened = listen.map((address) => ({ address, port }));
    this.retry();
  }

  retry(): void {
    this.#unopened = this.#unopened.filter((bind) => !this.#openOne(bind));
  }

  close(): void {
    for (const association of this.#members.keys()) this.#dtlsTakes({ kind: "close", association });
    for (const socket of this.#sockets) socket.close();
  }

  timeout(): void {
    const now = this.#house.host.mono();
    this.#house.keyUpdates.timeout(now);
    this.#dtlsTakes({ kind: "timeout" });
    for (const association of this.#members.values()) {
      if (association.wakeAt !== null && association.wakeAt <= now) association.timeout(now);
    }
  }

  /** What the registry says has changed: who observes is told. */
  refresh(): void {
    const now = this.#house.host.mono();
    for (const association of this.#members.values()) association.refresh(now);
    this.#soon();
  }

  /** Ends every association of the device. */
  endOf(device: string): void {
    for (const [association, caller] of this.#callers()) {
      const record = this.#reception.recordOf(caller);
      if (record?.id === device) this.#dtlsTakes({ kind: "close", association });
    }
    this.#reception.forget(device);
  }

  /** Whether the device has an association in which it can be told something. */
  isConnected(device: string): boolean {
    const members = [...this.#members.values()];
    return members.some(({ caller }) => this.#reception.recordOf(caller)?.id === device);
  }

  *#callers(): Iterable<[AssociationId, Shown]> {
    for (const [association, { caller }] of this.#members) yield [association, caller];
    yield* this.#shown;
  }

  #openOne({ address, port }: SocketAddress): boolean {
    try {
      const via = this.#sockets.length;
      const receive = (bytes: Uint8Array, from: SocketAddress): void =>
        this.#receive(peerName(via, from), bytes);
      this.#sockets.push(this.#house.host.udp({ address, port }, receive));
      return true;
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      const fix =
        failure.errno === "EADDRINUSE"
          ? "another CoAP server has the port: stop it, or change `option port` in section 'coaps'"
          : "take the address out of `list listen` or bring the interface up";
      this.#house.log.limited(
        "listen coaps",
        "error",
        `Devices cannot reach ${address} port ${port} (${failure.errno}): ${fix}.`,
      );
      return false;
    }
  }

  #receive(from: string, bytes: Uint8Array): void {
    try {
      this.#dtlsTakes({ kind: "datagram", from, bytes });
    } catch (fault) {
      this.#house.fault("a device's datagram", fault);
    }
    this.#soon();
  }

  #dtlsTakes(input: EndpointInput): void {
    for (const output of this.#dtls.handle(input, this.#house.host.mono())) this.#carryOut(output);
  }

  #carryOut(output: EndpointOutput): void {
    switch (output.kind) {
      case "datagram":
        return this.#send(output.to, output.bytes);
      case "verify-peer":
        return this.#judge(output.association, output.chain);
      case "established":
        return this.#establish(output.association, output.session);
      case "data":
        return this.#hear(output.association, output.bytes);
      case "failed":
        this.#house.counters.add("coaps handshakes failed");
        return this.#forget(output.association);
      case "closed":
      case "dropped":
        return this.#forget(output.association);
      case "moved":
      case "ticket":
        return;
    }
  }

  #send(name: string, bytes: Uint8Array): void {
    const { via, to } = peerOf(name);
    this.#sockets[via]?.send(bytes, to);
  }

  #judge(association: AssociationId, chain: readonly Uint8Array[]): void {
    const verdict = judgeChain(chain, this.#house.peerRules());
    if (verdict.kind === "rejected") {
      const { alert, reason } = verdict;
      return this.#dtlsTakes({ kind: "peer-rejected", association, alert, reason });
    }
    const { peer, publicKey } = verdict;
    this.#shown.set(association, shownBy(peer));
    this.#dtlsTakes({ kind: "peer-accepted", association, publicKey });
  }

  #establish(id: AssociationId, session: TlsSession): void {
    const caller = this.#callerOf(id, session);
    this.#shown.delete(id);
    if (caller === null) return this.#dtlsTakes({ kind: "close", association: id });
    this.#makeRoomFor(caller);
    this.#house.counters.add("coaps associations");
    const association = new Association(caller, {
      random: this.#house.host.random,
      send: (bytes) => this.#dtlsTakes({ kind: "send", association: id, bytes }),
      observable: isObservable,
      serve: (request, whose) => this.#serve(request, whose),
      look: (request, whose) => this.#reception.answer(request, whose).response,
    });
    this.#members.set(id, association);
    this.#keepTicket(caller, session);
  }

  /** A member may come back to this session; what it still opens then is asked of the record as it is then. */
  #keepTicket({ asker }: Caller, { issuedTicket }: TlsSession): void {
    if (issuedTicket === null || asker.kind !== "certificate" || asker.lapsed) return;
    const record = this.#reception.recordOf({ asker });
    if (record === null) return;
    const { serial, leaf } = asker.peer;
    const holder = { device: record.id, serial, notAfter: leaf.notAfter };
    this.#house.tickets.admit("coaps", issuedTicket, holder);
  }

  /** Established, an association gives way to nobody in DTLS: here it does. */
  #makeRoomFor({ spkiHash, asker }: Caller): void {
    const others = [...this.#members].map(([id, { caller }]) => ({ id, caller }));
    const ofKey = others.filter(({ caller }) => caller.spkiHash === spkiHash);
    if (ofKey.length >= MAX_OF_ONE_KEY) this.#closeToMakeRoom(ofKey[0]!.id);
    if (asker.kind !== "own-key") return;
    const strangers = others.filter(({ caller }) => caller.asker.kind === "own-key");
    if (strangers.length < MAX_STRANGERS) return;
    const idle = strangers.find(({ caller }) => !this.#isExpected(caller));
    this.#closeToMakeRoom((idle ?? strangers[0]!).id);
  }

  /** Whether the owner has said yes, so that its certificate is on the way. */
  #isExpected(caller: Caller): boolean {
    return this.#reception.recordOf(caller)?.state === "approved";
  }

  #closeToMakeRoom(association: AssociationId): void {
    this.#house.counters.add("coaps associations closed for room");
    this.#dtlsTakes({ kind: "close", association });
  }

  /** A session that was resumed shows no chain now; the one it began with is judged again. */
  #callerOf(id: AssociationId, session: TlsSession): Caller | null {
    const shown = this.#shown.get(id) ?? this.#judgedAgain(session.peerChain);
    if (shown === null) return null;
    return { ...shown, channelBinding: bindingOf(session), bindings: bindingsOf(session) };
  }

  #judgedAgain(chain: readonly Uint8Array[]): Shown | null {
    const verdict = judgeChain(chain, this.#house.peerRules());
    return verdict.kind === "rejected" ? null : shownBy(verdict.peer);
  }

  #hear(id: AssociationId, bytes: Uint8Array): void {
    this.#members.get(id)?.receive(bytes, this.#house.host.mono());
  }

  #serve(request: CoapRequest, caller: Caller): CoapResponse {
    try {
      const answer = this.#reception.answer(request, caller);
      this.#carryThrough(answer, caller);
      return answer.response;
    } catch (fault) {
      const expected =
        fault instanceof HostFailure ||
        fault instanceof StoreFailure ||
        fault instanceof RegistryFailure;
      if (expected) {
        this.#house.log.limited(
          "coaps",
          "error",
          `A device was not answered (${visible(fault.message)}): free space or rights there.`,
        );
      } else {
        this.#house.fault("a device's request", fault);
      }
      return faultResponse();
    }
  }

  /** Stored before the answer is sent; the owner is told behind that. */
  #carryThrough({ changes, notes }: Answer, caller: Caller): void {
    if (changes.length > 0) this.#house.change(changes);
    for (const note of notes) {
      this.#reception.note(note, caller);
      const device = this.#reception.recordOf(caller)?.id ?? null;
      if (device !== null) this.#told(note.kind, device);
    }
  }

  #forget(id: AssociationId): void {
    this.#shown.delete(id);
    this.#members.delete(id);
  }
}

function shownBy(peer: Parameters<typeof askerOf>[0]): Shown {
  return { asker: askerOf(peer), spkiHash: peer.peer.spkiHash };
}
