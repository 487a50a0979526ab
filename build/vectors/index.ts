/** The vectors of docs/vectors, by file. key-update.json is not among them: it was computed apart, and holds the code to it. */
import { deviceApi } from "./device-api.ts";
import { discovery } from "./discovery.ts";
import { enrolment } from "./enrolment.ts";
import { errors } from "./errors.ts";
import { limits } from "./limits.ts";
import { release } from "./release.ts";
import { rights } from "./rights.ts";
import { setup } from "./setup.ts";

export const VECTORS: Readonly<Record<string, () => object>> = {
  setup,
  discovery,
  "device-api": deviceApi,
  enrolment,
  errors,
  release,
  rights,
  limits,
};
