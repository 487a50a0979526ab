/** docs/vectors/enrolment.json: a request for a certificate and what comes back; and every reason for none. */
import { toBase64, toHex } from "../../src/base/bytes.ts";
import { coapCode, explainRefusal, httpStatus } from "../../src/policy/est/outcome.ts";
import type { EstReason } from "../../src/policy/est/outcome.ts";
import { codeText } from "../../src/proto/coap/codes.ts";
import { encodeBundle } from "../../src/proto/x509/cms.ts";
import { encodeCsrAttributes } from "../../src/proto/x509/csr-attributes.ts";
import { encodeName } from "../../src/proto/x509/name.ts";
import { OID } from "../../src/proto/x509/oids.ts";
import { signRequest } from "../../src/proto/x509/request.ts";
import { deviceCertificate, EXPORTER, makeHome, NEXT_KEY } from "./home.ts";

/** The compiler sees to it that none is missing. */
const REASONS: Readonly<Record<EstReason, true>> = {
  "not-authenticated": true,
  "unknown-device": true,
  "not-allowed": true,
  "certificate-revoked": true,
  "certificate-not-on-record": true,
  "certificate-ended": true,
  dormant: true,
  "first-key-retired": true,
  "nothing-to-renew": true,
  "too-many-certificates": true,
  "bad-request": true,
  "bad-proof": true,
  "weak-key": true,
  "unsupported-key": true,
  "key-not-new": true,
  "key-not-agreed": true,
  "key-in-use": true,
  "linking-missing": true,
  "linking-wrong": true,
  "names-differ": true,
  "time-unknown": true,
  "home-full": true,
  "authority-failed": true,
};

export function enrolment(): object {
  const home = makeHome();
  const certificate = deviceCertificate(home, NEXT_KEY);
  const subject = encodeName([{ type: OID.commonName, value: "device" }]);
  const challengePassword = toBase64(EXPORTER);
  const { root, issuing } = home;
  return {
    inputs:
      'The key is D2 of key-update.json with a share; the exporter is the label "exporter". The home\'s keys are the labels "root", "issuing" and "server" modulo n, its signatures hedged by labels "authority 0", "authority 1" and so on: verify them, do not compare.',
    exporter: toHex(EXPORTER),
    challengePassword,
    request: toHex(signRequest(subject, [], NEXT_KEY, null, challengePassword)),
    attributes: toHex(encodeCsrAttributes({ curve: "P-256", linking: false })),
    authorities: toHex(encodeBundle([issuing.certificate.der, root.certificate.der])),
    issued: toHex(encodeBundle([certificate])),
    certificate: toHex(certificate),
    refusals: refusals(),
  };
}

/** One row for each sentence: what is told apart nowhere is one refusal. */
function refusals(): object[] {
  const rows = new Map<string, { code: string; status: number; reasons: string[] }>();
  // The keys of this constant are exactly the reasons; Object.keys forgets that.
  for (const reason of Object.keys(REASONS) as EstReason[]) {
    const detail = explainRefusal(reason);
    const outcome = { kind: "refused", reason } as const;
    const row = rows.get(detail) ?? {
      code: codeText(coapCode(outcome)),
      status: httpStatus(outcome),
      reasons: [],
    };
    row.reasons.push(reason);
    rows.set(detail, row);
  }
  return [...rows].map(([detail, row]) => ({ ...row, detail }));
}
