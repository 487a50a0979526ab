/** docs/vectors/device-api.json and errors.json: what they say of the bodies, by the parsers and the encoders. */
import { assert, providers, test } from "#kit";
import { hex, sameBytes, toHex, Writer } from "../../../src/base/bytes.ts";
import { CborFailure } from "../../../src/base/cbor.ts";
import * as messages from "../../../src/policy/devices/messages.ts";
import { API_VERSION } from "../../../src/policy/devices/messages.ts";
import { refusalOf } from "../../../src/policy/devices/failure.ts";
import { RESOURCES } from "../../../src/policy/devices/index.ts";
import { codeText } from "../../../src/proto/coap/codes.ts";
import { encodeMessage, parseMessage } from "../../../src/proto/coap/message.ts";
import { parseLinks } from "../../../src/proto/coap/link-format.ts";
import { parseProblem } from "../../../src/proto/coap/problem.ts";
import { readRequest } from "../../../src/proto/coap/request.ts";
import { readResponse } from "../../../src/proto/coap/response.ts";
import { parseCrl } from "../../../src/proto/x509/crl.ts";
import vectors from "../../../docs/vectors/device-api.json" with { type: "json" };
import errors from "../../../docs/vectors/errors.json" with { type: "json" };
import setup from "../../../docs/vectors/setup.json" with { type: "json" };
import { diagnostic, plain } from "../../../build/vectors/labels.ts";
import { homeProof } from "../../../src/policy/admission/setup.ts";

/** Reads a body, and writes what was read again. */
interface Form {
  readonly read: (body: Uint8Array) => unknown;
  readonly again: (body: Uint8Array) => Uint8Array;
}

const form = <T>(read: (body: Uint8Array) => T, write: (value: T) => Uint8Array): Form => ({
  read,
  again: (body) => write(read(body)),
});

const HOME = form(messages.parseHomeFacts, messages.encodeHomeFacts);
const ASKING = form(messages.parseAdoptionRequest, messages.encodeAdoptionRequest);
const ANSWER = form(messages.parseAdoptionAnswer, messages.encodeAdoptionAnswer);
const STANDING = form(messages.parseAdoptionStanding, messages.encodeAdoptionStanding);

const FORMS: Readonly<Record<string, Form>> = {
  "home-facts": HOME,
  "home-facts-without-time": HOME,
  "adoption-request": ASKING,
  "adoption-request-least": ASKING,
  "adoption-answer": ANSWER,
  "adoption-answer-bare": ANSWER,
  "adoption-pending": STANDING,
  "adoption-approved": STANDING,
  "live-report": form(messages.parseLiveReport, messages.encodeLiveReport),
  "live-answer": form(messages.parseLiveAnswer, messages.encodeLiveAnswer),
  "release-request": form(messages.parseReleaseRequest, messages.encodeReleaseRequest),
  "release-standing": form(messages.parseReleaseStanding, messages.encodeReleaseStanding),
};

test("every body of the vectors says what stands beside it, in one encoding", () => {
  assert.deepEqual(vectors.cases.map(({ name }) => name).toSorted(), Object.keys(FORMS).toSorted());
  for (const { name, fields, hex: body, diagnostic: notation } of vectors.cases) {
    const { read, again } = FORMS[name]!;
    assert.deepEqual(plain(read(hex(body))), fields, name);
    assert.equal(toHex(again(hex(body))), body, name);
    assert.equal(diagnostic(hex(body)), notation, name);
  }
});

test("a body of the vectors that is cut short, or longer by an octet, is refused", () => {
  for (const { name, hex: text } of vectors.cases) {
    const body = hex(text);
    const { read } = FORMS[name]!;
    for (let length = 0; length < body.length; length++) {
      assert.throws(() => read(body.subarray(0, length)), CborFailure, `${name} ${length}`);
    }
    assert.throws(() => read(hex(`${text}00`)), CborFailure, name);
  }
});

test("messages of the vectors ask what they say they ask", () => {
  const of = (name: string): Uint8Array =>
    hex(vectors.messages.find((message) => message.name === name)!.hex);
  const request = (name: string) => readRequest(parseMessage(of(name))).request;
  assert.deepEqual(request("get-home").path, ["h"]);
  const observed = request("observe-adoption");
  assert.deepEqual([observed.method, observed.observe], ["GET", "register"]);
  const enrolling = request("enrol-head");
  assert.deepEqual(
    [enrolling.method, enrolling.path.join("/"), enrolling.contentFormat],
    ["POST", ".well-known/est/sen", 286],
  );
  const created = readResponse(parseMessage(of("adoption-created"))).response;
  assert.deepEqual(created.locationPath, observed.path);
  const { response } = readResponse(parseMessage(of("adoption-waits")));
  assert.equal(messages.parseAdoptionStanding(response.payload), "pending");
  for (const { name, hex: text } of vectors.messages) {
    if (name !== "links") assert.equal(toHex(encodeMessage(parseMessage(hex(text)))), text, name);
  }
  const listed = parseLinks(of("links")).map(({ target }) => target);
  const known = vectors.resources.filter(({ type }) => type?.startsWith("homeca") === true);
  assert.deepEqual(listed.toSorted(), [...new Set(known.map(({ path }) => path))].toSorted());
});

test("the vectors have every resource of this version, and no other", () => {
  assert.equal(vectors.protocol, `HomeCA device API, version ${API_VERSION}`);
  const served = RESOURCES.flatMap(({ path, methods }) =>
    Object.keys(methods).map((method) => `${method} /${path.join("/")}`),
  );
  const listed = vectors.resources.map(
    ({ method, path }) => `${method} ${path.replace("<ticket>", "*")}`,
  );
  assert.deepEqual(listed.toSorted(), served.toSorted());
});

test("the list of the vectors has the number that its ETag says", () => {
  const { der, number, etag, nextUpdate } = vectors.list;
  const list = parseCrl(hex(der));
  assert.deepEqual([list.number, list.nextUpdate], [number, nextUpdate]);
  const octets = new Writer().u32(0).u32(number).bytes();
  assert.equal(toHex(octets), etag);
});

test("every refusal of the vectors is one by its number, its code and its title", () => {
  const numbers = errors.problems.map(({ number }) => number);
  assert.deepEqual(
    numbers,
    Array.from(numbers, (_, at) => at + 1),
  );
  for (const { number, title, hex: body } of errors.problems) {
    assert.deepEqual(parseProblem(hex(body)), { title, detail: null, code: number });
  }
  const refused = refusalOf("refused");
  const example = parseProblem(hex(errors.example.hex));
  assert.deepEqual(
    [example?.code, example?.title, errors.example.code],
    [refused.number, refused.title, codeText(refused.code)],
  );
});

for (const crypto of providers) {
  test(`${crypto.name}: the home's proof of the vectors is bound to the association`, () => {
    const { code, homeKeyHash, exporter } = setup;
    const proof = homeProof(crypto, code.normal, hex(homeKeyHash), hex(exporter));
    const shown = vectors.cases.find(({ name }) => name === "adoption-answer")!;
    assert.equal(toHex(proof), setup.homeProof);
    assert.ok(sameBytes(messages.parseAdoptionAnswer(hex(shown.hex)).proof!, proof));
    const elsewhere = homeProof(crypto, code.normal, hex(homeKeyHash), new Uint8Array(32));
    assert.notEqual(toHex(elsewhere), setup.homeProof);
  });
}
