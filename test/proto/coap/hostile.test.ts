import fc from "fast-check";
import { assert, test } from "#kit";
import { Code } from "../../../src/proto/coap/codes.ts";
import type { CoapOutput } from "../../../src/proto/coap/endpoint.ts";
import type { Message } from "../../../src/proto/coap/message.ts";
import { coapRequest } from "../../../src/proto/coap/request.ts";
import { coapResponse } from "../../../src/proto/coap/response.ts";
import { End, message, only, option, sent } from "./ends.ts";

const LIMITS = {
  maxMessageOctets: 300,
  maxExchanges: 3,
  maxRemembered: 5,
  maxRememberedOctets: 400,
  maxBodies: 2,
  maxBodyOctets: 200,
  maxServedBodies: 2,
  maxObservations: 2,
  maxRequests: 4,
};

/** Numbers from few, so that they meet: tokens of ours are 0 and up, as many octets as they take. */
const anyMessage = fc
  .record({
    type: fc.constantFrom("CON", "NON", "ACK", "RST"),
    code: fc.constantFrom(0, 1, 2, 3, 5, 0x41, 0x44, 0x45, 0x5f, 0x84, 0x8d),
    messageId: fc.nat({ max: 12 }),
    token: fc.nat({ max: 6 }).map((last) => Uint8Array.of(0, 0, 0, last)),
    options: fc.array(
      fc.oneof(
        fc.constantFrom(11, 15, 292, 4).map((number) => option(number, "a")),
        fc.nat({ max: 3 }).map((value) => option(6, value)),
        fc.nat({ max: 64 }).map((value) => option(23, value)),
        fc.nat({ max: 64 }).map((value) => option(27, value)),
        fc.nat({ max: 400 }).map((value) => option(60, value)),
        fc.nat({ max: 3 }).map((value) => option(14, value)),
        fc.constantFrom(9, 258, 2049).map((number) => option(number, "x")),
      ),
      { maxLength: 4 },
    ),
    payload: fc.constantFrom(0, 16, 32, 64, 310).map((length) => new Uint8Array(length)),
  })
  .map((fields) => message(fields as Partial<Message>));

/** What happens to an endpoint: mostly messages, some time, some of our own doing. */
const anyStep = fc.oneof(
  { weight: 6, arbitrary: anyMessage.map((it) => ({ kind: "message", it }) as const) },
  { weight: 1, arbitrary: fc.nat({ max: 5 }).map((id) => ({ kind: "ask", id }) as const) },
  { weight: 1, arbitrary: fc.nat({ max: 5 }).map((id) => ({ kind: "cancel", id }) as const) },
  { weight: 2, arbitrary: fc.nat({ max: 60_000 }).map((ms) => ({ kind: "pass", ms }) as const) },
);

/** An endpoint under all that, whose caller answers now and then. */
class Beset {
  readonly #end = new End({ limits: LIMITS, blockSize: 32 }, "beset");
  readonly #exchanges: number[] = [];
  /** Requests of ours that are not over. */
  readonly #asked = new Set<number>();
  /** Of ours, the one that was sent last: acknowledgements and Resets are for it. */
  #last: Message | null = null;
  /** How often such an answer met what it was for. */
  met = 0;

  step(step: Parameters<Parameters<typeof anyStep.map>[0]>[0]): void {
    switch (step.kind) {
      case "message":
        return this.#take(this.#receive(step.it));
      case "ask": {
        if (this.#asked.has(step.id)) return undefined;
        this.#asked.add(step.id);
        const observe = step.id % 2 === 0 ? "register" : null;
        const payload = new Uint8Array(step.id % 3 === 2 || observe !== null ? 0 : 100);
        const method = payload.length > 0 ? "PUT" : "GET";
        return this.#take(this.#end.ask(step.id, coapRequest(method, ["r"], { observe, payload })));
      }
      case "cancel":
        this.#asked.delete(step.id);
        return this.#take(this.#end.handle({ kind: "cancel", id: step.id }));
      case "pass":
        this.#take(this.#end.pass(step.ms));
        return this.#answer();
    }
  }

  #receive(it: Message): CoapOutput[] {
    try {
      return this.#end.receive(this.#aimed(it));
    } catch (failure) {
      // The form of some cannot be written: their own encoder refuses them.
      if (failure instanceof RangeError && /cannot carry|Empty/.test(failure.message)) return [];
      throw failure;
    }
  }

  /** What answers is for the last message of ours. */
  #aimed(it: Message): Message {
    if (this.#last === null || it.type === "CON" || it.type === "NON") return it;
    this.met++;
    const { messageId, token } = this.#last;
    if (it.code === 0) return message({ type: it.type, code: 0, messageId });
    return { ...it, messageId, token };
  }

  #answer(): void {
    for (const exchange of this.#exchanges.splice(0)) {
      const payload = new Uint8Array((exchange % 4) * 40);
      const code = exchange % 5 === 0 ? Code.NOT_FOUND : Code.CONTENT;
      const response = coapResponse(code, { payload });
      this.#take(this.#end.handle({ kind: "respond", exchange, response, observe: true }));
      this.#take(this.#end.handle({ kind: "notify", observation: exchange, response }));
    }
  }

  #take(outputs: readonly CoapOutput[]): void {
    this.#exchanges.push(...only(outputs, "request").map(({ exchange }) => exchange));
    for (const output of outputs) {
      if (output.kind !== "response" && output.kind !== "failed") continue;
      assert.ok(this.#asked.delete(output.id), `${output.kind} of a request that is over`);
    }
    const confirmable = sent(outputs).filter(({ type }) => type === "CON");
    this.#last = confirmable.at(-1) ?? this.#last;
    const { endpoint, now } = this.#end;
    const { holdings } = endpoint;
    assert.ok(holdings.exchanges <= LIMITS.maxExchanges, "exchanges");
    assert.ok(holdings.remembered <= LIMITS.maxRemembered, "remembered");
    assert.ok(holdings.rememberedOctets <= LIMITS.maxRememberedOctets, "octets remembered");
    assert.ok(holdings.bodiesComing <= LIMITS.maxBodies, "bodies coming");
    assert.ok(holdings.bodiesServed <= LIMITS.maxServedBodies, "bodies served");
    assert.ok(holdings.observations <= LIMITS.maxObservations, "observations");
    assert.ok(holdings.requests <= LIMITS.maxRequests, "requests");
    assert.ok(endpoint.wakeAt === null || endpoint.wakeAt > now, "what is due is done");
  }

  /** In the end nothing is left but what has no end: observations. */
  rest(): void {
    this.#take(this.#end.pass(3_600_000));
    const { exchanges, remembered, bodiesComing, bodiesServed } = this.#end.endpoint.holdings;
    assert.deepEqual([exchanges, remembered, bodiesComing, bodiesServed], [0, 0, 0, 0]);
  }
}

test("property: whatever a peer sends, nothing is thrown, nothing grows beyond its bound, no request ends twice", () => {
  let met = 0;
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 5, maxLength: 60 }), (steps) => {
      const beset = new Beset();
      for (const step of steps) beset.step(step);
      beset.rest();
      met += beset.met;
    }),
    { numRuns: 150 },
  );
  assert.ok(met > 100, `${met} answers met what they were for`);
});
