/** What our own code may take of a router; the engine there holds us to it. */
import type { Host } from "../host/host.ts";
import type { LimitSettings } from "./config/schema.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

export function limitScript(host: Host, limits: LimitSettings): void {
  host.limit({
    memoryBytes: limits.memoryMiB * MIB,
    stackBytes: limits.stackKiB * KIB,
    turnMilliseconds: limits.turnSeconds * 1000,
  });
}
