import { assert, test } from "#kit";
import { coapCode, explainRefusal, httpStatus } from "../../../src/policy/est/outcome.ts";
import type { EstOutcome, EstReason } from "../../../src/policy/est/outcome.ts";
import { blankRecord } from "../../../src/policy/registry/record.ts";

const record = blankRecord("abcdefghijklmnop", "aware", "approved");

test("RFC 7030 §4.2.3, RFC 9148 §4.7: what succeeds and what waits", () => {
  const rows: [EstOutcome, number, string][] = [
    [{ kind: "authorities", certificates: [] }, 200, "2.05"],
    [{ kind: "attributes", encoded: new Uint8Array() }, 200, "2.05"],
    [{ kind: "issued", record, certificate: new Uint8Array() }, 200, "2.04"],
    [{ kind: "pending", retrySeconds: 1 }, 202, "5.03"],
  ];
  for (const [outcome, status, code] of rows) {
    assert.equal(httpStatus(outcome), status);
    assert.equal(text(coapCode(outcome)), code);
  }
});

const text = (code: number): string => `${code >> 5}.${String(code & 31).padStart(2, "0")}`;

/** Each reason with its two answers. */
const REFUSALS: Readonly<Record<EstReason, readonly [number, string]>> = {
  "not-authenticated": [403, "4.01"],
  "unknown-device": [403, "4.03"],
  "not-allowed": [403, "4.03"],
  "certificate-revoked": [403, "4.03"],
  "certificate-not-on-record": [403, "4.03"],
  "certificate-ended": [403, "4.03"],
  dormant: [403, "4.03"],
  "first-key-retired": [403, "4.03"],
  "nothing-to-renew": [403, "4.03"],
  "too-many-certificates": [429, "4.29"],
  "bad-request": [400, "4.00"],
  "bad-proof": [422, "4.22"],
  "weak-key": [422, "4.22"],
  "unsupported-key": [422, "4.22"],
  "key-not-new": [422, "4.22"],
  "key-not-agreed": [422, "4.22"],
  "key-in-use": [422, "4.22"],
  "linking-missing": [422, "4.22"],
  "linking-wrong": [422, "4.22"],
  "names-differ": [422, "4.22"],
  "time-unknown": [503, "5.03"],
  "home-full": [503, "5.03"],
  "authority-failed": [500, "5.00"],
};

test("every refusal has its status, its code and one sentence", () => {
  for (const [name, [status, code]] of Object.entries(REFUSALS)) {
    // The keys of the table are exactly the reasons.
    const reason = name as EstReason;
    assert.equal(httpStatus({ kind: "refused", reason }), status, name);
    assert.equal(text(coapCode({ kind: "refused", reason })), code, name);
    assert.match(explainRefusal(reason), /^[A-Z][^.]*\.$/, name);
  }
});

test("a stranger learns no more than a device that the owner turned away", () => {
  const refused = (reason: EstReason): EstOutcome => ({ kind: "refused", reason });
  for (const reason of ["not-allowed", "certificate-revoked", "first-key-retired"] as const) {
    assert.equal(httpStatus(refused(reason)), httpStatus(refused("unknown-device")));
    assert.equal(coapCode(refused(reason)), coapCode(refused("unknown-device")));
    assert.equal(explainRefusal(reason), explainRefusal("unknown-device"));
  }
});
