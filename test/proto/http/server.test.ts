import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, fromUtf8, utf8 } from "../../../src/base/bytes.ts";
import { mono, unix } from "../../../src/base/machine.ts";
import { statusFor } from "../../../src/proto/http/failure.ts";
import type { HttpReason } from "../../../src/proto/http/failure.ts";
import {
  MAX_CHUNK_LINE,
  MAX_FIELD_LINE,
  MAX_FIELDS,
  MAX_REQUEST_LINE,
} from "../../../src/proto/http/head.ts";
import { encodeResponse, httpDate } from "../../../src/proto/http/response.ts";
import { HttpServer, MAX_CHUNKS, MAX_EARLY_BYTES } from "../../../src/proto/http/server.ts";
import type {
  HttpInput,
  HttpOutput,
  HttpRequest,
  HttpServerConfig,
} from "../../../src/proto/http/server.ts";

/** One connection with somebody who answers each request at once, or not at all. */
class Connection {
  readonly machine: HttpServer;
  readonly requests: HttpRequest[] = [];
  readonly refused: HttpReason[] = [];
  sent = "";
  closed = false;
  now = 0;
  answers = true;
  status = 200;

  constructor(config: HttpServerConfig = {}) {
    this.machine = new HttpServer(config, mono(0));
  }

  tell(input: HttpInput): void {
    for (const output of this.machine.handle(input, mono(this.now))) this.#carryOut(output);
  }

  send(text: string | Uint8Array): this {
    this.tell({ kind: "bytes", bytes: typeof text === "string" ? latin1(text) : text });
    return this;
  }

  answer(): void {
    const { method, path, body } = this.requests.at(-1)!;
    const text = `${method} ${path} ${body.length}`;
    const fields = [["Content-Type", "text/plain"]] as const;
    this.tell({ kind: "response", response: { status: this.status, fields, body: utf8(text) } });
  }

  wake(now: number): this {
    this.now = now;
    this.tell({ kind: "timeout" });
    return this;
  }

  #carryOut(output: HttpOutput): void {
    switch (output.kind) {
      case "send":
        this.sent += fromUtf8(output.bytes);
        return;
      case "request":
        this.requests.push(output.request);
        if (this.answers) this.answer();
        return;
      case "refused":
        this.refused.push(output.reason);
        return;
      case "close":
        this.closed = true;
        return;
    }
  }
}

const latin1 = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));

const GET = "GET /a?b=c HTTP/1.1\r\nHost: homeca.home.arpa:8443\r\n\r\n";
const POST = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED =
  "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
  '3\r\nabc\r\nA;x="y"\r\n0123456789\r\n0\r\nTrailer: unread\r\n\r\n';
const HEAD = "HEAD /h HTTP/1.1\r\nHost: [::1]\r\n\r\n";

const answerTo = (text: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\n\r\n${text}`;

test("RFC 9112: requests one after another on one connection, whole and byte by byte", () => {
  const all = GET + POST + CHUNKED + HEAD + "\r\n" + GET;
  const expected =
    answerTo("GET /a 0") +
    answerTo("POST /p 5") +
    answerTo("POST /c 13") +
    answerTo("HEAD /h 0").replace(/HEAD \/h 0$/, "") +
    answerTo("GET /a 0");
  const whole = new Connection().send(all);
  const single = new Connection();
  for (const character of all) single.send(character);
  for (const connection of [whole, single]) {
    assert.equal(connection.sent, expected);
    assert.equal(connection.closed, false);
    const [get, post, chunked] = connection.requests;
    assert.deepEqual([get!.method, get!.path, get!.query], ["GET", "/a", "b=c"]);
    assert.equal(get!.fields.get("host"), "homeca.home.arpa:8443");
    assert.equal(fromUtf8(post!.body), "hello");
    assert.equal(fromUtf8(chunked!.body), "abc0123456789");
    assert.equal(chunked!.fields.has("trailer"), false);
  }
});

test("the next request waits for the response to the one before", () => {
  const connection = new Connection();
  connection.answers = false;
  connection.send(GET + POST);
  connection.send(HEAD);
  assert.equal(connection.requests.length, 1);
  assert.equal(connection.machine.wakeAt, null);
  connection.answer();
  assert.equal(connection.requests.length, 2);
  connection.answer();
  connection.answer();
  assert.deepEqual(
    connection.requests.map(({ method }) => method),
    ["GET", "POST", "HEAD"],
  );
  assert.throws(() => connection.answer(), Error);
});

test("who sends too much ahead is answered once more and no further", () => {
  const connection = new Connection();
  connection.answers = false;
  connection.send(GET);
  connection.send(new Uint8Array(MAX_EARLY_BYTES));
  connection.send("x");
  connection.send(GET);
  connection.answer();
  assert.deepEqual([connection.closed, connection.requests.length], [true, 1]);
  assert.match(connection.sent, /Connection: close\r\n/);
  const allowed = new Connection();
  allowed.answers = false;
  allowed.send(GET).send(" ".repeat(MAX_EARLY_BYTES)).answer();
  // It was kept, and is no request.
  assert.deepEqual(allowed.refused, ["target-too-long"]);
});

test("the connection ends where the client says so, in HTTP/1.0, and after so many requests", () => {
  const closing = "GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n";
  for (const text of [closing, "GET / HTTP/1.0\r\n\r\n"]) {
    const connection = new Connection().send(text + GET);
    assert.deepEqual([connection.closed, connection.requests.length], [true, 1]);
    assert.match(connection.sent, /Connection: close\r\n/);
  }
  const few = new Connection({ maxRequests: 2 }).send(GET + GET + GET);
  assert.deepEqual([few.closed, few.requests.length], [true, 2]);
});

/** What the machine makes of a text, and that it is the same byte by byte. */
function refusalOf(text: string): HttpReason | null {
  const whole = new Connection().send(text);
  const single = new Connection();
  for (const character of text) single.send(character);
  assert.deepEqual(single.refused, whole.refused, text.slice(0, 200));
  const [reason] = whole.refused;
  if (reason === undefined) return null;
  assert.ok(whole.closed && single.closed);
  assert.equal(whole.requests.length, 0);
  assert.match(whole.sent, new RegExp(`^HTTP/1\\.1 ${statusFor(reason)} [A-Z][^\\r]*\\r\\n`));
  assert.match(whole.sent, /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n$/);
  return reason;
}

const get = (fields: string): string => `GET / HTTP/1.1\r\nHost: h\r\n${fields}\r\n`;
const post = (fields: string, body = ""): string =>
  `POST / HTTP/1.1\r\nHost: h\r\n${fields}\r\n${body}`;
const chunked = (body: string): string => post("Transfer-Encoding: chunked\r\n", body);

const REFUSALS: readonly (readonly [text: string, reason: HttpReason])[] = [
  ["GET / HTTP/1.1\nHost: h\n\n", "bad-line-ending"],
  ["GET / HTTP/1.1\r\nHost: h\n\r\n", "bad-line-ending"],
  ["GET /\rHTTP/1.1\r\n", "bad-line-ending"],
  [get("A: b\rC: d\r\n"), "bad-line-ending"],
  ["GET  / HTTP/1.1\r\n", "bad-request-line"],
  ["GET / HTTP/1.1 \r\n", "bad-request-line"],
  [" GET / HTTP/1.1\r\n", "bad-request-line"],
  ["GET /\r\n", "bad-request-line"],
  ["G@T / HTTP/1.1\r\n", "bad-request-line"],
  ["GET / http/1.1\r\n", "bad-request-line"],
  ["GET / HTTP/1.10\r\n", "bad-request-line"],
  ["\r\n\r\n", "bad-request-line"],
  [`${"G".repeat(33)} / HTTP/1.1\r\n`, "bad-request-line"],
  ["GET / HTTP/2.0\r\n", "unsupported-version"],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "unsupported-version"],
  ["GET a HTTP/1.1\r\n", "bad-target"],
  ["OPTIONS * HTTP/1.1\r\n", "bad-target"],
  ["CONNECT h:443 HTTP/1.1\r\n", "bad-target"],
  ["GET /%zz HTTP/1.1\r\n", "bad-target"],
  ["GET /a#b HTTP/1.1\r\n", "bad-target"],
  ["GET /\u00e9 HTTP/1.1\r\n", "bad-target"],
  ["GET https://u@h/ HTTP/1.1\r\n", "bad-target"],
  ["GET ftp://h/ HTTP/1.1\r\n", "bad-target"],
  [`GET /${"a".repeat(MAX_REQUEST_LINE)}`, "target-too-long"],
  ["GET / HTTP/1.1\r\n\r\n", "bad-host"],
  ["GET / HTTP/1.1\r\nHost: \r\n\r\n", "bad-host"],
  ["GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "bad-host"],
  ["GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "bad-host"],
  ["GET / HTTP/1.0\r\nHost: a,b\r\n\r\n", "bad-host"],
  [get("Host: h\r\n"), "repeated-field"],
  [get("A : b\r\n"), "bad-field"],
  [get("A\t: b\r\n"), "bad-field"],
  [get(" folded: onto Host\r\n"), "bad-field"],
  [get("A: b\r\n folded\r\n"), "bad-field"],
  [get("A\r\n"), "bad-field"],
  [get(": b\r\n"), "bad-field"],
  [get("A: \u0000\r\n"), "bad-field"],
  [get("A: \u001b[2J\r\n"), "bad-field"],
  [get("\u00e9: b\r\n"), "bad-field"],
  [get(`${"a".repeat(65)}: b\r\n`), "bad-field"],
  [get("A: b\r\n".repeat(MAX_FIELDS)), "too-many-fields"],
  [get(`A: ${"b".repeat(MAX_FIELD_LINE)}\r\n`), "fields-too-long"],
  [get(`A: ${"b".repeat(4000)}\r\n`.repeat(3)), "fields-too-long"],
  [post("Content-Length: 5\r\nContent-Length: 5\r\n"), "repeated-field"],
  [post("Content-Length: 5, 5\r\n"), "bad-content-length"],
  [post("Content-Length: +5\r\n"), "bad-content-length"],
  [post("Content-Length: -5\r\n"), "bad-content-length"],
  [post("Content-Length: 0x5\r\n"), "bad-content-length"],
  [post("Content-Length: 5.0\r\n"), "bad-content-length"],
  [post("Content-Length: \r\n"), "bad-content-length"],
  [post("Content-Length: 65537\r\n"), "body-too-long"],
  [post(`Content-Length: ${"9".repeat(400)}\r\n`), "body-too-long"],
  [post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), "two-lengths"],
  [post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"), "two-lengths"],
  [post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "repeated-field"],
  [post("Transfer-Encoding: chunked, chunked\r\n"), "bad-transfer-coding"],
  [post("Transfer-Encoding: chunked, gzip\r\n"), "bad-transfer-coding"],
  [post("Transfer-Encoding: identity\r\n"), "bad-transfer-coding"],
  [post("Transfer-Encoding: xchunked\r\n"), "bad-transfer-coding"],
  [post("Transfer-Encoding: \u000bchunked\r\n"), "bad-field"],
  [post("Transfer-Encoding: \r\n"), "bad-transfer-coding"],
  [post("Transfer-Encoding: gzip, chunked\r\n"), "unknown-transfer-coding"],
  ["POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "bad-transfer-coding"],
  [post("Content-Length: 5\r\nExpect: the worst\r\n"), "unknown-expectation"],
  [chunked("g\r\n"), "bad-chunk"],
  [chunked("\r\n"), "bad-chunk"],
  [chunked("0x1\r\n"), "bad-chunk"],
  [chunked("-1\r\n"), "bad-chunk"],
  [chunked("+1\r\n"), "bad-chunk"],
  [chunked(" 1\r\n"), "bad-chunk"],
  [chunked("1 \r\n"), "bad-chunk"],
  [chunked("000000001\r\n"), "bad-chunk"],
  [chunked("1\na\r\n"), "bad-line-ending"],
  [chunked("1\r\nab\r\n"), "bad-chunk"],
  [chunked("1\r\na\n"), "bad-line-ending"],
  [chunked(`1;${"x".repeat(MAX_CHUNK_LINE)}\r\n`), "bad-chunk"],
  [chunked("10001\r\n"), "body-too-long"],
  [chunked("ffffffff\r\n"), "body-too-long"],
  [chunked(`${"1\r\na\r\n".repeat(MAX_CHUNKS)}1\r\n`), "too-many-chunks"],
  [chunked("0\r\nA : b\r\n"), "bad-field"],
  [chunked(`0\r\n${"A: b\r\n".repeat(MAX_FIELDS + 1)}`), "too-many-fields"],
];

test("requests that readers have taken differently, and those out of bounds, are refused", () => {
  for (const [text, reason] of REFUSALS) {
    assert.equal(refusalOf(text), reason, JSON.stringify(text.slice(0, 100)));
  }
});

test("what stands at the bounds is taken", () => {
  const accepted = (text: string): HttpRequest => {
    const connection = new Connection().send(text);
    assert.deepEqual(connection.refused, [], text.slice(0, 100));
    return connection.requests[0] ?? assert.fail(`no request: ${text.slice(0, 100)}`);
  };
  const path = `/${"a".repeat(MAX_REQUEST_LINE - "GET / HTTP/1.1".length)}`;
  assert.equal(accepted(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`).path, path);
  accepted(get("A: b\r\n".repeat(MAX_FIELDS - 1)));
  const body = "x".repeat(65_536);
  assert.equal(accepted(post("Content-Length: 0065536\r\n", body)).body.length, 65_536);
  assert.equal(accepted(chunked(`10000\r\n${body}\r\n0\r\n\r\n`)).body.length, 65_536);
  const many = "1\r\na\r\n".repeat(MAX_CHUNKS);
  assert.equal(accepted(chunked(`${many}0\r\n\r\n`)).body.length, MAX_CHUNKS);
  const absolute = accepted("GET https://homeca.home.arpa:8443?x HTTP/1.1\r\nHost: h\r\n\r\n");
  assert.deepEqual([absolute.path, absolute.query], ["/", "x"]);
  assert.equal(accepted("GET http://h/a HTTP/1.9\r\nHost: h\r\n\r\n").path, "/a");
  const list = accepted(get("Accept:a\r\naccept: \t b \t\r\nX: \u00e9\r\nY:\r\n")).fields;
  assert.deepEqual([list.get("accept"), list.get("x"), list.get("y")], ["a, b", "\u00e9", ""]);
});

test("RFC 9110 §10.1.1: who expects 100 is asked for the body, unless it is there already", () => {
  const head = "Content-Length: 5\r\nExpect: 100-Continue\r\n";
  const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
  const waiting = new Connection().send(post(head));
  assert.equal(waiting.sent, CONTINUE);
  waiting.send("hello");
  assert.equal(waiting.sent, CONTINUE + answerTo("POST / 5"));
  assert.equal(new Connection().send(post(head, "hello")).sent, answerTo("POST / 5"));
  const large = post("Content-Length: 99999\r\nExpect: 100-continue\r\n");
  assert.equal(refusalOf(large), "body-too-long");
  const none = post("Content-Length: 0\r\nExpect: 100-continue\r\n");
  assert.equal(new Connection().send(none).sent, answerTo("POST / 0"));
});

test("a request has so long to come in, and a connection so long to ask", () => {
  const idle = new Connection({ idleMs: 1000, requestMs: 400 });
  assert.equal(idle.machine.wakeAt, 1000);
  assert.equal(idle.wake(999).closed, false);
  assert.deepEqual([idle.wake(1000).closed, idle.sent], [true, ""]);

  // One octet at a time wins no time.
  const slow = new Connection({ idleMs: 1000, requestMs: 400 });
  slow.now = 900;
  slow.send("G");
  slow.now = 1250;
  slow.send("ET / HTTP/1.1\r\n");
  assert.equal(slow.machine.wakeAt, 1300);
  slow.wake(1300);
  assert.deepEqual([slow.refused, slow.closed], [["too-slow"], true]);
  assert.match(slow.sent, /^HTTP\/1\.1 408 Request Timeout\r\n/);

  const body = new Connection({ idleMs: 1000, requestMs: 400 });
  body.send(post("Content-Length: 5\r\n", "hell"));
  body.wake(400);
  assert.deepEqual(body.refused, ["too-slow"]);

  const again = new Connection({ idleMs: 1000, requestMs: 400 });
  again.now = 300;
  again.send(GET);
  assert.equal(again.machine.wakeAt, 1300);
  again.wake(1300);
  assert.deepEqual([again.refused, again.closed], [[], true]);
  assert.equal(again.machine.wakeAt, null);
});

test("a client that ends its half is answered in full, and refused in the midst of a request", () => {
  const quiet = new Connection();
  quiet.tell({ kind: "ended" });
  assert.deepEqual([quiet.closed, quiet.sent], [true, ""]);

  const asked = new Connection();
  asked.answers = false;
  asked.send(GET + POST);
  asked.tell({ kind: "ended" });
  asked.send(GET);
  asked.answer();
  assert.equal(asked.closed, false);
  asked.answer();
  assert.deepEqual([asked.closed, asked.requests.length], [true, 2]);

  const cut = new Connection().send(POST.slice(0, -1));
  cut.tell({ kind: "ended" });
  assert.deepEqual(cut.refused, ["cut-short"]);
});

test("a response says its length, HEAD has no body, 204 has neither, and no field breaks its line", () => {
  const response = { status: 204, fields: [], body: utf8("none") };
  const plain = { isHead: false, closes: false };
  assert.equal(fromUtf8(encodeResponse(response, plain)), "HTTP/1.1 204 No Content\r\n\r\n");
  const head = encodeResponse({ ...response, status: 299 }, { isHead: true, closes: true });
  assert.equal(fromUtf8(head), "HTTP/1.1 299 \r\nContent-Length: 4\r\nConnection: close\r\n\r\n");
  for (const field of [
    ["A", "b\r\nC: d"],
    ["A b", "c"],
    ["", "c"],
    ["A", "\u00e9"],
  ] as const) {
    assert.throws(() => encodeResponse({ ...response, fields: [field] }, plain), RangeError);
  }
});

test("RFC 9110 §5.6.7: dates as its example has them", () => {
  assert.equal(httpDate(unix(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
  assert.equal(httpDate(unix(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
  assert.equal(httpDate(unix(951_782_399)), "Mon, 28 Feb 2000 23:59:59 GMT");
  assert.equal(httpDate(unix(951_782_400)), "Tue, 29 Feb 2000 00:00:00 GMT");
  assert.equal(httpDate(unix(1_798_761_599)), "Thu, 31 Dec 2026 23:59:59 GMT");
  assert.equal(httpDate(unix(4_107_542_400)), "Mon, 01 Mar 2100 00:00:00 GMT");
});

test("property: any bytes, in any cuts, are requests or one refusal, the same as in one piece", () => {
  const pieces = fc.constantFrom(
    ...[GET, POST, CHUNKED, HEAD, "GET / HTTP/1.1\r\n", "Host: h\r\n", "Content-Length: 3\r\n"],
    ...[
      "Transfer-Encoding: chunked\r\n",
      "\r\n",
      "\r",
      "\n",
      "0\r\n",
      "3\r\nabc\r\n",
      " ",
      ":",
      "x",
    ],
  );
  const bytes = fc.oneof(
    fc.array(pieces, { maxLength: 12 }).map((parts) => latin1(parts.join(""))),
    fc.uint8Array({ maxLength: 300 }),
  );
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(40), { maxLength: 30 }), (input, cuts) => {
      const whole = new Connection().send(input);
      const cut = new Connection();
      let rest = input;
      for (const length of cuts) {
        cut.send(rest.subarray(0, length));
        rest = rest.subarray(length);
      }
      cut.send(rest);
      assert.deepEqual(cut.sent, whole.sent);
      assert.deepEqual(cut.refused, whole.refused);
      assert.deepEqual(cut.requests, whole.requests);
      assert.equal(cut.closed, whole.closed);
      assert.ok(whole.refused.length <= 1);
    }),
  );
});

test("property: a body comes out as it went in, however it is chunked", () => {
  const parts = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 8 });
  fc.assert(
    fc.property(parts, (chunks) => {
      const encoded = chunks.map((chunk) =>
        concat(utf8(`${chunk.length.toString(16)}\r\n`), chunk, utf8("\r\n")),
      );
      const text = concat(latin1(chunked("")), ...encoded, utf8("0\r\n\r\n"));
      const connection = new Connection().send(text);
      assert.deepEqual(connection.requests[0]?.body, concat(...chunks));
    }),
  );
});
