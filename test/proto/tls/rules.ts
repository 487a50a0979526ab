/** How the tests of this folder say: this fault, that reason, that alert, and then silence. */
import { assert, providers, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import type { AlertName } from "../../../src/proto/tls/alert.ts";
import type { TlsReason } from "../../../src/proto/tls/failure.ts";
import type { TlsServerConfig } from "../../../src/proto/tls/server.ts";
import { Duplex, serverConfig } from "../../kit/tls-client.ts";
import type { Hello } from "../../kit/tls-client.ts";

export const CCS = 20;
export const ALERT = 21;
export const HANDSHAKE = 22;
export const DATA = 23;

export interface Rule {
  readonly reason: TlsReason;
  readonly alert: AlertName;
  readonly config?: Partial<TlsServerConfig>;
  readonly hello?: Partial<Hello>;
}

/** One fault on the wire, for each provider: the right reason, its alert to the client, and nothing afterwards. */
export function refuses(name: string, rule: Rule, fault: (wire: Duplex) => void): void {
  for (const crypto of providers) {
    test(`${crypto.name}: ${name}`, () => {
      const wire = new Duplex(serverConfig(crypto, rule.config), rule.hello);
      fault(wire);
      assert.equal(wire.failure?.reason, rule.reason);
      assert.equal(wire.failure?.alert, rule.alert);
      const last = wire.client.alerts.at(-1);
      assert.equal(last?.name, rule.alert);
      assert.equal(last?.level, rule.alert === "close_notify" ? "warning" : "fatal");
      const spoken = wire.outputs.length;
      wire.give(wire.client.plainRecord(HANDSHAKE, hex("00")));
      assert.equal(wire.outputs.length, spoken, "a dead connection is silent");
    });
  }
}

/** Like {@link refuses} for a fault before any session could be: none must come. */
export function refusesEarly(name: string, rule: Rule, fault: (wire: Duplex) => void): void {
  refuses(name, rule, (wire) => {
    fault(wire);
    assert.equal(wire.session, null);
  });
}

/** Rules by their alert. */
export const unexpected = (reason: TlsReason): Rule => ({ reason, alert: "unexpected_message" });
export const malformed: Rule = { reason: "malformed-message", alert: "decode_error" };
export const illegal = (reason: TlsReason): Rule => ({ reason, alert: "illegal_parameter" });
export const failed = (reason: TlsReason): Rule => ({ reason, alert: "handshake_failure" });
export const badSignature: Rule = { reason: "bad-signature", alert: "decrypt_error" };
export const badFinished: Rule = { reason: "bad-finished", alert: "decrypt_error" };
export const badRecord: Rule = { reason: "record-not-authentic", alert: "bad_record_mac" };
export const tooLong: Rule = { reason: "record-too-long", alert: "record_overflow" };
/** A server that insists on a client certificate. */
export const required: Pick<Rule, "config"> = { config: { clientCertificate: "required" } };

/** The bytes with the lowest bit of one changed. */
export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at]! ^= 1;
  return changed;
}
