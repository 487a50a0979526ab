import { assert, test } from "#kit";
import { concat, hex } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { encodeTable } from "../../../src/proto/ubus/blobmsg.ts";
import { CALL_MS, MAX_ANSWERS, MAX_CALLS } from "../../../src/proto/ubus/calls.ts";
import { HELLO_MS, MAX_REQUESTS, UbusConnection } from "../../../src/proto/ubus/connection.ts";
import type { UbusInput, UbusOutput, UbusRequest } from "../../../src/proto/ubus/connection.ts";
import {
  encodeMessage,
  MAX_ROOT_LENGTH,
  MessageType,
  Status,
} from "../../../src/proto/ubus/message.ts";
import type { Fields } from "../../../src/proto/ubus/message.ts";
import * as vector from "../../vectors/ubus/messages.ts";

const HELLO = hex(vector.HELLO);

class Client {
  readonly machine = new UbusConnection(mono(0));
  readonly sent: Uint8Array[] = [];
  now = 0;

  constructor(hello: Uint8Array = HELLO) {
    if (hello.length > 0) this.hear(hello);
  }

  /** What an input causes, but for octets to send. */
  tell(input: UbusInput): UbusOutput[] {
    return this.machine.handle(input, mono(this.now)).filter((output) => {
      if (output.kind === "send") this.sent.push(output.bytes);
      return output.kind !== "send";
    });
  }

  hear(...parts: readonly Uint8Array[]): UbusOutput[] {
    return this.tell({ kind: "bytes", bytes: concat(...parts) });
  }
}

function message(
  type: number,
  seq: number,
  peer: number,
  fields: Partial<Fields> = {},
): Uint8Array {
  return encodeMessage({ type, seq, peer }, fields);
}
const status = (seq: number, peer: number, code: number): Uint8Array =>
  message(MessageType.status, seq, peer, { status: code });
const invoke = (call: number, object: number): UbusInput => ({
  kind: "invoke",
  call,
  object,
  method: "get",
  fields: {},
});
function requestOf(outputs: readonly UbusOutput[]): UbusRequest {
  const [first] = outputs;
  assert.ok(first?.kind === "request", `no request but ${first?.kind}`);
  return first.request;
}

test("an event is sent as `ubus send` does, and answered", () => {
  const client = new Client();
  assert.deepEqual(
    client.tell({ kind: "send-event", call: 7, name: "homeca.test", fields: vector.FIELDS }),
    [],
  );
  assert.deepEqual(client.sent, [hex(vector.SEND)]);
  assert.deepEqual(client.hear(hex(vector.SENT)), [{ kind: "answered", call: 7, answers: [] }]);
});

test("events are listened for as `ubus listen` does; nobody is answered", () => {
  const client = new Client();
  client.tell({ kind: "add-object", call: 1, path: null, signature: {} });
  const [added] = client.hear(hex(vector.ADDED));
  assert.deepEqual(added, { kind: "added", call: 1, object: 0xa3827de9 });
  client.tell({ kind: "listen", call: 2, object: 0xa3827de9, pattern: "homeca.*" });
  const fields = { object: 0xa3827de9 | 0, pattern: "homeca.*" };
  const register = { object: 1, method: "register", data: encodeTable(fields) };
  const signed = message(MessageType.invoke, 2, 1, register);
  // Theirs has the two fields the other way round.
  assert.equal(client.sent[1]!.length, signed.length);
  assert.equal(signed.length, hex(vector.LISTEN).length);
  const request = requestOf(client.hear(hex(vector.EVENT)));
  assert.deepEqual([request.method, request.wantsAnswer], ["homeca.test", false]);
  assert.equal(request.data.get("big"), 5_000_000_000);
});

test("nothing by a name is an answer to who looked for it", () => {
  const client = new Client();
  client.tell({ kind: "lookup", call: 1, path: "nosuch" });
  assert.deepEqual(client.sent, [hex(vector.LOOKUP)]);
  assert.deepEqual(client.hear(hex(vector.NOT_FOUND)), [{ kind: "found", call: 1, objects: [] }]);
});

test("a call is answered later, with its number and peer, data before status", () => {
  const client = new Client();
  const request = requestOf(client.hear(hex(vector.CALL)));
  assert.deepEqual([request.object, request.method, request.user], [0x11223344, "status", "root"]);
  client.now = 60_000;
  client.tell({ kind: "answer", request, status: 0, fields: { up: 1 } });
  assert.deepEqual(client.sent, [hex(vector.ANSWER), hex(vector.ANSWER_STATUS)]);
  const again: UbusInput = { kind: "answer", request, status: 0, fields: null };
  assert.throws(() => client.tell(again), RangeError);
});

test("a notification that takes no reply gets none", () => {
  const client = new Client();
  const fields = { object: 9, method: "assoc", data: new Uint8Array(), noReply: true };
  const request = requestOf(client.hear(message(MessageType.invoke, 3, 77, fields)));
  assert.equal(request.wantsAnswer, false);
  assert.throws(
    () => client.tell({ kind: "answer", request, status: 0, fields: null }),
    RangeError,
  );
});

test("octet by octet everything is as in one piece", () => {
  const heard = concat(HELLO, hex(vector.CALL), hex(vector.EVENT), hex(vector.ADDED));
  const whole = new Client(new Uint8Array()).hear(heard);
  const single = new Client(new Uint8Array());
  const pieces = [...heard].flatMap((octet) => single.hear(Uint8Array.of(octet)));
  assert.equal(whole.length, 3);
  assert.deepEqual(pieces, whole);
});

test("several answers of one call come together; those of others are not taken", () => {
  const client = new Client();
  client.tell(invoke(4, 0x9000));
  const data = (v: number): Partial<Fields> => ({ object: 0x9000, data: encodeTable({ v }) });
  // Somebody else knows our number: under the number of an object of its own it is nobody's answer.
  assert.deepEqual(client.hear(message(MessageType.data, 1, 0x6666, data(0))), []);
  assert.deepEqual(client.hear(status(1, 0x6666, 0)), []);
  const answers = [data(1), data(2)].map((fields) => message(MessageType.data, 1, 0x9000, fields));
  const [end] = client.hear(...answers, status(1, 0x9000, Status.unknownError));
  assert.ok(end?.kind === "refused" && end.status === 9 && end.call === 4);
  assert.deepEqual(
    end.answers.map((table) => table.get("v")),
    [1, 2],
  );
});

test("an answer that cannot be read spoils its call, a call that cannot be read is refused, and no more", () => {
  const client = new Client();
  client.tell(invoke(1, 0x9000));
  const broken = { object: 0x9000, data: hex("80000003") };
  const [ended] = client.hear(
    message(MessageType.data, 1, 0x9000, broken),
    status(1, 0x9000, Status.ok),
  );
  assert.deepEqual(ended, { kind: "unanswered", call: 1, reason: "bad-length" });
  const call = message(MessageType.invoke, 5, 77, { ...broken, method: "get" });
  assert.deepEqual(client.hear(call), [{ kind: "discarded", reason: "bad-length" }]);
  const refusal = { object: 0x9000, status: Status.invalidArgument };
  assert.deepEqual(client.sent.at(-1), message(MessageType.status, 5, 77, refusal));
  const bare = message(MessageType.invoke, 6, 77, { object: 0x9000, method: "get" });
  assert.deepEqual(client.hear(bare), [{ kind: "discarded", reason: "incomplete" }]);
  assert.equal(client.tell({ kind: "ping", call: 2 }).length, 0);
});

test("attributes of a wrong size are not there, and behind one that cannot be walked there is nothing", () => {
  const client = new Client();
  const odd = hex("00 0a 0000 00000000 00000014 03 000007 112233 00 09 000005 01 000000");
  assert.deepEqual(client.hear(odd), [{ kind: "discarded", reason: "incomplete" }]);
  const cut = hex("00 0a 0000 00000000 00000010 03 0000ff 11223344 00000000");
  assert.deepEqual(client.hear(cut), [{ kind: "discarded", reason: "incomplete" }]);
});

test("broken framing ends the connection with a reason", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["01 01 0000 00000000 00000004", "unknown-version"],
    ["00 01 0000 00000000 01000004", "bad-root"],
    ["00 01 0000 00000000 80000004", "bad-root"],
    ["00 01 0000 00000000 00000003", "bad-root"],
    ["00 01 0000 00000000 00100001", "message-too-long"],
    [vector.HELLO, "unexpected-message"],
  ];
  for (const [octets, reason] of cases) {
    const client = new Client();
    client.tell(invoke(1, 0x9000));
    assert.deepEqual(client.hear(hex(octets)), [
      { kind: "unanswered", call: 1, reason: "timed-out" },
      { kind: "failed", reason },
    ]);
    assert.equal(client.machine.wakeAt, null);
    assert.deepEqual(client.hear(HELLO), []);
    const late = client.tell(invoke(2, 0x9000));
    assert.deepEqual(late, [{ kind: "unanswered", call: 2, reason: "not-sent" }]);
  }
});

test("the longest message that the bus carries is taken, and none is sent that is longer", () => {
  const client = new Client();
  // The root's head, an object, a method of three letters, a flag, and the head of the data.
  const room = MAX_ROOT_LENGTH - 4 - 8 - 8 - 8 - 4;
  const field = new Uint8Array(room);
  field.set(hex(`80${(room & 0xff_ffff).toString(16).padStart(6, "0")} 0000 00 00`));
  const fields = { object: 9, method: "get", data: field, noReply: true };
  assert.equal(requestOf(client.hear(message(5, 1, 77, fields))).data.size, 1);
  const text = { text: "x".repeat(MAX_ROOT_LENGTH) };
  assert.throws(
    () => client.tell({ kind: "notify", object: 9, type: "long", fields: text }),
    RangeError,
  );
});

test("before the bus has said hello nothing is asked, and it must say so in time", () => {
  const client = new Client(new Uint8Array());
  assert.deepEqual(client.tell(invoke(1, 9)), [
    { kind: "unanswered", call: 1, reason: "not-sent" },
  ]);
  assert.equal(client.machine.wakeAt, HELLO_MS);
  client.now = HELLO_MS;
  assert.deepEqual(client.tell({ kind: "timeout" }), [{ kind: "failed", reason: "no-hello" }]);
});

test("a call that nobody answers ends by time, and its late answer is nothing", () => {
  const client = new Client();
  client.tell(invoke(1, 0x9000));
  assert.equal(client.machine.wakeAt, CALL_MS);
  client.now = CALL_MS - 1;
  assert.deepEqual(client.tell({ kind: "timeout" }), []);
  client.now = CALL_MS;
  assert.deepEqual(client.tell({ kind: "timeout" }), [
    { kind: "unanswered", call: 1, reason: "timed-out" },
  ]);
  assert.deepEqual(client.hear(status(1, 0x9000, 0)), []);
  assert.equal(client.machine.wakeAt, null);
});

test("as many calls as are allowed, and one more; numbers of those under way are not used again", () => {
  const client = new Client();
  for (let call = 0; call < MAX_CALLS; call++) assert.deepEqual(client.tell(invoke(call, 9)), []);
  assert.deepEqual(client.tell(invoke(99, 9)), [
    { kind: "unanswered", call: 99, reason: "not-sent" },
  ]);
  client.hear(status(2, 9, 0));
  for (let turn = 0; turn < 0x1_0000; turn++) {
    client.tell({ kind: "notify", object: 9, type: "n", fields: {} });
  }
  client.sent.length = 0;
  client.tell(invoke(100, 9));
  const seq = client.sent[0]![2]! * 256 + client.sent[0]![3]!;
  assert.ok(seq === 2 || seq > MAX_CALLS, `number ${seq} is under way`);
});

test("requests beyond the bound are told so, and none is kept", () => {
  const client = new Client();
  const ask = (seq: number): UbusOutput[] =>
    client.hear(
      message(MessageType.invoke, seq, 77, { object: 9, method: "get", data: new Uint8Array() }),
    );
  for (let seq = 0; seq < MAX_REQUESTS; seq++) requestOf(ask(seq));
  assert.deepEqual(ask(999), [{ kind: "discarded", reason: "too-many-requests" }]);
  const refusal = { object: 9, status: Status.noMemory };
  assert.deepEqual(client.sent, [message(MessageType.status, 999, 77, refusal)]);
});

test("whoever answers without end is not listened to", () => {
  const client = new Client();
  client.tell(invoke(1, 9));
  const data = message(MessageType.data, 1, 9, { object: 9, data: new Uint8Array() });
  for (let count = 0; count < MAX_ANSWERS; count++) assert.deepEqual(client.hear(data), []);
  assert.deepEqual(client.hear(data), [{ kind: "unanswered", call: 1, reason: "too-much" }]);
  assert.deepEqual(client.hear(data, status(1, 9, 0)), []);
});

test("the bus tells of subscribers that come and go, and of targets that are gone", () => {
  const client = new Client();
  const active = message(MessageType.notify, 1, 0, { object: 9, active: true });
  const gone = message(MessageType.unsubscribe, 1, 0, { object: 9, target: 8 });
  assert.deepEqual(client.hear(active, gone), [
    { kind: "active", object: 9, active: true },
    { kind: "target-gone", object: 9, target: 8 },
  ]);
});
