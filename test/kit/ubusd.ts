/**
 * A small ubusd for tests: a machine of its own, written from the description of
 * the protocol and not from our client, behind any host's local sockets. Services
 * on it are plain functions, such as a hostapd that is not there.
 */
import { concat, fromUtf8, utf8, Writer } from "../../src/base/bytes.ts";
import type { Host, Listener, LocalConnection, LocalHandlers } from "../../src/host/host.ts";
import { decodeTable, encodeTable } from "../../src/proto/ubus/blobmsg.ts";
import type { BlobTable } from "../../src/proto/ubus/blobmsg.ts";

/** What a service answers; null for no data. */
export interface ServiceAnswer {
  readonly status?: number;
  readonly fields?: object;
  /** In place of fields, whatever octets. */
  readonly raw?: Uint8Array;
}

/** Answers one call; null never answers. */
export type Service = (method: string, data: BlobTable) => ServiceAnswer | null;

/** What a subscriber answered. */
export interface Reply {
  readonly status: number;
  readonly data: BlobTable | null;
}

interface Published {
  readonly path: string | null;
  readonly id: number;
  /** Null for a service of the test's. */
  readonly owner: Client | null;
  readonly service: Service | null;
  readonly signature: Uint8Array;
  readonly subscribers: Set<Published>;
  readonly patterns: Set<string>;
}

interface Message {
  readonly type: number;
  readonly seq: number;
  readonly peer: number;
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

const EMPTY = new Uint8Array();

export class Ubusd {
  readonly #objects = new Map<number, Published>();
  readonly #clients = new Set<Client>();
  readonly #calls = new Map<string, (reply: Reply) => void>();
  #listener: Listener | null = null;
  // Beyond 2^31, as half of all real numbers are.
  #nextId = 0xf000_0000;
  #seq = 0;
  /** Notifications of services are lost while this is true. */
  isDeaf = false;

  listen(host: Pick<Host, "listenLocal">, path: string): this {
    this.#listener = host.listenLocal(path, 0o666, (connection) => this.#accept(connection));
    return this;
  }

  /** All clients lose it, and all they published. */
  stop(): void {
    this.#listener?.close();
    for (const client of this.#clients) client.connection.close();
    this.#clients.clear();
    this.#objects.clear();
  }

  get paths(): readonly string[] {
    return [...this.#objects.values()].flatMap(({ path }) => (path === null ? [] : [path])).sort();
  }

  /** The signature that an object was published with. */
  signatureOf(path: string): BlobTable | null {
    const object = this.#byPath(path);
    return object === null ? null : decodeTable(object.signature);
  }

  /** A service of the test's; under a path that is there already it takes that place with a new number. */
  provide(path: string, service: Service): number {
    this.withdraw(path);
    return this.#publish({ path, owner: null, service, signature: EMPTY }).id;
  }

  withdraw(path: string): void {
    const object = this.#byPath(path);
    if (object !== null) this.#remove(object);
  }

  /** How many listen to an object. */
  subscribersOf(path: string): number {
    return this.#byPath(path)?.subscribers.size ?? 0;
  }

  /** A service tells its subscribers; `replied` makes it wait for them. */
  notify(path: string, type: string, fields: object, replied?: (reply: Reply) => void): void {
    const object = this.#byPath(path);
    if (object === null || this.isDeaf) return;
    for (const subscriber of object.subscribers) {
      this.#deliver(subscriber, type, encodeTable(fields), replied ?? null);
    }
  }

  /** An event from some service. */
  send(name: string, fields: object): void {
    this.#event(name, encodeTable(fields), null);
  }

  /** A call as `ubus call` makes it. */
  call(path: string, method: string, fields: object, replied: (reply: Reply) => void): void {
    this.callRaw(path, method, encodeTable(fields), replied);
  }

  callRaw(path: string, method: string, data: Uint8Array, replied: (reply: Reply) => void): void {
    const object = this.#byPath(path);
    if (object === null) throw new Error(`nobody has published ${path}`);
    this.#deliver(object, method, data, replied);
  }

  /** Octets to every client, whatever they are. */
  blurt(bytes: Uint8Array): void {
    for (const client of this.#clients) client.connection.send(bytes);
  }

  #accept(connection: LocalConnection): LocalHandlers {
    const client = new Client(connection, ++this.#nextId);
    this.#clients.add(client);
    client.send(0, 0, client.id, EMPTY);
    return {
      onBytes: (bytes) => {
        for (const message of client.take(bytes)) this.#onMessage(client, message);
      },
      onClose: () => {
        this.#clients.delete(client);
        for (const object of this.#objects.values()) {
          if (object.owner === client) this.#remove(object);
        }
      },
    };
  }

  #onMessage(client: Client, message: Message): void {
    switch (message.type) {
      case 1:
      case 2:
        return this.#onReply(client, message);
      case 3:
        client.send(2, message.seq, message.peer, EMPTY);
        return client.status(message, 0);
      case 4:
        return this.#onLookup(client, message);
      case 5:
        return this.#onInvoke(client, message);
      case 6:
        return this.#onAdd(client, message);
      case 8:
        return this.#onSubscribe(client, message);
      case 10:
        return this.#onNotify(client, message);
      default:
        return client.status(message, 1);
    }
  }

  #onLookup(client: Client, message: Message): void {
    const path = textOf(message, 2) ?? "*";
    const isMatch = (name: string): boolean =>
      path.endsWith("*") ? name.startsWith(path.slice(0, -1)) : name === path;
    const found = [...this.#objects.values()].filter(
      (object) => object.path !== null && isMatch(object.path),
    );
    for (const { path: name, id, signature } of found) {
      const body = [attribute(2, text(name ?? "")), attribute(3, u32(id)), attribute(5, u32(1))];
      client.send(2, message.seq, message.peer, concat(...body, attribute(6, signature)));
    }
    client.status(message, found.length === 0 ? 4 : 0);
  }

  #onInvoke(client: Client, message: Message): void {
    const id = numberOf(message, 3);
    const method = textOf(message, 4);
    const data = message.attributes.get(7) ?? null;
    if (id === null || method === null) return client.status(message, 2);
    if (id === 1) return client.status(message, this.#atEvents(client, method, data ?? EMPTY));
    const service = this.#objects.get(id)?.service ?? null;
    if (service === null) return client.status(message, 4);
    const answer = service(method, decodeTable(data ?? EMPTY));
    if (answer === null) return;
    const { status = 0, fields, raw } = answer;
    const body = raw ?? (fields === undefined ? null : encodeTable(fields));
    // The peer of an answer is the object that gives it.
    if (body !== null) {
      client.send(2, message.seq, id, concat(attribute(3, u32(id)), attribute(7, body)));
    }
    client.send(1, message.seq, id, concat(attribute(1, u32(status)), attribute(3, u32(id))));
  }

  #atEvents(client: Client, method: string, data: Uint8Array): number {
    const fields = decodeTable(data);
    if (method === "register") {
      const object = this.#objects.get(Number(fields.get("object")) >>> 0);
      const pattern = fields.get("pattern");
      if (object?.owner !== client || typeof pattern !== "string") return 6;
      object.patterns.add(pattern);
      return 0;
    }
    return 1;
  }

  #onAdd(client: Client, message: Message): void {
    const path = textOf(message, 2);
    if (path !== null && this.#byPath(path) !== null) return client.status(message, 2);
    const signature = message.attributes.get(6) ?? EMPTY;
    const { id } = this.#publish({ path, owner: client, service: null, signature });
    const body = concat(attribute(3, u32(id)), attribute(5, u32(1)));
    client.send(2, message.seq, message.peer, body);
    client.status(message, 0);
  }

  #onSubscribe(client: Client, message: Message): void {
    const own = this.#objects.get(numberOf(message, 3) ?? 0);
    const target = this.#objects.get(numberOf(message, 8) ?? 0);
    if (own?.owner !== client || target === undefined) return client.status(message, 4);
    if (target.owner === client) return client.status(message, 2);
    target.subscribers.add(own);
    client.status(message, 0);
  }

  /** Whoever watches here is a test: it looks at {@link Ubusd.notices}. */
  readonly notices: { readonly type: string; readonly data: BlobTable }[] = [];

  /** Somebody begins to watch an object of a client's, or nobody does any more. */
  watch(path: string, active: boolean): void {
    const object = this.#byPath(path);
    const body = concat(
      attribute(3, u32(object?.id ?? 0)),
      attribute(9, Uint8Array.of(active ? 1 : 0)),
    );
    object?.owner?.send(10, ++this.#seq, 0, body);
  }

  #onNotify(client: Client, message: Message): void {
    const object = this.#objects.get(numberOf(message, 3) ?? 0);
    if (object?.owner !== client) return client.status(message, 6);
    const type = textOf(message, 4) ?? "";
    this.notices.push({ type, data: decodeTable(message.attributes.get(7) ?? EMPTY) });
  }

  #onReply(client: Client, message: Message): void {
    const id = numberOf(message, 3);
    if (id === null || this.#objects.get(id)?.owner !== client) return;
    const key = `${message.seq} ${message.peer}`;
    const replied = this.#calls.get(key);
    if (replied === undefined) return;
    if (message.type === 2) {
      const data = message.attributes.get(7);
      if (data !== undefined) client.answers.set(key, data);
      return;
    }
    const data = client.answers.get(key);
    client.answers.delete(key);
    this.#calls.delete(key);
    replied({
      status: numberOf(message, 1) ?? -1,
      data: data === undefined ? null : decodeTable(data),
    });
  }

  #deliver(
    object: Published,
    method: string,
    data: Uint8Array,
    replied: ((reply: Reply) => void) | null,
  ): void {
    const seq = ++this.#seq & 0xffff;
    const peer = 0xbeef;
    if (replied !== null) this.#calls.set(`${seq} ${peer}`, replied);
    const parts = [
      attribute(3, u32(object.id)),
      attribute(4, text(method)),
      attribute(12, text("root")),
      attribute(13, text("root")),
      attribute(7, data),
      ...(replied === null ? [attribute(10, Uint8Array.of(1))] : []),
    ];
    object.owner?.send(5, seq, peer, concat(...parts));
  }

  #event(name: string, data: Uint8Array, by: Client | null): void {
    for (const object of this.#objects.values()) {
      const { owner } = object;
      if (owner === null || owner === by || this.isDeaf) continue;
      const isHeard = [...object.patterns].some((pattern) =>
        pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
      );
      if (!isHeard) continue;
      const parts = [attribute(3, u32(object.id)), attribute(4, text(name)), attribute(7, data)];
      owner.send(5, ++this.#seq & 0xffff, 0, concat(...parts));
    }
  }

  #publish(made: Pick<Published, "path" | "owner" | "service" | "signature">): Published {
    const id = (this.#nextId += 7);
    const object = { ...made, id, subscribers: new Set<Published>(), patterns: new Set<string>() };
    this.#objects.set(id, object);
    this.#told("ubus.object.add", object);
    return object;
  }

  #remove(object: Published): void {
    this.#objects.delete(object.id);
    for (const { owner, id } of object.subscribers) {
      if (this.isDeaf) continue;
      const body = concat(attribute(3, u32(id)), attribute(8, u32(object.id)));
      owner?.send(9, ++this.#seq & 0xffff, 0, body);
    }
    for (const other of this.#objects.values()) other.subscribers.delete(object);
    this.#told("ubus.object.remove", object);
  }

  #told(event: string, { path, id, owner }: Published): void {
    if (path !== null) this.#event(event, encodeTable({ id: id | 0, path }), owner);
  }

  #byPath(path: string): Published | null {
    return [...this.#objects.values()].find((object) => object.path === path) ?? null;
  }
}

class Client {
  readonly connection: LocalConnection;
  readonly id: number;
  /** Data of answers whose status has not come. */
  readonly answers = new Map<string, Uint8Array>();
  #held: Uint8Array = EMPTY;

  constructor(connection: LocalConnection, id: number) {
    this.connection = connection;
    this.id = id;
  }

  send(type: number, seq: number, peer: number, body: Uint8Array): void {
    const head = new Writer()
      .u8(0)
      .u8(type)
      .u16(seq)
      .u32(peer)
      .u32(body.length + 4)
      .raw(body);
    this.connection.send(head.bytes());
  }

  status({ seq, peer }: Message, code: number): void {
    this.send(1, seq, peer, attribute(1, u32(code)));
  }

  take(bytes: Uint8Array): Message[] {
    this.#held = concat(this.#held, bytes);
    const messages: Message[] = [];
    while (this.#held.length >= 12) {
      const view = new DataView(this.#held.buffer, this.#held.byteOffset);
      const length = 8 + (view.getUint32(8) & 0xff_ffff);
      if (this.#held.length < length) break;
      const [type, seq, peer] = [view.getUint8(1), view.getUint16(2), view.getUint32(4)];
      const attributes = split(this.#held.slice(12, length));
      messages.push({ type, seq, peer, attributes });
      this.#held = this.#held.slice(length);
    }
    return messages;
  }
}

function split(body: Uint8Array): Map<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>();
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  for (let at = 0; at + 4 <= body.length;) {
    const length = view.getUint32(at) & 0xff_ffff;
    attributes.set(view.getUint8(at), body.slice(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return attributes;
}

function attribute(id: number, payload: Uint8Array): Uint8Array {
  const length = 4 + payload.length;
  const filled = new Uint8Array((4 - (length % 4)) % 4);
  return new Writer().u8(id).u24(length).raw(payload).raw(filled).bytes();
}

const u32 = (value: number): Uint8Array => new Writer().u32(value).bytes();
const text = (value: string): Uint8Array => concat(utf8(value), Uint8Array.of(0));

function textOf({ attributes }: Message, id: number): string | null {
  const payload = attributes.get(id);
  return payload === undefined ? null : fromUtf8(payload.subarray(0, -1));
}

function numberOf({ attributes }: Message, id: number): number | null {
  const payload = attributes.get(id);
  return payload === undefined
    ? null
    : new DataView(payload.buffer, payload.byteOffset).getUint32(0);
}
