/** A HomeCA device's name in a certificate: the URI `urn:homeca:dev:<id>`. */
import type { Certificate } from "./certificate.ts";
import type { GeneralName } from "./name.ts";

const PREFIX = "urn:homeca:dev:";

/** Base32 in lower case: 16 characters of a short form up to 52 for 32 octets. */
const DEVICE_ID = /^[a-z2-7]{16,52}$/;

export function isDeviceId(text: string): boolean {
  return DEVICE_ID.test(text);
}

/** @throws RangeError for what is no device id. */
export function deviceName(deviceId: string): GeneralName {
  if (!isDeviceId(deviceId)) throw new RangeError("not a device id");
  return { kind: "uri", uri: PREFIX + deviceId };
}

/** The device id a certificate names; null where it names none, a malformed one or two. */
export function deviceIdOf(certificate: Certificate): string | null {
  const ids = (certificate.extensions.subjectAltName ?? []).flatMap((name) =>
    name.kind === "uri" && name.uri.startsWith(PREFIX) ? [name.uri.slice(PREFIX.length)] : [],
  );
  const [id] = ids;
  return id !== undefined && ids.length === 1 && isDeviceId(id) ? id : null;
}
