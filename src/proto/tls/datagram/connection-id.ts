/**
 * Connection ids: names for an association that outlive its addresses. The
 * extension of both versions, and the messages by which DTLS 1.3 changes them.
 *
 * @see RFC 9146 §3; RFC 9147 §9
 */
import { Reader, Writer } from "../../../base/bytes.ts";
import type { RandomSource } from "../../../base/machine.ts";
import type { Extensions } from "../client-hello.ts";
import { TlsFailure } from "../failure.ts";
import type { Channel } from "../handshake.ts";
import { CONNECTION_ID_EXTENSION } from "./wire.ts";

/** Octets of the ids we hand out: all alike, for records do not say; too many to guess. */
export const OWN_CONNECTION_ID_LENGTH = 8;

/** Spare ids of the peer's that are kept; more are passed over (RFC 9147 §9). */
export const MAX_SPARE_CONNECTION_IDS = 4;

export function drawConnectionId(random: RandomSource): Uint8Array {
  return random(OWN_CONNECTION_ID_LENGTH);
}

/**
 * extension_data of connection_id.
 *
 * @param cid - What we want to be called by; empty for "I can call you by yours".
 */
export function encodeConnectionIdExtension(cid: Uint8Array): Uint8Array {
  return new Writer().vector8(cid).bytes();
}

/** What the peer wants to be called by, empty for nothing. @throws {@link TlsFailure} `malformed-message` */
export function parseConnectionIdExtension(extension: Uint8Array): Uint8Array {
  const reader = messageReader(extension);
  const cid = reader.vector8();
  requireEnd(reader);
  return cid;
}

/**
 * Takes what the peer's hello says of connection ids, where we speak them too.
 *
 * @throws {@link TlsFailure}
 */
export function hearConnectionId(extensions: Extensions, channel: Channel): void {
  const body = extensions.get(CONNECTION_ID_EXTENSION);
  if (body === undefined || channel.connectionId === null) return;
  channel.callPeer(parseConnectionIdExtension(body).slice());
}

/** What a server's hello has of it: the extension is an answer to the client's. */
export function answeredConnectionId(channel: Channel): Uint8Array | null {
  return channel.peerConnectionId === null ? null : channel.connectionId;
}

/** ConnectionIdUsage (RFC 9147 §9). */
const USAGE = { immediate: 0, spare: 1 } as const;

export interface NewConnectionId {
  readonly cids: readonly Uint8Array[];
  /** Whether one of them must be used from now on. */
  readonly immediate: boolean;
}

/** The body of NewConnectionId. @see RFC 9147 §9 */
export function encodeNewConnectionId({ cids, immediate }: NewConnectionId): Uint8Array {
  const list = new Writer();
  for (const cid of cids) list.vector8(cid);
  return new Writer()
    .vector16(list.bytes())
    .u8(immediate ? USAGE.immediate : USAGE.spare)
    .bytes();
}

/**
 * @returns As many ids as were sent; keep {@link MAX_SPARE_CONNECTION_IDS}.
 * @throws {@link TlsFailure} `malformed-message`, also for "use one at once" without any.
 */
export function parseNewConnectionId(body: Uint8Array): NewConnectionId {
  const reader = messageReader(body);
  const list = messageReader(reader.vector16());
  const usage = reader.u8();
  requireEnd(reader);
  const cids: Uint8Array[] = [];
  while (list.remaining > 0) cids.push(list.vector8());
  if (usage !== USAGE.immediate && usage !== USAGE.spare) {
    throw TlsFailure.because("malformed-message", `connection id usage ${usage}`);
  }
  const immediate = usage === USAGE.immediate;
  if (immediate && cids.length === 0) throw TlsFailure.because("malformed-message", "no id to use");
  return { cids, immediate };
}

/** The body of RequestConnectionId. @param count - 0 to 255. */
export function encodeRequestConnectionId(count: number): Uint8Array {
  return new Writer().u8(count).bytes();
}

/** How many ids are asked for. @throws {@link TlsFailure} `malformed-message` */
export function parseRequestConnectionId(body: Uint8Array): number {
  const reader = messageReader(body);
  const count = reader.u8();
  requireEnd(reader);
  return count;
}

function messageReader(bytes: Uint8Array): Reader {
  return new Reader(bytes, () => TlsFailure.because("malformed-message", "cut short"));
}

function requireEnd(reader: Reader): void {
  if (reader.remaining > 0) throw TlsFailure.because("malformed-message", "trailing octets");
}
