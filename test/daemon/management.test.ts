import fc from "fast-check";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { assert, providers, seeded, test } from "#kit";
import { HostFailure } from "../../src/host/host.ts";
import type { Files } from "../../src/host/host.ts";
import { MemoryHost } from "../../src/host/memory/host.ts";
import { nodeHost } from "../../src/host/node/index.ts";
import { Log } from "../../src/daemon/log.ts";
import { Arguments } from "../../src/daemon/management/arguments.ts";
import { ManagementFailure, ubusStatus } from "../../src/daemon/management/failure.ts";
import {
  callMethod,
  MAX_IMPORT_CHARACTERS,
  MAX_LOG_EVENTS,
  MAX_REQUEST_CHARACTERS,
  methodNamed,
  METHODS,
  signatures,
} from "../../src/daemon/management/methods.ts";
import { MAX_BATCH } from "../../src/daemon/management/rpc.ts";
import {
  MAX_CONNECTIONS,
  MAX_LINE_BYTES,
  MAX_OPEN_CALLS,
  MAX_PARTS,
  ManagementServer,
} from "../../src/daemon/management/server.ts";
import { DOOR, PHONE, StubService } from "./stub-service.ts";

const SOCKET = "/var/run/homeca/homeca.sock";
const SESSION = "0".repeat(32);

interface Home {
  readonly host: MemoryHost;
  readonly service: StubService;
  readonly server: ManagementServer;
}

function home(service = new StubService()): Home {
  // No test here touches files.
  const files = {} as unknown as Files;
  const host = new MemoryHost({ crypto: providers[0]!, random: seeded("management"), files });
  const server = new ManagementServer(host, SOCKET, service, new Log(host, "debug"));
  return { host, service, server };
}

const callOf = (method: string, args?: unknown, object = "homeca"): unknown => ({
  jsonrpc: "2.0",
  id: 1,
  method: "call",
  params: args === undefined ? [SESSION, object, method] : [SESSION, object, method, args],
});

/** Sends one line and gives back the answers there are once everything settled. */
async function exchange({ host }: Home, text: string): Promise<unknown[]> {
  const client = host.localClient(SOCKET);
  client.send(text);
  host.clock.advance(0);
  await new Promise((resolve) => setImmediate(resolve));
  const answers = client.received.split("\n").filter((line) => line !== "");
  client.close();
  host.clock.advance(0);
  return answers.map((line): unknown => JSON.parse(line));
}

const ask = async (at: Home, message: unknown): Promise<unknown> =>
  (await exchange(at, `${JSON.stringify(message)}\n`))[0];

const result = (value: unknown): unknown => ({ jsonrpc: "2.0", id: 1, result: value });
const error = (code: number, message: string, id: unknown = null): unknown => ({
  jsonrpc: "2.0",
  id,
  error: { code, message },
});

test("a call is answered as uhttpd answers: status 0 and the result", async () => {
  const at = home();
  assert.deepEqual(
    await ask(at, callOf("deny", { id: PHONE })),
    result([0, { id: PHONE, state: "denied" }]),
  );
  assert.deepEqual(at.service.calls, [["deny", PHONE]]);
});

test("an answer that takes its time comes when it is ready", async () => {
  const at = home();
  const answer = await ask(at, callOf("approve", { id: PHONE, name: "Ada's phone", vlan: 20 }));
  assert.deepEqual(answer, result([0, { id: PHONE, state: "approved" }]));
  assert.deepEqual(at.service.calls, [["approve", PHONE, { name: "Ada's phone", vlan: 20 }]]);
});

test("the session that rpcd adds to arguments is tolerated", async () => {
  const args = { id: PHONE, ubus_rpc_session: SESSION };
  assert.deepEqual(
    await ask(home(), callOf("deny", args)),
    result([0, { id: PHONE, state: "denied" }]),
  );
});

test("arguments may be left out where none is required, and defaults reach the service", async () => {
  const at = home();
  await ask(at, callOf("devices"));
  await ask(at, callOf("log"));
  await ask(at, callOf("revoke", { id: DOOR }));
  await ask(at, callOf("issue", { name: "TV", password: "twelve chars" }));
  assert.deepEqual(at.service.calls, [
    ["devices", { state: null, from: 0 }],
    ["log", { device: null, limit: 100, after: 0 }],
    ["revoke", DOOR, "privilegeWithdrawn"],
    ["issue", { id: null, name: "TV", class: "certificate", password: "twelve chars" }],
  ]);
});

const REFUSED: readonly (readonly [
  method: string,
  args: unknown,
  status: number,
  reason: string,
  message: string,
])[] = [
  ["deny", {}, 2, "bad-argument", "argument 'id' is missing: send it"],
  ["deny", [], 2, "bad-argument", "the arguments are no object: send {}"],
  ["deny", { id: 7 }, 2, "bad-argument", "argument 'id' is no text: send a string"],
  ["deny", { id: "" }, 2, "bad-argument", "argument 'id' is empty: leave it out or fill it"],
  [
    "deny",
    { id: "x".repeat(17) },
    2,
    "bad-argument",
    "argument 'id' is too long: send at most 16 characters",
  ],
  [
    "deny",
    { id: PHONE, force: true },
    2,
    "bad-argument",
    "argument 'force' is unknown: this method takes 'id'",
  ],
  [
    "status",
    { "a\n": 1 },
    2,
    "bad-argument",
    "argument 'a\\x0a' is unknown: this method takes none",
  ],
  [
    "approve",
    { id: PHONE, vlan: 4095 },
    2,
    "bad-argument",
    "argument 'vlan' is no number from 1 to 4094: correct it",
  ],
  [
    "approve",
    { id: PHONE, vlan: 1.5 },
    2,
    "bad-argument",
    "argument 'vlan' is no number from 1 to 4094: correct it",
  ],
  [
    "devices",
    { state: "gone" },
    2,
    "bad-argument",
    "argument 'state' is 'gone': send one of expected, pending, approved, active, dormant, denied, revoked, released",
  ],
  [
    "issue",
    { name: "TV", password: "eleven char" },
    2,
    "bad-argument",
    "argument 'password' is too short: send at least 12 characters",
  ],
  [
    "device",
    { id: "nobody" },
    4,
    "unknown-device",
    "no device has the id nobody: run homeca devices for those there are",
  ],
  [
    "approve",
    { id: "nobody" },
    4,
    "unknown-device",
    "no device has the id nobody: run homeca devices for those there are",
  ],
  [
    "release",
    { id: PHONE },
    6,
    "wrong-state",
    `${PHONE} holds no certificate: run homeca deny ${PHONE}`,
  ],
  ["dance", {}, 3, "unknown-method", "there is no method 'dance': call list for those there are"],
  [
    "constructor",
    {},
    3,
    "unknown-method",
    "there is no method 'constructor': call list for those there are",
  ],
];
for (const [method, args, status, reason, message] of REFUSED) {
  test(`${method} refused, status ${status}: ${message}`, async () => {
    assert.deepEqual(
      await ask(home(), callOf(method, args)),
      result([status, { reason, message }]),
    );
  });
}

test("JSON-RPC's own errors are told by their codes", async () => {
  const at = home();
  const INVALID = "Invalid request";
  assert.deepEqual(await exchange(at, "{\n"), [error(-32_700, "Parse error")]);
  assert.deepEqual(await ask(at, 7), error(-32_600, INVALID));
  assert.deepEqual(await ask(at, []), error(-32_600, INVALID));
  assert.deepEqual(
    await ask(at, { id: 1, method: "call", params: [] }),
    error(-32_600, INVALID, 1),
  );
  assert.deepEqual(
    await ask(at, { jsonrpc: "2.0", id: {}, method: "call" }),
    error(-32_600, INVALID),
  );
  const subscribe = { jsonrpc: "2.0", id: "a", method: "subscribe", params: [SESSION] };
  assert.deepEqual(await ask(at, subscribe), error(-32_601, "Method not found", "a"));
  const noObject = { jsonrpc: "2.0", id: 1, method: "call", params: [SESSION] };
  assert.deepEqual(await ask(at, noObject), error(-32_602, "Invalid parameters", 1));
  assert.deepEqual(
    await ask(at, callOf("status", {}, "uci")),
    error(-32_000, "Object not found", 1),
  );
});

test("list tells the methods and the types of their arguments", async () => {
  const list = { jsonrpc: "2.0", id: 1, method: "list", params: [SESSION, "homeca"] };
  assert.deepEqual(await ask(home(), list), result({ homeca: signatures() }));
  assert.deepEqual(signatures()["approve"], { id: "string", name: "string", vlan: "number" });
  const other = { jsonrpc: "2.0", id: 1, method: "list", params: [SESSION, "uci"] };
  assert.deepEqual(await ask(home(), other), result({}));
});

test("a batch is answered in its order, one too large is refused", async () => {
  const at = home();
  const answer = await ask(at, [
    callOf("approve", { id: PHONE }),
    callOf("deny", { id: PHONE }),
    7,
  ]);
  assert.deepEqual(answer, [
    result([0, { id: PHONE, state: "approved" }]),
    result([0, { id: PHONE, state: "denied" }]),
    error(-32_600, "Invalid request"),
  ]);
  const full = Array.from({ length: MAX_BATCH }, () => callOf("reload"));
  await ask(at, full);
  assert.equal(at.service.calls.filter(([name]) => name === "reload").length, MAX_BATCH);
  assert.deepEqual(await ask(at, [...full, callOf("reload")]), error(-32_600, "Invalid request"));
});

test("lines may come in pieces, several at once, and with empty ones between", async () => {
  const at = home();
  const line = JSON.stringify(callOf("reload"));
  const client = at.host.localClient(SOCKET);
  for (const character of line) client.send(character);
  client.send(`\n\n${line}\n${line}\n`);
  at.host.clock.advance(0);
  assert.equal(client.received.split("\n").length, 4);
  assert.equal(at.service.calls.length, 3);
});

test("a line in as many pieces as are kept, one fewer or one more is the same line", () => {
  const line = `${JSON.stringify(callOf("reload"))}\n`;
  for (const pieces of [MAX_PARTS - 1, MAX_PARTS, MAX_PARTS + 1, line.length]) {
    const at = home();
    const client = at.host.localClient(SOCKET);
    for (let n = 0; n < pieces - 1; n++) client.send(line.charAt(n));
    client.send(line.slice(pieces - 1));
    at.host.clock.advance(0);
    assert.deepEqual(at.service.calls, [["reload"]], `${pieces}`);
    assert.match(client.received, /"result":\[0,/u);
  }
});

test("as many events as may be asked for are, one more is refused", async () => {
  const at = home();
  await ask(at, callOf("log", { limit: MAX_LOG_EVENTS }));
  assert.deepEqual(at.service.calls, [["log", { device: null, limit: MAX_LOG_EVENTS, after: 0 }]]);
  assert.deepEqual(
    await ask(at, callOf("log", { limit: MAX_LOG_EVENTS + 1 })),
    result([
      2,
      {
        reason: "bad-argument",
        message: "argument 'limit' is no number from 1 to 1000: correct it",
      },
    ]),
  );
});

test("a request of the longest there may be reaches the authority, one character more does not", async () => {
  const at = home();
  const request = "x".repeat(MAX_REQUEST_CHARACTERS);
  assert.match(JSON.stringify(await ask(at, callOf("sign", { id: DOOR, request }))), /CERT/u);
  assert.equal(at.service.calls.length, 1);
  assert.deepEqual(
    await ask(at, callOf("sign", { id: DOOR, request: `${request}x` })),
    result([
      2,
      {
        reason: "bad-argument",
        message: "argument 'request' is too long: send at most 8192 characters",
      },
    ]),
  );
  assert.equal(at.service.calls.length, 1);
});

test("a line of 64 KiB is answered, one byte more ends the connection", () => {
  const at = home();
  const padded = (length: number): string => {
    const line = JSON.stringify(callOf("reload"));
    return line + " ".repeat(length - line.length);
  };
  const good = at.host.localClient(SOCKET);
  good.send(`${padded(MAX_LINE_BYTES)}\n`);
  const bad = at.host.localClient(SOCKET);
  bad.send(padded(MAX_LINE_BYTES + 1));
  at.host.clock.advance(0);
  assert.match(good.received, /"result":\[0,/);
  assert.deepEqual(JSON.parse(bad.received), error(-32_700, "Parse error"));
  assert.ok(bad.closed && !good.closed);
  assert.equal(at.service.calls.length, 1);
});

test("connections beyond the bound are closed at once, and a place that is given back is free", () => {
  const at = home();
  const clients = Array.from({ length: MAX_CONNECTIONS }, () => at.host.localClient(SOCKET));
  assert.ok(clients.every(({ closed }) => !closed));
  const one = at.host.localClient(SOCKET);
  assert.ok(one.closed);
  at.host.clock.advance(0);
  clients[0]!.close();
  at.host.clock.advance(0);
  assert.ok(!at.host.localClient(SOCKET).closed);
});

test("a connection that asks faster than it can be answered is ended at the bound", async () => {
  const at = home();
  const line = `${JSON.stringify(callOf("approve", { id: PHONE }))}\n`;
  const patient = at.host.localClient(SOCKET);
  patient.send(line.repeat(MAX_OPEN_CALLS));
  const hasty = at.host.localClient(SOCKET);
  hasty.send(line.repeat(MAX_OPEN_CALLS + 1));
  at.host.clock.advance(0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([patient.closed, hasty.closed], [false, true]);
  assert.equal(patient.received.split("\n").length, MAX_OPEN_CALLS + 1);
});

test("a bug in a method is answered as a fault and logged with its place; a host's failure by its name", async () => {
  class Broken extends StubService {
    override deny(): never {
      throw new TypeError("oops");
    }
    override async approve(): Promise<never> {
      throw new HostFailure("append /etc/homeca/journal", "ENOSPC");
    }
  }
  const at = home(new Broken());
  const fault = await ask(at, callOf("deny", { id: PHONE }));
  const message = "HomeCA has a fault: the log's last lines say which, please report it";
  assert.deepEqual(fault, result([9, { reason: "internal-fault", message }]));
  assert.match(at.host.logged[0]!.line, /^fault in management: TypeError: oops; at /u);
  const full = await ask(at, callOf("approve", { id: PHONE }));
  const sentence =
    "the system refused (append /etc/homeca/journal: ENOSPC): free space or rights, then try again";
  assert.deepEqual(full, result([9, { reason: "host-failed", message: sentence }]));
});

test("over a real socket: mode 0600, an answer, and nothing once it is closed", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-management-"));
  const socketPath = path.join(folder, "homeca.sock");
  // No test here touches files.
  const host = nodeHost({ files: {} as unknown as Files, writeLog: () => {} });
  const server = new ManagementServer(host, socketPath, new StubService(), new Log(host, "error"));
  assert.equal(statSync(socketPath).mode & 0o777, 0o600);
  const answer = await new Promise<string>((resolve) => {
    const socket = net.connect(socketPath, () =>
      socket.write(`${JSON.stringify(callOf("crl"))}\n`),
    );
    socket.on("data", (bytes) => {
      socket.destroy();
      resolve(bytes.toString());
    });
  });
  assert.match(answer, /^\{"jsonrpc":"2\.0","id":1,"result":\[0,\{"crlPem":"CRL\\n".*\}\]\}\n$/);
  server.close();
  rmSync(folder, { recursive: true });
});

test("property: any lines are answered or end the connection; the server stays", async () => {
  const at = home();
  const likely = fc.record({
    jsonrpc: fc.constantFrom("2.0", "1.0"),
    id: fc.oneof(fc.integer(), fc.string(), fc.constant(null)),
    method: fc.constantFrom("call", "list", "x"),
    params: fc.oneof(
      fc.anything(),
      fc.tuple(
        fc.string(),
        fc.constant("homeca"),
        fc.constantFrom(...METHODS.map(({ name }) => name)),
        fc.anything(),
      ),
    ),
  });
  const line = fc.oneof(
    likely.map((value) => JSON.stringify(value)),
    fc.string({ unit: "binary" }),
    fc.json(),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 5 }), async (lines) => {
      for (const answer of await exchange(at, `${lines.join("\n")}\n`)) {
        const each = Array.isArray(answer) ? answer : [answer];
        for (const reply of each) assert.match(JSON.stringify(reply), /^\{"jsonrpc":"2\.0","id":/);
      }
    }),
  );
  assert.ok(!at.host.logged.some(({ line: text }) => text.startsWith("fault")));
});

test("names are words, each has a sentence, and what only reads has no word for changing", () => {
  assert.equal(new Set(METHODS.map(({ name }) => name)).size, METHODS.length);
  for (const { name, summary, arguments: declared } of METHODS) {
    assert.match(name, /^[a-z]+$/);
    assert.match(summary, /^[A-Z][^.]+$/);
    for (const { doc } of declared) assert.match(doc, /^[A-Z].*\.$/);
  }
  const reads = METHODS.filter(({ access }) => access === "read").map(({ name }) => name);
  assert.deepEqual(reads, [
    "status",
    "devices",
    "device",
    "rights",
    "log",
    "why",
    "pulse",
    "audit",
    "verify",
    "authority",
    "crl",
  ]);
});

test("the largest import fits into one line however it is written", () => {
  // The worst that JSON does to a character of a list that is text: a quote becomes two bytes.
  const text = '"'.repeat(MAX_IMPORT_CHARACTERS);
  assert.ok(JSON.stringify(callOf("import", { text, format: "csv" })).length <= MAX_LINE_BYTES);
});

test("an argument that was not declared cannot be asked for", () => {
  const args = new Arguments(methodNamed("approve")!.arguments, { id: PHONE });
  assert.equal(args.text("id"), PHONE);
  assert.throws(() => args.optionalText("colour"), RangeError);
  assert.throws(() => args.text("name"), RangeError);
  assert.throws(() => args.optionalWhole("id"), RangeError);
});

test("every reason has a status that is not success", () => {
  const service = new StubService();
  const failure = assert.throws(
    () => callMethod(methodNamed("deny")!, service, { id: "nobody" }),
    ManagementFailure,
  );
  assert.equal(ubusStatus(failure.reason), 4);
});
