/**
 * What others make of our RADIUS: FreeRADIUS' radclient over real UDP, hostapd's
 * dynamic authorization server, and the npm package `radius` in both directions.
 */
import { spawn, spawnSync } from "node:child_process";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { assert, providers, seeded, skip, test } from "#kit";
import { utf8 } from "../../src/base/bytes.ts";
import { mono, unix } from "../../src/base/machine.ts";
import {
  attribute,
  CallingStationId,
  ChargeableUserIdentity,
  Class,
  NasIpAddress,
  ReplyMessage,
  SessionTimeout,
  TerminationAction,
  UserName,
  UserPassword,
  vlanAttributes,
} from "../../src/proto/radius/attributes.ts";
import { requestHolds, sealAccessRequest } from "../../src/proto/radius/authenticator.ts";
import { RadiusClients } from "../../src/proto/radius/clients.ts";
import { DisconnectClient, type DisconnectOutput } from "../../src/proto/radius/das.ts";
import { type RadiusInput, RadiusServer } from "../../src/proto/radius/endpoint.ts";
import { sealUserPassword } from "../../src/proto/radius/hidden.ts";
import {
  ACCESS_ACCEPT,
  ACCESS_REJECT,
  ACCOUNTING_REQUEST,
  ACCOUNTING_RESPONSE,
  encodePacket,
  parsePacket,
} from "../../src/proto/radius/packet.ts";
import type { RadiusRequest, RadiusService } from "../../src/proto/radius/request.ts";
import { LOGIN_REQUEST } from "../vectors/radius/packets.ts";

const crypto = providers.at(-1)!;
const SECRET = "the secret of a test on loopback";
const KEYS = { recv: seeded("recv")(32), send: seeded("send")(32) };

/** What decides in place of the daemon. */
type Decide = (
  request: RadiusRequest,
) => Omit<RadiusInput & { kind: "answer" }, "kind" | "request">;

const accept: Decide = (request) =>
  request.service === "acct"
    ? { code: ACCOUNTING_RESPONSE, attributes: [] }
    : {
        code: ACCESS_ACCEPT,
        attributes: [
          attribute(ReplyMessage, `hello ${request.userName}`),
          attribute(Class, utf8("class")),
          attribute(SessionTimeout, 3600),
          attribute(TerminationAction, 1),
          attribute(ChargeableUserIdentity, utf8("handle")),
          ...vlanAttributes(42),
        ],
        keys: KEYS,
        tunnelPassword: utf8("correct horse"),
      };

function has(program: string): boolean {
  return spawnSync("which", [program]).status === 0;
}

function machine(): RadiusServer {
  const clients = new RadiusClients([{ name: "loop", prefix: "127.0.0.1", secret: utf8(SECRET) }]);
  return new RadiusServer({ crypto, random: seeded("salts"), clients });
}

async function bind(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

/** A server machine behind a socket, as the daemon will run it. */
async function serve(
  service: RadiusService,
  decide: Decide,
): Promise<{ socket: Socket; server: RadiusServer }> {
  const socket = await bind();
  const server = machine();
  const now = (): ReturnType<typeof mono> => mono(performance.now());
  const carryOut = (input: RadiusInput): void => {
    for (const output of server.handle(input, now())) {
      if (output.kind === "send") socket.send(output.bytes, output.to.port, output.to.address);
      if (output.kind === "request") {
        carryOut({ kind: "answer", request: output.request, ...decide(output.request) });
      }
    }
  };
  socket.on("message", (bytes: Buffer, { address, port }: RemoteInfo) => {
    const copy = new Uint8Array(bytes);
    carryOut({ kind: "datagram", service, from: { address, port }, bytes: copy });
  });
  return { socket, server };
}

/** What radclient prints and how it ends. */
async function radclient(
  port: number,
  command: string,
  attributes: string,
  secret = SECRET,
): Promise<{ status: number; text: string }> {
  const options = ["-x", "-r", "1", "-t", "2", `127.0.0.1:${port}`, command, secret];
  const child = spawn("radclient", options, { stdio: ["pipe", "pipe", "pipe"] });
  let text = "";
  child.stdout.on("data", (part: Buffer) => (text += part.toString()));
  child.stderr.on("data", (part: Buffer) => (text += part.toString()));
  child.stdin.end(attributes);
  await once(child, "close");
  return { status: child.exitCode ?? -1, text };
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

if (has("radclient")) {
  test("radclient accepts an Access-Accept, opens its keys and reads its VLAN", async () => {
    let password: Uint8Array | null = null;
    const { socket } = await serve("auth", (request) => {
      password = request.userPassword;
      return accept(request);
    });
    const { status, text } = await radclient(
      socket.address().port,
      "auth",
      'User-Name = "nemo", User-Password = "arctangent", Chargeable-User-Identity = 0x00, Message-Authenticator = 0x00\n',
    );
    socket.close();
    assert.equal(status, 0, text);
    assert.deepEqual(password, utf8("arctangent"));
    for (const line of [
      /Received Access-Accept/,
      /Reply-Message = "hello nemo"/,
      /Class = 0x636c617373/,
      /Session-Timeout = 3600/,
      /Termination-Action = RADIUS-Request/,
      /Tunnel-Type:0 = VLAN/,
      /Tunnel-Medium-Type:0 = IEEE-802/,
      /Tunnel-Private-Group-Id:0 = "42"/,
      /Tunnel-Password:0 = "correct horse"/,
      /Chargeable-User-Identity = 0x68616e646c65/,
      new RegExp(`MS-MPPE-Recv-Key = 0x${hexOf(KEYS.recv)}`),
      new RegExp(`MS-MPPE-Send-Key = 0x${hexOf(KEYS.send)}`),
    ]) {
      assert.match(text, line);
    }
  });

  test("radclient accepts an Access-Reject", async () => {
    const { socket } = await serve("auth", () => ({ code: ACCESS_REJECT, attributes: [] }));
    const attributes = 'User-Name = "nemo", Message-Authenticator = 0x00\n';
    const { status, text } = await radclient(socket.address().port, "auth", attributes);
    socket.close();
    assert.equal(status, 1);
    assert.match(text, /Received Access-Reject/);
  });

  test("radclient accepts an Accounting-Response", async () => {
    const { socket, server } = await serve("acct", accept);
    const attributes = 'Acct-Status-Type = Start, Acct-Session-Id = "0123"\n';
    const { status, text } = await radclient(socket.address().port, "acct", attributes);
    socket.close();
    assert.equal(status, 0, text);
    assert.match(text, /Received Accounting-Response/);
    assert.equal(server.counters.requests, 1);
  });

  for (const [service, answer] of [
    ["auth", /Received Access-Accept/],
    ["acct", /Received Accounting-Response/],
  ] as const) {
    test(`radclient accepts the answer to Status-Server on the ${service} port`, async () => {
      const { socket } = await serve(service, accept);
      const attributes = "Message-Authenticator = 0x00\n";
      const { status, text } = await radclient(socket.address().port, "status", attributes);
      socket.close();
      assert.equal(status, 0, text);
      assert.match(text, answer);
    });
  }

  test("radclient with another secret hears nothing", async () => {
    const { socket, server } = await serve("auth", accept);
    const attributes = 'User-Name = "nemo", Message-Authenticator = 0x00\n';
    const { status, text } = await radclient(socket.address().port, "auth", attributes, "another");
    socket.close();
    assert.equal(status, 1);
    assert.match(text, /No reply/);
    assert.ok(server.counters.discarded["wrong-message-authenticator"] > 0);
  });
} else {
  skip("radclient accepts our answers", "needs radclient");
}

/** A hostapd that serves nobody but answers Disconnect-Requests for the NAS "attic-ap". */
async function hostapd(port: number): Promise<{ stop: () => Promise<void> }> {
  const folder = mkdtempSync(path.join(tmpdir(), "radius-das-"));
  const config = path.join(folder, "hostapd.conf");
  const lines = [
    "interface=lo",
    "driver=none",
    "ieee8021x=1",
    "own_ip_addr=127.0.0.1",
    "nas_identifier=attic-ap",
    // Never asked: there is no station. Without a server hostapd does not start.
    "auth_server_addr=127.0.0.1",
    "auth_server_shared_secret=unused",
    `radius_das_port=${port}`,
    `radius_das_client=127.0.0.1 ${SECRET}`,
    "radius_das_require_event_timestamp=1",
    "radius_das_require_message_authenticator=1",
  ];
  writeFileSync(config, lines.join("\n"));
  const child = spawn("hostapd", [config], { stdio: ["ignore", "pipe", "ignore"] });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.kill()) await once(child, "close");
    rmSync(folder, { recursive: true });
  };
  let text = "";
  const started = new Promise<boolean>((resolve) => {
    child.stdout.on("data", (part: Buffer) => {
      text += part.toString();
      if (text.includes("AP-ENABLED")) resolve(true);
    });
    child.on("close", () => resolve(false));
  });
  if (await started) return { stop };
  await stop();
  throw new Error(`hostapd did not start: ${text}`);
}

/** Runs one Disconnect-Request to its end over UDP. */
async function disconnect(port: number, nasIdentifier: string): Promise<DisconnectOutput> {
  const client = new DisconnectClient(crypto);
  const socket = await bind();
  const now = (): ReturnType<typeof mono> => mono(performance.now());
  const seconds = unix(Math.floor(Date.now() / 1000));
  const to = { address: "127.0.0.1", port, secret: utf8(SECRET) };
  const session = { nasIdentifier, callingStationId: "02:00:00:00:00:01" };
  const start = { kind: "disconnect", token: "t", to, session, unixTime: seconds } as const;
  const [request] = client.handle(start, now());
  assert.ok(request?.kind === "send");
  const answered = once(socket, "message", { signal: AbortSignal.timeout(5000) });
  socket.send(request.bytes, port, "127.0.0.1");
  // once() promises the arguments of the event without their types.
  const [bytes, from] = (await answered) as [Buffer, RemoteInfo];
  socket.close();
  const [outcome] = client.handle({ kind: "datagram", from, bytes: new Uint8Array(bytes) }, now());
  return outcome!;
}

if (has("hostapd")) {
  test("hostapd believes a Disconnect-Request and we its refusals: no such session, not this NAS", async () => {
    const probe = await bind();
    const { port } = probe.address();
    probe.close();
    const { stop } = await hostapd(port);
    try {
      const gone = await disconnect(port, "attic-ap");
      assert.deepEqual(gone, { kind: "refused", token: "t", errorCause: 503 });
      const elsewhere = await disconnect(port, "cellar-ap");
      assert.deepEqual(elsewhere, { kind: "refused", token: "t", errorCause: 403 });
    } finally {
      await stop();
    }
  });
} else {
  skip("hostapd believes a Disconnect-Request", "needs hostapd");
}

/** The part of the npm package `radius` used here. */
interface Oracle {
  decode(from: { packet: Buffer; secret: string }): Decoded;
  encode(packet: {
    code: string;
    secret: string;
    identifier: number;
    attributes: readonly (readonly [string, unknown])[];
    add_message_authenticator?: boolean;
  }): Buffer;
  encode_response(from: { packet: Decoded; code: string; secret: string }): Buffer;
  verify_response(from: { request: Buffer; response: Uint8Array; secret: string }): boolean;
}

interface Decoded {
  readonly code: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

// The package ships no types.
const oracle = createRequire(import.meta.url)("radius") as Oracle;

test("npm radius reads the Access-Request we write", () => {
  const authenticator = seeded("authenticator")(16);
  const sealing = { crypto, secret: utf8(SECRET), requestAuthenticator: authenticator };
  const bytes = sealAccessRequest(crypto, utf8(SECRET), {
    code: 1,
    identifier: 7,
    authenticator,
    attributes: [
      attribute(UserName, "nemo"),
      attribute(UserPassword, sealUserPassword(sealing, utf8("arctangent is over sixteen octets"))),
      attribute(NasIpAddress, "192.168.1.16"),
      attribute(CallingStationId, "02-00-00-00-00-01"),
      ...vlanAttributes(42),
    ],
  });
  const { code, attributes } = oracle.decode({ packet: Buffer.from(bytes), secret: SECRET });
  assert.equal(code, "Access-Request");
  assert.equal(attributes["User-Name"], "nemo");
  assert.equal(attributes["User-Password"], "arctangent is over sixteen octets");
  assert.equal(attributes["NAS-IP-Address"], "192.168.1.16");
  assert.equal(attributes["Calling-Station-Id"], "02-00-00-00-00-01");
  assert.deepEqual(attributes["Tunnel-Type"], [0, "VLAN"]);
  assert.deepEqual(attributes["Tunnel-Private-Group-Id"], [0, "42"]);
});

test("we hear the Access-Request npm radius writes, and it believes our answer", () => {
  const server = machine();
  const request = oracle.encode({
    code: "Access-Request",
    secret: SECRET,
    identifier: 9,
    attributes: [
      ["User-Name", "nemo"],
      ["User-Password", "arctangent"],
      ["NAS-Identifier", "attic-ap"],
    ],
    add_message_authenticator: true,
  });
  const from = { address: "127.0.0.1", port: 5000 };
  const bytes = new Uint8Array(request);
  const [heard] = server.handle({ kind: "datagram", service: "auth", from, bytes }, mono(0));
  assert.ok(heard?.kind === "request");
  assert.deepEqual(
    [heard.request.userName, heard.request.userPassword, heard.request.nasIdentifier],
    ["nemo", utf8("arctangent"), "attic-ap"],
  );
  const answer = { kind: "answer", request: heard.request, ...accept(heard.request) } as const;
  const [sent] = server.handle(answer, mono(1));
  assert.ok(sent?.kind === "send");
  assert.ok(oracle.verify_response({ request, response: Buffer.from(sent.bytes), secret: SECRET }));
  const changed = Buffer.from(sent.bytes);
  changed[changed.length - 1]! ^= 1;
  assert.ok(!oracle.verify_response({ request, response: changed, secret: SECRET }));
});

test("npm radius and we agree on the Accounting-Request's authenticator", () => {
  const request = oracle.encode({
    code: "Accounting-Request",
    secret: SECRET,
    identifier: 3,
    attributes: [
      ["Acct-Status-Type", "Start"],
      ["Acct-Session-Id", "0123"],
    ],
  });
  const packet = parsePacket(new Uint8Array(request));
  assert.equal(packet.code, ACCOUNTING_REQUEST);
  assert.ok(requestHolds(crypto, utf8(SECRET), packet));
  assert.deepEqual(encodePacket(packet), new Uint8Array(request));
});

test("npm radius reads RFC 2865 §7.1 as we do", () => {
  const { attributes } = oracle.decode({ packet: Buffer.from(LOGIN_REQUEST), secret: "xyzzy5461" });
  assert.equal(attributes["User-Password"], "arctangent");
});
