/** Datagrams that got no answer: one sentence for each reason, with the fix where the owner has one. */
import type { LogLevel } from "../host/host.ts";
import type { RadiusDiscardReason } from "../proto/radius/failure.ts";

/** What the owner can mend is a warning; the rest is for whoever looks closer. */
export function discardLine(
  reason: RadiusDiscardReason,
  address: string,
): { readonly level: LogLevel; readonly sentence: string } {
  const fix = discardFix(reason);
  return {
    level: fix === null ? "info" : "warning",
    sentence: `Ignored a RADIUS request from ${address}: ${fix ?? reason}.`,
  };
}

function discardFix(reason: RadiusDiscardReason): string | null {
  switch (reason) {
    case "unknown-client":
      return "if that is an access point of yours, add a section 'client' with its address";
    case "wrong-message-authenticator":
    case "wrong-authenticator":
      return "its shared secret is another one; make both the same";
    case "missing-message-authenticator":
      return "it has no Message-Authenticator (CVE-2024-3596); update the access point";
    case "overloaded":
      return "too many of its requests wait for an answer; look whether it is an access point of yours that floods";
    case "truncated":
    case "bad-length":
    case "bad-attribute":
    case "unexpected-code":
    case "malformed-message-authenticator":
    case "unsigned-proxy-state":
    case "long-proxy-state":
    case "scattered-eap-message":
    case "repeated-state":
    case "repeat":
    case "unsolicited":
      return null;
  }
}
