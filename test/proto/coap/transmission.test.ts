import { assert, seeded, test } from "#kit";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { Code, codeText } from "../../../src/proto/coap/codes.ts";
import { MessageIds } from "../../../src/proto/coap/message-ids.ts";
import {
  COAP_LIMITS,
  exchangeLifetimeMs,
  maxTransmitSpanMs,
  maxTransmitWaitMs,
  TRANSMISSION,
} from "../../../src/proto/coap/parameters.ts";
import { coapRequest } from "../../../src/proto/coap/request.ts";
import { coapResponse } from "../../../src/proto/coap/response.ts";
import { End, message, only, sent } from "./ends.ts";

const GET = coapRequest("GET", ["x"]);
const CONTENT = coapResponse(Code.CONTENT, { payload: utf8("x") });

test("RFC 7252 §4.8.2: 45, 93 and 247 seconds follow from the parameters", () => {
  assert.equal(maxTransmitSpanMs(TRANSMISSION), 45_000);
  assert.equal(maxTransmitWaitMs(TRANSMISSION), 93_000);
  assert.equal(exchangeLifetimeMs(TRANSMISSION), 247_000);
});

test("RFC 7252 §4.2: a message is sent five times, each pause twice the one before, and then given up", () => {
  const end = new End();
  const [first] = only(end.ask(1, GET), "send");
  const times: number[] = [];
  let failed: number | null = null;
  for (let at = end.endpoint.wakeAt; at !== null; at = end.endpoint.wakeAt) {
    end.now = at;
    const outputs = end.handle({ kind: "timeout" });
    const [again] = only(outputs, "send");
    if (again !== undefined) {
      times.push(at);
      assert.deepEqual(again, first);
    }
    const [failure] = only(outputs, "failed");
    if (failure === undefined) continue;
    assert.deepEqual([failure.id, failure.reason], [1, "timeout"]);
    failed = at;
  }
  const initial = times[0]!;
  assert.ok(initial >= 2000 && initial <= 3000, `${initial} ms`);
  assert.deepEqual(times, [initial, 3 * initial, 7 * initial, 15 * initial]);
  assert.equal(failed, 31 * initial);
  assert.equal(end.endpoint.counters.retransmissions, 4);
});

test("RFC 7252 §4.2: first pauses are spread from ACK_TIMEOUT to 1.5 times that", () => {
  const pauses = Array.from({ length: 200 }, (_, at) => {
    const end = new End({}, `spread ${at}`);
    end.ask(1, GET);
    return end.endpoint.wakeAt! - 0;
  });
  const [least, most] = [Math.min(...pauses), Math.max(...pauses)];
  assert.ok(least >= 2000 && least < 2050 && most > 2950 && most <= 3000, `${least} to ${most}`);
});

test("RFC 7252 §4.7: one message is under way, and the next goes out when it is acknowledged", () => {
  const end = new End();
  const [{ messageId } = assert.fail("nothing sent")] = sent(end.ask(1, GET));
  assert.deepEqual(end.ask(2, GET), []);
  assert.deepEqual(end.ask(3, GET), []);
  assert.equal(end.endpoint.holdings.outgoing, 3);
  const next = sent(end.receive(message({ type: "ACK", code: 0, messageId })));
  assert.deepEqual(
    next.map(({ type, token }) => [type, token]),
    [["CON", hex("00000001")]],
  );
  const wide = new End({ transmission: { nstart: 3 } });
  const all = [1, 2, 3, 4].map((id) => sent(wide.ask(id, GET)).length);
  assert.deepEqual(all, [1, 1, 1, 0]);
});

test("a request that is acknowledged and never answered has failed after MAX_TRANSMIT_WAIT", () => {
  const end = new End();
  const [{ messageId } = assert.fail("nothing sent")] = sent(end.ask(1, GET));
  end.receive(message({ type: "ACK", code: 0, messageId }));
  assert.deepEqual(end.pass(92_999), []);
  assert.deepEqual(end.pass(1), [{ kind: "failed", id: 1, reason: "no-response" }]);
});

test("RFC 7252 §4.5: a repeat of an answered request gets the same octets and is not handed up", () => {
  const end = new End();
  const [{ exchange } = assert.fail("no request")] = only(end.receive(message()), "request");
  const answer = end.handle({ kind: "respond", exchange, response: CONTENT });
  for (let count = 0; count < 3; count++) assert.deepEqual(end.receive(message()), answer);
  assert.equal(end.endpoint.counters.repeatsAnswered, 3);
  end.pass(246_999);
  assert.deepEqual(end.receive(message()), answer);
  end.pass(1);
  assert.equal(only(end.receive(message()), "request").length, 1);
});

test("RFC 7252 §4.5: a repeat of a refusal is refused the same, and of a separate response acknowledged", () => {
  const end = new End();
  const refusal = end.receive(message({ code: 5 }));
  assert.equal(codeText(sent(refusal)[0]!.code), "4.05");
  assert.deepEqual(end.receive(message({ code: 5 })), refusal);
});

test("RFC 7252 §4.2: a repeat of a request that waits is acknowledged at once, and again each time", () => {
  const end = new End();
  end.receive(message());
  const acknowledgement = [{ kind: "send" as const, bytes: hex("60 00 0001") }];
  assert.deepEqual(end.receive(message()), acknowledgement);
  assert.deepEqual(end.receive(message()), acknowledgement);
  assert.deepEqual(end.pass(10_000), []);
});

test("RFC 7252 §4.3: a repeat of a non-confirmable message is dropped", () => {
  const end = new End();
  assert.equal(only(end.receive(message({ type: "NON" })), "request").length, 1);
  assert.deepEqual(end.receive(message({ type: "NON" })), [
    { kind: "discarded", reason: "repeat" },
  ]);
});

test("an exchange that the caller never answers is forgotten after EXCHANGE_LIFETIME", () => {
  const end = new End();
  const [{ exchange } = assert.fail("no request")] = only(end.receive(message()), "request");
  end.pass(247_000);
  assert.equal(end.endpoint.holdings.exchanges, 0);
  assert.deepEqual(end.handle({ kind: "respond", exchange, response: CONTENT }), []);
  assert.equal(end.endpoint.wakeAt, null);
});

test("bound: the 17th request that waits is told 5.03 and not handed up", () => {
  const end = new End();
  const { maxExchanges } = COAP_LIMITS;
  for (let messageId = 0; messageId < maxExchanges; messageId++) {
    assert.equal(only(end.receive(message({ messageId })), "request").length, 1);
  }
  const outputs = end.receive(message({ messageId: maxExchanges }));
  const [{ code, options } = assert.fail("no answer")] = sent(outputs);
  assert.deepEqual([codeText(code), options.map(({ number }) => number)], ["5.03", [14]]);
  assert.equal(outputs.length, 1);
  assert.equal(end.endpoint.holdings.exchanges, maxExchanges);
});

test("bound: a separate response counts as an exchange until it is acknowledged", () => {
  const end = new End({ limits: { maxExchanges: 2 } });
  for (const messageId of [1, 2]) {
    const [{ exchange } = assert.fail("no request")] = only(
      end.receive(message({ messageId })),
      "request",
    );
    end.pass(1000);
    end.handle({ kind: "respond", exchange, response: CONTENT });
  }
  const [{ code } = assert.fail("no answer")] = sent(end.receive(message({ messageId: 3 })));
  assert.equal(codeText(code), "5.03");
  // Nobody acknowledges: one after the other they are given up.
  end.pass(93_000);
  end.pass(93_000);
  assert.deepEqual([end.endpoint.holdings.exchanges, end.endpoint.holdings.outgoing], [0, 0]);
});

test("bound: 64 messages are remembered, the oldest goes first", () => {
  const end = new End();
  const { maxRemembered } = COAP_LIMITS;
  for (let messageId = 0; messageId <= maxRemembered; messageId++) {
    end.receive(message({ code: 5, messageId }));
  }
  assert.equal(end.endpoint.holdings.remembered, maxRemembered);
  end.receive(message({ code: 5, messageId: 1 }));
  assert.equal(end.endpoint.counters.repeatsAnswered, 1);
  end.receive(message({ code: 5, messageId: 0 }));
  assert.equal(end.endpoint.counters.repeatsAnswered, 1);
});

test("bound: octets of the answers that are remembered", () => {
  const end = new End({ limits: { maxRememberedOctets: 2000 } });
  const response = coapResponse(Code.CONTENT, { payload: new Uint8Array(495) });
  for (let messageId = 0; messageId < 6; messageId++) {
    const [request] = only(end.receive(message({ messageId })), "request");
    end.handle({ kind: "respond", exchange: request!.exchange, response });
  }
  assert.deepEqual(
    [end.endpoint.holdings.remembered, end.endpoint.holdings.rememberedOctets],
    [4, 2000],
  );
});

test("bound: the 33rd request of ours has failed at once", () => {
  const end = new End();
  for (let id = 0; id < COAP_LIMITS.maxRequests; id++) end.ask(id, GET);
  const id = COAP_LIMITS.maxRequests;
  assert.deepEqual(end.ask(id, GET), [{ kind: "failed", id, reason: "overloaded" }]);
});

test("bound: a request above 1152 octets is told 4.13, and how large a block may be", () => {
  const end = new End();
  const fits = message({ payload: new Uint8Array(COAP_LIMITS.maxMessageOctets - 5) });
  assert.equal(only(end.receive(fits), "request").length, 1);
  const long = message({ messageId: 2, payload: new Uint8Array(COAP_LIMITS.maxMessageOctets - 4) });
  const [{ code, options } = assert.fail("no answer")] = sent(end.receive(long));
  assert.equal(codeText(code), "4.13");
  assert.deepEqual(options, [
    { number: 27, value: Uint8Array.of(0x0d) },
    { number: 60, value: hex("4000") },
  ]);
});

test("bound: a response above 1152 octets ends its request", () => {
  const end = new End();
  const [{ messageId, token } = assert.fail("nothing sent")] = sent(end.ask(1, GET));
  const payload = new Uint8Array(COAP_LIMITS.maxMessageOctets);
  const long = message({ type: "ACK", code: Code.CONTENT, messageId, token, payload });
  assert.deepEqual(end.receive(long), [{ kind: "failed", id: 1, reason: "too-large" }]);
});

test("RFC 7252 §4.4: 65536 Message IDs are drawn, and then none until the first ones are old enough", () => {
  const ids = new MessageIds(seeded("ids"), 247_000);
  const drawn = new Set<number | null>();
  for (let count = 0; count < 65_536; count++) drawn.add(ids.draw(mono(count)));
  assert.equal(drawn.size, 65_536);
  assert.equal(ids.draw(mono(65_536)), null);
  const { readyAt } = ids;
  assert.equal(readyAt, 4095 + 247_000);
  assert.notEqual(ids.draw(readyAt!), null);
});

test("a message waits where no Message ID is free, and goes out when one is", () => {
  const end = new End();
  for (let count = 0; count < 65_536; count++) {
    const [{ messageId } = assert.fail("nothing sent")] = sent(end.ask(1, GET));
    end.receive(message({ type: "RST", code: 0, messageId }));
  }
  assert.deepEqual(end.ask(1, GET), []);
  assert.equal(end.endpoint.wakeAt, 247_000);
  assert.equal(sent(end.pass(247_000)).length, 1);
});
