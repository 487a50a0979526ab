/**
 * A DTLS server: all associations behind one datagram socket.
 *
 *     datagram --connection id--> association
 *              --address--------> association, and the handshake to replace it
 *              --a new hello----> listener (cookies) --proven--> new association
 *
 * Connection ids are asked first, for addresses change. A peer's address is
 * changed by a record that is authentic and newer than all before it; the third
 * condition, that the peer receives there, is nothing a record can show (RFC
 * 9146 §6). Until the caller says that it does, three times what came goes
 * there. The return routability check of RFC 9853 is not spoken.
 *
 * @see RFC 6347 §4.2.1, §4.2.8; RFC 9146 §6; RFC 9147 §5.1, §9
 */
import { toHex } from "../../../base/bytes.ts";
import { earliest, mono } from "../../../base/machine.ts";
import type { Machine, Mono } from "../../../base/machine.ts";
import { ServerHandshake } from "../server/handshake.ts";
import { checkConfig } from "../server.ts";
import { Association } from "./association.ts";
import { drawConnectionId, OWN_CONNECTION_ID_LENGTH } from "./connection-id.ts";
import { connectionIdOf, cutDatagram } from "./cut.ts";
import type { CutDatagram } from "./cut.ts";
import {
  DEFAULT_MAX_ASSOCIATIONS,
  DEFAULT_MAX_HANDSHAKES,
  MAX_ADDRESS_LENGTH,
  UNSHOWN_ADDRESS_FACTOR,
} from "./endpoint.ts";
import type {
  Counts,
  DropReason,
  EndpointConfig,
  EndpointDiscard,
  EndpointInput,
  EndpointOutput,
} from "./endpoint.ts";
import type { DtlsInput, DtlsOutput } from "./dtls.ts";
import { hearHello, Listener } from "./listener.ts";
import type { Answer, HeardHello, Verdict } from "./listener.ts";
import { AssociationTable } from "./table.ts";
import type { Entry } from "./table.ts";

export type {
  AssociationId,
  EndpointConfig,
  EndpointDiscard,
  EndpointInput,
  EndpointOutput,
} from "./endpoint.ts";

/** Draws of a connection id: with 256 associations one in 2^56 has to be drawn again. */
const MAX_DRAWS = 4;

export class DtlsServer implements Machine<EndpointInput, EndpointOutput> {
  readonly #config: EndpointConfig;
  readonly #listener: Listener;
  readonly #table: AssociationTable;
  readonly #discards: Partial<Record<EndpointDiscard, number>> = {};
  readonly #answers: Partial<Record<Answer, number>> = {};
  /** Octets of our connection ids; 0 without them. */
  readonly #idLength: number;
  #lastId = 0;

  /** @throws RangeError for a configuration that no client could be served with. */
  constructor(config: EndpointConfig) {
    const { tls, cookies = "always" } = config;
    const { maxAssociations = DEFAULT_MAX_ASSOCIATIONS } = config;
    const { maxHandshakes = DEFAULT_MAX_HANDSHAKES } = config;
    checkConfig(tls);
    if (maxAssociations < 1 || maxHandshakes < 1) {
      throw new RangeError("A DTLS server needs room for one association.");
    }
    this.#config = config;
    this.#idLength = (config.connectionIds ?? true) ? OWN_CONNECTION_ID_LENGTH : 0;
    this.#listener = new Listener(tls, cookies);
    this.#table = new AssociationTable({ maxAssociations, maxHandshakes });
  }

  /** The next thing any association, or the idle time of any, waits for. */
  get wakeAt(): Mono | null {
    let first: Mono | null = null;
    for (const entry of this.#table.all()) {
      first = earliest([first, entry.machine.wakeAt, this.#idleAt(entry)]);
    }
    return first;
  }

  /** Associations, those in a handshake included. */
  get associations(): number {
    return this.#table.size;
  }

  /** Associations whose handshake is not over. */
  get handshakes(): number {
    return this.#table.handshakes;
  }

  /** Datagrams of which nothing came, by reason; records inside an association are counted there. */
  get discards(): Counts<EndpointDiscard> {
    return { ...this.#discards };
  }

  /** Answers to addresses that had not been shown. */
  get answers(): Counts<Answer> {
    return { ...this.#answers };
  }

  /**
   * @throws Error for an input that does not fit its association's state, such
   *   as `send` before `established`: a fault of the caller.
   */
  handle(input: EndpointInput, now: Mono): EndpointOutput[] {
    switch (input.kind) {
      case "datagram":
        return this.#onDatagram(input.from, input.bytes, now);
      case "timeout":
        return this.#onTimeout(now);
      case "address-shown":
        return this.#onAddressShown(input.association);
      case "peer-accepted":
      case "peer-rejected":
      case "send":
      case "update-keys":
      case "close": {
        const entry = this.#table.byId(input.association);
        return entry === null ? [] : this.#pass(entry, input, now);
      }
    }
  }

  #onDatagram(from: string, bytes: Uint8Array, now: Mono): EndpointOutput[] {
    if (from.length > MAX_ADDRESS_LENGTH) return this.#discard("address-too-long");
    if (bytes.length === 0) return this.#discard("empty-datagram");
    const cut = cutDatagram(bytes, this.#idLength);
    const id = connectionIdOf(cut);
    if (id !== null) return this.#onNamed(id, from, bytes, now);
    const heard = hearHello(cut.records[0]);
    if (heard !== null) return this.#onHello(heard, from, bytes, now);
    return this.#onAddressed(cut, from, bytes, now);
  }

  #onNamed(id: Uint8Array, from: string, bytes: Uint8Array, now: Mono): EndpointOutput[] {
    const entry = this.#table.byConnectionId(id);
    if (entry === null) return this.#discard("unknown-connection-id");
    if (entry.address === from) return this.#deliver(entry, bytes, now);
    return this.#deliverFromElsewhere(entry, from, bytes, now);
  }

  /** A hello that an association at its address began with is a repeat, and that association's to take. */
  #onHello(heard: HeardHello, from: string, bytes: Uint8Array, now: Mono): EndpointOutput[] {
    const { established, handshake } = this.#table.at(from);
    const random = toHex(heard.random);
    for (const entry of [handshake, established]) {
      if (entry?.random === random) {
        return this.#deliver(entry, bytes, now);
      }
    }
    const verdict = this.#listener.judge(heard, from, now);
    switch (verdict.kind) {
      case "discarded":
        return this.#discard(verdict.reason);
      case "answer":
        this.#answers[verdict.says] = (this.#answers[verdict.says] ?? 0) + 1;
        return [{ kind: "datagram", to: from, bytes: verdict.datagram }];
      case "begin":
        return this.#begin(verdict, heard, from, bytes, now);
    }
  }

  #begin(
    { begun, retry }: Extract<Verdict, { kind: "begin" }>,
    { random }: HeardHello,
    from: string,
    bytes: Uint8Array,
    now: Mono,
  ): EndpointOutput[] {
    const inTheWay = this.#table.inTheWayOf(from);
    if (inTheWay === "full") return this.#discard("table-full");
    const gone =
      inTheWay === "nobody"
        ? []
        : this.#drop(inTheWay, inTheWay.address === from ? "replaced" : "evicted", now);
    const { tls } = this.#config;
    const connectionId = this.#drawId();
    const machine = new Association(
      "server",
      this.#config,
      (channel) => new ServerHandshake(tls, channel, retry),
      begun,
      connectionId,
    );
    const entry: Entry = {
      ...{ id: ++this.#lastId, machine, random: toHex(random), connectionId },
      ...{ address: from, shownAddress: from, budget: null, heardAt: now },
    };
    this.#table.add(entry);
    return [...gone, ...this.#deliver(entry, bytes, now)];
  }

  #onAddressed(
    { records, discards }: CutDatagram,
    from: string,
    bytes: Uint8Array,
    now: Mono,
  ): EndpointOutput[] {
    const { established, handshake } = this.#table.at(from);
    if (established === null && handshake === null) {
      const [unreadable = "no-association"] = discards;
      return this.#discard(records.length === 0 ? unreadable : "no-association");
    }
    if (handshake === null || established === null) {
      return this.#deliver((handshake ?? established)!, bytes, now);
    }
    const outputs = this.#deliver(handshake, bytes, now);
    const [first] = records;
    const isClear = first?.form === "plain" && first.epoch === 0;
    // Under which of the two keys it is nobody can tell but those who have them.
    if (isClear || handshake.machine.sawNewest || this.#table.byId(established.id) === null) {
      return outputs;
    }
    return [...outputs, ...this.#deliver(established, bytes, now)];
  }

  #onTimeout(now: Mono): EndpointOutput[] {
    return this.#table.all().flatMap((entry) => {
      const idleAt = this.#idleAt(entry);
      if (idleAt !== null && now >= idleAt) return this.#closeIdle(entry, now);
      const { wakeAt } = entry.machine;
      return wakeAt !== null && now >= wakeAt ? this.#pass(entry, { kind: "timeout" }, now) : [];
    });
  }

  #onAddressShown(association: number): EndpointOutput[] {
    const entry = this.#table.byId(association);
    if (entry !== null) {
      entry.shownAddress = entry.address;
      entry.budget = null;
    }
    return [];
  }

  #deliver(entry: Entry, bytes: Uint8Array, now: Mono): EndpointOutput[] {
    if (entry.budget !== null) entry.budget.received += bytes.length;
    const outputs = this.#pass(entry, { kind: "datagram", bytes }, now);
    if (entry.machine.sawNewest) entry.heardAt = now;
    return outputs;
  }

  /**
   * The peer may have moved: that shows once the record is opened, and what it
   * causes goes to where it came from. A handshake stays where its cookie was
   * shown, and what is not the newest moves nobody: a repeat from elsewhere
   * would (RFC 9146 §6, RFC 9147 §9).
   */
  #deliverFromElsewhere(
    entry: Entry,
    from: string,
    bytes: Uint8Array,
    now: Mono,
  ): EndpointOutput[] {
    const outputs = this.#run(entry, { kind: "datagram", bytes }, now);
    const { sawNewest } = entry.machine;
    if (sawNewest) entry.heardAt = now;
    if (!sawNewest || this.#table.isUnfinished(entry)) return this.#carryAll(entry, outputs, now);
    this.#table.move(entry, from);
    entry.budget = from === entry.shownAddress ? null : { received: bytes.length, sent: 0 };
    const { id: association } = entry;
    return [{ kind: "moved", association, to: from }, ...this.#carryAll(entry, outputs, now)];
  }

  #pass(entry: Entry, input: DtlsInput, now: Mono): EndpointOutput[] {
    return this.#carryAll(entry, this.#run(entry, input, now), now);
  }

  #carryAll(entry: Entry, outputs: readonly DtlsOutput[], now: Mono): EndpointOutput[] {
    return outputs.flatMap((output) => this.#carry(entry, output, now));
  }

  /** One that throws is dead. */
  #run(entry: Entry, input: DtlsInput, now: Mono): DtlsOutput[] {
    try {
      return entry.machine.handle(input, now);
    } catch (failure) {
      this.#table.remove(entry);
      throw failure;
    }
  }

  /** An association's output as the caller gets it, and what it means for the table. */
  #carry(entry: Entry, output: DtlsOutput, now: Mono): EndpointOutput[] {
    const { id: association, address } = entry;
    switch (output.kind) {
      case "datagram":
        return this.#send(entry, output.bytes);
      case "established": {
        if (!entry.machine.hasConnectionId) this.#table.dropConnectionId(entry);
        const before = this.#table.establish(entry);
        const gone = before === null ? [] : this.#drop(before, "replaced", now);
        return [...gone, { ...output, association, from: address }];
      }
      case "failed":
      case "closed":
        this.#table.remove(entry);
        return [{ ...output, association }];
      case "verify-peer":
      case "data":
      case "ticket":
        return [{ ...output, association }];
    }
  }

  #send({ address, budget }: Entry, bytes: Uint8Array): EndpointOutput[] {
    if (budget !== null) {
      if (budget.sent + bytes.length > budget.received * UNSHOWN_ADDRESS_FACTOR) {
        return this.#discard("address-not-shown");
      }
      budget.sent += bytes.length;
    }
    return [{ kind: "datagram", to: address, bytes }];
  }

  /** Without a word to the peer, who has gone on, or has not shown to be more than noise. */
  #drop(entry: Entry, reason: DropReason, now: Mono): EndpointOutput[] {
    this.#table.remove(entry);
    entry.machine.handle({ kind: "close" }, now);
    return [{ kind: "dropped", association: entry.id, reason }];
  }

  #closeIdle(entry: Entry, now: Mono): EndpointOutput[] {
    const { id: association } = entry;
    const outputs = this.#pass(entry, { kind: "close" }, now);
    const farewell = outputs.filter(({ kind }) => kind === "datagram");
    return [...farewell, { kind: "dropped", association, reason: "idle" }];
  }

  /** Handshakes have a timer of their own. */
  #idleAt(entry: Entry): Mono | null {
    const { idleMs } = this.#config;
    if (idleMs === null || this.#table.isUnfinished(entry)) return null;
    return mono(entry.heardAt + idleMs);
  }

  /** An id that no other association has; null where the random source gives none. */
  #drawId(): Uint8Array | null {
    if (this.#idLength === 0) return null;
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const id = drawConnectionId(this.#config.tls.random);
      if (this.#table.byConnectionId(id) === null) return id;
    }
    return null;
  }

  #discard(reason: EndpointDiscard): EndpointOutput[] {
    this.#discards[reason] = (this.#discards[reason] ?? 0) + 1;
    return [];
  }
}
