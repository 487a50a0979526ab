/** The table of methods: a new one is a file beside this and a row in it. */
import type { MethodName, MethodRow } from "./method.ts";
import { EAP_TLS } from "./tls.ts";
import { EAP_TTLS } from "./ttls.ts";

export const METHODS: Readonly<Record<MethodName, MethodRow>> = { tls: EAP_TLS, ttls: EAP_TTLS };
