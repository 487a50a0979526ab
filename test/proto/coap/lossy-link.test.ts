import { assert, seeded, test } from "#kit";
import { sameBytes } from "../../../src/base/bytes.ts";
import type { Mono } from "../../../src/base/machine.ts";
import { earliest, mono } from "../../../src/base/machine.ts";
import { Code } from "../../../src/proto/coap/codes.ts";
import {
  CoapEndpoint,
  type CoapInput,
  type CoapOutput,
  type TransmissionParameters,
} from "../../../src/proto/coap/endpoint.ts";
import { coapRequest, type CoapRequest } from "../../../src/proto/coap/request.ts";
import { coapResponse } from "../../../src/proto/coap/response.ts";
import { type LinkEnd, type LinkOptions, LossyLink } from "../../kit/lossy-link.ts";

const OBSERVED = "observed";

/** A body whose octets tell whose it is and where in it they are. */
function body(name: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + name * 31 + (at >> 8)) & 0xff);
}

/**
 * Serves and asks. `/echo` answers a body with itself, reversed; `/body?n=…` has
 * a body of its own; every third answer is given late.
 */
class Peer implements LinkEnd {
  readonly endpoint: CoapEndpoint;
  readonly answers = new Map<number, Uint8Array[]>();
  readonly failures: string[] = [];
  readonly notified: number[] = [];
  /** How often each request was handed up. */
  readonly served = new Map<string, number>();
  readonly #late: { readonly at: Mono; readonly input: CoapInput }[] = [];
  observation: number | null = null;
  #count = 0;

  constructor(seed: string, transmission: Partial<TransmissionParameters>) {
    this.endpoint = new CoapEndpoint({ random: seeded(seed), transmission });
  }

  get wakeAt(): Mono | null {
    return earliest([this.endpoint.wakeAt, ...this.#late.map(({ at }) => at)]);
  }

  receive(datagram: Uint8Array, now: Mono): Uint8Array[] {
    return this.handle({ kind: "datagram", bytes: datagram }, now);
  }

  wake(now: Mono): Uint8Array[] {
    const due = this.#late.filter(({ at }) => at <= now);
    for (const each of due) this.#late.splice(this.#late.indexOf(each), 1);
    const sends = due.flatMap(({ input }) => this.handle(input, now));
    return [...sends, ...this.handle({ kind: "timeout" }, now)];
  }

  handle(input: CoapInput, now: Mono): Uint8Array[] {
    return this.endpoint.handle(input, now).flatMap((output) => this.#perform(output, now));
  }

  #perform(output: CoapOutput, now: Mono): Uint8Array[] {
    switch (output.kind) {
      case "send":
        return [output.bytes];
      case "request":
        return this.#serve(output.exchange, output.request, now);
      case "response":
        this.answers.set(output.id, [
          ...(this.answers.get(output.id) ?? []),
          output.response.payload,
        ]);
        return [];
      case "notification":
        this.notified.push(output.response.payload.length);
        return [];
      case "failed":
        this.failures.push(`${output.id} ${output.reason}`);
        return [];
      case "observation-ended":
        this.failures.push(`observation ${output.reason}`);
        return [];
      case "discarded":
        return [];
    }
  }

  #serve(exchange: number, request: CoapRequest, now: Mono): Uint8Array[] {
    const name = [request.method, ...request.path, ...request.query].join("/");
    this.served.set(name, (this.served.get(name) ?? 0) + 1);
    const observe = request.path[0] === OBSERVED;
    if (observe) this.observation = exchange;
    const number = Number(request.query[0]);
    const payload =
      request.method === "POST" ? request.payload.toReversed() : body(number, sizeOf(number));
    const response = coapResponse(Code.CONTENT, { payload });
    const input: CoapInput = { kind: "respond", exchange, response, observe };
    if (this.#count++ % 3 !== 0) return this.handle(input, now);
    this.#late.push({ at: mono(now + 2500), input });
    return [];
  }
}

/** Some fit a message, some take up to sixteen blocks. */
function sizeOf(number: number): number {
  return [20, 700, 0, 4000, 512, 8000, 513][number % 7]!;
}

function requestOf(number: number): CoapRequest {
  const query = [`${number}`];
  if (number % 2 === 0) return coapRequest("GET", ["body"], { query });
  return coapRequest("POST", ["echo"], { query, payload: body(number, sizeOf(number)) });
}

function expectedOf(number: number): Uint8Array {
  const whole = body(number, sizeOf(number));
  return number % 2 === 0 ? whole : whole.toReversed();
}

/** Both ask each other 100 times, four at a time, over one bad link. */
function bothAsk(
  options: LinkOptions,
  transmission: Partial<TransmissionParameters>,
): { readonly left: Peer; readonly right: Peer } {
  const [left, right] = [new Peer("left", transmission), new Peer("right", transmission)];
  const link = new LossyLink(left, right, options);
  const next = { left: 0, right: 0 };
  const peers = { left, right };
  const feed = (): void => {
    for (const side of ["left", "right"] as const) {
      const peer = peers[side];
      while (next[side] < 100 && peer.endpoint.holdings.requests < 4) {
        const id = next[side]++;
        link.send(side, peer.handle({ kind: "request", id, request: requestOf(id) }, link.now));
      }
    }
  };
  const done = (): boolean => {
    feed();
    const over = ({ answers, failures }: Peer): boolean => answers.size + failures.length >= 100;
    return over(left) && over(right);
  };
  link.run(done, 24 * 3_600_000);
  return { left, right };
}

/** What each of 100 requests came to, and that nothing was worked on twice. */
function outcome(peer: Peer): { readonly answered: number; readonly failed: number } {
  let answered = 0;
  for (let id = 0; id < 100; id++) {
    const failed = peer.failures.some((failure) => failure.startsWith(`${id} `));
    const answers = peer.answers.get(id) ?? [];
    assert.equal(answers.length, failed ? 0 : 1, `request ${id}`);
    const [whole] = answers;
    if (whole === undefined) continue;
    answered++;
    assert.ok(sameBytes(whole, expectedOf(id)), `request ${id} got ${whole.length} octets`);
  }
  for (const [request, times] of peer.served) assert.equal(times, 1, request);
  return { answered, failed: 100 - answered };
}

/** One exchange in two gets through such a link: 17 attempts instead of 5. */
const PATIENT: Partial<TransmissionParameters> = { ackTimeoutMs: 100, maxRetransmit: 16 };

for (const [name, options, transmission] of [
  ["30 % loss", { loss: 0.3 }, PATIENT],
  ["10 % loss, repeats and overtaking", { loss: 0.1, duplication: 0.3, jitterMs: 400 }, {}],
  ["a good link", {}, {}],
] as const) {
  test(`200 exchanges, with blocks both ways, over ${name}: all complete, each exactly once`, () => {
    const { left, right } = bothAsk({ seed: name, ...options }, transmission);
    assert.deepEqual(outcome(left), { answered: 100, failed: 0 });
    assert.deepEqual(outcome(right), { answered: 100, failed: 0 });
  });
}

test("RFC 7252 §4.8: over 30 % loss five attempts are not always enough, and what failed says so once", () => {
  const { left, right } = bothAsk({ seed: "five", loss: 0.3 }, {});
  for (const { answered, failed } of [outcome(left), outcome(right)]) {
    assert.ok(answered > 60 && failed > 0, `${answered} answered, ${failed} failed`);
  }
});

test("an observation over 30 % loss: notifications come once, in order, the last one among them", () => {
  const [left, right] = [new Peer("left", PATIENT), new Peer("right", PATIENT)];
  const link = new LossyLink(left, right, { seed: "observe", loss: 0.3, duplication: 0.2 });
  const request = coapRequest("GET", [OBSERVED], { query: ["0"], observe: "register" });
  link.send("left", left.handle({ kind: "request", id: 1, request }, link.now));
  assert.ok(link.run(() => left.notified.length === 1));
  const sizes = Array.from({ length: 30 }, (_, at) => 100 + 50 * at);
  for (const [at, size] of sizes.entries()) {
    const response = coapResponse(Code.CONTENT, { payload: body(size, size), maxAge: 86_400 });
    const observation = right.observation!;
    link.send("right", right.handle({ kind: "notify", observation, response }, link.now));
    // Faster than they can be told: some are replaced by newer ones.
    link.run(() => false, 10_000 + at * 1000);
  }
  const last = sizes.at(-1);
  assert.ok(link.run(() => left.notified.at(-1) === last, link.now + 3_600_000));
  const rising = left.notified.slice(1).every((size, at) => at === 0 || size > left.notified[at]!);
  assert.ok(rising && left.notified.length > 5, left.notified.join());
  assert.deepEqual([left.failures, right.failures], [[], []]);
});
