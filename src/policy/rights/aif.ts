/**
 * Permissions on the resources of one target, as `application/aif+cbor` with
 * its default parameters (AIF-REST, RFC 9237 §3): a list of local parts, each
 * with the set of methods that it may be asked by.
 */
import { CborFailure, parseCbor } from "../../base/cbor.ts";
import type { CborItem } from "../../base/cbor.ts";
import * as cbor from "../../base/cbor-write.ts";
import { RightsFailure } from "./failure.ts";
import { isLocalPart, MAX_LOCAL_PART } from "./local-part.ts";

/** The Content-Format number of `application/aif+cbor`. */
export const AIF_CBOR = 290;

/** In the order of their bits: a method's CoAP code less 1 (RFC 7252 §12.1.1, RFC 8132 §6). */
export const METHODS = ["GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH"] as const;
export type Method = (typeof METHODS)[number];

/** Added to a method's bit for what was created through the resource (Dynamic-X, RFC 9237 §2.3). */
const DYNAMIC_OFFSET = 32;

/** Permissions in one list. */
export const MAX_PERMISSIONS = 32;

/** Octets of one encoding, as a rule of the certificate has room for. */
export const MAX_AIF_LENGTH = 1024;

/** What may be asked of one resource. */
export interface Permission {
  /** A local part in its one spelling, see `local-part.ts`. Nothing below it is meant: AIF has no wildcards. */
  readonly path: string;
  /** In the order of {@link METHODS}, each once; empty where only `created` has some. */
  readonly methods: readonly Method[];
  /** What may be asked of the resources that the asker itself has created by asking this one. */
  readonly created: readonly Method[];
}

/**
 * Reads one list.
 *
 * @param encoding - deterministic CBOR, at most {@link MAX_AIF_LENGTH} octets
 * @throws {@link RightsFailure}: a bit that no method has refuses the whole, for
 *   who cannot read a permission cannot tell what it was meant to go with
 */
export function parseAif(encoding: Uint8Array): readonly Permission[] {
  try {
    const permissions = parseCbor(encoding, MAX_AIF_LENGTH).array().map(readPermission);
    checkPermissions(permissions);
    return permissions;
  } catch (failure) {
    if (failure instanceof CborFailure) throw new RightsFailure(failure.reason);
    throw failure;
  }
}

/** The list in the order of its paths, so that one statement has one encoding. @throws {@link RightsFailure} */
export function encodeAif(permissions: readonly Permission[]): Uint8Array {
  checkPermissions(permissions);
  const encoding = encodePermissions(permissions);
  if (encoding.length > MAX_AIF_LENGTH) throw new RightsFailure("too-long");
  return encoding;
}

/** As {@link encodeAif}, however many: an answer has more room than a certificate, and may say nothing. */
export function encodePermissions(permissions: readonly Permission[]): Uint8Array {
  const sorted = permissions.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return cbor.array(
    ...sorted.map(({ path, methods, created }) =>
      cbor.array(cbor.text(path), cbor.integer(bitsOf(methods) + bitsOf(created, DYNAMIC_OFFSET))),
    ),
  );
}

/** Methods in the order of their bits, each once. */
export function methodsOf(names: readonly Method[]): readonly Method[] {
  return METHODS.filter((method) => names.includes(method));
}

/** Whether the list says something, each path once, within its bounds. @throws {@link RightsFailure} */
export function checkPermissions(permissions: readonly Permission[]): void {
  if (permissions.length === 0) throw new RightsFailure("no-permission");
  if (permissions.length > MAX_PERMISSIONS) throw new RightsFailure("too-many-permissions");
  const paths = new Set<string>();
  for (const { path, methods, created } of permissions) {
    if (!isLocalPart(path)) throw new RightsFailure("bad-path");
    if (methods.length + created.length === 0) throw new RightsFailure("no-method");
    if (paths.has(path)) throw new RightsFailure("repeated-path");
    paths.add(path);
  }
}

function readPermission(item: CborItem): Permission {
  const [path, set] = item.array(2);
  const bits = set!.unsigned();
  const permission = {
    path: path!.text(MAX_LOCAL_PART),
    methods: METHODS.filter((_, at) => hasBit(bits, at)),
    created: METHODS.filter((_, at) => hasBit(bits, at + DYNAMIC_OFFSET)),
  };
  const read = bitsOf(permission.methods) + bitsOf(permission.created, DYNAMIC_OFFSET);
  if (read !== bits) throw new RightsFailure("unknown-method");
  return permission;
}

/** Bits beyond 31 are beyond the operators, so sets are sums. */
function bitsOf(methods: readonly Method[], offset = 0): number {
  return METHODS.reduce(
    (sum, method, at) => sum + (methods.includes(method) ? 2 ** (at + offset) : 0),
    0,
  );
}

function hasBit(bits: number, at: number): boolean {
  return Math.floor(bits / 2 ** at) % 2 === 1;
}
