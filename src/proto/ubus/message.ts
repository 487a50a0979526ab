/**
 * One message of the bus: eight octets of head, and a root attribute with what
 * it says. Who may say it, and when, is `connection.ts`.
 *
 * @see OpenWrt ubus, ubusmsg.h
 */
import { concat, Reader, utf8, Writer } from "../../base/bytes.ts";
import { attributesOf, encodeAttribute, encodeText, HEAD_LENGTH } from "./blob.ts";
import type { Attribute } from "./blob.ts";
import { textOf } from "./blobmsg.ts";
import { BlobFailure, UbusFailure } from "./failure.ts";

export const MessageType = {
  hello: 0,
  status: 1,
  data: 2,
  ping: 3,
  lookup: 4,
  invoke: 5,
  addObject: 6,
  removeObject: 7,
  subscribe: 8,
  unsubscribe: 9,
  notify: 10,
} as const;

/** UBUS_STATUS_… */
export const Status = {
  ok: 0,
  invalidCommand: 1,
  invalidArgument: 2,
  methodNotFound: 3,
  notFound: 4,
  noData: 5,
  permissionDenied: 6,
  timeout: 7,
  notSupported: 8,
  unknownError: 9,
  connectionFailed: 10,
  noMemory: 11,
} as const;

/** UBUS_ATTR_… */
const Id = {
  status: 1,
  path: 2,
  object: 3,
  method: 4,
  objectType: 5,
  signature: 6,
  data: 7,
  target: 8,
  active: 9,
  noReply: 10,
  user: 12,
  group: 13,
} as const;

/** Octets of the head of a message, and of the head of its root. */
export const PROLOGUE_LENGTH = 12;

/** Octets of a root attribute; the bus ends a connection that sends more (UBUS_MAX_MSGLEN). */
export const MAX_ROOT_LENGTH = 0x10_0000;

/** What stands in a root attribute; what is not there is null. */
export interface Fields {
  readonly status: number | null;
  readonly path: string | null;
  readonly object: number | null;
  readonly method: string | null;
  /** Blobmsg fields, one for each method. */
  readonly signature: Uint8Array | null;
  /** Blobmsg fields. */
  readonly data: Uint8Array | null;
  readonly target: number | null;
  readonly active: boolean | null;
  readonly noReply: boolean | null;
  readonly user: string | null;
  readonly group: string | null;
}

export interface Prologue {
  readonly type: number;
  /** 0 to 65535. */
  readonly seq: number;
  readonly peer: number;
  /** Octets of the root's payload, behind the prologue. */
  readonly bodyLength: number;
}

export interface UbusMessage {
  readonly type: number;
  readonly seq: number;
  readonly peer: number;
  readonly fields: Fields;
}

const NOTHING: Fields = {
  status: null,
  path: null,
  object: null,
  method: null,
  signature: null,
  data: null,
  target: null,
  active: null,
  noReply: null,
  user: null,
  group: null,
};

/** @param bytes - {@link PROLOGUE_LENGTH} octets. @throws {@link UbusFailure} */
export function parsePrologue(bytes: Uint8Array): Prologue {
  const reader = new Reader(bytes, () => new UbusFailure("bad-root"));
  if (reader.u8() !== 0) throw new UbusFailure("unknown-version");
  const type = reader.u8();
  const seq = reader.u16();
  const peer = reader.u32();
  const id = reader.u8();
  const length = reader.u24();
  if (id !== 0 || length < HEAD_LENGTH) throw new UbusFailure("bad-root");
  if (length > MAX_ROOT_LENGTH) throw new UbusFailure("message-too-long");
  return { type, seq, peer, bodyLength: length - HEAD_LENGTH };
}

/**
 * Reads the payload of a root. The bus hands on what a client wrote without
 * looking into it, so this never throws: an attribute of a wrong size is not
 * there, and behind one that cannot be walked there is nothing, as other readers
 * of the bus have it. Of two with one id the last counts.
 *
 * @returns fields that borrow from `body`
 */
export function parseFields(body: Uint8Array): Fields {
  let fields = NOTHING;
  try {
    for (const attribute of attributesOf(body)) fields = { ...fields, ...fieldOf(attribute) };
  } catch (failure) {
    if (!(failure instanceof BlobFailure)) throw failure;
  }
  return fields;
}

function fieldOf({ id, payload }: Attribute): Partial<Fields> {
  switch (id) {
    case Id.status:
      return number32("status", payload);
    case Id.object:
      return number32("object", payload);
    case Id.target:
      return number32("target", payload);
    case Id.path:
      return text("path", payload);
    case Id.method:
      return text("method", payload);
    case Id.user:
      return text("user", payload);
    case Id.group:
      return text("group", payload);
    case Id.signature:
      return { signature: payload };
    case Id.data:
      return { data: payload };
    case Id.active:
      return payload.length === 1 ? { active: payload[0] !== 0 } : {};
    case Id.noReply:
      return payload.length === 1 ? { noReply: payload[0] !== 0 } : {};
    default:
      return {};
  }
}

function number32(name: "status" | "object" | "target", payload: Uint8Array): Partial<Fields> {
  if (payload.length !== 4) return {};
  return { [name]: new Reader(payload, () => new BlobFailure("bad-number")).u32() };
}

function text(name: "path" | "method" | "user" | "group", payload: Uint8Array): Partial<Fields> {
  try {
    return { [name]: textOf(payload) };
  } catch (failure) {
    if (!(failure instanceof BlobFailure)) throw failure;
    return {};
  }
}

/** @throws RangeError for more than {@link MAX_ROOT_LENGTH} octets: a fault of the caller */
export function encodeMessage(
  { type, seq, peer }: Omit<Prologue, "bodyLength">,
  fields: Partial<Fields> = {},
): Uint8Array {
  const body = encodeBody({ ...NOTHING, ...fields });
  const length = HEAD_LENGTH + body.length;
  if (length > MAX_ROOT_LENGTH) throw new RangeError(`a message of ${length} octets`);
  const head = new Writer(PROLOGUE_LENGTH).u8(0).u8(type).u16(seq).u32(peer);
  return concat(head.u32(length).bytes(), body);
}

function encodeBody(fields: Fields): Uint8Array {
  const { status, path, object, method, signature, data, target, active, noReply } = fields;
  const parts: Uint8Array[] = [];
  const put = <T>(id: number, value: T | null, written: (value: T) => Uint8Array): void => {
    if (value !== null) parts.push(encodeAttribute(id, written(value)));
  };
  put(Id.status, status, octets4);
  put(Id.path, path, octetsOf);
  put(Id.object, object, octets4);
  put(Id.method, method, octetsOf);
  put(Id.signature, signature, (bytes) => bytes);
  put(Id.target, target, octets4);
  put(Id.active, active, flag);
  put(Id.noReply, noReply, flag);
  put(Id.user, fields.user, octetsOf);
  put(Id.group, fields.group, octetsOf);
  put(Id.data, data, (bytes) => bytes);
  return concat(...parts);
}

const octets4 = (value: number): Uint8Array => new Writer(4).u32(value).bytes();
const flag = (value: boolean): Uint8Array => Uint8Array.of(value ? 1 : 0);
const octetsOf = (value: string): Uint8Array => encodeText(utf8(value));
