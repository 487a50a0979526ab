/** Lines of the NSS key log format; tshark and others know the secrets by these names. */
import { toHex } from "../../base/bytes.ts";
import type { TlsConfig } from "./connection.ts";
import type { Randoms } from "./key-schedule.ts";
import type { ApplicationSecrets, TrafficSecrets } from "./key-schedule13.ts";

/** @param name - What follows CLIENT_ and SERVER_. */
export function logSecrets(
  { keyLog }: TlsConfig,
  randoms: Randoms,
  name: "HANDSHAKE_TRAFFIC_SECRET" | "TRAFFIC_SECRET_0",
  secrets: TrafficSecrets | ApplicationSecrets,
): void {
  if (keyLog === undefined) return;
  const random = toHex(randoms.client);
  keyLog(`CLIENT_${name} ${random} ${toHex(secrets.client)}`);
  keyLog(`SERVER_${name} ${random} ${toHex(secrets.server)}`);
  if ("exporter" in secrets) keyLog(`EXPORTER_SECRET ${random} ${toHex(secrets.exporter)}`);
}
