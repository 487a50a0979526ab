/**
 * A client's end of one connection to the bus: asks objects, and is asked as one.
 *
 *   AwaitHello → Ready → Ended
 *
 *   us                     ubusd                another client
 *   ←  HELLO
 *   ADD_OBJECT  →          ←  DATA{id}, STATUS
 *   INVOKE  →              INVOKE  →            ←  DATA …, STATUS
 *   ←  INVOKE              ←                    INVOKE, NOTIFY or an event
 *   DATA, STATUS  →        (never where NO_REPLY)
 *
 * The bus looks into nothing but its own attributes, so whatever a client wrote
 * spoils its own exchange and no more; only broken framing ends the connection.
 *
 * @see OpenWrt ubus, ubusd_proto.c, libubus-io.c
 */
import { concat } from "../../base/bytes.ts";
import { earliest, mono } from "../../base/machine.ts";
import type { Machine, Mono } from "../../base/machine.ts";
import { BlobType, decodeTable, encodeField, encodeTable } from "./blobmsg.ts";
import type { BlobFields, BlobTable } from "./blobmsg.ts";
import { CALL_MS, Calls } from "./calls.ts";
import type { Call } from "./calls.ts";
import type { Signature, UbusInput, UbusObject, UbusOutput, UbusRequest } from "./exchange.ts";
import type { FrameReason } from "./failure.ts";
import { BlobFailure, UbusFailure } from "./failure.ts";
import { Incoming } from "./incoming.ts";
import { encodeMessage, MessageType, Status } from "./message.ts";
import type { Fields, UbusMessage } from "./message.ts";

export type { UbusInput, UbusOutput, UbusRequest } from "./exchange.ts";

/** How long the bus may take for its first word. */
export const HELLO_MS = 5000;

/** Requests that wait for our answer; one more is told to come again. */
export const MAX_REQUESTS = 64;

/** Where events are registered and sent (UBUS_SYSTEM_OBJECT_EVENT). */
const EVENTS = 1;

/** The bus itself, as the peer of what it answers. */
const BUS = 0;

type Asking = Exclude<UbusInput, { readonly kind: "bytes" | "ended" | "timeout" }>;

export class UbusConnection implements Machine<UbusInput, UbusOutput> {
  readonly #incoming = new Incoming();
  readonly #calls = new Calls();
  #state: "AwaitHello" | "Ready" | "Ended" = "AwaitHello";
  readonly #helloDue: Mono;
  /** Requests that were handed out and are not answered. */
  readonly #open = new Set<UbusRequest>();
  #outputs: UbusOutput[] = [];

  constructor(now: Mono) {
    this.#helloDue = mono(now + HELLO_MS);
  }

  get wakeAt(): Mono | null {
    if (this.#state === "Ended") return null;
    return earliest([this.#state === "AwaitHello" ? this.#helloDue : null, this.#calls.wakeAt]);
  }

  /** @throws RangeError for what cannot be sent, and an answer that nobody waits for: faults of the caller */
  handle(input: UbusInput, now: Mono): UbusOutput[] {
    try {
      this.#take(input, now);
    } catch (failure) {
      if (!(failure instanceof UbusFailure)) throw failure;
      this.#fail(failure.reason);
    }
    return this.#outputs.splice(0);
  }

  #take(input: UbusInput, now: Mono): void {
    switch (input.kind) {
      case "bytes":
        return this.#receive(input.bytes);
      case "ended":
        return this.#fail("ended");
      case "timeout":
        return this.#timeout(now);
      case "lookup":
      case "add-object":
      case "subscribe":
      case "ping":
      case "invoke":
      case "listen":
      case "send-event":
      case "notify":
      case "answer":
        return this.#ask(input, now);
    }
  }

  #receive(bytes: Uint8Array): void {
    if (this.#state === "Ended") return;
    this.#incoming.push(bytes);
    for (let message = this.#incoming.next(); message !== null; message = this.#incoming.next()) {
      this.#onMessage(message);
    }
  }

  #timeout(now: Mono): void {
    if (this.#state === "AwaitHello" && now >= this.#helloDue) return this.#fail("no-hello");
    for (const { call } of this.#calls.endDue(now)) {
      this.#outputs.push({ kind: "unanswered", call, reason: "timed-out" });
    }
  }

  #fail(reason: FrameReason): void {
    if (this.#state === "Ended") return;
    this.#state = "Ended";
    this.#incoming.clear();
    this.#open.clear();
    for (const { call } of this.#calls.endAll()) {
      this.#outputs.push({ kind: "unanswered", call, reason: "timed-out" });
    }
    this.#outputs.push({ kind: "failed", reason });
  }

  // What we ask.

  #ask(input: Asking, now: Mono): void {
    switch (input.kind) {
      case "lookup": {
        const path = { path: input.path };
        return this.#call("lookup", input.call, MessageType.lookup, BUS, path, now);
      }
      case "add-object": {
        const { path, signature } = input;
        const fields = { path, signature: encodeSignature(signature) };
        return this.#call("add-object", input.call, MessageType.addObject, BUS, fields, now);
      }
      case "subscribe": {
        const { object, target } = input;
        return this.#call("plain", input.call, MessageType.subscribe, BUS, { object, target }, now);
      }
      case "ping":
        return this.#call("plain", input.call, MessageType.ping, BUS, {}, now);
      case "invoke":
        return this.#invoke(input, now);
      case "listen": {
        // Read as an int32 there, and numbers of objects use its sign.
        const fields = { pattern: input.pattern, object: input.object | 0 };
        return this.#invoke({ ...input, object: EVENTS, method: "register", fields }, now);
      }
      case "send-event": {
        const fields = { id: input.name, data: input.fields };
        return this.#invoke({ ...input, object: EVENTS, method: "send", fields }, now);
      }
      case "notify":
        return this.#notify(input.object, input.type, input.fields);
      case "answer":
        return this.#answer(input.request, input.status, input.fields);
    }
  }

  #invoke(
    asked: {
      readonly call: number;
      readonly object: number;
      readonly method: string;
      readonly fields: BlobFields;
      readonly timeoutMs?: number;
    },
    now: Mono,
  ): void {
    const { call, object, method, timeoutMs } = asked;
    const fields = { object, method, data: encodeTable(asked.fields) };
    this.#call("invoke", call, MessageType.invoke, object, fields, now, timeoutMs);
  }

  /** Sends what will be answered; `peer` is who answers. */
  #call(
    kind: Call["kind"],
    call: number,
    type: number,
    peer: number,
    fields: Partial<Fields>,
    now: Mono,
    timeoutMs: number = CALL_MS,
  ): void {
    const begun =
      this.#state === "Ready" ? this.#calls.begin({ kind, call, peer }, now, timeoutMs) : null;
    if (begun === null) {
      return void this.#outputs.push({ kind: "unanswered", call, reason: "not-sent" });
    }
    try {
      this.#send(type, begun.seq, peer, fields);
    } catch (fault) {
      this.#calls.end(begun);
      throw fault;
    }
  }

  #notify(object: number, type: string, fields: BlobFields): void {
    if (this.#state !== "Ready") return;
    const data = encodeTable(fields);
    const seq = this.#calls.nextSeq();
    this.#send(MessageType.notify, seq, BUS, { object, method: type, data, noReply: true });
  }

  /** Any data, then the one STATUS that ends it; both as the caller numbered its request. */
  #answer(request: UbusRequest, status: number, fields: BlobFields | null): void {
    if (this.#state !== "Ready") return;
    if (!this.#open.has(request)) throw new RangeError("an answer answers a request, once");
    const { seq, peer, object } = request;
    const data = fields === null ? null : encodeTable(fields);
    if (data !== null) this.#send(MessageType.data, seq, peer, { object, data });
    this.#open.delete(request);
    this.#send(MessageType.status, seq, peer, { status, object });
  }

  #send(type: number, seq: number, peer: number, fields: Partial<Fields>): void {
    this.#outputs.push({ kind: "send", bytes: encodeMessage({ type, seq, peer }, fields) });
  }

  // What we hear.

  #onMessage(message: UbusMessage): void {
    const { type, peer } = message;
    if ((type === MessageType.hello) !== (this.#state === "AwaitHello")) {
      throw new UbusFailure("unexpected-message");
    }
    switch (type) {
      case MessageType.hello:
        this.#state = "Ready";
        return void this.#outputs.push({ kind: "ready", client: peer });
      case MessageType.data:
        return this.#onData(message);
      case MessageType.status:
        return this.#onStatus(message);
      case MessageType.invoke:
        return this.#onInvoke(message);
      case MessageType.notify:
        return this.#onNotify(message.fields);
      case MessageType.unsubscribe:
        return this.#onUnsubscribe(message.fields);
      default:
        // A bus of later times has types that we did not ask for.
        return;
    }
  }

  #onData({ seq, peer, fields }: UbusMessage): void {
    const call = this.#calls.find(seq, peer);
    if (call === null) return;
    const { path, object, data } = fields;
    if (this.#calls.add(call, { path, object, data })) return;
    this.#calls.end(call);
    this.#outputs.push({ kind: "unanswered", call: call.call, reason: "too-much" });
  }

  #onStatus({ seq, peer, fields }: UbusMessage): void {
    const call = this.#calls.find(seq, peer);
    if (call === null) return;
    this.#calls.end(call);
    try {
      this.#outputs.push(endOf(call, fields.status ?? Status.unknownError));
    } catch (failure) {
      if (!(failure instanceof BlobFailure)) throw failure;
      const { reason } = failure;
      this.#outputs.push({ kind: "unanswered", call: call.call, reason });
    }
  }

  /** A call, a notification or an event: only the object it goes to knows which. */
  #onInvoke({ seq, peer, fields }: UbusMessage): void {
    const { object, method, user } = fields;
    if (object === null) return this.#discard("incomplete");
    // What the bus tells by itself has nobody to be answered.
    const wantsAnswer = fields.noReply !== true && peer !== BUS;
    const refuse = (status: number, reason: UbusOutput & { readonly kind: "discarded" }): void => {
      if (wantsAnswer) this.#send(MessageType.status, seq, peer, { status, object });
      this.#outputs.push(reason);
    };
    if (method === null || fields.data === null) {
      return refuse(Status.invalidArgument, { kind: "discarded", reason: "incomplete" });
    }
    if (wantsAnswer && this.#open.size >= MAX_REQUESTS) {
      return refuse(Status.noMemory, { kind: "discarded", reason: "too-many-requests" });
    }
    let data: BlobTable;
    try {
      data = decodeTable(fields.data);
    } catch (failure) {
      if (!(failure instanceof BlobFailure)) throw failure;
      return refuse(Status.invalidArgument, { kind: "discarded", reason: failure.reason });
    }
    const request = { object, method, data, user, seq, peer, wantsAnswer };
    if (wantsAnswer) this.#open.add(request);
    this.#outputs.push({ kind: "request", request });
  }

  #onNotify({ object, active }: Fields): void {
    if (object === null || active === null) return this.#discard("incomplete");
    this.#outputs.push({ kind: "active", object, active });
  }

  #onUnsubscribe({ object, target }: Fields): void {
    if (object === null || target === null) return this.#discard("incomplete");
    this.#outputs.push({ kind: "target-gone", object, target });
  }

  #discard(reason: "incomplete"): void {
    this.#outputs.push({ kind: "discarded", reason });
  }
}

/** @throws BlobFailure for answers that cannot be read */
function endOf({ kind, call, answers }: Call, status: number): UbusOutput {
  // A service may list one name twice, as an access point of many links does with its stations.
  const tables = (): BlobTable[] =>
    answers.flatMap(({ data }) => (data === null ? [] : [decodeTable(data, "last-counts")]));
  // Nothing by that name is an answer to who looked.
  if (kind === "lookup" && (status === Status.ok || status === Status.notFound)) {
    const objects = answers.flatMap(({ path, object: id }): UbusObject[] =>
      path === null || id === null ? [] : [{ path, id }],
    );
    return { kind: "found", call, objects };
  }
  if (status !== Status.ok) return { kind: "refused", call, status, answers: tables() };
  if (kind !== "add-object") return { kind: "answered", call, answers: tables() };
  const object = answers[0]?.object ?? null;
  return object === null
    ? { kind: "refused", call, status: Status.noData, answers: [] }
    : { kind: "added", call, object };
}

/** For each method a table of its arguments and their types. */
function encodeSignature(signature: Signature): Uint8Array {
  return concat(
    ...Object.entries(signature).map(([method, args]) =>
      encodeField(method, BlobType.table, encodeTable(args)),
    ),
  );
}
