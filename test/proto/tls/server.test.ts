import { assert, providers, test } from "#kit";
import { hex, toHex } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { TlsServer } from "../../../src/proto/tls/server.ts";
import type { TlsOutput, TlsVersion } from "../../../src/proto/tls/server.ts";
import { extension, honestExtensions, ScriptedClient, serverConfig } from "../../kit/tls-client.ts";
import { Wire13 } from "../../kit/tls13-client.ts";

const [noble] = providers;
const SENTINEL = "444f574e47524401";

/** What a server says to a TLS 1.2 client's hello, and the random it says it with. */
function answer(versions: readonly TlsVersion[], offered: readonly number[]): string {
  const client = new ScriptedClient(noble!, {
    extensions: [...honestExtensions(), extension.versions(offered)],
  });
  const server = new TlsServer(serverConfig(noble!, { versions }));
  const outputs = server.handle({ kind: "bytes", bytes: client.clientHello() }, mono(0));
  const failed = outputs.find((output) => output.kind === "failed");
  if (failed !== undefined) return failed.failure.reason;
  return toHex(sent(outputs).subarray(11 + 24, 11 + 32));
}

function sent(outputs: readonly TlsOutput[]): Uint8Array {
  return outputs.find((output) => output.kind === "send")?.bytes ?? new Uint8Array();
}

const BOTH = ["TLS 1.2", "TLS 1.3"] as const;

test("TLS 1.2 from a server of both carries the downgrade sentinel", () => {
  assert.equal(answer(BOTH, [0x0303]), SENTINEL);
  assert.notEqual(answer(["TLS 1.2"], [0x0303]), SENTINEL);
});

test("TLS 1.2 from a server of 1.2 alone, whatever else is offered", () => {
  assert.equal(answer(["TLS 1.2"], [0x0304, 0x0303]).length, 16);
});

test("a version that is not spoken is refused", () => {
  assert.equal(answer(["TLS 1.3"], [0x0303]), "version-unsupported");
  assert.equal(answer(["TLS 1.2"], [0x0304]), "version-unsupported");
  assert.equal(answer(BOTH, [0x0302]), "version-unsupported");
});

test("who offers TLS 1.3 gets it, and is judged by its rules", () => {
  // The hello is one of TLS 1.2 but for the version: it has no suite of 1.3.
  assert.equal(answer(BOTH, [0x0303, 0x0304]), "no-common-suite");
});

test("the hello may come octet by octet", () => {
  const wire = new Wire13(serverConfig(noble!));
  const hello = wire.helloRecord();
  for (const octet of hello) wire.give(Uint8Array.of(octet));
  wire.give(wire.record(22, wire.finished()));
  assert.equal(wire.session?.version, "TLS 1.3");
});

test("the hello may come in several records", () => {
  const wire = new Wire13(serverConfig(noble!));
  const hello = wire.helloRecord().subarray(5);
  wire.give(wire.plain(22, hello.subarray(0, 3)));
  wire.give(wire.plain(22, hello.subarray(3, 60)), wire.plain(22, hello.subarray(60)));
  wire.give(wire.record(22, wire.finished()));
  assert.equal(wire.session?.version, "TLS 1.3");
});

for (const [name, bytes, reason] of [
  ["no TLS", "474554202f20485454502f312e310d0a", "unknown-record-type"],
  ["an empty record", "1603010000", "empty-record"],
  ["an alert", "15030100020228", "peer-alert"],
  ["application data", "170301000100", "unexpected-application-data"],
  ["a message that is no hello", "16030100040e000000", "unexpected-message"],
  ["a hello cut off inside", "160301000501000001ff", "malformed-message"],
] as const) {
  test(`a stream that begins with ${name} is refused by TLS 1.2`, () => {
    const server = new TlsServer(serverConfig(noble!));
    const outputs = server.handle({ kind: "bytes", bytes: hex(bytes) }, mono(0));
    const last = outputs.at(-1);
    assert.equal(last?.kind === "failed" ? last.failure.reason : last?.kind, reason);
    assert.deepEqual(server.handle({ kind: "bytes", bytes: hex(bytes) }, mono(0)), []);
  });
}

test("closing before the hello is answered in order", () => {
  const server = new TlsServer(serverConfig(noble!));
  assert.equal(server.handle({ kind: "close" }, mono(0)).at(-1)?.kind, "closed");
});

test("a configuration that no client could be served with is refused", () => {
  for (const change of [{ versions: [] }, { suites13: [] }, { certificates: [] }]) {
    assert.throws(() => new TlsServer(serverConfig(noble!, change)), RangeError);
  }
});
