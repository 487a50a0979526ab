/**
 * The RADIUS server's end, every signature good: datagrams of two access points,
 * answers that the input chooses, time that passes. It never throws for a
 * datagram, what it keeps is bounded, each datagram has at most one answer, which
 * is a packet with the request's Identifier.
 */
import { utf8 } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { attribute, ReplyMessage } from "../../../src/proto/radius/attributes.ts";
import { RadiusClients } from "../../../src/proto/radius/clients.ts";
import { splitEapMessage } from "../../../src/proto/radius/eap-message.ts";
import { RadiusServer } from "../../../src/proto/radius/endpoint.ts";
import type { RadiusOutput } from "../../../src/proto/radius/endpoint.ts";
import { MAX_PACKET_LENGTH, parsePacket } from "../../../src/proto/radius/packet.ts";
import type { RadiusRequest } from "../../../src/proto/radius/request.ts";
import { Choices } from "../choices.ts";
import { hold } from "../expect.ts";
import { openCrypto } from "../open-crypto.ts";

const LIMITS = { maxEntries: 6, maxResponseOctets: 1000, maxPendingPerClient: 3 };
const CLIENTS = [
  { name: "strict", prefix: "192.0.2.1", secret: utf8("secret") },
  {
    name: "lenient",
    prefix: "192.0.2.2",
    secret: utf8("secret"),
    requireMessageAuthenticator: false,
  },
];
const EAP_CODE: Readonly<Record<number, number>> = { 2: 3, 3: 4, 11: 1 };

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const clients = new RadiusClients(CLIENTS);
  const random = (length: number): Uint8Array => new Uint8Array(length);
  const server = new RadiusServer({ crypto: openCrypto, random, clients, limits: LIMITS });
  const requests: RadiusRequest[] = [];
  let now = 0;
  while (choices.left > 0) {
    const operation = choices.below(8);
    if (operation === 7) {
      now += choices.octet() * 500;
      server.handle({ kind: "timeout" }, mono(now));
    } else if (operation < 5) {
      const from = {
        address: `192.0.2.${1 + choices.below(3)}`,
        port: choices.flag() ? 5000 : 5001,
      };
      const service = choices.flag() ? "acct" : "auth";
      const datagram = choices.stretch();
      const identifier = datagram[1];
      const outputs = server.handle(
        { kind: "datagram", service, from, bytes: datagram },
        mono(now),
      );
      hold(outputs.length === 1, "each datagram has one output");
      for (const output of outputs) check(output, identifier);
      for (const output of outputs) if (output.kind === "request") requests.push(output.request);
    } else {
      const request = requests[choices.below(Math.max(1, requests.length))];
      if (request === undefined) continue;
      look(request);
      if (operation === 6) server.handle({ kind: "forget", request }, mono(now));
      else answer(server, request, choices, now);
    }
    hold(server.cached <= LIMITS.maxEntries, "the cache is bounded");
    hold(server.wakeAt === null || server.cached > 0, "nothing kept, nothing due");
  }
}

function answer(server: RadiusServer, request: RadiusRequest, choices: Choices, now: number): void {
  const code = request.code === 4 ? 5 : choices.pick([2, 3, 11] as const);
  const text = attribute(ReplyMessage, "x".repeat(1 + choices.below(200)));
  const eap = EAP_CODE[code];
  const packet = Uint8Array.of(eap ?? 0, request.eap?.[1] ?? 0, 0, 4);
  const attributes = request.eap === null || eap === undefined ? [text] : splitEapMessage(packet);
  const outputs = server.handle({ kind: "answer", request, code, attributes }, mono(now));
  hold(outputs.length <= 1, "one answer at most");
  for (const output of outputs) check(output, request.identifier);
}

function check(output: RadiusOutput, identifier: number | undefined): void {
  if (output.kind !== "send") return;
  const packet = parsePacket(output.bytes);
  hold(packet.identifier === identifier, "an answer has its request's Identifier");
  hold(output.bytes.length <= MAX_PACKET_LENGTH, "an answer is a packet");
}

/** Everything the daemon may ask of a request. */
function look(request: RadiusRequest): void {
  const { userName, callingStationId, calledStationId, framedMtu, acctStatusType } = request;
  const { nasIdentifier, nasIpAddress, nasPortType, serviceType, acctSessionId } = request;
  hold(
    [userName, callingStationId, calledStationId, nasIdentifier, nasIpAddress, acctSessionId].every(
      (text) => text === null || text.length <= 253,
    ),
    "texts are bounded",
  );
  hold(
    [framedMtu, acctStatusType, nasPortType, serviceType].every(
      (value) => value === null || (value >= 0 && value < 2 ** 32),
    ),
    "numbers are bounded",
  );
  void request.userPassword;
  void request.class;
}
