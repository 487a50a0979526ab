import { assert, providers, test } from "#kit";
import { hex, toBase64, utf8 } from "../../../src/base/bytes.ts";
import type { PublicKey, SigningKey } from "../../../src/base/crypto/crypto.ts";
import * as der from "../../../src/base/der-write.ts";
import { unix } from "../../../src/base/machine.ts";
import type { Unix } from "../../../src/base/machine.ts";
import type { Issued } from "../../../src/policy/ca/authority.ts";
import { AuthorityFailure } from "../../../src/policy/ca/failure.ts";
import { answerEst } from "../../../src/policy/est/enrolment.ts";
import type { EstHome, EstQuestion } from "../../../src/policy/est/enrolment.ts";
import type { EstOutcome } from "../../../src/policy/est/outcome.ts";
import { MAX_LIVE_CERTIFICATES, standingIn } from "../../../src/policy/est/standing.ts";
import type { Asker } from "../../../src/policy/est/standing.ts";
import type { State } from "../../../src/policy/lifecycle/table.ts";
import type { Change, RevocationReason } from "../../../src/policy/registry/change.ts";
import { RegistryFailure } from "../../../src/policy/registry/failure.ts";
import { blankRecord, recordId, withKey } from "../../../src/policy/registry/record.ts";
import type { DeviceRecord } from "../../../src/policy/registry/record.ts";
import { applyChanges, EMPTY_REGISTRY } from "../../../src/policy/registry/registry.ts";
import { parseCertificate } from "../../../src/proto/x509/certificate.ts";
import { parseCsrAttributes } from "../../../src/proto/x509/csr-attributes.ts";
import { deviceName } from "../../../src/proto/x509/device-id.ts";
import * as extension from "../../../src/proto/x509/extensions.ts";
import { encodePublicKey } from "../../../src/proto/x509/key.ts";
import { encodeName } from "../../../src/proto/x509/name.ts";
import { OID } from "../../../src/proto/x509/oids.ts";
import { validatePath } from "../../../src/proto/x509/path.ts";
import { signRequest } from "../../../src/proto/x509/request.ts";
import { checkSelfSigned } from "../../../src/proto/x509/self-signed.ts";
import { commonName, Pki } from "../../proto/x509/pki.ts";
import { DAY, makeHome, NOW, optionsOf, RELEASED, selfSigned } from "../ca/home.ts";

const crypto = providers[0]!;
const BINDING = utf8("twelve bytes");
const OTHER_BINDING = utf8("thirty-two bytes of an exporter.");

/** A registry, an authority and a device on its way in. */
class Stage implements EstHome {
  readonly crypto = crypto;
  readonly ca = makeHome(crypto, "est");
  registry = EMPTY_REGISTRY;
  now: Unix | null = NOW;
  failure: Error | null = null;
  agreed: Uint8Array | null = null;
  readonly firstKey: SigningKey = this.ca.newKey();
  readonly ownKey = {
    kind: "own-key",
    peer: checkSelfSigned([selfSigned(this.firstKey)], crypto),
  } as const;
  readonly id: string = recordId(hex(this.ownKey.peer.spkiHash));

  /** The device on record in this state, known by its first key. */
  constructor(state: State | null = "approved", changes: Partial<DeviceRecord> = {}) {
    if (state === null) return;
    const { spkiHash } = this.ownKey.peer;
    const record = withKey(blankRecord(this.id, "aware", state), {
      role: "first-contact",
      spkiHash,
    });
    this.store({ kind: "put", record: { ...record, ...changes } });
  }

  get record(): DeviceRecord {
    return this.registry.devices.get(this.id)!;
  }

  store(...changes: readonly Change[]): void {
    this.registry = applyChanges(this.registry, changes);
  }

  become(state: State, changes: Partial<DeviceRecord> = {}): this {
    this.store({ kind: "put", record: { ...this.record, state, ...changes } });
    return this;
  }

  authorities(): readonly Uint8Array[] {
    return [this.ca.issuing.certificate.der, this.ca.root.certificate.der];
  }

  standing(asker: Exclude<Asker, { kind: "nobody" }>): ReturnType<typeof standingIn> {
    return standingIn(this.registry, asker);
  }

  agreedKey(): Uint8Array | null {
    return this.agreed;
  }

  holders(spkiHash: string): readonly string[] {
    return this.registry.holders.get(spkiHash) ?? [];
  }

  issue(record: DeviceRecord, publicKey: PublicKey): Uint8Array {
    const grant = { deviceId: record.id };
    return this.#keep(record, this.ca.issuing.issueDevice(publicKey, grant, this.#time));
  }

  renew(
    record: DeviceRecord,
    current: ReturnType<typeof parseCertificate>,
    publicKey: PublicKey,
  ): Uint8Array {
    const grant = { evenEnded: true };
    const issued = this.ca.issuing.renewDevice(current.der, { publicKey }, grant, this.#time);
    return this.#keep(record, issued);
  }

  get #time(): { readonly clock: Unix | "unknown"; readonly floor: Unix } {
    return { clock: this.now ?? "unknown", floor: RELEASED };
  }

  #keep(record: DeviceRecord, { der, serial, spkiHash, notBefore, notAfter }: Issued): Uint8Array {
    if (this.failure !== null) throw this.failure;
    const key = { role: "certificate", serial, spkiHash, issuedAt: notBefore, notAfter } as const;
    this.store(
      { kind: "put", record: withKey(record, key) },
      { kind: "issued", serial, device: record.id, spkiHash, notAfter },
    );
    return der;
  }

  /** Who shows this certificate of ours. */
  holderOf(certificate: Uint8Array, lapsed = false): Asker {
    const options = lapsed ? ({ at: "unknown", allowUnknownTime: true } as const) : {};
    const chain = [certificate, this.ca.issuing.certificate.der];
    return { kind: "certificate", peer: validatePath(chain, optionsOf(this.ca, options)), lapsed };
  }

  /** A device that enrolled, joined and now shows its certificate. */
  member(): { readonly asker: Asker; readonly certificate: Uint8Array } {
    const certificate = this.issue(this.record, this.ca.newKey().publicKey);
    this.become("active");
    return { asker: this.holderOf(certificate), certificate };
  }

  ask(asker: Asker, request: Uint8Array, changes: Partial<EstQuestion> = {}): EstOutcome {
    const question: EstQuestion = {
      operation: "simpleenroll",
      asker,
      request,
      bindings: [BINDING, OTHER_BINDING],
      linking: true,
      ...changes,
    };
    return answerEst(question, this);
  }

  /** A request that lacks nothing. */
  request(
    key: SigningKey = this.ca.newKey(),
    password: string | null = toBase64(BINDING),
  ): Uint8Array {
    return signRequest(commonName("whatever"), [], key, null, password);
  }
}

function reasonOf(outcome: EstOutcome): string {
  return outcome.kind === "refused" ? outcome.reason : outcome.kind;
}

function certificateOf(outcome: EstOutcome): Uint8Array {
  return outcome.kind === "issued" ? outcome.certificate : assert.fail(reasonOf(outcome));
}

const NOBODY: Asker = { kind: "nobody" };
const NOTHING = new Uint8Array();

test("whoever asks gets the CA certificates and what requests shall hold", () => {
  const stage = new Stage(null);
  const authorities = stage.ask(NOBODY, NOTHING, { operation: "cacerts" });
  assert.deepEqual(authorities, { kind: "authorities", certificates: stage.authorities() });
  for (const linking of [true, false]) {
    const attributes = stage.ask(NOBODY, NOTHING, { operation: "csrattrs", linking });
    if (attributes.kind !== "attributes") assert.fail(attributes.kind);
    assert.deepEqual(parseCsrAttributes(attributes.encoded), { curve: "P-256", linking });
  }
});

test("an approved device enrols a new key, and its certificate names it as its record does", () => {
  const stage = new Stage();
  const key = stage.ca.newKey();
  const outcome = stage.ask(stage.ownKey, stage.request(key));
  const certificate = parseCertificate(certificateOf(outcome));
  assert.deepEqual(certificate.spki, encodePublicKey(key.publicKey));
  assert.deepEqual(certificate.extensions.subjectAltName, [deviceName(stage.id)]);
  assert.ok(stage.registry.issued.has(certificate.serial));
  // Its first answer may have been lost: until it joins it may ask again.
  certificateOf(stage.ask(stage.ownKey, stage.request()));
  certificateOf(stage.ask(stage.holderOf(certificate.der), stage.request()));
});

test("who may not ask is refused, and who waits for the owner waits, before the request is looked at", () => {
  const answers: [State, string][] = [
    ["expected", "pending"],
    ["pending", "pending"],
    ["active", "first-key-retired"],
    ["dormant", "first-key-retired"],
    ["denied", "not-allowed"],
    ["revoked", "not-allowed"],
    ["released", "not-allowed"],
  ];
  for (const [state, answer] of answers) {
    const stage = new Stage(state);
    assert.equal(reasonOf(stage.ask(stage.ownKey, NOTHING)), answer, state);
  }
  const stage = new Stage(null);
  assert.equal(reasonOf(stage.ask(stage.ownKey, NOTHING)), "unknown-device");
  assert.equal(reasonOf(stage.ask(NOBODY, NOTHING)), "not-authenticated");
  const held = new Stage("approved", { alarm: "duplicate-key" });
  assert.equal(reasonOf(held.ask(held.ownKey, NOTHING)), "pending");
});

test("a member's certificate counts as its record says now, not as it did in the handshake", () => {
  const renewal = { operation: "simplereenroll" } as const;
  const answers: [State, string][] = [
    ["expected", "pending"],
    ["pending", "pending"],
    ["denied", "not-allowed"],
    ["revoked", "not-allowed"],
    ["released", "not-allowed"],
  ];
  for (const [state, answer] of answers) {
    const stage = new Stage();
    const { asker } = stage.member();
    stage.become(state);
    assert.equal(reasonOf(stage.ask(asker, NOTHING, renewal)), answer, state);
    assert.equal(reasonOf(stage.ask(asker, NOTHING)), answer, state);
  }
  // A dormant device that renews lives: its request is read.
  const away = new Stage();
  const dormant = away.member();
  away.become("dormant");
  assert.equal(reasonOf(away.ask(dormant.asker, NOTHING, renewal)), "bad-request");
  assert.equal(reasonOf(away.ask(dormant.asker, NOTHING)), "dormant");
  const revoked = (reason: RevocationReason): string => {
    const stage = new Stage();
    const { asker, certificate } = stage.member();
    const { serial } = parseCertificate(certificate);
    stage.store({ kind: "revoke-serial", serial, reason, at: NOW });
    return reasonOf(stage.ask(asker, NOTHING, renewal));
  };
  assert.equal(revoked("keyCompromise"), "certificate-revoked");
  assert.equal(revoked("superseded"), "certificate-revoked");
  // Withdrawn for silence alone, and the device has shown since that it lives: its request is read.
  assert.equal(revoked("cessationOfOperation"), "bad-request");

  const forgotten = new Stage();
  const { asker } = forgotten.member();
  forgotten.become("active", { keys: [] });
  assert.equal(reasonOf(forgotten.ask(asker, NOTHING, renewal)), "certificate-not-on-record");
  const held = new Stage();
  const member = held.member();
  held.become("active", { alarm: "duplicate-key" });
  assert.equal(reasonOf(held.ask(member.asker, NOTHING, renewal)), "pending");
});

test("RFC 7030 §4.2.2: a renewal keeps subject and names, with the same key or a new one", () => {
  const stage = new Stage();
  const { asker, certificate } = stage.member();
  const { subject, extensions } = parseCertificate(certificate);
  const names = extensions.subjectAltName!;
  const ask = (
    subjectDer: Uint8Array,
    wishes: readonly Uint8Array[] = [],
    key = stage.ca.newKey(),
  ): EstOutcome =>
    stage.ask(asker, signRequest(subjectDer, wishes, key, null, toBase64(BINDING)), {
      operation: "simplereenroll",
    });

  const next = parseCertificate(certificateOf(ask(subject.der)));
  assert.deepEqual(next.subject.der, subject.der);
  assert.deepEqual(next.extensions.subjectAltName, names);
  certificateOf(ask(subject.der, [extension.subjectAltName(names)]));
  // The same text as another string type.
  const printable = der.sequence(
    der.setOf(der.sequence(der.oid(OID.commonName), der.printableString(stage.id))),
  );
  certificateOf(ask(printable));

  const two = [{ type: OID.commonName, value: stage.id }];
  const otherSubjects = [
    commonName("someone"),
    encodeName([]),
    encodeName([...two, ...two]),
    encodeName([{ type: OID.surname, value: stage.id }]),
  ];
  for (const other of otherSubjects) assert.equal(reasonOf(ask(other)), "names-differ");
  const otherNames = [
    [...names, ...names],
    [{ kind: "dns", name: "homeca.home.arpa" }],
    [deviceName("abcdefghijklmnop")],
  ] as const;
  for (const other of otherNames) {
    const wish = extension.subjectAltName(other);
    assert.equal(reasonOf(ask(subject.der, [wish])), "names-differ");
  }
  const odd = extension.encodeExtension(
    OID.subjectAltName,
    false,
    // registeredID, which no certificate of ours has.
    der.sequence(der.oid("1.2.3", 0x88)),
  );
  assert.equal(reasonOf(ask(subject.der, [odd])), "names-differ");
});

test("a device that was away too long renews what ended, and nothing else by it", () => {
  const stage = new Stage();
  const { certificate } = stage.member();
  const { subject } = parseCertificate(certificate);
  stage.now = unix(NOW + 40 * DAY);
  const asker = stage.holderOf(certificate, true);
  const request = signRequest(subject.der, [], stage.ca.newKey(), null, toBase64(BINDING));
  assert.equal(reasonOf(stage.ask(asker, request)), "certificate-ended");
  const renewed = stage.ask(asker, request, { operation: "simplereenroll" });
  assert.equal(parseCertificate(certificateOf(renewed)).notAfter, NOW + 70 * DAY);
});

test("a key of first contact renews nothing", () => {
  const stage = new Stage();
  const renewal = { operation: "simplereenroll" } as const;
  assert.equal(reasonOf(stage.ask(stage.ownKey, NOTHING, renewal)), "nothing-to-renew");
});

test("a request that proves no sound P-256 key of the device's own is refused for what it lacks", () => {
  const stage = new Stage();
  const ask = (request: Uint8Array): string => reasonOf(stage.ask(stage.ownKey, request));
  assert.equal(ask(NOTHING), "bad-request");
  assert.equal(ask(utf8("-----BEGIN CERTIFICATE REQUEST-----")), "bad-request");
  const good = stage.request();
  assert.equal(ask(good.subarray(1)), "bad-request");
  const forged = good.slice();
  forged[forged.length - 1]! ^= 1;
  assert.equal(ask(forged), "bad-proof");
  assert.equal(ask(stage.request(new Pki(crypto, "wide").newKey("P-384"))), "unsupported-key");
  assert.equal(ask(stage.request(stage.firstKey)), "key-not-new");

  const { spkiHash } = checkSelfSigned([selfSigned(stage.ca.newKey())], crypto);
  const shared = stage.ca.newKey();
  const sharedHash = checkSelfSigned([selfSigned(shared)], crypto).spkiHash;
  const neighbour = blankRecord(recordId(hex(spkiHash)), "aware", "active");
  stage.store({
    kind: "put",
    record: withKey(neighbour, { role: "first-contact", spkiHash: sharedHash }),
  });
  assert.equal(ask(stage.request(shared)), "key-in-use");
  assert.equal(stage.record.alarm, null);
});

test("after a key update only the key that came of it is certified", () => {
  const stage = new Stage();
  const [agreed, other] = [stage.ca.newKey(), stage.ca.newKey()];
  stage.agreed = agreed.publicKey.point;
  assert.equal(reasonOf(stage.ask(stage.ownKey, stage.request(other))), "key-not-agreed");
  assert.equal(stage.ask(stage.ownKey, stage.request(agreed)).kind, "issued");
});

test("a member cannot go back to the key of first contact", () => {
  const stage = new Stage();
  const { asker, certificate } = stage.member();
  const { subject } = parseCertificate(certificate);
  const request = signRequest(subject.der, [], stage.firstKey, null, toBase64(BINDING));
  const outcome = stage.ask(asker, request, { operation: "simplereenroll" });
  assert.equal(reasonOf(outcome), "key-not-new");
});

test("RFC 7030 §3.5: a request says in challengePassword which connection it was made for", () => {
  const stage = new Stage();
  const key = stage.ca.newKey();
  const ask = (password: string | null, linking = true): string =>
    reasonOf(stage.ask(stage.ownKey, stage.request(key, password), { linking }));
  assert.equal(ask(null), "linking-missing");
  assert.equal(ask(toBase64(BINDING)), "issued");
  assert.equal(ask(toBase64(OTHER_BINDING)), "issued");
  for (const linking of [true, false]) {
    assert.equal(ask(toBase64(utf8("another one.")), linking), "linking-wrong");
    assert.equal(ask(toBase64(BINDING.subarray(1)), linking), "linking-wrong");
    assert.equal(ask("twelve bytes", linking), "linking-wrong");
  }
  assert.equal(ask(null, false), "issued");
  const unbound = stage.ask(stage.ownKey, stage.request(key), { bindings: [] });
  assert.equal(reasonOf(unbound), "linking-wrong");
});

test("a device has at most so many certificates that have not ended", () => {
  const stage = new Stage();
  for (let count = 0; count < MAX_LIVE_CERTIFICATES; count++) {
    certificateOf(stage.ask(stage.ownKey, stage.request()));
  }
  assert.equal(reasonOf(stage.ask(stage.ownKey, stage.request())), "too-many-certificates");
  assert.ok(stage.record.keys.some(({ role }) => role === "first-contact"));
  stage.now = unix(NOW + 31 * DAY);
  certificateOf(stage.ask(stage.ownKey, stage.request()));
});

test("what the authority and the registry refuse is said for what it is", () => {
  const stage = new Stage();
  stage.now = null;
  assert.equal(reasonOf(stage.ask(stage.ownKey, stage.request())), "time-unknown");
  stage.now = NOW;
  const failures: [Error, string][] = [
    [new AuthorityFailure("clock-behind-floor"), "time-unknown"],
    [new AuthorityFailure("not-ours"), "certificate-not-on-record"],
    [new AuthorityFailure("authority-expired"), "authority-failed"],
    [new RegistryFailure("too-many-serials", ""), "home-full"],
    [new RegistryFailure("serial-issued-twice", ""), "authority-failed"],
  ];
  for (const [failure, reason] of failures) {
    stage.failure = failure;
    assert.equal(reasonOf(stage.ask(stage.ownKey, stage.request())), reason);
  }
  stage.failure = new RangeError("a fault");
  assert.throws(() => stage.ask(stage.ownKey, stage.request()), RangeError);
});
