import fc from "fast-check";
import { assert, providers, seeded, test } from "#kit";
import { concat, hex, toHex, utf8 } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import {
  attribute,
  CallingStationId,
  ChargeableUserIdentity,
  Class,
  EapKeyName,
  FramedMtu,
  NasIdentifier,
  ProxyState,
  read,
  SessionTimeout,
  State,
  TunnelPassword,
  UserName,
  UserPassword,
  vlanAttributes,
} from "../../../src/proto/radius/attributes.ts";
import { sealAccessRequest, sealRequest } from "../../../src/proto/radius/authenticator.ts";
import { type RadiusClient, RadiusClients } from "../../../src/proto/radius/clients.ts";
import { splitEapMessage } from "../../../src/proto/radius/eap-message.ts";
import {
  MAX_PROXY_STATE_LENGTH,
  type RadiusInput,
  type RadiusOutput,
  RadiusServer,
} from "../../../src/proto/radius/endpoint.ts";
import { openTunnelPassword, sealUserPassword } from "../../../src/proto/radius/hidden.ts";
import {
  ACCESS_ACCEPT,
  ACCESS_CHALLENGE,
  ACCESS_REJECT,
  ACCOUNTING_RESPONSE,
  type Attribute,
  encodePacket,
  MAX_PACKET_LENGTH,
  parsePacket,
} from "../../../src/proto/radius/packet.ts";
import type { RadiusRequest } from "../../../src/proto/radius/request.ts";
import { RadiusTestClient } from "../../kit/radius-client.ts";
import { LOGIN_REQUEST, SECRET } from "../../vectors/radius/packets.ts";

const crypto = providers.at(-1)!;
const NAS = { address: "192.168.1.16", port: 40000 };
const T0 = mono(1_000_000);
const at = (milliseconds: number): ReturnType<typeof mono> => mono(T0 + milliseconds);

const IDENTITY = hex("02 2a 0009 01 6e656d6f");
const EAP_REQUEST = hex("01 2b 0006 0d20");
const EAP_SUCCESS = hex("03 2b 0004");
const EAP_FAILURE = hex("04 2b 0004");

function serverFor(
  flags: Partial<RadiusClient> = {},
  limits: ConstructorParameters<typeof RadiusServer>[0]["limits"] = {},
): RadiusServer {
  const nas = { name: "attic", prefix: "192.168.0.0/16", secret: SECRET, ...flags };
  const clients = new RadiusClients([nas]);
  return new RadiusServer({ crypto, random: seeded("salts"), clients, limits });
}

function nas(secret: Uint8Array = SECRET): RadiusTestClient {
  return new RadiusTestClient(crypto, seeded("nas"), secret);
}

function datagram(bytes: Uint8Array, from: typeof NAS = NAS): RadiusInput {
  return { kind: "datagram", service: "auth", from, bytes };
}

function accounting(bytes: Uint8Array): RadiusInput {
  return { kind: "datagram", service: "acct", from: NAS, bytes };
}

/** The one request handed up. */
function handedUp(outputs: readonly RadiusOutput[]): RadiusRequest {
  const [output] = outputs;
  if (outputs.length !== 1 || output?.kind !== "request") assert.fail(JSON.stringify(outputs));
  return output.request;
}

/** The one datagram sent. */
function sent(outputs: readonly RadiusOutput[]): Uint8Array {
  const [output] = outputs;
  if (outputs.length !== 1 || output?.kind !== "send") assert.fail(JSON.stringify(outputs));
  return output.bytes;
}

/** Silence, and why. */
function reasonOf(outputs: readonly RadiusOutput[]): string {
  const [output] = outputs;
  if (outputs.length !== 1 || output?.kind !== "discarded") assert.fail(JSON.stringify(outputs));
  return output.reason;
}

function challenge(request: RadiusRequest, more: readonly Attribute[] = []): RadiusInput {
  const attributes = [...splitEapMessage(EAP_REQUEST), attribute(State, hex("5eed")), ...more];
  return { kind: "answer", request, code: ACCESS_CHALLENGE, attributes };
}

test("a conversation: Challenge with State, then Accept with keys the NAS can open", () => {
  const server = serverFor();
  const client = nas();
  const first = client.accessRequest({
    eap: IDENTITY,
    attributes: [
      attribute(UserName, "nemo"),
      attribute(NasIdentifier, "attic-ap"),
      attribute(CallingStationId, "02-00-00-00-00-01"),
      attribute(FramedMtu, 1400),
    ],
  });
  const request = handedUp(server.handle(datagram(first), T0));
  assert.deepEqual(
    [request.userName, request.nasIdentifier, request.callingStationId, request.framedMtu],
    ["nemo", "attic-ap", "02-00-00-00-00-01", 1400],
  );
  assert.deepEqual(request.eap, IDENTITY);
  assert.deepEqual(
    [request.state, request.userPassword, request.client.name],
    [null, null, "attic"],
  );

  const asked = client.open(sent(server.handle(challenge(request), at(5))));
  assert.equal(asked.code, ACCESS_CHALLENGE);
  assert.deepEqual(asked.eap, EAP_REQUEST);

  const second = handedUp(
    server.handle(datagram(client.accessRequest({ eap: hex("022b0006 0d00") })), at(10)),
  );
  assert.deepEqual(second.state, hex("5eed"));
  assert.ok(second.id !== request.id);
  const keys = { recv: seeded("recv")(32), send: seeded("send")(32) };
  const accepted = client.open(
    sent(
      server.handle(
        {
          kind: "answer",
          request: second,
          code: ACCESS_ACCEPT,
          attributes: [...splitEapMessage(EAP_SUCCESS), ...vlanAttributes(7)],
          keys,
        },
        at(20),
      ),
    ),
  );
  assert.deepEqual(
    [accepted.code, accepted.eap, accepted.keys],
    [ACCESS_ACCEPT, EAP_SUCCESS, keys],
  );
});

test("every Challenge, Accept and Reject starts with Message-Authenticator and ends with the Proxy-States in order", () => {
  for (const [code, eap] of [
    [ACCESS_CHALLENGE, EAP_REQUEST],
    [ACCESS_ACCEPT, EAP_SUCCESS],
    [ACCESS_REJECT, EAP_FAILURE],
  ] as const) {
    const server = serverFor();
    const client = nas();
    const proxies = ["b0", "a1", "b0"].map((octets) => attribute(ProxyState, hex(octets)));
    const bytes = client.accessRequest({ eap: IDENTITY, attributes: proxies });
    const request = handedUp(server.handle(datagram(bytes), T0));
    const attributes = splitEapMessage(eap);
    const answer = sent(server.handle({ kind: "answer", request, code, attributes }, T0));
    const types = client.open(answer).attributes.map(({ type }) => type);
    assert.deepEqual(types, [80, 79, 33, 33, 33]);
    assert.deepEqual(
      client
        .open(answer)
        .attributes.slice(2)
        .map(({ value }) => toHex(value)),
      ["b0", "a1", "b0"],
    );
  }
});

test("an unknown client gets silence, whatever it sends", () => {
  const server = serverFor();
  const from = { address: "10.0.0.1", port: 1 };
  for (const bytes of [hex(""), LOGIN_REQUEST, nas().statusServer()]) {
    assert.equal(reasonOf(server.handle(datagram(bytes, from), T0)), "unknown-client");
  }
  assert.equal(server.counters.discarded["unknown-client"], 3);
});

test("another secret gets silence on both ports", () => {
  const stranger = nas(utf8("another secret"));
  const server = serverFor();
  const access = datagram(stranger.accessRequest({ eap: IDENTITY }));
  assert.equal(reasonOf(server.handle(access, T0)), "wrong-message-authenticator");
  const status = datagram(stranger.statusServer());
  assert.equal(reasonOf(server.handle(status, T0)), "wrong-message-authenticator");
  const account = accounting(stranger.accountingRequest([]));
  assert.equal(reasonOf(server.handle(account, T0)), "wrong-authenticator");
  assert.equal(server.cached, 0);
});

test("each port serves its own requests and Status-Server, no other code", () => {
  const server = serverFor();
  for (let code = 0; code < 256; code++) {
    const bytes = encodePacket({ ...parsePacket(LOGIN_REQUEST), code });
    const served = { auth: [1, 12], acct: [4, 12] };
    for (const service of ["auth", "acct"] as const) {
      const outputs = server.handle({ kind: "datagram", service, from: NAS, bytes }, T0);
      const unexpected = reasonOf(outputs) === "unexpected-code";
      assert.equal(unexpected, !served[service].includes(code), `${service} ${code}`);
    }
  }
});

test("CVE-2024-3596: without Message-Authenticator nothing is heard unless the client's flags say so", () => {
  const proxied = encodePacket({
    ...parsePacket(LOGIN_REQUEST),
    attributes: [...parsePacket(LOGIN_REQUEST).attributes, attribute(ProxyState, hex("00"))],
  });
  const strict = serverFor();
  assert.equal(
    reasonOf(strict.handle(datagram(LOGIN_REQUEST), T0)),
    "missing-message-authenticator",
  );
  assert.equal(reasonOf(strict.handle(datagram(proxied), T0)), "missing-message-authenticator");

  const old = serverFor({ requireMessageAuthenticator: false });
  assert.equal(reasonOf(old.handle(datagram(proxied), T0)), "unsigned-proxy-state");
  assert.equal(handedUp(old.handle(datagram(LOGIN_REQUEST), T0)).userName, "nemo");

  const reckless = { requireMessageAuthenticator: false, limitProxyState: false };
  assert.equal(handedUp(serverFor(reckless).handle(datagram(proxied), T0)).userName, "nemo");
});

test("RFC 3579 §3.2: EAP without Message-Authenticator is discarded even where the flags are off", () => {
  const attributes = splitEapMessage(IDENTITY);
  const bytes = encodePacket({ ...parsePacket(LOGIN_REQUEST), attributes });
  const server = serverFor({ requireMessageAuthenticator: false, limitProxyState: false });
  assert.equal(reasonOf(server.handle(datagram(bytes), T0)), "missing-message-authenticator");
});

test("the answer to a request without Message-Authenticator has one all the same", () => {
  const server = serverFor({ requireMessageAuthenticator: false });
  const request = handedUp(server.handle(datagram(LOGIN_REQUEST), T0));
  assert.deepEqual([request.eap, request.userPassword], [null, utf8("arctangent")]);
  const bytes = sent(
    server.handle({ kind: "answer", request, code: ACCESS_REJECT, attributes: [] }, T0),
  );
  assert.deepEqual(
    parsePacket(bytes).attributes.map(({ type }) => type),
    [80],
  );
});

test("a Message-Authenticator is accepted at any position of a request", () => {
  const before = [attribute(UserName, "nemo"), attribute(NasIdentifier, "attic-ap")];
  const signature = { type: 80, value: new Uint8Array(16) };
  for (let position = 0; position <= before.length; position++) {
    const attributes = before.toSpliced(position, 0, signature);
    const authenticator = seeded("any position")(16);
    const bytes = encodePacket({ code: 1, identifier: position, authenticator, attributes });
    const offset =
      22 + before.slice(0, position).reduce((sum, { value }) => sum + value.length + 2, 0);
    bytes.set(crypto.hmac("md5", SECRET, bytes), offset);
    assert.equal(handedUp(serverFor().handle(datagram(bytes), T0)).userName, "nemo");
  }
});

test("a Message-Authenticator of zeros, of no octets or twice is discarded", () => {
  const server = serverFor();
  const withAttributes = (...attributes: readonly Attribute[]): Uint8Array =>
    encodePacket({ ...parsePacket(LOGIN_REQUEST), attributes });
  const zeros = { type: 80, value: new Uint8Array(16) };
  const reason = (bytes: Uint8Array): string => reasonOf(server.handle(datagram(bytes), T0));
  assert.equal(reason(withAttributes(zeros)), "wrong-message-authenticator");
  assert.equal(
    reason(withAttributes({ ...zeros, value: hex("") })),
    "malformed-message-authenticator",
  );
  const twice = sealAccessRequest(crypto, SECRET, {
    ...parsePacket(LOGIN_REQUEST),
    attributes: [zeros],
  });
  assert.equal(reason(twice), "malformed-message-authenticator");
});

test("authentic but senseless: scattered EAP-Message, two States, Proxy-State beyond what is echoed", () => {
  const server = serverFor();
  const [part] = splitEapMessage(IDENTITY);
  const reason = (attributes: readonly Attribute[]): string =>
    reasonOf(server.handle(datagram(nas().accessRequest({ attributes })), T0));
  assert.equal(reason([part!, attribute(UserName, "nemo"), part!]), "scattered-eap-message");
  assert.equal(
    reason([attribute(State, hex("01")), attribute(State, hex("02"))]),
    "repeated-state",
  );
  const quarter = attribute(ProxyState, new Uint8Array(MAX_PROXY_STATE_LENGTH / 8 - 2));
  assert.equal(
    reason([...Array(8).fill(quarter), attribute(ProxyState, hex(""))]),
    "long-proxy-state",
  );
  handedUp(
    server.handle(datagram(nas().accessRequest({ attributes: Array(8).fill(quarter) })), T0),
  );
});

test("RFC 5997 §3: Status-Server is answered by the machine, and only with Message-Authenticator", () => {
  const server = serverFor({ requireMessageAuthenticator: false });
  for (const [input, code] of [
    [datagram, ACCESS_ACCEPT],
    [accounting, ACCOUNTING_RESPONSE],
  ] as const) {
    const client = nas();
    const answer = client.open(sent(server.handle(input(client.statusServer()), T0)));
    assert.equal(answer.code, code);
    assert.equal(answer.attributes[0]!.type, 80);
  }
  const bare = encodePacket({ ...parsePacket(LOGIN_REQUEST), code: 12, attributes: [] });
  assert.equal(reasonOf(server.handle(datagram(bare), T0)), "missing-message-authenticator");
  assert.deepEqual([server.counters.statusAnswered, server.cached], [2, 0]);
});

test("RFC 2866 §2: an Accounting-Request is answered when its record is kept, and not before", () => {
  const server = serverFor();
  const client = nas();
  const bytes = client.accountingRequest([attribute(Class, hex("c1a5"))]);
  const request = handedUp(server.handle(accounting(bytes), T0));
  assert.deepEqual([request.code, request.class, request.service], [4, hex("c1a5"), "acct"]);
  assert.equal(reasonOf(server.handle(accounting(bytes), at(1000))), "repeat");
  const input = { kind: "answer", request, code: ACCOUNTING_RESPONSE, attributes: [] } as const;
  const response = sent(server.handle(input, at(2000)));
  assert.deepEqual(client.open(response).attributes, []);
  assert.deepEqual(sent(server.handle(accounting(bytes), at(3000))), response);
});

test("RFC 5176 §3.4: a Message-Authenticator in an Accounting-Request covers an authenticator of zeros and must hold", () => {
  const plain = {
    ...parsePacket(LOGIN_REQUEST),
    code: 4,
    attributes: [attribute(Class, hex("01"))],
  };
  const signed = sealRequest(crypto, SECRET, plain, "message-authenticator");
  handedUp(serverFor().handle(accounting(signed), T0));
  const zeros = [{ type: 80, value: new Uint8Array(16) }];
  const wrong = sealRequest(crypto, SECRET, { ...plain, attributes: zeros }, "authenticator-only");
  assert.equal(reasonOf(serverFor().handle(accounting(wrong), T0)), "wrong-message-authenticator");
});

test("a repeat has its port, code and authenticator: what differs in one is another packet", () => {
  const server = serverFor();
  const access = parsePacket(nas().accessRequest({}));
  const request = handedUp(server.handle(datagram(access.bytes), T0));
  const plain = { ...access, attributes: [] };
  const status = sealAccessRequest(crypto, SECRET, { ...plain, code: 12 });
  assert.equal(parsePacket(sent(server.handle(datagram(status), T0))).code, ACCESS_ACCEPT);
  const account = sealRequest(crypto, SECRET, { ...plain, code: 4 }, "authenticator-only");
  assert.equal(handedUp(server.handle(accounting(account), T0)).identifier, request.identifier);
  assert.equal(reasonOf(server.handle(datagram(access.bytes), T0)), "repeat");
});

test("a request that will not be answered can be forgotten: its repeat is new", () => {
  const server = serverFor();
  const bytes = nas().accountingRequest([]);
  const request = handedUp(server.handle(accounting(bytes), T0));
  assert.deepEqual(server.handle({ kind: "forget", request }, T0), []);
  const again = handedUp(server.handle(accounting(bytes), T0));
  assert.notEqual(again.id, request.id);
  assert.deepEqual(server.handle({ kind: "forget", request }, T0), []);
  assert.equal(reasonOf(server.handle(accounting(bytes), T0)), "repeat");
});

test("RFC 5080 §2.2.2: a repeat is dropped while its answer is pending and answered from the cache afterwards", () => {
  const server = serverFor();
  const bytes = nas().accessRequest({ eap: IDENTITY });
  const request = handedUp(server.handle(datagram(bytes), T0));
  assert.equal(reasonOf(server.handle(datagram(bytes), at(10))), "repeat");
  const response = sent(server.handle(challenge(request), at(20)));
  for (let repeat = 1; repeat <= 3; repeat++) {
    assert.deepEqual(sent(server.handle(datagram(bytes), at(20 + repeat * 9000))), response);
  }
  assert.equal(server.counters.requests, 1);
  assert.equal(server.counters.repeatsAnswered, 3);
});

test("RFC 5080 §2.2.2: 30 s after the answer the cache has forgotten it, and the machine asks to be woken for that", () => {
  const server = serverFor();
  const bytes = nas().accessRequest({ eap: IDENTITY });
  assert.equal(server.wakeAt, null);
  const request = handedUp(server.handle(datagram(bytes), T0));
  assert.equal(server.wakeAt, at(30_000));
  server.handle(challenge(request), at(2000));
  assert.equal(server.wakeAt, at(32_000));
  assert.deepEqual(server.handle({ kind: "timeout" }, at(31_999)), []);
  assert.equal(server.cached, 1);
  assert.deepEqual(server.handle({ kind: "timeout" }, at(32_000)), []);
  assert.deepEqual([server.cached, server.wakeAt], [0, null]);
  assert.equal(handedUp(server.handle(datagram(bytes), at(32_000))).identifier, request.identifier);
});

test("the same Identifier with a new authenticator replaces the old request, whose answer is then late", () => {
  const server = serverFor();
  const of = (seed: string): Uint8Array =>
    new RadiusTestClient(crypto, seeded(seed), SECRET).accessRequest({ eap: IDENTITY });
  const old = handedUp(server.handle(datagram(of("old")), T0));
  const fresh = handedUp(server.handle(datagram(of("new")), at(1)));
  assert.equal(old.identifier, fresh.identifier);
  assert.deepEqual(server.handle(challenge(old), at(2)), []);
  assert.equal(server.counters.lateAnswers, 1);
  sent(server.handle(challenge(fresh), at(3)));
  assert.deepEqual(server.handle(challenge(fresh), at(4)), [], "answered once");
  assert.equal(server.cached, 1);
});

test("a forged packet neither replaces a request nor gets its answer elsewhere", () => {
  const server = serverFor();
  const bytes = nas().accessRequest({ eap: IDENTITY });
  const request = handedUp(server.handle(datagram(bytes), T0));
  const forged = new RadiusTestClient(crypto, seeded("x"), hex("00")).accessRequest({
    eap: IDENTITY,
  });
  assert.equal(reasonOf(server.handle(datagram(forged), T0)), "wrong-message-authenticator");
  sent(server.handle(challenge(request), T0));
  // From another port it is another request, and as such authentic.
  handedUp(server.handle(datagram(bytes, { ...NAS, port: 40001 }), T0));
});

test("an answer after its request expired is dropped", () => {
  const server = serverFor();
  const request = handedUp(server.handle(datagram(nas().accessRequest({ eap: IDENTITY })), T0));
  assert.deepEqual(server.handle(challenge(request), at(30_000)), []);
  assert.equal(server.counters.lateAnswers, 1);
});

test("a flood of 10,000 answered requests stays within entries and octets; the oldest answers go first", () => {
  const limits = { maxEntries: 100, maxResponseOctets: 4900 };
  const server = serverFor({}, limits);
  const bytes = nas().accessRequest({ eap: IDENTITY });
  const from = (number: number): typeof NAS => ({ ...NAS, port: number });
  for (let port = 1; port <= 10_000; port++) {
    const request = handedUp(server.handle(datagram(bytes, from(port)), T0));
    const response = sent(server.handle(challenge(request), T0));
    assert.ok(server.cached <= Math.floor(limits.maxResponseOctets / response.length));
  }
  assert.equal(server.cached, 98); // of 50 octets each
  assert.equal(server.handle(datagram(bytes, from(9903)), T0)[0]!.kind, "send");
  assert.equal(server.handle(datagram(bytes, from(9902)), T0)[0]!.kind, "request");
});

test("requests that wait are never evicted: at the bound new ones are discarded until one is answered", () => {
  const server = serverFor({}, { maxEntries: 3, maxPendingPerClient: 3 });
  const bytes = nas().accessRequest({ eap: IDENTITY });
  const from = (port: number): typeof NAS => ({ ...NAS, port });
  const [first] = [1, 2, 3].map((port) => handedUp(server.handle(datagram(bytes, from(port)), T0)));
  assert.equal(reasonOf(server.handle(datagram(bytes, from(4)), T0)), "overloaded");
  assert.equal(server.cached, 3);
  sent(server.handle(challenge(first!), T0));
  handedUp(server.handle(datagram(bytes, from(4)), T0));
  assert.equal(server.cached, 3);
});

test("one client's waiting requests leave room for another's", () => {
  const clients = new RadiusClients([
    { name: "flooded", prefix: "10.0.0.1", secret: SECRET },
    { name: "quiet", prefix: "10.0.0.2", secret: SECRET },
  ]);
  const limits = { maxEntries: 10, maxPendingPerClient: 5 };
  const server = new RadiusServer({ crypto, random: seeded("salts"), clients, limits });
  const bytes = nas().accessRequest({ eap: IDENTITY });
  const outcomes = (address: string): readonly string[] =>
    [1, 2, 3, 4, 5, 6].map(
      (port) => server.handle(datagram(bytes, { address, port }), T0)[0]!.kind,
    );
  const five = Array<string>(5).fill("request");
  assert.deepEqual(outcomes("10.0.0.1"), [...five, "discarded"]);
  assert.deepEqual(outcomes("10.0.0.2"), [...five, "discarded"]);
});

test("RFC 7268 §2.2, RFC 4372 §2: EAP-Key-Name and CUI go only to a NAS that asks with one NUL", () => {
  const offered = [
    attribute(EapKeyName, hex("0d aabb")),
    attribute(ChargeableUserIdentity, utf8("handle")),
    attribute(SessionTimeout, 3600),
  ];
  const typesFor = (asked: readonly Attribute[]): readonly number[] => {
    const server = serverFor();
    const client = nas();
    const bytes = client.accessRequest({ eap: IDENTITY, attributes: asked });
    const request = handedUp(server.handle(datagram(bytes), T0));
    const attributes = [...splitEapMessage(EAP_SUCCESS), ...offered];
    const input = { kind: "answer", request, code: ACCESS_ACCEPT, attributes } as const;
    return client.open(sent(server.handle(input, T0))).attributes.map(({ type }) => type);
  };
  const nul = hex("00");
  assert.deepEqual(typesFor([]), [80, 79, 27]);
  assert.deepEqual(typesFor([attribute(EapKeyName, nul)]), [80, 79, 102, 27]);
  assert.deepEqual(typesFor([attribute(EapKeyName, hex("0000"))]), [80, 79, 27]);
  assert.deepEqual(typesFor([attribute(ChargeableUserIdentity, nul)]), [80, 79, 89, 27]);
});

test("RFC 3579 §2.6.3: RADIUS and EAP say the same, and a bare Reject of EAP gets its EAP-Failure", () => {
  const server = serverFor();
  const client = nas();
  const request = handedUp(server.handle(datagram(client.accessRequest({ eap: IDENTITY })), T0));
  const answer = (code: number, eap: Uint8Array | null): RadiusOutput[] => {
    const attributes = eap === null ? [] : splitEapMessage(eap);
    return server.handle({ kind: "answer", request, code, attributes }, T0);
  };
  for (const [code, eap] of [
    [ACCESS_ACCEPT, EAP_FAILURE],
    [ACCESS_ACCEPT, EAP_REQUEST],
    [ACCESS_ACCEPT, null],
    [ACCESS_CHALLENGE, EAP_SUCCESS],
    [ACCESS_CHALLENGE, null],
    [ACCESS_REJECT, EAP_SUCCESS],
    [ACCOUNTING_RESPONSE, null],
    [ACCESS_REJECT, hex("")],
  ] as const) {
    assert.throws(() => answer(code, eap), RangeError);
  }
  const rejected = client.open(sent(answer(ACCESS_REJECT, null)));
  assert.deepEqual([rejected.code, rejected.eap], [ACCESS_REJECT, hex("04 2a 0004")]);
});

test("keys go with an Accept only, and what the machine adds is nobody else's to add", () => {
  const server = serverFor();
  const request = handedUp(server.handle(datagram(nas().accessRequest({})), T0));
  const keys = { recv: new Uint8Array(32), send: new Uint8Array(32) };
  const reject = { kind: "answer", request, code: ACCESS_REJECT, attributes: [] } as const;
  assert.throws(() => server.handle({ ...reject, keys }, T0), RangeError);
  assert.throws(() => server.handle({ ...reject, tunnelPassword: utf8("x") }, T0), RangeError);
  for (const type of [33, 69, 80]) {
    const attributes = [{ type, value: new Uint8Array(16) }];
    assert.throws(() => server.handle({ ...reject, attributes }, T0), RangeError);
  }
});

test("a station's passphrase travels as Tunnel-Password, and User-Password is opened for MAC authentication", () => {
  const server = serverFor();
  const client = nas();
  const mac = utf8("020000000001");
  // The test client draws the authenticator itself: the same seed gives the same one.
  const sealing = { crypto, secret: SECRET, requestAuthenticator: seeded("nas")(16) };
  const attributes = [attribute(UserPassword, sealUserPassword(sealing, mac))];
  const request = handedUp(server.handle(datagram(client.accessRequest({ attributes })), T0));
  assert.deepEqual(request.userPassword, mac);
  const tunnelPassword = utf8("correct horse battery");
  const input = {
    kind: "answer",
    request,
    code: ACCESS_ACCEPT,
    attributes: [],
    tunnelPassword,
  } as const;
  const accepted = client.open(sent(server.handle(input, T0)));
  const sealed = accepted.attributes.find(({ type }) => type === TunnelPassword.type);
  assert.deepEqual(openTunnelPassword(sealing, sealed!), tunnelPassword);
});

test("the longest answer is 4096 octets; a longer one is refused and its request can still be rejected", () => {
  const server = serverFor();
  const client = nas();
  const request = handedUp(server.handle(datagram(client.accessRequest({ eap: IDENTITY })), T0));
  const room = MAX_PACKET_LENGTH - 20 - 18;
  const packet = (length: number): Uint8Array => concat(EAP_REQUEST, new Uint8Array(length - 6));
  const whole = Math.floor(room / 255);
  const most = whole * 253 + (room % 255) - 2;
  const answer = (length: number): RadiusOutput[] => {
    const attributes = splitEapMessage(packet(length));
    return server.handle({ kind: "answer", request, code: ACCESS_CHALLENGE, attributes }, T0);
  };
  assert.throws(() => answer(most + 1), RangeError);
  assert.equal(sent(answer(most)).length, MAX_PACKET_LENGTH);
});

test("every strict prefix of a good request is met with silence", () => {
  const server = serverFor();
  const bytes = nas().accessRequest({ eap: IDENTITY, attributes: [attribute(UserName, "nemo")] });
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(reasonOf(server.handle(datagram(bytes.subarray(0, length)), T0)), "truncated");
  }
  handedUp(server.handle(datagram(bytes), T0));
});

test("property: any datagram of a known client is discarded, and nothing is kept of it", () => {
  const server = serverFor();
  const shaped = fc
    .tuple(fc.constantFrom(1, 4, 12), fc.nat(255), fc.uint8Array({ maxLength: 235 }))
    .map(([code, identifier, rest]) => {
      const bytes = concat(Uint8Array.of(code, identifier, 0, 20), new Uint8Array(16), rest);
      bytes[3] = bytes.length;
      return bytes;
    });
  const service = fc.constantFrom("auth" as const, "acct" as const);
  fc.assert(
    fc.property(service, fc.oneof(shaped, fc.uint8Array({ maxLength: 300 })), (service, bytes) => {
      reasonOf(server.handle({ kind: "datagram", service, from: NAS, bytes }, T0));
      assert.equal(server.cached, 0);
    }),
  );
});

test("property: whatever an authentic request carries, the machine hands it up or says why not", () => {
  const anyAttribute = fc.record({
    type: fc.oneof(fc.constantFrom(1, 2, 12, 24, 26, 33, 79, 102), fc.nat(255)),
    value: fc.uint8Array({ maxLength: 40 }),
  });
  fc.assert(
    fc.property(fc.array(anyAttribute, { maxLength: 20 }), (attributes) => {
      const server = serverFor();
      const client = nas();
      const [output] = server.handle(datagram(client.accessRequest({ attributes })), T0);
      if (output?.kind === "discarded") return;
      if (output?.kind !== "request") assert.fail("neither");
      const { request } = output;
      assert.ok(request.userPassword === null || request.userPassword.length <= 128);
      for (const value of [request.userName, request.framedMtu, request.acctStatusType]) {
        assert.ok(value === null || typeof value === "string" || Number.isInteger(value));
      }
      const reject = { kind: "answer", request, code: ACCESS_REJECT, attributes: [] } as const;
      const answer = client.open(sent(server.handle(reject, T0)));
      const echo = (all: readonly Attribute[]): readonly Attribute[] =>
        all.filter(({ type }) => type === ProxyState.type);
      assert.deepEqual(echo(answer.attributes), echo(attributes));
    }),
  );
});

test("no discard, output or failure carries the secret", () => {
  const server = serverFor();
  const outputs = server.handle(datagram(nas(utf8("other")).accessRequest({ eap: IDENTITY })), T0);
  const request = handedUp(server.handle(datagram(nas().accessRequest({ eap: IDENTITY })), T0));
  const shown = JSON.stringify([outputs, request, read(request.attributes, UserName)]);
  assert.ok(!shown.includes("xyzzy5461"));
  assert.ok(!shown.includes(JSON.stringify([...SECRET]).slice(1, -1)));
});
