/**
 * What a device remembers over a power cut: who it is, its key, and the home it
 * belongs to. One file, replaced whole; a key on its way in stands beside the
 * one in use until the home has taken it.
 */
import { fromBase64, fromUtf8, hex, toBase64, toHex, utf8 } from "../base/bytes.ts";
import type { Unix } from "../base/machine.ts";
import { NEW_DEVICE, parseOwnership as parseTenure } from "../policy/ownership/device.ts";
import type { Ownership as Tenure } from "../policy/ownership/device.ts";
import { Fields } from "../policy/registry/fields.ts";
import { RegistryFailure } from "../policy/registry/failure.ts";
import { isSetupCode, parseGroupNames } from "../policy/registry/record.ts";
import { isPlainText, isType, MAX_NAME } from "../policy/registry/text.ts";
import { isScalar } from "../base/crypto/scalar.ts";
import { parsePeerCertificate, PathFailure } from "../proto/x509/path-failure.ts";
import type { Files } from "../host/host.ts";

const FILE_MODE = 0o600;
const FORMAT = 1;
/** Octets of the file: certificates and keys of one home. */
const MAX_STATE = 65_536;
const MAX_CHAIN = 4;

/** What does not change while the device lives. */
export interface Identity {
  /** SHA-256 over its identifiers, see `deviceIdHash`. */
  readonly deviceId: Uint8Array;
  readonly type: string;
  readonly name: string | null;
  readonly model: string | null;
  /** The code on its label in normal form; null where it has none. A secret. */
  readonly setupCode: string | null;
  /** Whether its random source passed its tests; without one it adds no share of its own to a key update. */
  readonly hasRandomness: boolean;
}

/** The home a device belongs to, and what it needs to go there. */
export interface Ownership {
  /** DER: its own certificate first, then those above it but for the root. */
  readonly chain: readonly Uint8Array[];
  readonly root: Uint8Array;
  /** SHA-256 of the SubjectPublicKeyInfo the home showed, 32 octets. */
  readonly homeKeyHash: Uint8Array;
  /** dNSName of the home's certificate, for supplicants to insist on; null where it has none. */
  readonly serverName: string | null;
  /** 32 octets each: for finding the home in private, and for speaking to it before certificates. Secrets; null where no key was agreed on. */
  readonly discoveryKey: Uint8Array | null;
  readonly sessionKey: Uint8Array | null;
  readonly notAfter: Unix;
  /** The newest time an authenticated home told. */
  readonly timeFloor: Unix;
  readonly crlNumber: number;
  /** Groups that the device is in, by which others may have rights against it. */
  readonly groups: readonly string[];
  readonly windowSeconds: number;
  readonly releaseSeconds: number;
}

/** A key that was agreed on; `ownership` follows once it is certified. It counts once the home has seen it in use. */
export interface NextKey {
  readonly scalar: Uint8Array;
  readonly discoveryKey: Uint8Array | null;
  readonly sessionKey: Uint8Array | null;
  readonly ownership: Ownership | null;
}

export interface DeviceState {
  readonly identity: Identity;
  /** The private key in use, 32 octets. A secret. */
  readonly scalar: Uint8Array;
  readonly owner: Ownership | null;
  readonly next: NextKey | null;
  /** Whether the last home lost it by time alone. */
  readonly passive: boolean;
  /** Releases so far. */
  readonly releases: number;
  /** Whose the device is, and what a release has to answer. */
  readonly tenure: Tenure;
  /** SHA-256 of the key of the home that has not had the receipt yet, 32 octets; null where none waits for one. */
  readonly receiptFor: Uint8Array | null;
}

/** A device as it leaves its maker: a key, and no home yet. */
export function newDevice(identity: Identity, scalar: Uint8Array): DeviceState {
  const nothing = { owner: null, next: null, receiptFor: null };
  return { identity, scalar, ...nothing, passive: false, releases: 0, tenure: NEW_DEVICE };
}

/** A certificate with its key. */
export interface MemberKey {
  readonly owner: Ownership;
  readonly scalar: Uint8Array;
}

/** What the device goes to its home with: a new key once it is certified, else the one in use; null without a home. */
export function credentialOf({ owner, scalar, next }: DeviceState): MemberKey | null {
  const certified = next?.ownership ?? null;
  if (next !== null && certified !== null) return { owner: certified, scalar: next.scalar };
  return owner === null ? null : { owner, scalar };
}

/** The file cannot be used. The message is one sentence with the fix. */
export class StateFailure extends Error {
  override readonly name = "StateFailure";
}

export class StateFile {
  readonly #files: Files;
  readonly #path: string;
  #state: DeviceState;

  /** @throws StateFailure, HostFailure */
  static open(files: Files, path: string): StateFile {
    const bytes = files.read(path);
    if (bytes === null) {
      throw new StateFailure(`there is no ${path}: make one with \`homeca device init\``);
    }
    const facts = files.facts(path);
    if (facts !== null && (facts.mode & 0o077) !== 0) {
      throw new StateFailure(`others can read ${path}: run \`chmod 600 ${path}\``);
    }
    return new StateFile(files, path, parse(bytes, path));
  }

  /** @throws HostFailure EEXIST where there is one: a device's key is made once */
  static create(files: Files, path: string, state: DeviceState): StateFile {
    files.createDurably(path, encode(state), FILE_MODE);
    return new StateFile(files, path, state);
  }

  private constructor(files: Files, path: string, state: DeviceState) {
    this.#files = files;
    this.#path = path;
    this.#state = state;
  }

  get state(): DeviceState {
    return this.#state;
  }

  /** Where more of this device is kept, beside its state. */
  beside(name: string): string {
    return `${this.#path}.${name}`;
  }

  /**
   * On the medium before it is in force.
   * @throws HostFailure, and StateFailure for what could not be read again;
   *   nothing has changed then
   */
  change(next: Partial<DeviceState>): void {
    const encoded = encode({ ...this.#state, ...next });
    const state = parse(encoded, this.#path);
    this.#files.replaceDurably(this.#path, encoded, FILE_MODE);
    this.#state = state;
  }
}

function encode(state: DeviceState): Uint8Array {
  const { identity, scalar, owner, next, passive, releases, tenure, receiptFor } = state;
  const json = {
    format: FORMAT,
    identity: { ...identity, deviceId: toHex(identity.deviceId) },
    scalar: toHex(scalar),
    owner: owner === null ? null : ownershipJson(owner),
    next:
      next === null
        ? null
        : {
            scalar: toHex(next.scalar),
            discoveryKey: hexOrNull(next.discoveryKey),
            sessionKey: hexOrNull(next.sessionKey),
            ownership: next.ownership === null ? null : ownershipJson(next.ownership),
          },
    passive,
    releases,
    tenure,
    receiptFor: hexOrNull(receiptFor),
  };
  return utf8(`${JSON.stringify(json, null, 1)}\n`);
}

function ownershipJson(owner: Ownership): object {
  return {
    ...owner,
    chain: owner.chain.map(toBase64),
    root: toBase64(owner.root),
    homeKeyHash: toHex(owner.homeKeyHash),
    discoveryKey: hexOrNull(owner.discoveryKey),
    sessionKey: hexOrNull(owner.sessionKey),
  };
}

function parse(bytes: Uint8Array, path: string): DeviceState {
  try {
    if (bytes.length > MAX_STATE) throw new SyntaxError("too long");
    return parseState(JSON.parse(fromUtf8(bytes) ?? ""));
  } catch (failure) {
    if (failure instanceof SyntaxError || failure instanceof RegistryFailure) {
      throw new StateFailure(`${path} is damaged: restore it, or reset the device`);
    }
    throw failure;
  }
}

function parseState(json: unknown): DeviceState {
  const fields = new Fields(json, "state");
  fields.whole("format", FORMAT, FORMAT);
  const state: DeviceState = {
    identity: parseIdentity(fields.raw("identity")),
    scalar: scalar(fields),
    owner: fields.nullable("owner", () => parseOwnership(fields.raw("owner"))),
    next: fields.nullable("next", () => parseNext(fields.raw("next"))),
    passive: fields.flag("passive"),
    releases: fields.whole("releases", 0, Number.MAX_SAFE_INTEGER),
    tenure: parseTenure(fields.raw("tenure")),
    receiptFor: fields.nullable("receiptFor", () => octets(fields, "receiptFor")),
  };
  fields.end();
  return state;
}

function parseIdentity(json: unknown): Identity {
  const fields = new Fields(json, "identity");
  const isName = (text: string): boolean => isPlainText(text, MAX_NAME);
  const identity: Identity = {
    deviceId: octets(fields, "deviceId"),
    type: fields.text("type", isType),
    name: fields.nullable("name", () => fields.text("name", isName)),
    model: fields.nullable("model", () => fields.text("model", isName)),
    setupCode: fields.nullable("setupCode", () => fields.text("setupCode", isSetupCode)),
    hasRandomness: fields.flag("hasRandomness"),
  };
  fields.end();
  return identity;
}

function parseNext(json: unknown): NextKey {
  const fields = new Fields(json, "next");
  const next: NextKey = {
    scalar: scalar(fields),
    discoveryKey: fields.nullable("discoveryKey", () => octets(fields, "discoveryKey")),
    sessionKey: fields.nullable("sessionKey", () => octets(fields, "sessionKey")),
    ownership: fields.nullable("ownership", () => parseOwnership(fields.raw("ownership"))),
  };
  fields.end();
  return next;
}

function parseOwnership(json: unknown): Ownership {
  const fields = new Fields(json, "owner");
  const seconds = (name: string): number => fields.whole(name, 0, 2 ** 32 - 1);
  const owner: Ownership = {
    chain: chain(fields),
    root: certificate(fields, "root"),
    homeKeyHash: octets(fields, "homeKeyHash"),
    serverName: fields.nullable("serverName", () => fields.text("serverName", isServerName)),
    discoveryKey: fields.nullable("discoveryKey", () => octets(fields, "discoveryKey")),
    sessionKey: fields.nullable("sessionKey", () => octets(fields, "sessionKey")),
    notAfter: fields.time("notAfter"),
    timeFloor: fields.time("timeFloor"),
    crlNumber: fields.whole("crlNumber", 0, Number.MAX_SAFE_INTEGER),
    groups: parseGroupNames(fields.raw("groups")),
    windowSeconds: seconds("windowSeconds"),
    releaseSeconds: seconds("releaseSeconds"),
  };
  fields.end();
  return owner;
}

/** A name that can stand in a supplicant's configuration without ending anything there. */
export function isServerName(text: string): boolean {
  return /^[a-z0-9.-]{1,253}$/.test(text);
}

/** 32 octets in hexadecimal. */
function octets(fields: Fields, name: string): Uint8Array {
  return hex(fields.text(name, (text) => /^[0-9a-f]{64}$/.test(text)));
}

/** A private key: 1 to n-1. */
function scalar(fields: Fields): Uint8Array {
  const octetsOf = octets(fields, "scalar");
  if (isScalar(octetsOf)) return octetsOf;
  throw new RegistryFailure("bad-form", "scalar is no private key of P-256");
}

/** The device's own certificate, and those above it. */
function chain(fields: Fields): readonly Uint8Array[] {
  const certificates = fields.list("chain", MAX_CHAIN, (value, where) =>
    certificate(new Fields({ der: value }, where), "der"),
  );
  if (certificates.length > 0) return certificates;
  throw new RegistryFailure("bad-form", "chain is empty");
}

function certificate(fields: Fields, name: string): Uint8Array {
  return fromBase64(fields.text(name, isCertificate))!;
}

function isCertificate(text: string): boolean {
  const der = fromBase64(text);
  if (der === null) return false;
  try {
    parsePeerCertificate(der);
    return true;
  } catch (failure) {
    if (failure instanceof PathFailure) return false;
    throw failure;
  }
}

function hexOrNull(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : toHex(bytes);
}
