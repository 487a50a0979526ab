// Single RADIUS requests as raw bytes, for what no RADIUS client would send.
import { createHmac, randomBytes } from "node:crypto";

const attribute = (type, value) =>
  Buffer.concat([Buffer.from([type, value.length + 2]), Buffer.from(value)]);

/**
 * An Access-Request with an EAP-Response/Identity (RFC 3579), in hexadecimal.
 * @param secret - keys the Message-Authenticator; null leaves that attribute out
 */
export function accessRequest(secret, identity = "device@homeca.home.arpa") {
  const eap = Buffer.concat([
    Buffer.from([2, 1, 0, identity.length + 5, 1]),
    Buffer.from(identity),
  ]);
  const attributes = [
    ...(secret === null ? [] : [attribute(80, Buffer.alloc(16))]),
    attribute(1, identity),
    attribute(32, "lab"),
    attribute(31, "02-00-00-00-DD-01"),
    attribute(79, eap),
  ];
  const length = 20 + attributes.reduce((total, { length }) => total + length, 0);
  const header = Buffer.concat([Buffer.from([1, 7, length >> 8, length & 255]), randomBytes(16)]);
  const packet = Buffer.concat([header, ...attributes]);
  if (secret !== null) createHmac("md5", secret).update(packet).digest().copy(packet, 22);
  return packet.toString("hex");
}

/** The code of a reply: 2 Accept, 3 Reject, 11 Challenge; null for silence. */
export const codeOf = (reply) => (reply === null ? null : Number.parseInt(reply.slice(0, 2), 16));
