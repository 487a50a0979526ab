import { assert, test } from "#kit";
import { hex, utf8 } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { Code } from "../../../src/proto/coap/codes.ts";
import type { CoapOutput } from "../../../src/proto/coap/endpoint.ts";
import type { Message } from "../../../src/proto/coap/message.ts";
import { COAP_LIMITS } from "../../../src/proto/coap/parameters.ts";
import { coapRequest } from "../../../src/proto/coap/request.ts";
import { coapResponse, type CoapResponse } from "../../../src/proto/coap/response.ts";
import { Watch } from "../../../src/proto/coap/watches.ts";
import { blockOf, End, message, only, option, sent, uintOf } from "./ends.ts";

const OBSERVE = 6;

function state(text: string, rest: Partial<CoapResponse> = {}): CoapResponse {
  return coapResponse(Code.CONTENT, { payload: utf8(text), ...rest });
}

function textOf({ payload }: { readonly payload: Uint8Array }): string {
  return String.fromCharCode(...payload);
}

/** A server of ours that is observed by hand. */
class Observed {
  readonly end: End = new End();
  #messageId = 100;

  /** Asks to register (0), to deregister (1) or neither, and answers; the observation's number. */
  ask(
    token: string,
    wish: number | null,
    response: CoapResponse = state("0"),
    observe = true,
  ): { readonly exchange: number; readonly outputs: CoapOutput[] } {
    const options = wish === null ? [] : [option(OBSERVE, wish)];
    const request = message({ messageId: this.#messageId++, token: hex(token), options });
    const outputs = this.end.receive(request);
    const [handed] = only(outputs, "request");
    const { exchange } = handed ?? assert.fail("no request");
    outputs.push(...this.end.handle({ kind: "respond", exchange, response, observe }));
    return { exchange, outputs };
  }

  notify(observation: number, response: CoapResponse): CoapOutput[] {
    return this.end.handle({ kind: "notify", observation, response });
  }

  acknowledge({ messageId }: Message): CoapOutput[] {
    return this.end.receive(message({ type: "ACK", code: 0, messageId }));
  }

  get count(): number {
    return this.end.endpoint.holdings.observations;
  }
}

function firstSent(outputs: readonly CoapOutput[]): Message {
  return sent(outputs)[0] ?? assert.fail("nothing sent");
}

test("RFC 7641 §3.1: a registration is answered with an order number, and notifications have rising ones", () => {
  const observed = new Observed();
  const { exchange, outputs } = observed.ask("4a", 0);
  const first = firstSent(outputs);
  assert.deepEqual([first.type, textOf(first)], ["ACK", "0"]);
  const orders = [uintOf(first, OBSERVE)];
  for (const text of ["1", "2"]) {
    const told = firstSent(observed.notify(exchange, state(text)));
    assert.deepEqual([told.type, told.token, textOf(told)], ["CON", hex("4a"), text]);
    orders.push(uintOf(told, OBSERVE));
    observed.acknowledge(told);
  }
  assert.deepEqual(orders, [1, 2, 3]);
});

test("an observation begins where the peer asks, the caller agrees and the code is a success", () => {
  const observed = new Observed();
  assert.equal(uintOf(firstSent(observed.ask("01", null).outputs), OBSERVE), null);
  assert.equal(uintOf(firstSent(observed.ask("02", 0, state("0"), false).outputs), OBSERVE), null);
  const missing = coapResponse(Code.NOT_FOUND);
  const { exchange, outputs } = observed.ask("03", 0, missing);
  assert.equal(uintOf(firstSent(outputs), OBSERVE), null);
  assert.equal(observed.count, 0);
  assert.deepEqual(observed.notify(exchange, state("1")), []);
});

test("RFC 7641 §3.6: a deregistration ends the observation, and is answered like any GET", () => {
  const observed = new Observed();
  const { exchange } = observed.ask("4a", 0);
  const { outputs } = observed.ask("4a", 1, state("bye"));
  assert.deepEqual(only(outputs, "observation-ended"), [
    { kind: "observation-ended", observation: exchange, reason: "deregistered" },
  ]);
  assert.equal(uintOf(firstSent(outputs), OBSERVE), null);
  assert.equal(observed.count, 0);
});

test("RFC 7641 §3.6: a notification that is reset ends the observation", () => {
  const observed = new Observed();
  const { exchange } = observed.ask("4a", 0);
  const { messageId } = firstSent(observed.notify(exchange, state("1")));
  const outputs = observed.end.receive(message({ type: "RST", code: 0, messageId }));
  assert.deepEqual(outputs, [
    { kind: "observation-ended", observation: exchange, reason: "reset" },
  ]);
});

test("RFC 7641 §4.5: a notification that nobody acknowledges ends the observation", () => {
  const observed = new Observed();
  const { exchange } = observed.ask("4a", 0);
  observed.notify(exchange, state("1"));
  const ended = only(observed.end.pass(93_000), "observation-ended");
  assert.deepEqual(ended, [
    { kind: "observation-ended", observation: exchange, reason: "timeout" },
  ]);
  assert.equal(observed.end.endpoint.holdings.outgoing, 0);
});

test("RFC 7641 §4.1: a registration with the same token replaces the one before", () => {
  const observed = new Observed();
  const first = observed.ask("4a", 0);
  const second = observed.ask("4a", 0);
  assert.deepEqual(only(second.outputs, "observation-ended"), [
    { kind: "observation-ended", observation: first.exchange, reason: "replaced" },
  ]);
  assert.equal(observed.count, 1);
  assert.deepEqual(observed.notify(first.exchange, state("1")), []);
  assert.equal(sent(observed.notify(second.exchange, state("1"))).length, 1);
});

test("a registration that is refused ends the one of its token all the same", () => {
  const observed = new Observed();
  observed.ask("4a", 0);
  const { outputs } = observed.ask("4a", 0, coapResponse(Code.FORBIDDEN));
  assert.equal(only(outputs, "observation-ended")[0]?.reason, "replaced");
  assert.equal(observed.count, 0);
});

test("RFC 7641 §4.2: an error is told without an order number and ends the observation", () => {
  const observed = new Observed();
  const { exchange } = observed.ask("4a", 0);
  const outputs = observed.notify(exchange, coapResponse(Code.NOT_FOUND));
  const told = firstSent(outputs);
  assert.deepEqual([told.code, uintOf(told, OBSERVE)], [Code.NOT_FOUND, null]);
  assert.deepEqual([observed.count, outputs.length], [0, 1]);
  assert.deepEqual(observed.notify(exchange, state("1")), []);
});

test("RFC 7641 §4.5.2: what is told while a notification is under way waits, and the newest takes its place", () => {
  const observed = new Observed();
  const { exchange } = observed.ask("4a", 0);
  const one = firstSent(observed.notify(exchange, state("1")));
  assert.deepEqual(observed.notify(exchange, state("2")), []);
  assert.deepEqual(observed.notify(exchange, state("3")), []);
  assert.equal(observed.end.endpoint.holdings.outgoing, 2);
  const [three, ...more] = sent(observed.acknowledge(one));
  assert.deepEqual([textOf(three!), more.length], ["3", 0]);
});

test("RFC 7641 §4.5.2: at the next retransmission the newest is sent instead, and counts on", () => {
  const observed = new Observed();
  const { exchange } = observed.ask("4a", 0);
  const one = firstSent(observed.notify(exchange, state("1")));
  observed.notify(exchange, state("2"));
  const [again, ...more] = sent(observed.end.pass(3000));
  assert.deepEqual([textOf(again!), more.length], ["2", 0]);
  assert.notEqual(again!.messageId, one.messageId);
  const rest = observed.end.pass(93_000);
  assert.deepEqual([sent(rest).length, only(rest, "observation-ended").length], [3, 1]);
});

test("bound: the ninth observation is answered without one, and the caller is told", () => {
  const observed = new Observed();
  const { maxObservations } = COAP_LIMITS;
  for (let token = 0; token < maxObservations; token++) observed.ask(`0${token}`, 0);
  const { exchange, outputs } = observed.ask("ff", 0);
  assert.equal(uintOf(firstSent(outputs), OBSERVE), null);
  assert.deepEqual(only(outputs, "observation-ended"), [
    { kind: "observation-ended", observation: exchange, reason: "no-room" },
  ]);
  assert.equal(observed.count, maxObservations);
  // One of those there is renewed all the same.
  assert.notEqual(uintOf(firstSent(observed.ask("00", 0).outputs), OBSERVE), null);
});

test("RFC 7959 §2.6: a large notification has its first block, the others are asked for without Observe", () => {
  const observed = new Observed();
  const { exchange } = observed.ask("4a", 0);
  const payload = new Uint8Array(700).fill(7);
  const told = firstSent(observed.notify(exchange, coapResponse(Code.CONTENT, { payload })));
  assert.deepEqual([blockOf(told, 23), told.payload.length], ["0/1/512", 512]);
  const rest = message({ messageId: 7, token: hex("4b"), options: [option(23, 0x15)] });
  const answer = firstSent(observed.end.receive(rest));
  assert.deepEqual([blockOf(answer, 23), answer.payload.length], ["1/0/512", 188]);
  assert.equal(uintOf(answer, OBSERVE), null);
});

/** A client of ours that is told by hand. */
class Observing {
  readonly end: End = new End();
  readonly first: Message;
  #messageId = 900;

  constructor() {
    const request = coapRequest("GET", ["r"], { observe: "register" });
    this.first = firstSent(this.end.ask(1, request));
  }

  /** Answers the registration. */
  confirm(order: number | null = 5, response: Partial<Message> = {}): CoapOutput[] {
    const { messageId, token } = this.first;
    const options = order === null ? [] : [option(OBSERVE, order)];
    const answer = { type: "ACK", code: Code.CONTENT, messageId, token, options } as const;
    return this.end.receive(message({ ...answer, payload: utf8("first"), ...response }));
  }

  tell(order: number | null, changes: Partial<Message> = {}): CoapOutput[] {
    const options = order === null ? [] : [option(OBSERVE, order)];
    const told = { code: Code.CONTENT, messageId: this.#messageId++, token: this.first.token };
    return this.end.receive(message({ ...told, options, payload: utf8(`${order}`), ...changes }));
  }
}

/** Kind by kind, a notification by its order number and its text. */
function told(outputs: readonly CoapOutput[]): string {
  return outputs
    .map((output) => {
      switch (output.kind) {
        case "notification":
          return `${output.sequence} ${textOf(output.response)}`;
        case "send":
          return sent([output])[0]!.type;
        case "discarded":
        case "failed":
          return output.reason;
        case "response":
        case "request":
        case "observation-ended":
          return output.kind;
      }
    })
    .join(", ");
}

test("as a client, the first response and each notification are told, and confirmable ones acknowledged", () => {
  const observing = new Observing();
  assert.equal(uintOf(observing.first, OBSERVE), 0);
  assert.equal(told(observing.confirm()), "5 first");
  assert.equal(told(observing.tell(6)), "ACK, 6 6");
  assert.equal(told(observing.tell(7, { type: "NON" })), "7 7");
});

test("RFC 7641 §3.4: an older notification is acknowledged and not told", () => {
  const observing = new Observing();
  observing.confirm(5);
  observing.tell(9);
  assert.equal(told(observing.tell(8)), "ACK, stale");
  assert.equal(told(observing.tell(9)), "ACK, stale");
  assert.equal(told(observing.tell(10)), "ACK, 10 10");
});

test("RFC 7641 §3.4: order numbers come round at 24 bits, and after 128 seconds any is newer", () => {
  const request = coapRequest("GET", [], { observe: "register" });
  const watch = new Watch(1, request, hex("00"));
  assert.ok(watch.isNewer(0, mono(0)));
  const cases: [number, number, boolean][] = [
    [5, 6, true],
    [5, 5, false],
    [5, 4, false],
    [0xffffff, 0, true],
    [0, 0xffffff, false],
    [0, 0x7fffff, true],
    [0, 0x800000, false],
    [0x800001, 0, true],
    [0x800000, 0, false],
  ];
  for (const [last, next, newer] of cases) {
    watch.heard(last, state(""), 0, mono(1000));
    assert.equal(watch.isNewer(next, mono(129_000)), newer, `${next} after ${last}`);
    assert.ok(watch.isNewer(next, mono(129_001)));
  }
});

test("RFC 7641 §3.1: an answer without Observe is a response, and there is no observation", () => {
  const observing = new Observing();
  assert.equal(told(observing.confirm(null)), "response");
  assert.equal(told(observing.tell(6)), "RST, unsolicited");
  assert.equal(observing.end.endpoint.holdings.requests, 0);
});

test("RFC 7641 §3.2: an error, and a success without Observe, end the observation with a response", () => {
  for (const changes of [{ code: Code.NOT_FOUND }, {}]) {
    const observing = new Observing();
    observing.confirm();
    assert.equal(told(observing.tell(null, changes)), "ACK, response");
    assert.equal(told(observing.tell(7)), "RST, unsolicited");
    assert.equal(observing.end.endpoint.holdings.requests, 0);
  }
});

test("a notification with a critical option that we do not know is reset, and the observation has failed", () => {
  const observing = new Observing();
  observing.confirm();
  const options = [option(OBSERVE, 6), option(9, "x")];
  assert.equal(told(observing.tell(6, { options })), "RST, bad-response");
  assert.equal(observing.end.endpoint.holdings.requests, 0);
});

test("RFC 7641 §3.6: a cancelled observation is deregistered under its token, and its answer is swallowed", () => {
  const observing = new Observing();
  observing.confirm();
  const leave = firstSent(observing.end.handle({ kind: "cancel", id: 1 }));
  assert.deepEqual([uintOf(leave, OBSERVE), leave.token], [1, observing.first.token]);
  const { messageId, token } = leave;
  const answer = message({ type: "ACK", code: Code.CONTENT, messageId, token });
  assert.equal(told(observing.end.receive(answer)), "");
  assert.equal(told(observing.tell(7)), "RST, unsolicited");
});

test("RFC 7641 §3.3.1: 5 to 15 seconds after Max-Age the registration is renewed under its token", () => {
  const observing = new Observing();
  observing.confirm(5, { options: [option(OBSERVE, 5), option(14, 100)] });
  assert.deepEqual(observing.end.pass(104_999), []);
  const again = firstSent(observing.end.pass(10_001));
  assert.deepEqual([uintOf(again, OBSERVE), again.token], [0, observing.first.token]);
  const { messageId, token } = again;
  const answer = message({ type: "ACK", code: Code.CONTENT, messageId, token });
  const confirmed = { ...answer, options: [option(OBSERVE, 6)], payload: utf8("again") };
  assert.equal(told(observing.end.receive(confirmed)), "6 again");
});

test("a renewal that nobody answers has failed", () => {
  const observing = new Observing();
  observing.confirm();
  const outputs = observing.end.pass(75_000 + 93_000);
  assert.deepEqual(only(outputs, "failed"), [{ kind: "failed", id: 1, reason: "timeout" }]);
  assert.equal(observing.end.endpoint.wakeAt, null);
});

test("RFC 7959 §2.6: the rest of a large notification is fetched, unless a newer one comes first", () => {
  const observing = new Observing();
  observing.confirm();
  const large = (order: number): Partial<Message> => ({
    options: [option(OBSERVE, order), option(23, 0x0d)],
    payload: new Uint8Array(512).fill(order),
  });
  const [, fetch] = sent(observing.tell(6, large(6)));
  assert.deepEqual([blockOf(fetch!, 23), uintOf(fetch!, OBSERVE)], ["1/0/512", null]);
  const newer = sent(observing.tell(7, large(7)));
  assert.equal(blockOf(newer[1]!, 23), "1/0/512");
  const { messageId, token } = newer[1]!;
  const rest = { options: [option(23, 0x15)], payload: utf8("rest") };
  const answer = { type: "ACK", code: Code.CONTENT, messageId, token } as const;
  const outputs = observing.end.receive(message({ ...answer, ...rest }));
  const [notification] = only(outputs, "notification");
  assert.deepEqual([notification?.sequence, notification?.response.payload.length], [7, 516]);
  assert.equal(observing.end.endpoint.holdings.outgoing, 0);
});

test("a registration of anything but a GET, and a deregistration by hand, are the caller's fault", () => {
  const end = new End();
  const post = coapRequest("POST", ["r"], { observe: "register" });
  assert.throws(() => end.ask(1, post), RangeError);
  const leave = coapRequest("GET", ["r"], { observe: "deregister" });
  assert.throws(() => end.ask(1, leave), RangeError);
  assert.equal(end.endpoint.holdings.requests, 0);
});

test("two ends: an observation from its registration to its deregistration", () => {
  const [server, client] = [new End({}, "server"), new End({}, "client")];
  const carry = (outputs: CoapOutput[], to: End): CoapOutput[] =>
    only(outputs, "send").flatMap(({ bytes }) => to.receive(bytes));
  const request = coapRequest("GET", ["r"], { observe: "register" });
  const [asked] = only(carry(client.ask(1, request), server), "request");
  const { exchange } = asked!;
  const begun = server.handle({ kind: "respond", exchange, response: state("a"), observe: true });
  assert.equal(told(carry(begun, client)), "1 a");
  const news = server.handle({ kind: "notify", observation: exchange, response: state("b") });
  assert.equal(told(carry(carry(news, client), server)), "");
  const left = carry(client.handle({ kind: "cancel", id: 1 }), server);
  assert.deepEqual(
    left.map(({ kind }) => kind),
    ["observation-ended", "request"],
  );
});
