/** docs/vectors/device-api.json: the device API's resources, and each of its bodies by example. */
import { fromBase64Url, hex, toHex, Writer } from "../../src/base/bytes.ts";
import { homeProof, setupProof } from "../../src/policy/admission/setup.ts";
import { RESOURCES } from "../../src/policy/devices/index.ts";
import {
  API_VERSION,
  AUTHORITY_ID_LENGTH,
  encodeAdoptionAnswer,
  encodeAdoptionRequest,
  encodeAdoptionStanding,
  encodeHomeFacts,
  encodeLiveAnswer,
  encodeLiveReport,
  encodeReleaseRequest,
  encodeReleaseStanding,
  FEATURES,
} from "../../src/policy/devices/messages.ts";
import type {
  AdoptionAnswer,
  AdoptionRequest,
  HomeFacts,
  LiveAnswer,
  LiveReport,
} from "../../src/policy/devices/messages.ts";
import type { Audience } from "../../src/policy/devices/resource.ts";
import { Code, codeText, ContentFormat } from "../../src/proto/coap/codes.ts";
import { encodeLinks, link } from "../../src/proto/coap/link-format.ts";
import { encodeMessage } from "../../src/proto/coap/message.ts";
import type { Message } from "../../src/proto/coap/message.ts";
import { coapRequest, observeOption, requestOptions } from "../../src/proto/coap/request.ts";
import { coapResponse, responseOptions } from "../../src/proto/coap/response.ts";
import { spkiHash } from "../../src/proto/x509/certificate.ts";
import { encodePublicKey } from "../../src/proto/x509/key.ts";
import {
  CODE,
  EXPORTER,
  FIRST_KEY,
  HOME_KEY_HASH,
  IDENTITY,
  makeHome,
  revocationList,
} from "./home.ts";
import { crypto, diagnostic, label, NOW, plain } from "./labels.ts";

const DAY = 86_400;

export function deviceApi(): object {
  return {
    protocol: `HomeCA device API, version ${API_VERSION}`,
    inputs:
      "Octets are SHA-256 of an ASCII text, \"homeca vector \" and a name: device id, spki (S, the home's key hash), exporter, firmware. The setup code is K7QP2M4X9RTDH3VN, the device's key D of key-update.json. Octets are in hexadecimal.",
    resources: RESOURCES.flatMap(resourceRows),
    cases: cases(),
    messages: messages(),
    list: list(),
  };
}

const WHO: Readonly<Record<Audience, string>> = {
  anyone: "any proved key",
  newcomer: "the first key",
  member: "a certificate",
  leaving: "a certificate, or one that was released",
};

function resourceRows({ path, methods, formats, observable, type }: (typeof RESOURCES)[number]) {
  return Object.entries(methods).map(([method, served]) => ({
    path: `/${path.join("/").replace("*", "<ticket>")}`,
    method,
    who: WHO[served.audience],
    formats,
    observable: observable && method === "GET",
    type,
  }));
}

function cases(): object[] {
  const { deviceId, name, type, model } = IDENTITY;
  const hash = crypto.digest("sha256", encodePublicKey(FIRST_KEY.publicKey));
  const home: HomeFacts = {
    version: API_VERSION,
    features: FEATURES,
    time: NOW,
    windowSeconds: 10 * DAY,
    releaseSeconds: 20 * DAY,
    authority: hex(spkiHash(makeHome().root.certificate.spki, crypto)).subarray(
      0,
      AUTHORITY_ID_LENGTH,
    ),
  };
  const asking: AdoptionRequest = {
    ...{ deviceId, name, type, model, passive: false },
    releaseToken: null,
    mudUrl: "https://example.com/lamp3.json",
    proof: fromBase64Url(setupProof(crypto, CODE, hash)),
  };
  const least: AdoptionRequest = {
    ...{ deviceId, name: null, type, model: null, passive: false },
    ...{ releaseToken: null, mudUrl: null, proof: null },
  };
  const shown: AdoptionAnswer = { proof: homeProof(crypto, CODE, HOME_KEY_HASH, EXPORTER) };
  const report: LiveReport = {
    uptimeSeconds: 93_784,
    firmware: label("firmware"),
    crlNumber: NOW - DAY,
  };
  const told: LiveAnswer = {
    time: NOW,
    windowSeconds: 10 * DAY,
    releaseSeconds: 20 * DAY,
    periodSeconds: DAY,
    crlNumber: NOW,
    renew: false,
    locked: false,
  };
  const nonce = { nonce: label("release nonce").slice(0, 16), leaves: false };
  const owned = { theftLock: false, released: false };
  return [
    body("home-facts", "answer of GET /h", home, encodeHomeFacts(home)),
    body(
      "home-facts-without-time",
      "the same of a home that does not know the time",
      { ...home, time: null },
      encodeHomeFacts({ ...home, time: null }),
    ),
    body("adoption-request", "POST /h/adopt", asking, encodeAdoptionRequest(asking)),
    body(
      "adoption-request-least",
      "POST /h/adopt of a device that says as little as it may",
      least,
      encodeAdoptionRequest(least),
    ),
    body(
      "adoption-answer",
      "its answer, with the home's proof",
      shown,
      encodeAdoptionAnswer(shown),
    ),
    body(
      "adoption-answer-bare",
      "its answer where no code was proved",
      { proof: null },
      encodeAdoptionAnswer({ proof: null }),
    ),
    body(
      "adoption-pending",
      "answer of GET /h/adopt/<ticket>: wait",
      "pending",
      encodeAdoptionStanding("pending"),
    ),
    body(
      "adoption-approved",
      "answer of GET /h/adopt/<ticket>: go on",
      "approved",
      encodeAdoptionStanding("approved"),
    ),
    body("live-report", "POST /h/live", report, encodeLiveReport(report)),
    body("live-answer", "its answer", told, encodeLiveAnswer(told)),
    body("release-request", "POST /h/rel: a nonce", nonce, encodeReleaseRequest(nonce)),
    body("release-standing", "its answer, and that of GET", owned, encodeReleaseStanding(owned)),
  ];
}

function body(name: string, what: string, fields: unknown, bytes: Uint8Array): object {
  return { name, what, fields: plain(fields), diagnostic: diagnostic(bytes), hex: toHex(bytes) };
}

const TOKEN = hex("4a");
const TICKET = "ab2cd3ef4gh5ij6k";

/** Whole CoAP messages, as they are inside DTLS. */
function messages(): object[] {
  const { CBOR, PKCS10 } = ContentFormat;
  const pending = coapResponse(Code.CONTENT, {
    contentFormat: CBOR,
    maxAge: 30,
    payload: encodeAdoptionStanding("pending"),
  });
  const created = coapResponse(Code.CREATED, {
    contentFormat: CBOR,
    locationPath: ["h", "adopt", TICKET],
    payload: encodeAdoptionAnswer({ proof: null }),
  });
  return [
    asked("get-home", "GET /h", 0x0101, coapRequest("GET", ["h"])),
    answered("adoption-created", "2.01 of POST /h/adopt, with the ticket's path", 0x0102, created),
    asked(
      "observe-adoption",
      "GET /h/adopt/<ticket>, observed",
      0x0103,
      coapRequest("GET", ["h", "adopt", TICKET], { observe: "register" }),
    ),
    answered("adoption-waits", "2.05 of it, without the Observe option", 0x0103, pending),
    asked(
      "enrol-head",
      "POST /.well-known/est/sen, its body left out",
      0x0104,
      coapRequest("POST", [".well-known", "est", "sen"], { contentFormat: PKCS10 }),
    ),
    {
      name: "links",
      what: "body of GET /.well-known/core?rt=homeca*",
      hex: toHex(
        encodeLinks(
          RESOURCES.flatMap(({ path, type, formats, observable }) =>
            type?.startsWith("homeca") === true
              ? [
                  link(`/${path.join("/")}`, {
                    rt: type,
                    ct: formats.join(" "),
                    ...(observable ? { obs: true as const } : {}),
                  }),
                ]
              : [],
          ),
        ),
      ),
    },
  ];
}

function asked(
  name: string,
  what: string,
  messageId: number,
  request: ReturnType<typeof coapRequest>,
): object {
  const message: Message = {
    type: "CON",
    code: Code[request.method],
    messageId,
    token: TOKEN,
    options: [
      ...requestOptions(request),
      ...(request.observe === null ? [] : [observeOption(request.observe)]),
    ],
    payload: request.payload,
  };
  return { name, what, hex: toHex(encodeMessage(message)) };
}

function answered(
  name: string,
  what: string,
  messageId: number,
  response: ReturnType<typeof coapResponse>,
): object {
  const message: Message = {
    type: "ACK",
    code: response.code,
    messageId,
    token: TOKEN,
    options: responseOptions(response),
    payload: response.payload,
  };
  return { name, what, code: codeText(response.code), hex: toHex(encodeMessage(message)) };
}

/** A revocation list and the ETag that stands for its number. */
function list(): object {
  const { der, number, nextUpdate } = revocationList(makeHome(), "0102030405060708");
  const etag = new Writer()
    .u32(Math.floor(number / 2 ** 32))
    .u32(number % 2 ** 32)
    .bytes();
  return { number, etag: toHex(etag), nextUpdate, der: toHex(der) };
}
