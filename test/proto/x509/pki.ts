/** Certificates for tests, as right or as wrong as a test wants them. */
import type { Crypto, SigningKey } from "../../../src/base/crypto/crypto.ts";
import * as der from "../../../src/base/der-write.ts";
import { unix } from "../../../src/base/machine.ts";
import type { Unix } from "../../../src/base/machine.ts";
import { keyIdOf, parseCertificate, signCertificate } from "../../../src/proto/x509/certificate.ts";
import type { Certificate } from "../../../src/proto/x509/certificate.ts";
import * as extension from "../../../src/proto/x509/extensions.ts";
import { encodePublicKey } from "../../../src/proto/x509/key.ts";
import { encodeName } from "../../../src/proto/x509/name.ts";
import { OID } from "../../../src/proto/x509/oids.ts";
import { seeded } from "#kit";

/** 2026-11-22T00:00:00Z. */
export const NOW: Unix = unix(1_795_305_600);
export const DAY = 86_400;

/** Every field of a certificate as raw DER; nothing is checked or signed. */
export interface RawFields {
  readonly version: Uint8Array;
  readonly serial: Uint8Array;
  readonly innerAlgorithm: Uint8Array;
  readonly issuer: Uint8Array;
  readonly validity: Uint8Array;
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  /** What stands between the key and the extensions. */
  readonly between: Uint8Array;
  readonly extensions: Uint8Array;
  readonly behindTbs: Uint8Array;
  readonly outerAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
  readonly behind: Uint8Array;
}

const NOTHING = new Uint8Array();
const ECDSA_SHA256 = der.sequence(der.oid(OID.ecdsaSha256));

/** The generator of P-256 (FIPS 186-4 §D.1.2.3): a point everybody knows to be on the curve. */
export const GENERATOR: Uint8Array = Uint8Array.from(
  (
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" +
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
  )
    .match(/../g)!
    .map((digits) => Number.parseInt(digits, 16)),
);

export const commonName = (value: string): Uint8Array =>
  encodeName([{ type: OID.commonName, value }]);

export const GOOD: RawFields = {
  version: der.explicit(0, der.integer(2)),
  serial: der.integer(0x1234),
  innerAlgorithm: ECDSA_SHA256,
  issuer: commonName("issuer"),
  validity: der.sequence(der.time(NOW), der.time(unix(NOW + DAY))),
  subject: commonName("subject"),
  spki: encodePublicKey({ kind: "ec", curve: "P-256", point: GENERATOR }),
  between: NOTHING,
  extensions: extensionField(
    extension.subjectAltName([{ kind: "dns", name: "lamp.home.arpa" }]),
    extension.extendedKeyUsage([OID.clientAuth]),
  ),
  behindTbs: NOTHING,
  outerAlgorithm: ECDSA_SHA256,
  signature: der.bitString(der.sequence(der.integer(1), der.integer(1))),
  behind: NOTHING,
};

export function extensionField(...extensions: readonly Uint8Array[]): Uint8Array {
  return der.explicit(3, der.sequence(...extensions));
}

/** A certificate with these fields instead of the good ones. */
export function rawCertificate(changes: Partial<RawFields> = {}): Uint8Array {
  const fields = { ...GOOD, ...changes };
  const tbs = der.sequence(
    fields.version,
    fields.serial,
    fields.innerAlgorithm,
    fields.issuer,
    fields.validity,
    fields.subject,
    fields.spki,
    fields.between,
    fields.extensions,
  );
  const { behindTbs, outerAlgorithm, signature, behind } = fields;
  const whole = der.sequence(tbs, behindTbs, outerAlgorithm, signature);
  return behind.length === 0 ? whole : Uint8Array.from([...whole, ...behind]);
}

export interface Entity {
  readonly key: SigningKey;
  readonly certificate: Certificate;
}

export interface Wish {
  readonly name?: string;
  readonly key?: SigningKey;
  readonly extensions?: readonly Uint8Array[];
  readonly notBefore?: Unix;
  readonly notAfter?: Unix;
  readonly serial?: number;
}

/** Issues what tests ask for; keys repeat with the seed. */
export class Pki {
  readonly crypto: Crypto;
  readonly #random: (length: number) => Uint8Array;
  #serial = 100;

  constructor(crypto: Crypto, seed: string) {
    this.crypto = crypto;
    this.#random = seeded(seed);
  }

  newKey(curve: "P-256" | "P-384" = "P-256"): SigningKey {
    return this.crypto.signingKey(curve, this.crypto.generateScalar(curve, this.#random));
  }

  /** A certificate below `issuer`, or signed by itself where that is null. Without extensions of its own it is a client's. */
  issue(issuer: Entity | null, wish: Wish = {}): Entity {
    const key = wish.key ?? this.newKey();
    const signer = issuer?.key ?? key;
    const subject = commonName(wish.name ?? "client");
    const encoded = signCertificate(
      {
        serial: Uint8Array.of(1, wish.serial ?? this.#serial++),
        issuer: issuer?.certificate.subject.der ?? subject,
        subject,
        notBefore: wish.notBefore ?? unix(NOW - DAY),
        notAfter: wish.notAfter ?? unix(NOW + DAY),
        spki: encodePublicKey(key.publicKey),
        extensions: wish.extensions ?? clientExtensions(),
      },
      signer,
      null,
    );
    return { key, certificate: parseCertificate(encoded) };
  }

  /** A CA, with its key identifier and what else is asked for. */
  ca(issuer: Entity | null, name: string, wish: Wish & { pathLength?: number } = {}): Entity {
    const key = wish.key ?? this.newKey();
    const extensions = [
      extension.basicConstraints({ ca: true, pathLength: wish.pathLength ?? null }),
      extension.keyUsage(extension.KEY_USAGE.keyCertSign | extension.KEY_USAGE.crlSign),
      extension.subjectKeyId(keyIdOf(key.publicKey, this.crypto)),
      ...(wish.extensions ?? []),
    ];
    return this.issue(issuer, { ...wish, name, key, extensions });
  }
}

export function clientExtensions(...more: readonly Uint8Array[]): readonly Uint8Array[] {
  return [
    extension.keyUsage(extension.KEY_USAGE.digitalSignature),
    extension.extendedKeyUsage([OID.clientAuth]),
    ...more,
  ];
}
