/** A home as the device API asks of it, with a registry and an authority of its own, and devices that come to it. */
import { assert, providers, seeded } from "#kit";
import { concat, hex, toBase64Url, utf8 } from "../../../src/base/bytes.ts";
import type { SigningKey } from "../../../src/base/crypto/crypto.ts";
import { mono } from "../../../src/base/machine.ts";
import type { Mono, Unix } from "../../../src/base/machine.ts";
import { decide } from "../../../src/policy/admission/decide.ts";
import { OnboardingLimits } from "../../../src/policy/admission/limits.ts";
import { matchFirstContact } from "../../../src/policy/admission/match.ts";
import type { Now } from "../../../src/policy/admission/proof.ts";
import type { Issued } from "../../../src/policy/ca/authority.ts";
import { serve } from "../../../src/policy/devices/index.ts";
import { KeyUpdates } from "../../../src/policy/devices/key-updates.ts";
import { Releases } from "../../../src/policy/ownership/releases.ts";
import type { Answer, Caller, Home, Met } from "../../../src/policy/devices/resource.ts";
import type { EstHome } from "../../../src/policy/est/enrolment.ts";
import { standingIn } from "../../../src/policy/est/standing.ts";
import type { Authenticated } from "../../../src/policy/est/standing.ts";
import type { State } from "../../../src/policy/lifecycle/table.ts";
import type { Change } from "../../../src/policy/registry/change.ts";
import type { Claim, DeviceRecord } from "../../../src/policy/registry/record.ts";
import { recordId, withKey } from "../../../src/policy/registry/record.ts";
import { applyChanges, devicesIn, EMPTY_REGISTRY } from "../../../src/policy/registry/registry.ts";
import type { Registry } from "../../../src/policy/registry/registry.ts";
import { ContentFormat } from "../../../src/proto/coap/codes.ts";
import type { Method } from "../../../src/proto/coap/codes.ts";
import { parseProblem } from "../../../src/proto/coap/problem.ts";
import { coapRequest } from "../../../src/proto/coap/request.ts";
import type { CoapRequest } from "../../../src/proto/coap/request.ts";
import type { CoapResponse } from "../../../src/proto/coap/response.ts";
import { validatePath } from "../../../src/proto/x509/path.ts";
import { checkSelfSigned } from "../../../src/proto/x509/self-signed.ts";
import type { SelfSignedPeer } from "../../../src/proto/x509/self-signed.ts";
import { makeHome, NOW, optionsOf, RELEASED, selfSigned } from "../ca/home.ts";

export const crypto: (typeof providers)[number] = providers[0]!;

const SERVER_KEY_HASH = crypto.digest("sha256", utf8("the home's key"));
const RULES = {
  placement: { network: "lan", vlan: null },
  sessionSeconds: 3600,
  quarantineSeconds: 120,
  maxPending: 20,
  onboarding: true,
};

/** One device with its first key. */
export interface Device {
  readonly key: SigningKey;
  readonly scalar: Uint8Array;
  readonly peer: SelfSignedPeer;
  /** As it comes with its own key. */
  readonly caller: Caller;
  readonly recordId: string;
}

export class Stage implements Home {
  readonly crypto: typeof crypto = crypto;
  readonly ca: ReturnType<typeof makeHome>;
  readonly random: Home["random"];
  readonly root: Home["root"];
  readonly serverKeyHash: Uint8Array = SERVER_KEY_HASH;
  readonly nameKey: Uint8Array = new Uint8Array(32).fill(9);
  readonly limits: OnboardingLimits = new OnboardingLimits(20);
  readonly keyUpdates: KeyUpdates;
  readonly releases: Releases;
  leavesFreely = true;
  registry: Registry = EMPTY_REGISTRY;
  clock: { mono: Mono; unix: Unix | null } = { mono: mono(1_000_000), unix: NOW };
  #devices = 0;
  #associations = 0;

  constructor(seed = "device API") {
    this.ca = makeHome(crypto, seed);
    this.random = this.ca.random;
    this.root = this.ca.root.certificate;
    this.releases = new Releases({ crypto, random: this.random, key: this.ca.issuingKey });
    this.keyUpdates = new KeyUpdates(crypto, seeded(`updates of ${seed}`));
  }

  get est(): EstHome {
    // The clock of enrolment is the wall's alone.
    return {
      crypto,
      now: this.clock.unix,
      authorities: () => [this.ca.issuing.certificate.der, this.ca.root.certificate.der],
      standing: (asker) => this.standing(asker),
      holders: (hash) => this.holders(hash),
      agreedKey: (record) => this.agreedKey(record),
      issue: (record, publicKey, serves) => this.issue(record, publicKey, serves),
      renew: (record, current, publicKey) => this.renew(record, current, publicKey),
    };
  }

  get now(): Now {
    return this.clock;
  }

  standing(asker: Authenticated): ReturnType<EstHome["standing"]> {
    return standingIn(this.registry, asker);
  }

  holders(spkiHash: string): readonly string[] {
    return this.registry.holders.get(spkiHash) ?? [];
  }

  agreedKey(record: DeviceRecord): Uint8Array | null {
    return this.keyUpdates.agreed(record.id, this.clock.mono)?.publicKey ?? null;
  }

  issue(...[record, publicKey]: Parameters<EstHome["issue"]>): Uint8Array {
    return this.#keep(
      record,
      this.ca.issuing.issueDevice(publicKey, { deviceId: record.id }, this.#time),
    );
  }

  renew(...[record, current, publicKey]: Parameters<EstHome["renew"]>): Uint8Array {
    const grant = { evenEnded: true };
    return this.#keep(
      record,
      this.ca.issuing.renewDevice(current.der, { publicKey }, grant, this.#time),
    );
  }

  crl(): ReturnType<Home["crl"]> {
    const revoked = [...this.registry.revoked.values()].map(({ serial, reason, at }) => {
      return { serial, reason, revokedAt: at, notAfter: this.ca.root.certificate.notAfter };
    });
    return this.ca.issuing.issueCrl(revoked, this.registry.crlNumber, this.#time);
  }

  periods(): ReturnType<Home["periods"]> {
    return { windowSeconds: 864_000, releaseSeconds: 1_728_000, liveSeconds: 86_400 };
  }

  meet(peer: SelfSignedPeer, inner: Claim, proof: Uint8Array | null): Met {
    const { mono: now } = this.clock;
    const password = proof === null ? null : utf8(toBase64Url(proof));
    const { spkiHash } = peer;
    const contact = { peer, inner, password };
    const { record, ...match } = matchFirstContact(this.registry, crypto, contact);
    const standing = {
      mayBegin: record !== null || this.limits.begin("coaps", now),
      backoffSeconds: this.limits.backoffSeconds(spkiHash, now),
      refusals: this.limits.refusals(spkiHash, now),
      pending: devicesIn(this.registry, "pending").length,
    };
    const proven = { kind: "first-contact", peer, inner, ...match, mac: null } as const;
    const decision = decide(proven, record, RULES, this.clock, standing);
    if (decision.kind === "reject") this.limits.refuse(spkiHash, now);
    const put = decision.changes.flatMap((change) =>
      change.kind === "put" ? [change.record] : [],
    );
    return { decision, record: put[0] ?? record, setupProofValid: match.setupProofValid };
  }

  store(...changes: readonly Change[]): void {
    this.registry = applyChanges(this.registry, changes);
  }

  become(device: Device, state: State, changes: Partial<DeviceRecord> = {}): void {
    this.store({ kind: "put", record: { ...this.recordOf(device), state, ...changes } });
  }

  recordOf({ recordId: id }: Device): DeviceRecord {
    return this.registry.devices.get(id) ?? assert.fail("there is no record");
  }

  device(): Device {
    const scalar = crypto.generateScalar("P-256", seeded(`device ${this.#devices++}`));
    const key = crypto.signingKey("P-256", scalar);
    const peer = checkSelfSigned([selfSigned(key)], crypto);
    const caller = this.#caller({ kind: "own-key", peer }, peer.spkiHash);
    return { key, scalar, peer, caller, recordId: recordId(hex(peer.spkiHash)) };
  }

  /** The device with a certificate of this home for the key. */
  member(device: Device, key: SigningKey = this.ca.newKey(), lapsed = false): Caller {
    const certificate = this.issue(this.recordOf(device), key.publicKey, false);
    const options = lapsed ? ({ at: "unknown", allowUnknownTime: true } as const) : {};
    const chain = [certificate, this.ca.issuing.certificate.der];
    const peer = validatePath(chain, optionsOf(this.ca, options));
    return this.#caller({ kind: "certificate", peer, lapsed }, peer.spkiHash);
  }

  /** The same caller in another association. */
  again({ asker, spkiHash }: Caller): Caller {
    return this.#caller(asker, spkiHash);
  }

  /** Served, and stored as the daemon does it. */
  ask(caller: Caller, method: Method, path: string, rest: Partial<CoapRequest> = {}): CoapResponse {
    return this.served(caller, method, path, rest).response;
  }

  served(caller: Caller, method: Method, path: string, rest: Partial<CoapRequest> = {}): Answer {
    const segments = path.split("/").slice(1);
    const answer = serve(coapRequest(method, segments, rest), caller, this);
    this.store(...answer.changes);
    return answer;
  }

  #caller(asker: Authenticated, spkiHash: string): Caller {
    const channelBinding = crypto.digest("sha256", utf8(`association ${this.#associations++}`));
    return { asker, spkiHash, channelBinding, bindings: [channelBinding] };
  }

  get #time(): { readonly clock: Unix | "unknown"; readonly floor: Unix } {
    return { clock: this.clock.unix ?? "unknown", floor: RELEASED };
  }

  #keep(record: DeviceRecord, { der, serial, spkiHash, notBefore, notAfter }: Issued): Uint8Array {
    const key = { role: "certificate", serial, spkiHash, issuedAt: notBefore, notAfter } as const;
    this.store(
      { kind: "put", record: withKey(record, key) },
      { kind: "issued", serial, device: record.id, spkiHash, notAfter },
    );
    this.keyUpdates.forget(record.id);
    return der;
  }
}

export function cborBody(payload: Uint8Array): Partial<CoapRequest> {
  return { contentFormat: ContentFormat.CBOR, payload };
}

/** Code and problem number, as `4.03/5`; the code alone where nothing is in the body. */
export function said({ code, payload }: CoapResponse): string {
  const text = `${code >> 5}.${(code & 31).toString().padStart(2, "0")}`;
  const number = code >> 5 === 2 ? null : (parseProblem(payload)?.code ?? null);
  return number === null ? text : `${text}/${number}`;
}

/** 32 octets that begin alike for the same name. */
export function idOf(name: string): Uint8Array {
  return crypto.digest("sha256", concat(utf8("id of "), utf8(name)));
}
