import { assert, test } from "#kit";
import { concat, hex, toHex, utf8 } from "../../../src/base/bytes.ts";
import { Code, codeText } from "../../../src/proto/coap/codes.ts";
import type { CoapConfig } from "../../../src/proto/coap/endpoint.ts";
import type { Message, Option } from "../../../src/proto/coap/message.ts";
import { COAP_LIMITS } from "../../../src/proto/coap/parameters.ts";
import { coapRequest, type CoapRequest } from "../../../src/proto/coap/request.ts";
import { coapResponse, type CoapResponse } from "../../../src/proto/coap/response.ts";
import { blockOf, End, message, only, option, sent, uintOf } from "./ends.ts";

const BLOCK2 = 23;
const BLOCK1 = 27;
const SZX = [16, 32, 64, 128, 256, 512, 1024];

/** A block option from NUM/M/SIZE, as RFC 7959 §3 writes it. */
function block(number: 23 | 27, text: string): Option {
  const [num = 0, more = 0, size = 0] = text.split("/").map(Number);
  return option(number, num * 16 + more * 8 + SZX.indexOf(size));
}

function body(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 13 + (at >> 8)) & 0xff);
}

/** A server of ours with one resource, and requests written by hand. */
class Served {
  readonly end: End;
  readonly requests: CoapRequest[] = [];
  response: CoapResponse;
  #messageId = 0x1000;

  constructor(response: CoapResponse, config: Partial<CoapConfig> = { blockSize: 128 }) {
    this.end = new End(config);
    this.response = response;
  }

  /** Asks for `/r` and returns the answer. */
  ask(code: number, options: readonly Option[], payload: Uint8Array = new Uint8Array()): Message {
    const messageId = this.#messageId++;
    const request = message({ code, messageId, options: [option(11, "r"), ...options], payload });
    const outputs = this.end.receive(request);
    const [handed] = only(outputs, "request");
    if (handed === undefined) return sent(outputs)[0] ?? assert.fail("no answer");
    this.requests.push(handed.request);
    const { exchange } = handed;
    const answer = this.end.handle({ kind: "respond", exchange, response: this.response });
    return sent(answer)[0] ?? assert.fail("no answer");
  }

  get(...options: Option[]): Message {
    return this.ask(Code.GET, options);
  }

  /** One block of a PUT. */
  put(text: string, whole: Uint8Array, ...options: Option[]): Message {
    const [number = 0, , size = 0] = text.split("/").map(Number);
    const payload = whole.subarray(number * size, (number + 1) * size);
    return this.ask(Code.PUT, [block(BLOCK1, text), ...options], payload);
  }
}

function reads(answer: Message): string {
  const blocks = [blockOf(answer, BLOCK1), blockOf(answer, BLOCK2)];
  return [codeText(answer.code), ...blocks.map((each) => each ?? "-")].join(" ");
}

const LARGE = coapResponse(Code.CONTENT, { payload: body(300) });
const CHANGED = coapResponse(Code.CHANGED);

test("RFC 7959 §3.1, simple GET: 300 octets in blocks of 128, handed up once", () => {
  const served = new Served(LARGE);
  const answers = [
    served.get(),
    served.get(block(BLOCK2, "1/0/128")),
    served.get(block(BLOCK2, "2/0/128")),
  ];
  assert.deepEqual(answers.map(reads), ["2.05 - 0/1/128", "2.05 - 1/1/128", "2.05 - 2/0/128"]);
  assert.deepEqual(concat(...answers.map(({ payload }) => payload)), LARGE.payload);
  assert.equal(served.requests.length, 1);
  const etags = answers.map(({ options }) => options.find(({ number }) => number === 4)?.value);
  assert.equal(new Set(etags.map((etag) => toHex(etag!))).size, 1);
  assert.equal(uintOf(answers[0]!, 28), 300);
});

test("RFC 7959 §3.1, early negotiation: the client asks for blocks of 64 at once", () => {
  const served = new Served(LARGE);
  const answers = [0, 1, 2, 3, 4].map((number) => served.get(block(BLOCK2, `${number}/0/64`)));
  const expected = ["0/1/64", "1/1/64", "2/1/64", "3/1/64", "4/0/64"];
  assert.deepEqual(
    answers.map((answer) => blockOf(answer, BLOCK2)),
    expected,
  );
  assert.deepEqual(concat(...answers.map(({ payload }) => payload)), LARGE.payload);
});

test("RFC 7959 §3.1, late negotiation: smaller blocks from the second one on", () => {
  const served = new Served(LARGE);
  const answers = [served.get(), ...[2, 3, 4].map((at) => served.get(block(BLOCK2, `${at}/0/64`)))];
  assert.deepEqual(answers.map(reads).slice(1), [
    "2.05 - 2/1/64",
    "2.05 - 3/1/64",
    "2.05 - 4/0/64",
  ]);
  assert.deepEqual(concat(...answers.map(({ payload }) => payload)), LARGE.payload);
});

test("a client that asks for larger blocks gets ours", () => {
  const served = new Served(LARGE);
  assert.equal(reads(served.get(block(BLOCK2, "0/0/1024"))), "2.05 - 0/1/128");
  assert.equal(reads(new Served(LARGE, {}).get(block(BLOCK2, "0/0/1024"))), "2.05 - -");
});

test("a block behind the end is 4.00, and so is SZX 7", () => {
  const served = new Served(LARGE);
  served.get();
  assert.equal(codeText(served.get(block(BLOCK2, "3/0/128")).code), "4.00");
  assert.equal(codeText(served.get(option(BLOCK2, 7)).code), "4.00");
  assert.equal(codeText(new Served(LARGE).get(block(BLOCK2, "9/0/128")).code), "4.00");
});

test("a body that has changed has another ETag, the same body keeps its own", () => {
  const served = new Served(LARGE);
  const etagOf = ({ options }: Message): string =>
    toHex(options.find(({ number }) => number === 4)?.value ?? hex(""));
  const first = etagOf(served.get());
  assert.equal(etagOf(served.get()), first);
  served.response = coapResponse(Code.CONTENT, { payload: body(301).subarray(1) });
  assert.notEqual(etagOf(served.get()), first);
  assert.notEqual(etagOf(served.get(block(BLOCK2, "1/0/128"))), first);
  served.response = coapResponse(Code.CONTENT, { payload: body(300), etag: hex("07") });
  assert.equal(etagOf(served.get()), "07");
});

test("bound: of five large bodies the first is forgotten; a GET asks anew, a POST is 4.08", () => {
  const served = new Served(LARGE);
  const query = (name: number): Option => option(15, `${name}`);
  const { maxServedBodies } = COAP_LIMITS;
  for (let name = 0; name <= maxServedBodies; name++) served.get(query(name));
  assert.equal(served.end.endpoint.holdings.bodiesServed, maxServedBodies);
  assert.equal(reads(served.get(query(1), block(BLOCK2, "1/0/128"))), "2.05 - 1/1/128");
  assert.equal(served.requests.length, 5);
  assert.equal(reads(served.get(query(0), block(BLOCK2, "1/0/128"))), "2.05 - 1/1/128");
  assert.equal(served.requests.length, 6);
  const again = served.ask(Code.POST, [query(0), block(BLOCK2, "1/0/128")]);
  assert.equal(codeText(again.code), "4.08");
  assert.equal(served.requests.length, 6);
});

test("a body is kept for EXCHANGE_LIFETIME after its last block", () => {
  const served = new Served(LARGE);
  served.get();
  served.end.pass(246_000);
  served.get(block(BLOCK2, "1/0/128"));
  served.end.pass(246_999);
  assert.equal(served.end.endpoint.holdings.bodiesServed, 1);
  served.end.pass(1);
  assert.equal(served.end.endpoint.holdings.bodiesServed, 0);
});

test("RFC 7959 §3.2, simple atomic PUT: 2.31 for each block, 2.04 for the last", () => {
  const whole = body(300);
  const served = new Served(CHANGED);
  const answers = ["0/1/128", "1/1/128", "2/0/128"].map((text) => served.put(text, whole));
  assert.deepEqual(answers.map(reads), ["2.31 0/1/128 -", "2.31 1/1/128 -", "2.04 2/0/128 -"]);
  assert.deepEqual(
    served.requests.map(({ payload }) => payload),
    [whole],
  );
});

test("RFC 7959 §3.2, negotiation: we answer a larger first block with our size, and it goes on in that", () => {
  const whole = body(300);
  const served = new Served(CHANGED, { blockSize: 32 });
  assert.equal(reads(served.put("0/1/128", whole)), "2.31 0/1/32 -");
  for (let number = 4; number < 9; number++) {
    assert.equal(reads(served.put(`${number}/1/32`, whole)), `2.31 ${number}/1/32 -`);
  }
  assert.equal(reads(served.put("9/0/32", whole)), "2.04 9/0/32 -");
  assert.deepEqual(served.requests[0]?.payload, whole);
});

test("RFC 7959 §3.3: a POST in blocks that is answered in blocks, handed up once", () => {
  const whole = body(300);
  const served = new Served(LARGE);
  const post = (text: string): Message => {
    const [number = 0] = text.split("/").map(Number);
    const payload = whole.subarray(number * 128, number * 128 + 128);
    return served.ask(Code.POST, [block(BLOCK1, text)], payload);
  };
  const answers = [post("0/1/128"), post("1/1/128"), post("2/0/128")];
  for (const number of [1, 2]) {
    answers.push(served.ask(Code.POST, [block(BLOCK2, `${number}/0/128`)]));
  }
  assert.deepEqual(answers.map(reads), [
    "2.31 0/1/128 -",
    "2.31 1/1/128 -",
    "2.05 2/0/128 0/1/128",
    "2.05 - 1/1/128",
    "2.05 - 2/0/128",
  ]);
  assert.equal(served.requests.length, 1);
  assert.deepEqual(concat(...answers.map(({ payload }) => payload)), LARGE.payload);
});

test("a block that does not follow is 4.08, and the body begins anew", () => {
  const whole = body(600);
  const served = new Served(CHANGED);
  assert.equal(codeText(served.put("1/1/128", whole).code), "4.08");
  served.put("0/1/128", whole);
  assert.equal(codeText(served.put("2/1/128", whole).code), "4.08");
  assert.equal(codeText(served.put("1/1/128", whole).code), "4.08");
  assert.equal(served.end.endpoint.holdings.bodiesComing, 0);
  assert.deepEqual(served.requests, []);
});

test("a block that is not full though more follow, or longer than its size, is 4.00", () => {
  const served = new Served(CHANGED);
  const put = (text: string, length: number): string =>
    codeText(served.ask(Code.PUT, [block(BLOCK1, text)], body(length)).code);
  assert.equal(put("0/1/128", 127), "4.00");
  assert.equal(put("0/1/128", 129), "4.00");
  assert.equal(put("0/0/128", 129), "4.00");
  assert.equal(put("0/0/128", 100), "2.04");
});

test("RFC 9175 §3.3: blocks of two bodies for one resource are told apart by their Request-Tags", () => {
  const [left, right] = [body(300), body(301).subarray(1)];
  const served = new Served(CHANGED);
  for (const text of ["0/1/128", "1/1/128", "2/0/128"]) {
    served.put(text, left, option(292, "a"));
    served.put(text, right, option(292, "b"));
  }
  assert.deepEqual(
    served.requests.map(({ payload }) => payload),
    [left, right],
  );
});

test("bound: a fifth body makes room for itself, and the one left alone longest is 4.08", () => {
  const whole = body(300);
  const served = new Served(CHANGED);
  const tag = (name: number): Option => option(292, `${name}`);
  const { maxBodies } = COAP_LIMITS;
  for (let name = 0; name < maxBodies; name++) served.put("0/1/128", whole, tag(name));
  served.put("1/1/128", whole, tag(0));
  served.put("0/1/128", whole, tag(maxBodies));
  assert.equal(served.end.endpoint.holdings.bodiesComing, maxBodies);
  assert.equal(codeText(served.put("2/0/128", whole, tag(0)).code), "2.04");
  assert.equal(codeText(served.put("1/1/128", whole, tag(1)).code), "4.08");
});

test("bound: a body above 16 KiB is 4.13 with Size1, when it is announced or when it gets there", () => {
  const { maxBodyOctets } = COAP_LIMITS;
  const whole = body(maxBodyOctets + 1);
  const served = new Served(CHANGED, {});
  const announced = served.put("0/1/1024", whole, option(60, maxBodyOctets + 1));
  assert.deepEqual([codeText(announced.code), uintOf(announced, 60)], ["4.13", maxBodyOctets]);
  const last = maxBodyOctets / 1024;
  for (let number = 0; number < last; number++) served.put(`${number}/1/1024`, whole);
  assert.equal(codeText(served.put(`${last}/0/1024`, whole).code), "4.13");
  for (let number = 0; number < last - 1; number++) served.put(`${number}/1/1024`, whole);
  assert.equal(codeText(served.put(`${last - 1}/0/1024`, whole).code), "2.04");
  assert.equal(served.requests[0]?.payload.length, maxBodyOctets);
});

test("a body that is not gone on with is forgotten after EXCHANGE_LIFETIME", () => {
  const served = new Served(CHANGED);
  served.put("0/1/128", body(300));
  served.end.pass(247_000);
  assert.equal(served.end.endpoint.holdings.bodiesComing, 0);
});

/** A client of ours, and answers written by hand. */
class Asking {
  readonly end: End;
  readonly outputs: ReturnType<End["handle"]> = [];
  /** The request that is out. */
  out: Message;

  constructor(request: CoapRequest, config: Partial<CoapConfig> = { blockSize: 128 }) {
    this.end = new End(config);
    this.out = sent(this.end.ask(1, request))[0] ?? assert.fail("nothing sent");
  }

  /** Answers in the acknowledgement; what is asked next is kept. */
  answer(code: number, options: readonly Option[] = [], payload: Uint8Array = hex("")): this {
    const { messageId, token } = this.out;
    const reply = message({ type: "ACK", code, messageId, token, options, payload });
    const outputs = this.end.receive(reply);
    const [next] = sent(outputs);
    if (next !== undefined) {
      assert.notEqual(toHex(next.token), toHex(token), "a token of its own for each message");
      this.out = next;
    }
    this.outputs.push(...outputs.filter(({ kind }) => kind !== "send"));
    return this;
  }

  /** Answers with a block of this body. */
  serve(text: string, whole: Uint8Array, ...options: Option[]): this {
    const [number = 0, , size = 0] = text.split("/").map(Number);
    const payload = whole.subarray(number * size, (number + 1) * size);
    return this.answer(Code.CONTENT, [block(BLOCK2, text), ...options], payload);
  }

  get asks(): string {
    const { code, payload } = this.out;
    const blocks = [blockOf(this.out, BLOCK1), blockOf(this.out, BLOCK2)];
    return [codeText(code), ...blocks.map((each) => each ?? "-"), payload.length].join(" ");
  }

  get result(): string {
    return this.outputs
      .map((output) => {
        if (output.kind === "response") {
          return `${codeText(output.response.code)} ${output.response.payload.length}`;
        }
        return output.kind === "failed" ? output.reason : output.kind;
      })
      .join();
  }
}

const GET = coapRequest("GET", ["r"]);
const PUT = coapRequest("PUT", ["r"], { payload: body(300) });

test("as a client, a GET is gone on with block by block", () => {
  const asking = new Asking(GET).serve("0/1/128", body(300), option(4, "e"));
  assert.equal(asking.asks, "0.01 - 1/0/128 0");
  asking.serve("1/1/128", body(300), option(4, "e"));
  assert.equal(asking.asks, "0.01 - 2/0/128 0");
  asking.serve("2/0/128", body(300), option(4, "e"));
  const response = coapResponse(Code.CONTENT, { payload: body(300), etag: utf8("e") });
  assert.deepEqual(asking.outputs, [{ kind: "response", id: 1, response }]);
});

test("as a client, the ETags that we have are named in the first message alone", () => {
  const etags = [hex("01"), hex("02")];
  const asking = new Asking(coapRequest("GET", ["r"], { etags, accept: 60 }));
  const numbers = (): number[] => asking.out.options.map(({ number }) => number);
  assert.deepEqual(numbers(), [4, 4, 11, 17]);
  asking.serve("0/1/128", body(300));
  assert.deepEqual(numbers(), [11, 17, BLOCK2]);
});

test("as a client, larger blocks are gone on with in ours, smaller ones in the server's", () => {
  const asking = new Asking(GET).serve("0/1/1024", body(2000));
  assert.equal(asking.asks, "0.01 - 8/0/128 0");
  asking.serve("16/1/64", body(2000));
  assert.equal(asking.asks, "0.01 - 17/0/64 0");
});

test("as a client, a body that has changed is fetched anew, three times, and then has failed", () => {
  const asking = new Asking(GET);
  for (let count = 0; count < 4; count++) {
    asking.serve("0/1/128", body(300), option(4, "a"));
    assert.equal(asking.result, "");
    asking.serve("1/1/128", body(300), option(4, "b"));
    if (count < 3) assert.equal(asking.asks, "0.01 - - 0");
  }
  assert.equal(asking.result, "changed");
});

test("as a client, the answer to a POST that has changed is not asked for anew", () => {
  const request = coapRequest("POST", ["r"]);
  const asking = new Asking(request).serve("0/1/128", body(300), option(4, "a"));
  assert.equal(asking.serve("1/1/128", body(300), option(4, "b")).result, "changed");
});

test("as a client, blocks that do not fit together have failed", () => {
  assert.equal(new Asking(GET).serve("1/1/128", body(300)).result, "bad-response");
  const skipped = new Asking(GET).serve("0/1/128", body(600)).serve("2/1/128", body(600));
  assert.equal(skipped.result, "bad-response");
  const short = new Asking(GET).answer(Code.CONTENT, [block(BLOCK2, "0/1/128")], body(100));
  assert.equal(short.result, "bad-response");
  assert.equal(new Asking(GET).answer(Code.CONTENT, [option(BLOCK2, 7)]).result, "bad-response");
  assert.equal(new Asking(GET).answer(Code.CONTINUE).result, "bad-response");
});

test("as a client, an error between the blocks is the response", () => {
  const asking = new Asking(GET).serve("0/1/128", body(300)).answer(Code.NOT_FOUND);
  assert.equal(asking.result, "4.04 0");
});

test("bound: a response above 16 KiB has failed, when it is announced or when it gets there", () => {
  const { maxBodyOctets } = COAP_LIMITS;
  const whole = body(maxBodyOctets + 1);
  const announced = new Asking(GET, {}).serve("0/1/512", whole, option(28, maxBodyOctets + 1));
  assert.equal(announced.result, "too-large");
  const asking = new Asking(GET, {});
  const last = maxBodyOctets / 512;
  for (let number = 0; number < last; number++) asking.serve(`${number}/1/512`, whole);
  assert.equal(asking.result, "");
  assert.equal(asking.serve(`${last}/0/512`, whole).result, "too-large");
});

test("as a client, a PUT goes out block by block, with Size1 first and one Request-Tag", () => {
  const asking = new Asking(PUT);
  const tags: string[] = [];
  const tag = (): string => toHex(asking.out.options.find(({ number }) => number === 292)!.value);
  assert.deepEqual([asking.asks, uintOf(asking.out, 60)], ["0.03 0/1/128 - 128", 300]);
  tags.push(tag());
  asking.answer(Code.CONTINUE, [block(BLOCK1, "0/1/128")]);
  assert.deepEqual([asking.asks, uintOf(asking.out, 60)], ["0.03 1/1/128 - 128", null]);
  tags.push(tag());
  asking.answer(Code.CONTINUE, [block(BLOCK1, "1/1/128")]);
  assert.equal(asking.asks, "0.03 2/0/128 - 44");
  tags.push(tag());
  asking.answer(Code.CHANGED, [block(BLOCK1, "2/0/128")]);
  assert.equal(asking.result, "2.04 0");
  assert.equal(new Set(tags).size, 1);
});

test("RFC 7959 §3.2, negotiation: as a client we go on in the server's smaller blocks", () => {
  const asking = new Asking(PUT).answer(Code.CONTINUE, [block(BLOCK1, "0/1/32")]);
  assert.equal(asking.asks, "0.03 4/1/32 - 32");
});

test("RFC 7959 §3.2, stateless: a 2.04 for each block does not end the body", () => {
  const asking = new Asking(PUT).answer(Code.CHANGED, [block(BLOCK1, "0/0/128")]);
  assert.equal(asking.asks, "0.03 1/1/128 - 128");
  asking.answer(Code.CHANGED, [block(BLOCK1, "1/0/128")]);
  assert.equal(asking.answer(Code.CHANGED, [block(BLOCK1, "2/0/128")]).result, "2.04 0");
});

test("as a client, a 4.13 with a smaller size is tried in that size, any other error is the response", () => {
  const asking = new Asking(PUT).answer(Code.REQUEST_ENTITY_TOO_LARGE, [block(BLOCK1, "0/1/64")]);
  assert.equal(asking.asks, "0.03 0/1/64 - 64");
  const refused = new Asking(PUT).answer(Code.REQUEST_ENTITY_TOO_LARGE, [option(60, 100)]);
  assert.equal(refused.result, "4.13 0");
  const early = new Asking(PUT).answer(Code.UNAUTHORIZED);
  assert.equal(early.result, "4.01 0");
});

test("as a client, a 2.31 for another block, or for the last one, has failed", () => {
  const other = new Asking(PUT).answer(Code.CONTINUE, [block(BLOCK1, "1/1/128")]);
  assert.equal(other.result, "bad-response");
  assert.equal(new Asking(PUT).answer(Code.CONTINUE).result, "bad-response");
  const asking = new Asking(PUT).answer(Code.CONTINUE, [block(BLOCK1, "0/1/128")]);
  asking.answer(Code.CONTINUE, [block(BLOCK1, "1/1/128")]);
  assert.equal(asking.answer(Code.CONTINUE, [block(BLOCK1, "2/1/128")]).result, "bad-response");
});

test("RFC 7959 §3.3: as a client, a POST in blocks and its answer in blocks", () => {
  const asking = new Asking(coapRequest("POST", ["r"], { payload: body(200) }));
  asking.answer(Code.CONTINUE, [block(BLOCK1, "0/1/128")]);
  const both = [block(BLOCK1, "1/0/128"), block(BLOCK2, "0/1/128"), option(4, "e")];
  asking.answer(Code.CHANGED, both, body(128));
  assert.equal(asking.asks, "0.02 - 1/0/128 0");
  asking.answer(Code.CHANGED, [block(BLOCK2, "1/0/128"), option(4, "e")], body(10));
  assert.equal(asking.result, "2.04 138");
});
