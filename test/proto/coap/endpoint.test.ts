import { assert, test } from "#kit";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import { Code, codeText } from "../../../src/proto/coap/codes.ts";
import { parseMessage } from "../../../src/proto/coap/message.ts";
import { coapRequest } from "../../../src/proto/coap/request.ts";
import { coapResponse } from "../../../src/proto/coap/response.ts";
import {
  GET_NON,
  GET_SLOW,
  GET_WITH_TOKEN,
  PIGGYBACKED_WITH_TOKEN,
  SLOW_ACKNOWLEDGED,
  UNEXPECTED,
  UNEXPECTED_RESET,
} from "../../vectors/coap/messages.ts";
import { End, message, only, option, sent } from "./ends.ts";

const TEMPERATURE = coapResponse(Code.CONTENT, { payload: utf8("22.3 C") });
const GET = coapRequest("GET", ["temperature"]);

/** The number of the exchange that a request has opened. */
function exchangeOf(outputs: ReturnType<End["receive"]>): number {
  const [request] = only(outputs, "request");
  assert.ok(request !== undefined, "a request is handed up");
  return request.exchange;
}

test("RFC 7252 Figure 17: a request answered at once is answered in its acknowledgement", () => {
  const end = new End();
  const outputs = end.receive(GET_WITH_TOKEN);
  const [{ exchange, request } = assert.fail("no request")] = only(outputs, "request");
  assert.deepEqual(request, GET);
  const answer = end.handle({ kind: "respond", exchange, response: TEMPERATURE });
  assert.deepEqual(answer, [{ kind: "send", bytes: PIGGYBACKED_WITH_TOKEN }]);
  assert.equal(end.endpoint.holdings.exchanges, 0);
});

test("RFC 7252 Figure 20: a request that takes longer is acknowledged, and its response comes confirmable", () => {
  const end = new End();
  const exchange = exchangeOf(end.receive(GET_SLOW));
  assert.deepEqual(end.pass(999), []);
  assert.deepEqual(end.pass(1), [{ kind: "send", bytes: SLOW_ACKNOWLEDGED }]);
  const [response = assert.fail("no response")] = sent(
    end.handle({ kind: "respond", exchange, response: TEMPERATURE }),
  );
  assert.deepEqual([response.type, response.code], ["CON", Code.CONTENT]);
  assert.deepEqual([response.token, response.payload], [hex("53"), utf8("22.3 C")]);
  assert.equal(end.endpoint.holdings.outgoing, 1);
  end.receive(message({ type: "ACK", code: 0, messageId: response.messageId }));
  const { outgoing, exchanges } = end.endpoint.holdings;
  assert.deepEqual([outgoing, exchanges], [0, 0]);
});

test("RFC 7252 Figure 21: a response that nobody waits for is reset", () => {
  const end = new End();
  const outputs = end.receive(UNEXPECTED);
  assert.deepEqual(only(outputs, "send"), [{ kind: "send", bytes: UNEXPECTED_RESET }]);
  assert.equal(end.endpoint.counters.discarded.unsolicited, 1);
});

test("RFC 7252 Figure 22: what is asked non-confirmable is answered so", () => {
  const end = new End();
  const exchange = exchangeOf(end.receive(GET_NON));
  const [response = assert.fail("no response")] = sent(
    end.handle({ kind: "respond", exchange, response: TEMPERATURE }),
  );
  assert.deepEqual([response.type, response.token], ["NON", hex("75")]);
  assert.equal(end.endpoint.holdings.outgoing, 0);
});

test("a request of ours and the response in its acknowledgement", () => {
  const end = new End();
  const [asked = assert.fail("nothing sent")] = sent(end.ask(7, GET));
  assert.deepEqual([asked.type, asked.code, asked.token.length], ["CON", Code.GET, 4]);
  assert.deepEqual(asked.options, [option(11, "temperature")]);
  const { messageId, token } = asked;
  const answer = message({ type: "ACK", code: Code.CONTENT, messageId, token, payload: utf8("1") });
  const response = coapResponse(Code.CONTENT, { payload: utf8("1") });
  assert.deepEqual(end.receive(answer), [{ kind: "response", id: 7, response }]);
  assert.deepEqual([end.endpoint.wakeAt, end.endpoint.holdings.requests], [null, 0]);
});

test("RFC 7252 §5.3.2: an acknowledgement with another token than its request's is no response", () => {
  const end = new End();
  const [{ messageId } = assert.fail("nothing sent")] = sent(end.ask(7, GET));
  const answer = message({ type: "ACK", code: Code.CONTENT, messageId, token: hex("ffff") });
  assert.deepEqual(end.receive(answer), [{ kind: "discarded", reason: "unmatched" }]);
  assert.equal(end.endpoint.holdings.outgoing, 1);
});

test("a separate response to a request of ours is acknowledged, and so is each repeat of it", () => {
  const end = new End();
  const [{ messageId, token } = assert.fail("nothing sent")] = sent(end.ask(7, GET));
  assert.deepEqual(end.receive(message({ type: "ACK", code: 0, messageId })), []);
  const separate = message({ code: Code.CONTENT, messageId: 0xad7b, token });
  const outputs = end.receive(separate);
  assert.deepEqual(
    outputs.map(({ kind }) => kind),
    ["send", "response"],
  );
  assert.deepEqual(end.receive(separate), [{ kind: "send", bytes: hex("60 00 ad7b") }]);
  assert.equal(end.endpoint.counters.repeatsAnswered, 1);
});

test("RFC 7252 §5.2.2: a separate response that overtakes its acknowledgement ends the retransmissions", () => {
  const end = new End();
  const [{ token } = assert.fail("nothing sent")] = sent(end.ask(7, GET));
  end.receive(message({ type: "NON", code: Code.CONTENT, messageId: 9, token }));
  assert.equal(end.endpoint.holdings.outgoing, 0);
  assert.deepEqual(only(end.pass(100_000), "send"), []);
});

test("a request that is reset has failed", () => {
  const end = new End();
  const [{ messageId } = assert.fail("nothing sent")] = sent(end.ask(7, GET));
  const outputs = end.receive(message({ type: "RST", code: 0, messageId }));
  assert.deepEqual(outputs, [{ kind: "failed", id: 7, reason: "reset" }]);
});

test("RFC 7252 §4.3: an empty confirmable message is a ping, answered by a Reset each time", () => {
  const end = new End();
  for (let count = 0; count < 2; count++) {
    assert.deepEqual(end.receive(hex("40 00 0102")), [{ kind: "send", bytes: hex("70 00 0102") }]);
  }
  assert.equal(end.endpoint.holdings.remembered, 0);
});

test("a malformed confirmable message is reset and counted", () => {
  const end = new End();
  const outputs = end.receive(hex("40 01 0102 ff"));
  assert.deepEqual(outputs, [
    { kind: "send", bytes: hex("70 00 0102") },
    { kind: "discarded", reason: "empty-payload" },
  ]);
});

test("a cancelled request is not sent again, and its response is reset", () => {
  const end = new End();
  const [{ token } = assert.fail("nothing sent")] = sent(end.ask(7, GET));
  end.handle({ kind: "cancel", id: 7 });
  assert.deepEqual(end.pass(100_000), []);
  const late = end.receive(message({ code: Code.CONTENT, messageId: 5, token }));
  assert.deepEqual(only(late, "send"), [{ kind: "send", bytes: hex("70 00 0005") }]);
});

test("a number that is in use is the caller's fault, one that is over may be used again", () => {
  const end = new End();
  const [{ messageId } = assert.fail("nothing sent")] = sent(end.ask(7, GET));
  assert.throws(() => end.ask(7, GET), RangeError);
  end.receive(message({ type: "RST", code: 0, messageId }));
  assert.equal(sent(end.ask(7, GET)).length, 1);
});

test("a method, an option or a proxy that we do not serve is answered by the endpoint itself", () => {
  const refused: [Parameters<typeof message>[0], string][] = [
    [{ code: 5 }, "4.05"],
    [{ options: [option(9, "x")] }, "4.02"],
    [{ options: [option(11, "..")] }, "4.02"],
    [{ options: [option(35, "coap://a/")] }, "5.05"],
    [{ options: [option(23, 0x0f)] }, "4.00"],
  ];
  for (const [changes, expected] of refused) {
    const outputs = new End().receive(message(changes));
    const [answer = assert.fail("no answer")] = sent(outputs);
    assert.deepEqual([answer.type, codeText(answer.code)], ["ACK", expected]);
    assert.equal(outputs.length, 1);
  }
});

test("RFC 7252 §5.4.1: an unknown critical option in a non-confirmable request is met with silence", () => {
  assert.deepEqual(new End().receive(message({ type: "NON", options: [option(9, "x")] })), []);
});

test("RFC 7252 §5.4.1: a separate response with an unknown critical option is reset, and the request has failed", () => {
  const end = new End();
  const [{ token } = assert.fail("nothing sent")] = sent(end.ask(7, GET));
  const options = [option(9, "x")];
  const outputs = end.receive(message({ code: Code.CONTENT, messageId: 5, token, options }));
  assert.deepEqual(outputs, [
    { kind: "send", bytes: hex("70 00 0005") },
    { kind: "failed", id: 7, reason: "bad-response" },
  ]);
});

test("RFC 7967 §2.1: a class of responses that is not wanted is not sent, its request is acknowledged", () => {
  for (const [noResponse, silent] of [
    [2, true],
    [24, false],
    [26, true],
  ] as const) {
    const end = new End();
    const exchange = exchangeOf(end.receive(message({ options: [option(258, noResponse)] })));
    const [answer] = sent(end.handle({ kind: "respond", exchange, response: TEMPERATURE }));
    assert.equal(answer?.type, "ACK");
    assert.equal(answer?.code, silent ? Code.EMPTY : Code.CONTENT);
  }
});

test("a response that no message can hold is the caller's fault, and its exchange still waits", () => {
  const end = new End();
  const exchange = exchangeOf(end.receive(GET_WITH_TOKEN));
  const etag = new Uint8Array(9);
  const bad = coapResponse(Code.CONTENT, { etag });
  const locationPath = Array.from({ length: 5 }, () => "s".repeat(255));
  const long = coapResponse(Code.CREATED, { locationPath });
  for (const response of [bad, long, coapResponse(Code.CONTINUE), coapResponse(Code.GET)]) {
    assert.throws(() => end.handle({ kind: "respond", exchange, response }), RangeError);
  }
  const good = end.handle({ kind: "respond", exchange, response: TEMPERATURE });
  assert.deepEqual(good, [{ kind: "send", bytes: PIGGYBACKED_WITH_TOKEN }]);
});

test("a second answer to one exchange is dropped", () => {
  const end = new End();
  const exchange = exchangeOf(end.receive(GET_WITH_TOKEN));
  end.handle({ kind: "respond", exchange, response: TEMPERATURE });
  assert.deepEqual(end.handle({ kind: "respond", exchange, response: TEMPERATURE }), []);
});

test("RFC 7252 §5.10: every part of a request is told to the caller", () => {
  const options = [
    option(1, hex("aa")),
    option(3, "home.example"),
    option(4, hex("01020304")),
    option(5),
    option(11, "h"),
    option(11, "adopt"),
    option(12, 60),
    option(15, "a=1"),
    option(17, 257),
    option(2048, "unknown but elective"),
  ];
  const post = message({ code: Code.POST, options, payload: utf8("body") });
  const [{ request } = assert.fail("no request")] = only(new End().receive(post), "request");
  const expected = coapRequest("POST", ["h", "adopt"], {
    query: ["a=1"],
    host: "home.example",
    contentFormat: 60,
    accept: 257,
    etags: [hex("01020304")],
    ifMatch: [hex("aa")],
    ifNoneMatch: true,
    payload: utf8("body"),
  });
  assert.deepEqual(request, expected);
});

test("every part of a response is told to the caller", () => {
  const [server, client] = [new End(), new End()];
  const exchange = exchangeOf(server.receive(only(client.ask(1, GET), "send")[0]!.bytes));
  const response = coapResponse(Code.CREATED, {
    contentFormat: 60,
    maxAge: 86_400,
    etag: hex("0102"),
    locationPath: ["h", "adopt", "7"],
    locationQuery: ["x"],
    payload: utf8("body"),
  });
  const [answer] = only(server.handle({ kind: "respond", exchange, response }), "send");
  assert.deepEqual(client.receive(answer!.bytes), [{ kind: "response", id: 1, response }]);
  assert.equal(parseMessage(answer!.bytes).type, "ACK");
});
