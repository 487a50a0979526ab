import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { assert, skip, test } from "#kit";
import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { mono } from "../../src/base/machine.ts";
import { Code, ContentFormat } from "../../src/proto/coap/codes.ts";
import {
  type CoapConfig,
  CoapEndpoint,
  type CoapInput,
  type CoapOutput,
} from "../../src/proto/coap/endpoint.ts";
import { encodeLinks, filterLinks, link, parseLinks } from "../../src/proto/coap/link-format.ts";
import { coapRequest, type CoapRequest } from "../../src/proto/coap/request.ts";
import { coapResponse, type CoapResponse } from "../../src/proto/coap/response.ts";
import { run } from "../interop/tls-loopback.ts";

const CLIENT = "coap-client-notls";
const SERVER = "coap-server-notls";
const KIBI_5 = Uint8Array.from({ length: 5120 }, (_, at) => 33 + ((at * 7 + (at >> 6)) % 90));

/** An endpoint for each address that speaks to a loopback port: DTLS would give it one for each association. */
class UdpCoap {
  readonly #socket = createSocket("udp4");
  readonly #endpoints = new Map<string, CoapEndpoint>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #config: Partial<CoapConfig>;
  readonly #perform: (output: Exclude<CoapOutput, { kind: "send" }>, from: string) => void;

  constructor(
    config: Partial<CoapConfig>,
    perform: (output: Exclude<CoapOutput, { kind: "send" }>, from: string) => void,
  ) {
    this.#config = config;
    this.#perform = perform;
    this.#socket.on("message", (bytes, { port }) => {
      this.handle(`${port}`, { kind: "datagram", bytes: new Uint8Array(bytes) });
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((done) => void this.#socket.bind(0, "127.0.0.1", done));
    return this.#socket.address().port;
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await new Promise<void>((done) => void this.#socket.close(() => done()));
  }

  endpoint(peer: string): CoapEndpoint {
    const known = this.#endpoints.get(peer);
    if (known !== undefined) return known;
    const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
    const made = new CoapEndpoint({ random, ...this.#config });
    this.#endpoints.set(peer, made);
    return made;
  }

  handle(peer: string, input: CoapInput): void {
    const endpoint = this.endpoint(peer);
    for (const output of endpoint.handle(input, mono(performance.now()))) {
      if (output.kind === "send") this.#socket.send(output.bytes, Number(peer), "127.0.0.1");
      else this.#perform(output, peer);
    }
    clearTimeout(this.#timers.get(peer));
    const { wakeAt } = endpoint;
    if (wakeAt === null) return;
    const delay = Math.min(Math.max(0, Math.ceil(wakeAt - performance.now())), 0x7fff_ffff);
    this.#timers.set(
      peer,
      setTimeout(() => this.handle(peer, { kind: "timeout" }), delay),
    );
  }
}

function installed(program: string): boolean {
  return spawnSync(program, ["-?"]).error === undefined;
}

if (installed(CLIENT)) judgedByClient();
else skip("our server against libcoap's client", `needs ${CLIENT}`);
if (installed(SERVER)) judgedByServer();
else skip("our client against libcoap's server", `needs ${SERVER}`);

function judgedByClient(): void {
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-coap-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const sentFile = path.join(folder, "sent");
  writeFileSync(sentFile, KIBI_5);

  const links = [
    link("/large", { ct: 42, sz: KIBI_5.length }),
    link("/clock", { rt: "clock", obs: true }),
    link("/.well-known/est/sen", { rt: "ace.est.sen", ct: "281 287" }),
    link("/.well-known/est/crts", { rt: "ace.est.crts", ct: "281 287" }),
  ];

  interface Served {
    readonly requests: CoapRequest[];
    readonly ended: string[];
  }

  /** What a home would serve, in little. `/clock` tells three times, 50 ms apart. */
  function served(request: CoapRequest, stored: { body: Uint8Array }): CoapResponse | "late" {
    const where = `${request.method} /${request.path.join("/")}`;
    switch (where) {
      case "GET /hello":
        return coapResponse(Code.CONTENT, { payload: utf8("hello"), contentFormat: 0 });
      case "GET /late":
        return "late";
      case "GET /large":
        return coapResponse(Code.CONTENT, { payload: KIBI_5, contentFormat: 42 });
      case "PUT /store":
        stored.body = request.payload;
        return coapResponse(Code.CHANGED);
      case "POST /echo":
        return coapResponse(Code.CHANGED, { payload: request.payload });
      case "GET /clock":
        return coapResponse(Code.CONTENT, { payload: utf8("tick 0\n"), maxAge: 60 });
      case "GET /.well-known/core": {
        const payload = encodeLinks(filterLinks(links, request.query));
        return coapResponse(Code.CONTENT, { payload, contentFormat: ContentFormat.LINK_FORMAT });
      }
      default:
        return coapResponse(Code.NOT_FOUND);
    }
  }

  /** Runs the client with these words against a server of ours. */
  async function client(
    words: readonly string[],
    resource: string,
    config: Partial<CoapConfig> = {},
  ): Promise<{ readonly text: string; readonly stored: Uint8Array } & Served> {
    const requests: CoapRequest[] = [];
    const ended: string[] = [];
    const stored = { body: new Uint8Array() };
    const udp = new UdpCoap(config, (output, peer) => {
      if (output.kind === "observation-ended") ended.push(output.reason);
      if (output.kind !== "request") return;
      const { exchange, request } = output;
      requests.push(request);
      const response = served(request, stored);
      if (response === "late") {
        const late = coapResponse(Code.CONTENT, { payload: utf8("late") });
        setTimeout(() => udp.handle(peer, { kind: "respond", exchange, response: late }), 1300);
        return;
      }
      udp.handle(peer, { kind: "respond", exchange, response, observe: true });
      if (request.observe !== "register") return;
      for (let tick = 1; tick <= 3; tick++) {
        const news = coapResponse(Code.CONTENT, { payload: utf8(`tick ${tick}\n`), maxAge: 60 });
        const notify = { kind: "notify", observation: exchange, response: news } as const;
        setTimeout(() => udp.handle(peer, notify), 50 * tick);
      }
    });
    const port = await udp.listen();
    try {
      const { text } = await run(CLIENT, [...words, `coap://127.0.0.1:${port}${resource}`], []);
      // What it sent last may still be in the socket.
      await new Promise((done) => void setTimeout(done, 100));
      return { text, stored: stored.body, requests, ended };
    } finally {
      await udp.stop();
    }
  }

  const got = (name: string): string => path.join(folder, name);

  test(`${CLIENT}: GET, confirmable and not`, async () => {
    for (const words of [[], ["-N"]]) {
      const { text, requests } = await client([...words, "-B", "10"], "/hello");
      assert.equal(text, "hello\n");
      assert.deepEqual(requests, [coapRequest("GET", ["hello"])]);
    }
  });

  test(`${CLIENT}: a separate response after more than ACK_TIMEOUT / 2`, async () => {
    const { text, requests } = await client(["-B", "10"], "/late");
    assert.equal(text, "late\n");
    assert.equal(requests.length, 1);
  });

  test(`${CLIENT}: what is not there is 4.04, an unknown critical option 4.02`, async () => {
    const missing = await client(["-B", "10"], "/missing");
    assert.match(missing.text, /4\.04/);
    const option = await client(["-B", "10", "-O", "2049,x"], "/hello");
    assert.match(option.text, /4\.02 option 2049/);
    assert.deepEqual(option.requests, []);
  });

  for (const size of [64, 512, 1024]) {
    test(`${CLIENT}: GET of 5 KiB by Block2, in blocks of ${size} where it asks`, async () => {
      const file = got(`get-${size}`);
      const { requests } = await client(["-B", "20", "-b", `${size}`, "-o", file], "/large");
      assert.deepEqual(new Uint8Array(readFileSync(file)), KIBI_5);
      assert.equal(requests.length, 1);
    });

    test(`${CLIENT}: PUT of 5 KiB by Block1, in blocks of ${size}`, async () => {
      const words = ["-B", "20", "-m", "put", "-b", `${size}`, "-f", sentFile];
      const { stored, requests } = await client(words, "/store");
      assert.deepEqual(stored, KIBI_5);
      assert.equal(requests.length, 1);
    });
  }

  test(`${CLIENT}: GET of 5 KiB without a word about blocks`, async () => {
    const file = got("get");
    await client(["-B", "20", "-o", file], "/large");
    assert.deepEqual(new Uint8Array(readFileSync(file)), KIBI_5);
  });

  test(`${CLIENT}: POST of 5 KiB that is answered by 5 KiB`, async () => {
    const file = got("echo");
    const words = ["-B", "20", "-m", "post", "-b", "256", "-f", sentFile, "-o", file];
    const { requests } = await client(words, "/echo");
    assert.deepEqual(new Uint8Array(readFileSync(file)), KIBI_5);
    assert.equal(requests.length, 1);
  });

  test(`${CLIENT}: a body above the bound is 4.13`, async () => {
    const words = ["-B", "20", "-m", "put", "-b", "512", "-f", sentFile];
    const { text, requests } = await client(words, "/store", { limits: { maxBodyOctets: 4096 } });
    assert.match(text, /4\.13/);
    assert.deepEqual(requests, []);
  });

  test(`${CLIENT}: an observation, three notifications, and its end`, async () => {
    const { text, requests, ended } = await client(["-B", "10", "-s", "2"], "/clock");
    assert.match(text, /tick 0\s+tick 1\s+tick 2\s+tick 3/);
    const wishes = requests.map(({ observe }) => observe);
    assert.deepEqual(wishes, ["register", "deregister"]);
    assert.deepEqual(ended, ["deregistered"]);
  });

  test(`${CLIENT}: a third of its datagrams lost, and one response all the same`, async () => {
    const file = got("lossy");
    const words = ["-B", "60", "-m", "put", "-b", "1024", "-l", "2,5", "-f", sentFile, "-o", file];
    const { stored, requests } = await client(words, "/store");
    assert.deepEqual(stored, KIBI_5);
    assert.equal(requests.length, 1);
  });

  test(`${CLIENT}: /.well-known/core, whole and by filter`, async () => {
    const whole = await client(["-B", "10"], "/.well-known/core");
    assert.deepEqual(parseLinks(utf8(whole.text.trim())), links);
    const some = await client(["-B", "10"], "/.well-known/core?rt=ace.est*");
    assert.deepEqual(parseLinks(utf8(some.text.trim())), links.slice(2));
  });

  test(`${CLIENT}: a ping is answered`, async () => {
    // With -K the client pings after a second without traffic and would give the session up.
    const { text, ended } = await client(["-B", "10", "-K", "1", "-s", "4", "-v", "7"], "/clock");
    assert.match(text, /t:CON c:0\.00 i:([0-9a-f]+) [^]*t:RST c:0\.00 i:\1 /);
    assert.deepEqual(ended, ["deregistered"]);
  });
}

function judgedByServer(): void {
  /** Runs libcoap's server on a port of its own, and asks it one thing after another. */
  async function withServer(
    config: Partial<CoapConfig>,
    body: (ask: (input: CoapInput, outputs: number) => Promise<CoapOutput[]>) => Promise<void>,
  ): Promise<void> {
    let outputs: CoapOutput[] = [];
    let heard: () => void = () => {};
    // Retransmission bridges the time until the server listens.
    const udp = new UdpCoap({ transmission: { ackTimeoutMs: 300 }, ...config }, (output) => {
      outputs.push(output);
      heard();
    });
    await udp.listen();
    const port = await freePort();
    const words = ["-A", "127.0.0.1", "-p", `${port}`, "-d", "10"];
    const server = spawn(SERVER, words, { stdio: "ignore" });
    try {
      await body(async (input, count) => {
        outputs = [];
        const over = new Promise<void>((done) => {
          heard = (): void => {
            if (outputs.length >= count) done();
          };
        });
        udp.handle(`${port}`, input);
        heard();
        await over;
        return outputs;
      });
    } finally {
      server.kill("SIGKILL");
      await udp.stop();
    }
  }

  /** The responses to these requests, each asked when the one before is answered. */
  async function ask(
    requests: readonly CoapRequest[],
    config: Partial<CoapConfig> = {},
  ): Promise<CoapResponse[]> {
    const responses: CoapResponse[] = [];
    await withServer(config, async (one) => {
      for (const [id, request] of requests.entries()) {
        const [output] = await one({ kind: "request", id, request }, 1);
        if (output?.kind !== "response") assert.fail(`${output?.kind} and no response`);
        responses.push(output.response);
      }
    });
    return responses;
  }

  async function freePort(): Promise<number> {
    const socket = createSocket("udp4");
    await new Promise<void>((done) => void socket.bind(0, "127.0.0.1", done));
    const { port } = socket.address();
    await new Promise<void>((done) => void socket.close(() => done()));
    return port;
  }

  test(`${SERVER}: GET of / and of what is not there`, async () => {
    const [root, missing] = await ask([coapRequest("GET", []), coapRequest("GET", ["missing"])]);
    assert.equal(root?.code, Code.CONTENT);
    assert.match(fromUtf8(root!.payload) ?? "", /libcoap/);
    assert.equal(missing?.code, Code.NOT_FOUND);
  });

  test(`${SERVER}: a separate response`, async () => {
    const query = ["2"];
    const [late] = await ask([coapRequest("GET", ["async"], { query })]);
    assert.equal(late?.code, Code.CONTENT);
  });

  test(`${SERVER}: 5 KiB put by Block1, read back by Block2, in blocks of 512 and of 64`, async () => {
    for (const blockSize of [512, 64] as const) {
      const put = coapRequest("PUT", ["body"], { payload: KIBI_5, contentFormat: 42 });
      const get = coapRequest("GET", ["body"]);
      const [created, read] = await ask([put, get], { blockSize });
      assert.equal(created?.code, Code.CREATED);
      assert.deepEqual(read?.payload, KIBI_5);
    }
  });

  test(`${SERVER}: /.well-known/core is a list of links`, async () => {
    const request = coapRequest("GET", [".well-known", "core"]);
    const [core] = await ask([request]);
    assert.equal(core?.contentFormat, ContentFormat.LINK_FORMAT);
    const found = filterLinks(parseLinks(core!.payload), ["href=/time"]);
    assert.equal(found.length, 1);
  });

  test(`${SERVER}: an observation of its clock, until it is cancelled`, async () => {
    await withServer({}, async (one) => {
      const request = coapRequest("GET", ["time"], { observe: "register" });
      const told = await one({ kind: "request", id: 1, request }, 3);
      assert.deepEqual(
        told.map(({ kind }) => kind),
        ["notification", "notification", "notification"],
      );
      const quiet = await one({ kind: "cancel", id: 1 }, 0);
      // The clock would tell each second.
      await new Promise((done) => void setTimeout(done, 1500));
      assert.ok(quiet.every(({ kind }) => kind === "discarded"));
      const after = await one({ kind: "request", id: 2, request: coapRequest("GET", []) }, 1);
      assert.deepEqual(
        after.map(({ kind }) => kind),
        ["response"],
      );
    });
  });
}
