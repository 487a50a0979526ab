/** One EAP conversation, and what has come to light in it. */
import type { Mono } from "../base/machine.ts";
import type { Decision } from "../policy/admission/proof.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import { titleOf } from "../policy/registry/record.ts";
import type { EapServer } from "../proto/eap/server.ts";
import { visible } from "./log.ts";
import type { Peer, Verdict } from "./peer.ts";

export interface Conversation {
  readonly state: Uint8Array;
  readonly eap: EapServer;
  readonly nas: string;
  readonly mac: string | null;
  readonly began: Mono;
  /** Whether a stranger may be let in here; asked for once, when the conversation shows to be one of onboarding. */
  mayBegin: boolean | null;
  peer: Peer | null;
  rejected: (Verdict & { readonly kind: "rejected" }) | null;
  /** What was decided; without it there is no Accept. */
  decision: Decision | null;
  record: DeviceRecord | null;
}

export function titleIn({ record, mac }: Conversation): string {
  return visible(record === null ? (mac ?? "a device") : titleOf(record), 64);
}
