import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import { mono, unix } from "../../../src/base/machine.ts";
import {
  attribute,
  ErrorCause,
  EventTimestamp,
  read,
} from "../../../src/proto/radius/attributes.ts";
import {
  requestHolds,
  sealResponse,
  type Signing,
} from "../../../src/proto/radius/authenticator.ts";
import {
  DisconnectClient,
  type DisconnectInput,
  type DisconnectOutput,
  type DisconnectSession,
  MAX_OUTSTANDING,
  stationId,
} from "../../../src/proto/radius/das.ts";
import { messageAuthenticatorHolds } from "../../../src/proto/radius/message-authenticator.ts";
import { type Attribute, parsePacket } from "../../../src/proto/radius/packet.ts";

const crypto = providers.at(-1)!;
const SECRET = utf8("a secret between HomeCA and the attic");
const NAS = { address: "127.0.0.1", port: 3799 };
const T0 = mono(50_000);
const at = (milliseconds: number): ReturnType<typeof mono> => mono(T0 + milliseconds);
const SESSION: DisconnectSession = {
  nasIdentifier: "attic-ap",
  callingStationId: "02:00:00:00:00:0a",
};

function disconnect(token: string, more: Partial<DisconnectInput> = {}): DisconnectInput {
  const to = { ...NAS, secret: SECRET };
  return {
    kind: "disconnect",
    token,
    to,
    session: SESSION,
    unixTime: unix(1_800_000_000),
    ...more,
  } as
    // Only fields of this kind are replaced.
    DisconnectInput;
}

function sent(outputs: readonly DisconnectOutput[]): Uint8Array {
  const [output] = outputs;
  if (outputs.length !== 1 || output?.kind !== "send") assert.fail(JSON.stringify(outputs));
  assert.deepEqual(output.to, NAS);
  return output.bytes;
}

/** What the NAS would answer. */
function answer(
  request: Uint8Array,
  code: number,
  attributes: readonly Attribute[] = [],
  secret: Uint8Array = SECRET,
  signing: Signing = "message-authenticator",
): Uint8Array {
  const { identifier, authenticator } = parsePacket(request);
  return sealResponse(crypto, secret, { code, identifier, authenticator, attributes }, signing);
}

const received = (bytes: Uint8Array, from: typeof NAS = NAS): DisconnectInput => ({
  kind: "datagram",
  from,
  bytes,
});

function reasonOf(outputs: readonly DisconnectOutput[]): string {
  const [output] = outputs;
  if (outputs.length !== 1 || output?.kind !== "discarded") assert.fail(JSON.stringify(outputs));
  return output.reason;
}

test("RFC 5176 §3: a Disconnect-Request names NAS and session, is dated and signed twice", () => {
  const bytes = sent(new DisconnectClient(crypto).handle(disconnect("a"), T0));
  const request = parsePacket(bytes);
  assert.deepEqual(
    request.attributes.map(({ type }) => type),
    [80, 32, 31, 55],
  );
  assert.deepEqual(request.attributes[1]!.value, utf8("attic-ap"));
  assert.deepEqual(request.attributes[2]!.value, utf8("02-00-00-00-00-0A"));
  assert.equal(read(request.attributes, EventTimestamp), 1_800_000_000);
  assert.equal(request.code, 40);
  assert.ok(requestHolds(crypto, SECRET, request));
  assert.ok(messageAuthenticatorHolds(crypto, SECRET, request, 22, new Uint8Array(16)));
});

test("a clock that is not trusted dates nothing", () => {
  const bytes = sent(new DisconnectClient(crypto).handle(disconnect("a", { unixTime: null }), T0));
  assert.equal(read(parsePacket(bytes).attributes, EventTimestamp), null);
});

test("only what hostapd takes as session identification is sent, and without any nothing is", () => {
  const client = new DisconnectClient(crypto);
  const session: DisconnectSession = {
    nasIdentifier: "attic-ap",
    nasIpAddress: "127.0.0.1",
    callingStationId: "02:00:00:00:00:0a",
    userName: "nemo",
    acctSessionId: "0123456789ABCDEF",
    acctMultiSessionId: "FEDCBA9876543210",
    chargeableUserIdentity: hex("c1"),
  };
  const { attributes } = parsePacket(sent(client.handle(disconnect("a", { session }), T0)));
  assert.deepEqual(
    attributes.map(({ type }) => type),
    [80, 32, 4, 31, 1, 44, 50, 89, 55],
  );
  for (const session of [{}, { nasIdentifier: "attic-ap" }, { nasIpAddress: "127.0.0.1" }]) {
    assert.throws(() => client.handle(disconnect("b", { session }), T0), RangeError);
  }
});

test("RFC 3580 §3.21: any usual MAC address becomes AA-BB-CC-DD-EE-FF, other text stays", () => {
  for (const mac of ["02:00:5e:00:00:0a", "02-00-5E-00-00-0A", "02005e00000a", "0200.5e00.000a"]) {
    assert.equal(stationId(mac), "02-00-5E-00-00-0A");
  }
  assert.equal(stationId("port 7"), "port 7");
});

test("ACK and NAK end the request with their token; the NAK says why", () => {
  const client = new DisconnectClient(crypto);
  const first = sent(client.handle(disconnect("first"), T0));
  const second = sent(client.handle(disconnect("second"), T0));
  const third = sent(client.handle(disconnect("third"), T0));
  assert.deepEqual(client.handle(received(answer(first, 41)), at(5)), [
    { kind: "acknowledged", token: "first" },
  ]);
  const cause = [attribute(ErrorCause, 503)];
  assert.deepEqual(client.handle(received(answer(third, 42, cause)), at(5)), [
    { kind: "refused", token: "third", errorCause: 503 },
  ]);
  assert.deepEqual(client.handle(received(answer(second, 42)), at(5)), [
    { kind: "refused", token: "second", errorCause: null },
  ]);
  assert.equal(client.wakeAt, null);
  assert.equal(reasonOf(client.handle(received(answer(first, 41)), at(6))), "unsolicited");
});

test("without an answer the same octets go out after 1 and 3 s, and after 7 s it has failed", () => {
  const client = new DisconnectClient(crypto);
  const bytes = sent(client.handle(disconnect("a"), T0));
  for (const due of [1000, 3000]) {
    assert.equal(client.wakeAt, at(due));
    assert.deepEqual(client.handle({ kind: "timeout" }, at(due - 1)), []);
    assert.deepEqual(sent(client.handle({ kind: "timeout" }, at(due))), bytes);
  }
  assert.equal(client.wakeAt, at(7000));
  assert.deepEqual(client.handle({ kind: "timeout" }, at(7000)), [
    { kind: "timed-out", token: "a" },
  ]);
  assert.equal(client.wakeAt, null);
  assert.equal(reasonOf(client.handle(received(answer(bytes, 41)), at(7001))), "unsolicited");
});

test("an answer counts only from the NAS asked, under its secret, with Message-Authenticator", () => {
  const client = new DisconnectClient(crypto);
  const request = sent(client.handle(disconnect("a"), T0));
  const good = answer(request, 41);
  const reason = (bytes: Uint8Array, from = NAS): string =>
    reasonOf(client.handle(received(bytes, from), T0));
  assert.equal(reason(good, { ...NAS, port: 3800 }), "unsolicited");
  assert.equal(reason(good, { ...NAS, address: "127.0.0.2" }), "unsolicited");
  assert.equal(reason(answer(request, 41, [], utf8("another"))), "wrong-authenticator");
  const unsigned = answer(request, 41, [], SECRET, "authenticator-only");
  assert.equal(reason(unsigned), "missing-message-authenticator");
  for (const code of [2, 40, 43, 44, 45]) {
    assert.equal(reason(answer(request, code)), "unexpected-code");
  }
  const zeroSigned = [{ type: 80, value: new Uint8Array(16) }];
  const forged = answer(request, 41, zeroSigned, SECRET, "authenticator-only");
  assert.equal(reason(forged), "wrong-message-authenticator");
  for (let length = 0; length < good.length; length++) {
    assert.equal(reason(good.subarray(0, length)), "truncated");
  }
  assert.equal(client.discarded.truncated, good.length);
  const mapped = { ...NAS, address: "::ffff:127.0.0.1" };
  assert.equal(client.handle(received(good, mapped), T0)[0]!.kind, "acknowledged");
});

test("a NAS that signs no answers can be believed when its owner says so", () => {
  const client = new DisconnectClient(crypto);
  const to = { ...NAS, secret: SECRET, requireMessageAuthenticator: false };
  const request = sent(client.handle(disconnect("a", { to }), T0));
  const unsigned = answer(request, 41, [], SECRET, "authenticator-only");
  assert.equal(client.handle(received(unsigned), T0)[0]!.kind, "acknowledged");
});

test(`${MAX_OUTSTANDING} requests may wait, each with its Identifier; the next is overloaded until one ends`, () => {
  const client = new DisconnectClient(crypto);
  const requests = Array.from({ length: MAX_OUTSTANDING }, (_, number) =>
    sent(client.handle(disconnect(`${number}`), T0)),
  );
  assert.equal(new Set(requests.map((bytes) => bytes[1])).size, MAX_OUTSTANDING);
  assert.deepEqual(client.handle(disconnect("more"), T0), [{ kind: "overloaded", token: "more" }]);
  client.handle(received(answer(requests[77]!, 41)), T0);
  assert.equal(sent(client.handle(disconnect("more"), T0))[1], 77);
  assert.equal(client.handle({ kind: "timeout" }, at(1000)).length, MAX_OUTSTANDING);
});

test("a target that cannot be asked is the caller's fault and takes no Identifier", () => {
  const client = new DisconnectClient(crypto);
  const nowhere = { address: "attic", port: 3799, secret: SECRET };
  assert.throws(() => client.handle(disconnect("a", { to: nowhere }), T0), RangeError);
  const open = { ...NAS, secret: hex("") };
  assert.throws(() => client.handle(disconnect("a", { to: open }), T0), RangeError);
  assert.equal(client.wakeAt, null);
});

test("property: any datagram is discarded and the request goes on waiting", () => {
  const client = new DisconnectClient(crypto);
  const request = sent(client.handle(disconnect("a"), T0));
  const nearly = fc.tuple(fc.nat(request.length + 17), fc.integer({ min: 1, max: 255 }));
  const good = answer(request, 41);
  const forged = nearly.map(([at, change]) => {
    const bytes = good.slice();
    bytes[at % bytes.length]! ^= change;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), forged), (bytes) => {
      reasonOf(client.handle(received(bytes), T0));
    }),
  );
  assert.equal(client.handle(received(good), T0)[0]!.kind, "acknowledged");
});
