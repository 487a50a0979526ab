// The resources of the device API, by rule: who may ask what, and what everybody else is told.
import { assert, test } from "#kit";
import { fromUtf8, hex, toHex, utf8 } from "../../../src/base/bytes.ts";
import { mono, unix } from "../../../src/base/machine.ts";
import { homeProof, setupProof } from "../../../src/policy/admission/setup.ts";
import type { ApiReason } from "../../../src/policy/devices/failure.ts";
import { ApiFailure, refusalOf } from "../../../src/policy/devices/failure.ts";
import * as messages from "../../../src/policy/devices/messages.ts";
import { refusal } from "../../../src/policy/devices/refusal.ts";
import { RESOURCES } from "../../../src/policy/devices/index.ts";
import { blankRecord, expectedId } from "../../../src/policy/registry/record.ts";
import { claimedId } from "../../../src/policy/admission/setup.ts";
import { Code, ContentFormat } from "../../../src/proto/coap/codes.ts";
import type { CoapRequest } from "../../../src/proto/coap/request.ts";
import type { CoapResponse } from "../../../src/proto/coap/response.ts";
import { DeviceKeyUpdate } from "../../../src/proto/key-update/device.ts";
import type { NewKey } from "../../../src/proto/key-update/device.ts";
import { fromBase64Url } from "../../../src/base/bytes.ts";
import { parseBundle } from "../../../src/proto/x509/cms.ts";
import { parseCrl } from "../../../src/proto/x509/crl.ts";
import { signRequest } from "../../../src/proto/x509/request.ts";
import type { SigningKey } from "../../../src/base/crypto/crypto.ts";
import { commonName } from "../../proto/x509/pki.ts";
import { DAY, NOW } from "../ca/home.ts";
import { cborBody, crypto, idOf, said, Stage } from "./stage.ts";
import type { Device } from "./stage.ts";
import type { Caller } from "../../../src/policy/devices/resource.ts";

const CODE = "K7QP2M4X9RTD";
const LAMP = idOf("lamp");

function adoption(changes: Partial<messages.AdoptionRequest> = {}): Partial<CoapRequest> {
  const wanted = { deviceId: LAMP, name: "Lamp", type: "lamp", model: "Lamp 3", passive: false };
  const none = { releaseToken: null, mudUrl: null, proof: null };
  return cborBody(messages.encodeAdoptionRequest({ ...wanted, ...none, ...changes }));
}

const REPORT = cborBody(
  messages.encodeLiveReport({ uptimeSeconds: 1, firmware: null, crlNumber: 0 }),
);

/** Asks to be taken in, and gives where to wait. */
function asked(
  stage: Stage,
  device: Device,
  changes: Partial<messages.AdoptionRequest> = {},
): string {
  const response = stage.ask(device.caller, "POST", "/h/adopt", adoption(changes));
  assert.equal(said(response), "2.01");
  return `/${response.locationPath.join("/")}`;
}

function approved(stage: Stage): Device {
  const device = stage.device();
  asked(stage, device);
  stage.become(device, "approved");
  return device;
}

function standing(response: CoapResponse): string {
  assert.equal(said(response), "2.05");
  return messages.parseAdoptionStanding(response.payload);
}

/** A whole key update; the device's new key. */
function updated(stage: Stage, device: Device, caller: Caller = device.caller): NewKey {
  const machine = new DeviceKeyUpdate({
    crypto,
    random: stage.random,
    scalar: device.scalar,
    withShare: true,
    association: {
      deviceId: hex(stage.recordOf(device).deviceId!),
      deviceKey: device.key.publicKey.point,
      homeKeyHash: stage.serverKeyHash,
      exporter: caller.channelBinding,
    },
  });
  let input: Parameters<typeof machine.handle>[0] = { kind: "start" };
  for (;;) {
    const [output] = machine.handle(input, stage.clock.mono);
    if (output?.kind === "updated") return output.key;
    if (output?.kind !== "send") return assert.fail(output?.kind ?? "nothing");
    const path = `/h/ku/${output.step === "commit" ? "c" : "r"}`;
    const response = stage.ask(caller, "POST", path, cborBody(output.body));
    assert.equal(said(response), "2.04");
    input = { kind: "answer", body: response.payload };
  }
}

function csr(key: SigningKey): Partial<CoapRequest> {
  return {
    contentFormat: ContentFormat.PKCS10,
    payload: signRequest(commonName("x"), [], key, null),
  };
}

test("every reason to refuse has its own number, and its code by the standards", () => {
  const table: readonly (readonly [ApiReason, string])[] = [
    ["malformed", "4.00/1"],
    ["wrong-format", "4.15/2"],
    ["not-acceptable", "4.06/3"],
    ["not-authorized", "4.01/4"],
    ["not-allowed", "4.03/5"],
    ["not-found", "4.04/6"],
    ["method-not-allowed", "4.05/7"],
    ["already-owned", "4.09/8"],
    ["out-of-order", "4.09/9"],
    ["refused", "4.22/10"],
    ["too-fast", "4.29/11"],
    ["time-unknown", "5.03/12"],
    ["full", "5.03/13"],
  ];
  for (const [reason, wanted] of table) {
    const response = refusal(new ApiFailure(reason));
    assert.equal(said(response), wanted, reason);
    assert.equal(response.maxAge, response.code === Code.SERVICE_UNAVAILABLE ? 60 : null, reason);
    assert.equal(response.contentFormat, ContentFormat.CONCISE_PROBLEM_DETAILS);
  }
  const numbers = table.map(([reason]) => refusalOf(reason).number);
  assert.equal(new Set(numbers).size, table.length);
  assert.equal(refusal(new ApiFailure("too-fast", "", 77)).maxAge, 77);
});

test("what is there is listed, by its type where one is asked for", () => {
  const stage = new Stage();
  const { caller } = stage.device();
  const list = (query: readonly string[]): string =>
    fromUtf8(stage.ask(caller, "GET", "/.well-known/core", { query }).payload)!;
  const all = list([]);
  for (const { path, type } of RESOURCES) {
    assert.equal(all.includes(`</${path.join("/")}>`), type !== null, path.join("/"));
  }
  assert.deepEqual(
    list(["rt=ace.est*"]).match(/<[^>]*>/gu),
    ["crts", "att", "sen", "sren"].map((name) => `</.well-known/est/${name}>`),
  );
  assert.deepEqual(list(["rt=homeca.crl"]).match(/<[^>]*>/gu), ["</h/crl>"]);
  assert.ok(list(["rt=homeca.crl"]).includes("obs"));
  assert.equal(list(["rt=nothing"]), "");
});

test("each resource takes its own methods, and what is nowhere is nowhere", () => {
  const stage = new Stage();
  const { caller } = stage.device();
  for (const { path, methods } of RESOURCES) {
    const at = `/${path.join("/").replace("*", "ticket")}`;
    for (const method of ["GET", "POST", "PUT", "DELETE"] as const) {
      if (methods[method] !== undefined) continue;
      assert.equal(said(stage.ask(caller, method, at)), "4.05/7", `${method} ${at}`);
    }
  }
  for (const at of [
    "/",
    "/h/adopt/a/b",
    "/h/nothing",
    "/.well-known/est",
    "/.well-known/est/skg",
    "/H",
  ]) {
    assert.equal(said(stage.ask(caller, "GET", at)), "4.04/6", at);
  }
});

test("every representation is refused in a format that there is not, every body in another than is taken", () => {
  const stage = new Stage();
  const device = approved(stage);
  const member = stage.member(device);
  const accept = ContentFormat.TEXT;
  const waits = asked(stage, device);
  const first: readonly (readonly ["GET" | "POST", string, Partial<CoapRequest>])[] = [
    ["GET", "/.well-known/core", {}],
    ["GET", "/h", {}],
    ["POST", "/h/adopt", adoption()],
    ["GET", waits, {}],
    ["POST", "/h/ku/c", cborBody(new Uint8Array())],
    ["POST", "/h/ku/r", cborBody(new Uint8Array())],
    ["GET", "/.well-known/est/crts", {}],
    ["GET", "/.well-known/est/att", {}],
    ["POST", "/.well-known/est/sen", csr(device.key)],
    ["POST", "/.well-known/est/sren", csr(device.key)],
  ];
  for (const [method, path, rest] of first) {
    assert.equal(said(stage.ask(device.caller, method, path, { ...rest, accept })), "4.06/3", path);
  }
  for (const [path, rest] of [
    ["/h/live", REPORT],
    ["/h/crl", {}],
  ] as const) {
    const method = path === "/h/crl" ? "GET" : "POST";
    assert.equal(said(stage.ask(member, method, path, { ...rest, accept })), "4.06/3", path);
  }
  for (const [method, path, rest] of first) {
    if (method === "GET") continue;
    for (const contentFormat of [null, ContentFormat.TEXT]) {
      const response = stage.ask(device.caller, method, path, { ...rest, contentFormat });
      assert.equal(said(response), "4.15/2", path);
    }
  }
  assert.equal(
    said(stage.ask(member, "POST", "/h/live", { ...REPORT, contentFormat: null })),
    "4.15/2",
  );
});

test("what is for members is for nobody else, what is for newcomers not for members", () => {
  const stage = new Stage();
  const device = approved(stage);
  const member = stage.member(device);
  for (const [method, path] of [
    ["POST", "/h/live"],
    ["GET", "/h/crl"],
  ] as const) {
    assert.equal(
      said(stage.ask(device.caller, method, path, method === "POST" ? REPORT : {})),
      "4.01/4",
    );
  }
  assert.equal(said(stage.ask(member, "POST", "/h/adopt", adoption())), "4.09/8");
  assert.equal(said(stage.ask(member, "GET", "/h/adopt/ticket")), "4.09/8");
  for (const state of ["denied", "revoked", "released", "pending", "expected"] as const) {
    stage.become(device, state);
    assert.equal(said(stage.ask(member, "POST", "/h/live", REPORT)), "4.03/5", state);
    assert.equal(said(stage.ask(member, "GET", "/h/crl")), "4.03/5", state);
    assert.equal(
      said(stage.ask(member, "POST", "/h/ku/c", cborBody(new Uint8Array()))),
      "4.03/5",
      state,
    );
  }
  stage.become(device, "active", { alarm: "duplicate-key" });
  assert.equal(said(stage.ask(member, "POST", "/h/live", REPORT)), "4.03/5");
  stage.become(device, "active", { alarm: null, keys: [] });
  assert.equal(said(stage.ask(member, "POST", "/h/live", REPORT)), "4.03/5", "not on record");
});

test("a certificate that was revoked opens nothing, however the record stands", () => {
  const stage = new Stage();
  const device = approved(stage);
  const member = stage.member(device);
  stage.become(device, "active");
  const { serial } = member.asker.peer as { readonly serial: string };
  stage.store({ kind: "revoke-serial", serial, reason: "superseded", at: NOW });
  for (const path of ["/h/live", "/h/ku/c"]) {
    assert.equal(said(stage.ask(member, "POST", path, REPORT)), "4.03/5", path);
  }
  assert.equal(said(stage.ask(member, "GET", "/h/crl")), "4.03/5");
});

test("a ticket is its own device's, and lasts as long as its record", () => {
  const stage = new Stage();
  const [one, other] = [stage.device(), stage.device()];
  const ticket = asked(stage, one);
  const others = asked(stage, other, { deviceId: idOf("other") });
  assert.notEqual(ticket, others);
  assert.equal(standing(stage.ask(one.caller, "GET", ticket)), "pending");
  assert.equal(said(stage.ask(other.caller, "GET", ticket)), "4.04/6");
  assert.equal(said(stage.ask(stage.device().caller, "GET", ticket)), "4.04/6");
  assert.equal(asked(stage, { ...one, caller: stage.again(one.caller) }), ticket);
  stage.become(one, "approved");
  assert.equal(standing(stage.ask(one.caller, "GET", ticket)), "approved");
  stage.store({ kind: "remove", id: other.recordId });
  assert.equal(said(stage.ask(other.caller, "GET", others)), "4.04/6");
});

test("a device that was turned away sees what one sees that nobody has looked at", () => {
  const seen = (state: "pending" | "denied" | "revoked" | "released"): string => {
    const stage = new Stage();
    const device = stage.device();
    asked(stage, device);
    stage.become(device, state, { setupCode: CODE });
    const proof = fromBase64Url(setupProof(crypto, CODE, hex(device.peer.spkiHash)))!;
    // The owner's list may hold its code by now: who is out is not told even that.
    const answers = [
      stage.ask(device.caller, "POST", "/h/adopt", adoption(state === "pending" ? {} : { proof })),
      stage.ask(device.caller, "POST", "/h/ku/c", cborBody(new Uint8Array(34))),
      stage.ask(device.caller, "GET", "/h"),
      stage.ask(device.caller, "GET", "/h/crl"),
    ];
    const ticket = `/${answers[0]!.locationPath.join("/")}`;
    return JSON.stringify(
      [...answers, stage.ask(device.caller, "GET", ticket)].map((each) => {
        return { ...each, payload: toHex(each.payload), locationPath: each.locationPath.length };
      }),
    );
  };
  const unknown = seen("pending");
  for (const state of ["denied", "revoked", "released"] as const)
    assert.equal(seen(state), unknown, state);
});

test("a device that was turned away gets the answer of an unknown one from enrolment", () => {
  const stage = new Stage();
  const [unknown, denied] = [stage.device(), stage.device()];
  asked(stage, denied);
  stage.become(denied, "denied");
  const key = stage.ca.newKey();
  const answers = [unknown, denied].map(({ caller }) => {
    const { payload, ...rest } = stage.ask(caller, "POST", "/.well-known/est/sen", csr(key));
    return JSON.stringify({ ...rest, payload: toHex(payload) });
  });
  assert.equal(answers[0], answers[1]);
});

test("a wrong setup proof waits, longer each time; the right one is answered by the home's own", () => {
  const stage = new Stage();
  const device = stage.device();
  const expected = expectedId(crypto, claimedId(LAMP));
  const claim = { id: claimedId(LAMP), type: "lamp", name: null };
  stage.store({
    kind: "put",
    record: { ...blankRecord(expected, "aware", "expected"), claim, setupCode: CODE },
  });
  const wrong = adoption({ proof: new Uint8Array(16) });
  const first = stage.ask(device.caller, "POST", "/h/adopt", wrong);
  assert.deepEqual([said(first), first.maxAge], ["4.29/11", 60]);
  const early = stage.ask(device.caller, "POST", "/h/adopt", wrong);
  assert.equal(said(early), "4.29/11");
  assert.equal(first.locationPath.length + early.locationPath.length, 0);

  const proof = fromBase64Url(setupProof(crypto, CODE, hex(device.peer.spkiHash)))!;
  // A captured proof is another key's.
  const thief = stage.device();
  assert.equal(said(stage.ask(thief.caller, "POST", "/h/adopt", adoption({ proof }))), "4.29/11");
  stage.clock = { ...stage.clock, mono: mono(stage.clock.mono + 7_200_000) };
  const right = stage.ask(device.caller, "POST", "/h/adopt", adoption({ proof }));
  assert.equal(said(right), "2.01");
  const shown = messages.parseAdoptionAnswer(right.payload).proof;
  const { channelBinding } = device.caller;
  assert.deepEqual(shown, homeProof(crypto, CODE, stage.serverKeyHash, channelBinding));
  assert.equal(
    standing(stage.ask(device.caller, "GET", `/${right.locationPath.join("/")}`)),
    "approved",
  );
  assert.equal(stage.registry.devices.get(expected)?.proven, "setup-code");
});

test("without a proof that held nobody is shown the home's", () => {
  const stage = new Stage();
  const device = stage.device();
  for (const proof of [null, new Uint8Array(16)]) {
    const response = stage.ask(device.caller, "POST", "/h/adopt", adoption({ proof }));
    assert.equal(messages.parseAdoptionAnswer(response.payload).proof, null);
  }
});

test("a second device of one key and another id raises the alarm, and changes nothing that is on record", () => {
  for (const other of [
    idOf("another"),
    Uint8Array.from([...LAMP.subarray(0, 31), LAMP[31]! ^ 1]),
  ]) {
    const stage = new Stage();
    const device = approved(stage);
    asked(stage, device, { deviceId: other, model: "Copy" });
    const { alarm, deviceId, model } = stage.recordOf(device);
    assert.deepEqual([alarm, deviceId, model], ["duplicate-key", toHex(LAMP), "Lamp 3"]);
    assert.equal(
      said(stage.ask(device.caller, "POST", "/h/ku/c", cborBody(new Uint8Array(34)))),
      "4.03/5",
    );
  }
});

test("whoever still has the first key of a member has nothing to say of it", () => {
  const stage = new Stage();
  const device = approved(stage);
  const member = stage.member(device);
  assert.equal(said(stage.ask(member, "POST", "/h/live", REPORT)), "2.04");
  const before = stage.recordOf(device);
  assert.equal(before.state, "active");
  const waits = asked(stage, device, { deviceId: idOf("the maker's"), model: "Maker" });
  assert.deepEqual(stage.recordOf(device), before);
  assert.equal(standing(stage.ask(device.caller, "GET", waits)), "pending");
  assert.equal(
    said(stage.ask(device.caller, "POST", "/h/ku/c", cborBody(new Uint8Array(34)))),
    "4.03/5",
  );
  const key = stage.ca.newKey();
  assert.equal(said(stage.ask(device.caller, "POST", "/.well-known/est/sen", csr(key))), "4.03/20");
});

test("no key is agreed on before the owner's yes, nor before the time is known", () => {
  const stage = new Stage();
  const device = stage.device();
  const commit = cborBody(new Uint8Array(34));
  assert.equal(said(stage.ask(device.caller, "POST", "/h/ku/c", commit)), "4.03/5");
  asked(stage, device);
  assert.equal(said(stage.ask(device.caller, "POST", "/h/ku/c", commit)), "4.03/5");
  stage.become(device, "approved");
  stage.clock = { ...stage.clock, unix: null };
  const early = stage.ask(device.caller, "POST", "/h/ku/c", commit);
  assert.deepEqual([said(early), early.maxAge], ["5.03/12", 60]);
  stage.clock = { ...stage.clock, unix: NOW };
  assert.equal(said(stage.ask(device.caller, "POST", "/h/ku/c", commit)), "4.00/1");
  assert.equal(said(stage.ask(device.caller, "POST", "/h/ku/r", commit)), "4.09/9");
  updated(stage, device);
});

test("what was agreed on is what is certified, and nothing else", () => {
  const stage = new Stage();
  const device = approved(stage);
  const { scalar, publicKey } = updated(stage, device);
  const sen = "/.well-known/est/sen";
  assert.equal(said(stage.ask(device.caller, "POST", sen, csr(stage.ca.newKey()))), "4.22/20");
  assert.equal(said(stage.ask(device.caller, "POST", sen, csr(device.key))), "4.22/20");
  const issued = stage.ask(device.caller, "POST", sen, csr(crypto.signingKey("P-256", scalar)));
  assert.equal(said(issued), "2.04");
  const [certificate, ...more] = parseBundle(issued.payload).certificates;
  assert.equal(more.length, 0);
  const certified = certificate!.publicKey;
  assert.deepEqual(certified.kind === "ec" ? certified.point : null, publicKey);
});

test("the root alone is the one certificate that /crts gives, both make the bundle", () => {
  const stage = new Stage();
  const { caller } = stage.device();
  const one = stage.ask(caller, "GET", "/.well-known/est/crts", {
    accept: ContentFormat.PKIX_CERT,
  });
  assert.deepEqual(one.payload, stage.root.der);
  const bundle = stage.ask(caller, "GET", "/.well-known/est/crts");
  assert.equal(parseBundle(bundle.payload).certificates.length, 2);
});

test("the first report retires the first key; a dormant device returns by one and renews at once", () => {
  const stage = new Stage();
  const device = approved(stage);
  const member = stage.member(device);
  const first = stage.served(member, "POST", "/h/live", REPORT);
  assert.deepEqual(first.notes, [{ kind: "lived" }]);
  assert.equal(stage.recordOf(device).state, "active");
  const told = messages.parseLiveAnswer(first.response.payload);
  assert.deepEqual([told.time, told.renew, told.periodSeconds], [NOW, false, 86_400]);

  const { serial } = member.asker.peer as { readonly serial: string };
  stage.become(device, "dormant");
  stage.store({ kind: "revoke-serial", serial, reason: "cessationOfOperation", at: NOW });
  const back = stage.served(member, "POST", "/h/live", REPORT);
  assert.deepEqual(back.notes, [{ kind: "returned" }]);
  assert.equal(messages.parseLiveAnswer(back.response.payload).renew, true);
  assert.equal(stage.recordOf(device).state, "active");
  // The answer may have been lost, or the power: the certificate stays withdrawn until it is renewed.
  const again = stage.ask(member, "POST", "/h/live", REPORT);
  assert.equal(messages.parseLiveAnswer(again.payload).renew, true);
});

test("a certificate is to be renewed in the last third of its life, and once it has ended", () => {
  const stage = new Stage();
  const device = approved(stage);
  const member = stage.member(device);
  const { leaf } = member.asker.peer as { readonly leaf: { notBefore: number; notAfter: number } };
  const third = (leaf.notAfter - leaf.notBefore) / 3;
  const isDue = (at: number): boolean => {
    stage.clock = { ...stage.clock, unix: unix(at) };
    return messages.parseLiveAnswer(stage.ask(member, "POST", "/h/live", REPORT).payload).renew;
  };
  assert.equal(isDue(Math.floor(leaf.notAfter - third) - 1), false);
  assert.equal(isDue(Math.ceil(leaf.notAfter - third) + 1), true);
  const lapsed = stage.member(device, stage.ca.newKey(), true);
  stage.clock = { ...stage.clock, unix: NOW };
  assert.equal(
    messages.parseLiveAnswer(stage.ask(lapsed, "POST", "/h/live", REPORT).payload).renew,
    true,
  );
});

test("the revocation list comes with its number, and not again to who has it", () => {
  const stage = new Stage();
  const device = approved(stage);
  const member = stage.member(device);
  const list = stage.ask(member, "GET", "/h/crl");
  assert.equal(said(list), "2.05");
  const { number } = parseCrl(list.payload);
  assert.equal(toHex(list.etag!), (number ?? 0).toString(16).padStart(16, "0"));
  const known = stage.ask(member, "GET", "/h/crl", { etags: [list.etag!] });
  assert.deepEqual([said(known), known.payload.length, known.etag], ["2.03", 0, list.etag]);
  assert.equal(said(stage.ask(member, "GET", "/h/crl", { etags: [utf8("old")] })), "2.05");
  stage.clock = { ...stage.clock, unix: null };
  const unknown = stage.ask(member, "GET", "/h/crl");
  assert.deepEqual([said(unknown), unknown.maxAge], ["5.03/12", 60]);
});

test("the home says of itself what it is, and nothing of its devices", () => {
  const stage = new Stage();
  const device = stage.device();
  const facts = messages.parseHomeFacts(stage.ask(device.caller, "GET", "/h").payload);
  assert.deepEqual([facts.version, facts.time, facts.windowSeconds], [1, NOW, 10 * DAY]);
  assert.deepEqual([...facts.features], ["key-update", "est", "crl", "live", "release"]);
  approved(stage);
  assert.deepEqual(messages.parseHomeFacts(stage.ask(device.caller, "GET", "/h").payload), facts);
});
