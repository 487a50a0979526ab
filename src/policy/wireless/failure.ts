/** Why a wireless set-up is refused: a closed list of reasons, each sentence with its fix. */

export type WirelessReason =
  | "no-radio-client"
  | "package-missing"
  | "radio-unknown"
  | "bad-ssid"
  | "ssid-taken"
  | "country-missing"
  | "bad-country"
  | "security-impossible"
  | "network-unknown"
  | "bad-subnet"
  | "subnet-taken"
  | "bad-vlan"
  | "vlan-taken"
  | "name-taken"
  | "das-elsewhere";

/** A set-up that is not planned; nothing was written. The message is one sentence; parts from outside are visible in it. */
export class WirelessFailure extends Error {
  override readonly name = "WirelessFailure";
  readonly reason: WirelessReason;

  constructor(reason: WirelessReason, sentence: string) {
    super(sentence);
    this.reason = reason;
  }
}
