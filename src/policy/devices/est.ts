/**
 * EST over CoAPs (RFC 9148): the four operations under their short names. What
 * they do stands in `policy/est`; here it is said in CoAP.
 */
import { sameBytes } from "../../base/bytes.ts";
import { Code, ContentFormat } from "../../proto/coap/codes.ts";
import { problemResponse } from "../../proto/coap/problem.ts";
import { coapResponse } from "../../proto/coap/response.ts";
import type { CoapResponse } from "../../proto/coap/response.ts";
import { parseCertificate } from "../../proto/x509/certificate.ts";
import { encodeBundle } from "../../proto/x509/cms.ts";
import { answerEst } from "../est/enrolment.ts";
import type { EstOperation } from "../est/enrolment.ts";
import { coapCode, explainRefusal } from "../est/outcome.ts";
import type { EstOutcome } from "../est/outcome.ts";
import { ApiFailure, RETRY_SECONDS } from "./failure.ts";
import { answer, requireAccept } from "./resource.ts";
import type { Answer, Audience, Call, Resource } from "./resource.ts";

const { PKCS7_CERTS_ONLY, PKIX_CERT, PKCS10, CSR_ATTRIBUTES } = ContentFormat;

/** How a refusal is listed in `docs/protocol.md`, whatever its reason: that stands in the detail. */
const NOT_ISSUED = 20;
const TITLE = "No certificate was issued";

/** RFC 9148 §5.1: the default path. Further labels are not served. */
const BASE = [".well-known", "est"];

export const EST: readonly Resource[] = [
  {
    path: [...BASE, "crts"],
    type: "ace.est.crts",
    formats: [PKCS7_CERTS_ONLY, PKIX_CERT],
    observable: false,
    methods: { GET: { audience: "anyone", call: asking("cacerts") } },
  },
  {
    path: [...BASE, "att"],
    type: "ace.est.att",
    formats: [CSR_ATTRIBUTES],
    observable: false,
    methods: { GET: { audience: "anyone", call: asking("csrattrs") } },
  },
  enrolment("sen", "ace.est.sen", "simpleenroll"),
  enrolment("sren", "ace.est.sren", "simplereenroll"),
];

function enrolment(name: string, type: string, operation: EstOperation): Resource {
  const audience: Audience = "anyone";
  return {
    path: [...BASE, name],
    type,
    formats: [PKCS7_CERTS_ONLY, PKIX_CERT],
    observable: false,
    methods: { POST: { audience, call: asking(operation) } },
  };
}

function asking(operation: EstOperation): (call: Call) => Answer {
  return ({ request, caller, home }) => {
    const wantsRequest = operation === "simpleenroll" || operation === "simplereenroll";
    if (wantsRequest && request.contentFormat !== PKCS10) throw new ApiFailure("wrong-format");
    if (operation === "csrattrs") requireAccept(request, CSR_ATTRIBUTES);
    else requireAccept(request, PKCS7_CERTS_ONLY, PKIX_CERT);
    const outcome = answerEst(
      {
        operation,
        asker: caller.asker,
        request: request.payload,
        bindings: caller.bindings,
        linking: false,
      },
      home.est,
    );
    const response = responseTo(outcome, request.accept ?? PKCS7_CERTS_ONLY);
    if (outcome.kind !== "refused") return answer(response);
    return answer(response, [], [{ kind: "enrolment-refused", reason: outcome.reason }]);
  };
}

/** The one that signed itself. */
function rootOf(certificates: readonly Uint8Array[]): Uint8Array {
  const isRoot = (der: Uint8Array): boolean => {
    const { issuer, subject } = parseCertificate(der);
    return sameBytes(issuer.der, subject.der);
  };
  return certificates.find(isRoot) ?? new Uint8Array();
}

/** RFC 9148 §4.3: certs-only unless the client asks for the one certificate by itself. */
function responseTo(outcome: EstOutcome, format: number): CoapResponse {
  const code = coapCode(outcome);
  switch (outcome.kind) {
    case "authorities":
      // The root alone is what a single certificate can be here.
      return format === PKIX_CERT
        ? coapResponse(code, { contentFormat: format, payload: rootOf(outcome.certificates) })
        : coapResponse(code, {
            contentFormat: format,
            payload: encodeBundle(outcome.certificates),
          });
    case "attributes":
      return coapResponse(code, { contentFormat: CSR_ATTRIBUTES, payload: outcome.encoded });
    case "issued":
      return format === PKIX_CERT
        ? coapResponse(code, { contentFormat: format, payload: outcome.certificate })
        : coapResponse(code, {
            contentFormat: format,
            payload: encodeBundle([outcome.certificate]),
          });
    case "pending":
      return coapResponse(code, { maxAge: outcome.retrySeconds });
    case "refused":
      return problemResponse(
        code,
        { title: TITLE, detail: explainRefusal(outcome.reason), code: NOT_ISSUED },
        code === Code.SERVICE_UNAVAILABLE ? RETRY_SECONDS : null,
      );
  }
}
