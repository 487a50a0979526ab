/**
 * The bodies of the device API, read and written by both ends: CBOR maps with
 * small integer keys in the deterministic encoding (RFC 8949 §4.2.1). A key
 * that is not known here is an error: a new one takes a new version of `/h`.
 */
import { CborFailure, parseCbor } from "../../base/cbor.ts";
import type { CborMap } from "../../base/cbor.ts";
import * as cbor from "../../base/cbor-write.ts";
import { unix } from "../../base/machine.ts";
import type { Unix } from "../../base/machine.ts";
import { NONCE_LENGTH } from "../ownership/objects.ts";
import { MAX_GROUPS } from "../registry/record.ts";
import { isPlainText, isType, MAX_NAME } from "../registry/text.ts";
import { isGroupName, MAX_GROUP_NAME } from "../rights/rights.ts";

/** The version of the device API that this code speaks. */
export const API_VERSION = 1;

/** What a home can do beyond the first version's least, by name. */
export type Feature = "key-update" | "est" | "crl" | "live" | "release";
export const FEATURES: readonly Feature[] = ["key-update", "est", "crl", "live", "release"];

/** Octets of text in UTF-8. */
const MAX_TEXT = 256;
const MAX_URL = 1024;
/** Octets of one message of this file. */
export const MAX_MESSAGE = 4096;
/** Of a device's id: SHA-256. */
export const DEVICE_ID_LENGTH = 32;
/** Of a setup proof and of the home's answer to it. */
export const PROOF_LENGTH = 16;
/** Octets that name the home's authority: the beginning of SHA-256 over the root's SubjectPublicKeyInfo. */
export const AUTHORITY_ID_LENGTH = 8;
/** Of a token of release, a COSE_Sign1. */
const MAX_TOKEN = 1024;
/** Numbers that count and times: what fits 32 bits holds until the year 2106. */
const MAX_COUNT = 2 ** 32 - 1;

/** `GET /h`. */
export interface HomeFacts {
  readonly version: number;
  readonly features: readonly string[];
  /** Null while the home does not know the time. */
  readonly time: Unix | null;
  /** The window t: a device that is away for longer becomes dormant. */
  readonly windowSeconds: number;
  /** How long a device searches for its home before it may be paired anew. */
  readonly releaseSeconds: number;
  /** {@link AUTHORITY_ID_LENGTH} octets. */
  readonly authority: Uint8Array;
}

export function encodeHomeFacts(facts: HomeFacts): Uint8Array {
  const { version, features, time, windowSeconds, releaseSeconds, authority } = facts;
  return cbor.map(
    [1, cbor.integer(version)],
    [2, cbor.array(...features.map(cbor.text))],
    [3, time === null ? null : cbor.integer(time)],
    [4, cbor.integer(windowSeconds)],
    [5, cbor.integer(releaseSeconds)],
    [6, cbor.bytes(authority)],
  );
}

/** @throws {@link CborFailure} */
export function parseHomeFacts(body: Uint8Array): HomeFacts {
  return read(body, (map) => {
    const version = map.required(1).unsigned(255);
    const features = map
      .required(2)
      .array(0, 32)
      .map((item) => item.text(32));
    return {
      version,
      features,
      time: timeAt(map, 3),
      windowSeconds: map.required(4).unsigned(MAX_COUNT),
      releaseSeconds: map.required(5).unsigned(MAX_COUNT),
      authority: map.required(6).bytes(AUTHORITY_ID_LENGTH),
    };
  });
}

/** `POST /h/adopt`: what the device says of itself. All of it is a claim. */
export interface AdoptionRequest {
  /** {@link DEVICE_ID_LENGTH} octets, see `deviceIdHash`. */
  readonly deviceId: Uint8Array;
  readonly name: string | null;
  /** 1 to 16 of a-z, 0-9 and hyphen. */
  readonly type: string;
  readonly model: string | null;
  /** The last owner's signed release; null where there is none. */
  readonly releaseToken: Uint8Array | null;
  /** Whether it was released by time alone: then it takes the owner's presence. */
  readonly passive: boolean;
  /** RFC 8520; only the home fetches it. */
  readonly mudUrl: string | null;
  /** {@link PROOF_LENGTH} octets, see `setupProof`; null for a device without a code. */
  readonly proof: Uint8Array | null;
}

export function encodeAdoptionRequest(request: AdoptionRequest): Uint8Array {
  const { deviceId, name, type, model, releaseToken, passive, mudUrl, proof } = request;
  return cbor.map(
    [1, cbor.bytes(deviceId)],
    [2, textOrNone(name)],
    [3, cbor.text(type)],
    [4, textOrNone(model)],
    [5, bytesOrNone(releaseToken)],
    [6, cbor.boolean(passive)],
    [7, textOrNone(mudUrl)],
    [8, bytesOrNone(proof)],
  );
}

/** @throws {@link CborFailure}; {@link RangeError} for text that is not fit to be shown */
export function parseAdoptionRequest(body: Uint8Array): AdoptionRequest {
  return read(body, (map) => {
    const request: AdoptionRequest = {
      deviceId: map.required(1).bytes(DEVICE_ID_LENGTH),
      name: textAt(map, 2, MAX_TEXT),
      type: map.required(3).text(16),
      model: textAt(map, 4, MAX_TEXT),
      releaseToken: map.optional(5)?.bytes(1, MAX_TOKEN) ?? null,
      passive: map.required(6).boolean(),
      mudUrl: textAt(map, 7, MAX_URL),
      proof: map.optional(8)?.bytes(PROOF_LENGTH) ?? null,
    };
    const { name, type, model, mudUrl } = request;
    const isShowable = (text: string | null): boolean =>
      text === null || isPlainText(text, MAX_NAME);
    if (!isType(type)) throw new RangeError("type");
    if (!isShowable(name)) throw new RangeError("name");
    if (!isShowable(model)) throw new RangeError("model");
    if (mudUrl !== null && !/^https:\/\/[!-~]+$/.test(mudUrl)) throw new RangeError("MUD URL");
    return request;
  });
}

/** The answer to `POST /h/adopt`. */
export interface AdoptionAnswer {
  /** {@link PROOF_LENGTH} octets: that the home knows the code as well, bound to this very association. Only once the device's own proof held. */
  readonly proof: Uint8Array | null;
}

export function encodeAdoptionAnswer({ proof }: AdoptionAnswer): Uint8Array {
  return cbor.map([1, bytesOrNone(proof)]);
}

/** @throws {@link CborFailure} */
export function parseAdoptionAnswer(body: Uint8Array): AdoptionAnswer {
  return read(body, (map) => ({ proof: map.optional(1)?.bytes(PROOF_LENGTH) ?? null }));
}

/** How the owner decided, as the device is told: one that was denied waits as one nobody has looked at. */
export type AdoptionStanding = "pending" | "approved";

/** `GET /h/adopt/<ticket>`. */
export function encodeAdoptionStanding(standing: AdoptionStanding): Uint8Array {
  return cbor.map([1, cbor.integer(standing === "approved" ? 1 : 0)]);
}

/** @throws {@link CborFailure} */
export function parseAdoptionStanding(body: Uint8Array): AdoptionStanding {
  return read(body, (map) => (map.required(1).unsigned(1) === 1 ? "approved" : "pending"));
}

/** `POST /h/live`: the device lives, and how it is. */
export interface LiveReport {
  readonly uptimeSeconds: number;
  /** SHA-256 of what it runs; null where it cannot tell. */
  readonly firmware: Uint8Array | null;
  /** Number of the revocation list it has; 0 for none. */
  readonly crlNumber: number;
}

export function encodeLiveReport({ uptimeSeconds, firmware, crlNumber }: LiveReport): Uint8Array {
  return cbor.map(
    [1, cbor.integer(uptimeSeconds)],
    [2, bytesOrNone(firmware)],
    [3, cbor.integer(crlNumber)],
  );
}

/** @throws {@link CborFailure} */
export function parseLiveReport(body: Uint8Array): LiveReport {
  return read(body, (map) => ({
    uptimeSeconds: map.required(1).unsigned(MAX_COUNT),
    firmware: map.optional(2)?.bytes(32) ?? null,
    crlNumber: map.required(3).unsigned(),
  }));
}

/** What a device that lives is told. */
export interface LiveAnswer {
  readonly time: Unix | null;
  readonly windowSeconds: number;
  readonly releaseSeconds: number;
  /** When it should report again, before its jitter of a tenth. */
  readonly periodSeconds: number;
  readonly crlNumber: number;
  /** Whether its certificate is to be renewed now. */
  readonly renew: boolean;
  /** Whether its owner has theft-locked it: then it never releases itself, whatever `releaseSeconds` says. */
  readonly locked: boolean;
}

export function encodeLiveAnswer(answer: LiveAnswer): Uint8Array {
  const { time, windowSeconds, releaseSeconds, periodSeconds, crlNumber, renew, locked } = answer;
  return cbor.map(
    [1, time === null ? null : cbor.integer(time)],
    [2, cbor.integer(windowSeconds)],
    [3, cbor.integer(releaseSeconds)],
    [4, cbor.integer(periodSeconds)],
    [5, cbor.integer(crlNumber)],
    [6, cbor.boolean(renew)],
    [7, cbor.boolean(locked)],
  );
}

/** @throws {@link CborFailure} */
export function parseLiveAnswer(body: Uint8Array): LiveAnswer {
  return read(body, (map) => ({
    time: timeAt(map, 1),
    windowSeconds: map.required(2).unsigned(MAX_COUNT),
    releaseSeconds: map.required(3).unsigned(MAX_COUNT),
    periodSeconds: map.required(4).unsigned(MAX_COUNT),
    crlNumber: map.required(5).unsigned(),
    renew: map.required(6).boolean(),
    locked: map.required(7).boolean(),
  }));
}

/** `GET /h/groups`: names of groups, in any order. */
export function encodeGroups(groups: readonly string[]): Uint8Array {
  return cbor.array(...groups.map(cbor.text));
}

/** @throws {@link CborFailure}, also for a name that is none, or more of them than a device is in */
export function parseGroups(body: Uint8Array): readonly string[] {
  const items = parseCbor(body, MAX_MESSAGE).array();
  if (items.length > MAX_GROUPS) throw new CborFailure("wrong-length", 0);
  return items.map((item) => {
    const name = item.text(MAX_GROUP_NAME);
    if (!isGroupName(name)) throw new CborFailure("wrong-length", item.at);
    return name;
  });
}

/** `POST /h/rel`: the nonce that a release has to name. */
export interface ReleaseRequest {
  /** {@link NONCE_LENGTH} octets, the same until it has served. */
  readonly nonce: Uint8Array;
  /** Whether the device asks to be released now. */
  readonly leaves: boolean;
}

export function encodeReleaseRequest({ nonce, leaves }: ReleaseRequest): Uint8Array {
  return cbor.map([1, cbor.bytes(nonce)], [2, cbor.boolean(leaves)]);
}

/** @throws {@link CborFailure} */
export function parseReleaseRequest(body: Uint8Array): ReleaseRequest {
  return read(body, (map) => ({
    nonce: map.required(1).bytes(NONCE_LENGTH),
    leaves: map.required(2).boolean(),
  }));
}

/** How the device stands with its home, where there is no token for it. */
export interface ReleaseStanding {
  /** Whether it takes no release, neither by token nor by time. */
  readonly theftLock: boolean;
  /** Whether it is released: its token comes, or waits for its nonce. */
  readonly released: boolean;
}

export function encodeReleaseStanding({ theftLock, released }: ReleaseStanding): Uint8Array {
  return cbor.map([1, cbor.boolean(theftLock)], [2, cbor.boolean(released)]);
}

/** @throws {@link CborFailure} */
export function parseReleaseStanding(body: Uint8Array): ReleaseStanding {
  return read(body, (map) => ({
    theftLock: map.required(1).boolean(),
    released: map.required(2).boolean(),
  }));
}

function read<T>(body: Uint8Array, fields: (map: CborMap) => T): T {
  const map = parseCbor(body, MAX_MESSAGE).map();
  const value = fields(map);
  map.end();
  return value;
}

function timeAt(map: CborMap, key: number): Unix | null {
  const item = map.optional(key);
  return item === null ? null : unix(item.unsigned(MAX_COUNT));
}

function textAt(map: CborMap, key: number, maxOctets: number): string | null {
  const item = map.optional(key);
  if (item === null) return null;
  const text = item.text(maxOctets);
  if (text === "") throw new CborFailure("wrong-length", item.at);
  return text;
}

function textOrNone(value: string | null): Uint8Array | null {
  return value === null ? null : cbor.text(value);
}

function bytesOrNone(value: Uint8Array | null): Uint8Array | null {
  return value === null ? null : cbor.bytes(value);
}
