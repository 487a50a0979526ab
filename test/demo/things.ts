/** Things that make and hold a key of their own, as a lamp does: at first contact, and with a certificate of a home's. */
import { randomBytes } from "node:crypto";
import { fromUtf8, toBase32 } from "../../src/base/bytes.ts";
import type { SigningKey } from "../../src/base/crypto/crypto.ts";
import type { RandomSource } from "../../src/base/machine.ts";
import { unix } from "../../src/base/machine.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import { encodeSetupIdentity, NO_PROOF, setupProof } from "../../src/policy/admission/setup.ts";
import { normalSetupCode } from "../../src/policy/registry/record.ts";
import type { Claim } from "../../src/policy/registry/record.ts";
import { signCertificate } from "../../src/proto/x509/certificate.ts";
import { deviceName } from "../../src/proto/x509/device-id.ts";
import { subjectAltName } from "../../src/proto/x509/extensions.ts";
import { encodePublicKey } from "../../src/proto/x509/key.ts";
import { encodeName } from "../../src/proto/x509/name.ts";
import { OID } from "../../src/proto/x509/oids.ts";
import { encodePem } from "../../src/proto/x509/pem.ts";
import { parsePfx } from "../../src/proto/x509/pkcs12.ts";
import type { PrivateKey } from "../../src/proto/x509/pkcs8.ts";
import { encodePrivateKey, signingKeyOf } from "../../src/proto/x509/pkcs8.ts";
import { signRequest } from "../../src/proto/x509/request.ts";
import { EapPeer } from "../kit/eap-peer.ts";

export const random: RandomSource = (length) => new Uint8Array(randomBytes(length));

const NAME = encodeName([{ type: OID.commonName, value: "a thing" }]);
/** A self-signed certificate of first contact is valid for ever; a thing may not know the time. */
const ALWAYS = { notBefore: unix(1_577_836_800), notAfter: unix(253_402_300_799) };

/** What a peer needs to know its server by. */
export interface Trust {
  readonly rootPem: string;
  readonly serverName: string;
}

export interface Identity {
  /** PEM, its own certificate first. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}

/** EAP-TLS with a certificate. With an anchor it leaves any server that is not of that home. */
export function certifiedPeer({ certificate, key }: Identity, trust: Trust | null): EapPeer {
  const anchored =
    trust === null ? {} : { trustAnchor: trust.rootPem, serverName: trust.serverName };
  return new EapPeer({
    method: "tls",
    identity: "@homeca.home.arpa",
    certificate,
    key,
    ...anchored,
  });
}

/** The key and certificates of a PKCS#12 file, as a phone takes them in. */
export function identityIn(p12: Uint8Array, password: string): Identity {
  const { key, certificates } = parsePfx(p12, password, nodeCrypto);
  return {
    key: keyPem(key),
    certificate: certificates.map((one) => encodePem("CERTIFICATE", one)).join(""),
  };
}

/** A lamp, a heater: it has a key before it has a home. */
export class Thing {
  readonly claim: Claim;
  readonly #key: PrivateKey;
  readonly #code: string | null;

  /** @param label - the setup code as it is printed on it, or null */
  constructor(type: string, name: string, label: string | null = null) {
    this.claim = { id: toBase32(random(10)), type, name };
    this.#key = { curve: "P-256", scalar: nodeCrypto.generateScalar("P-256", random) };
    this.#code = label === null ? null : normalSetupCode(label);
  }

  /** First contact: its own certificate outside, what it says of itself and its proof inside. */
  firstContact(): EapPeer {
    const key = this.#signingKey();
    const spki = encodePublicKey(key.publicKey);
    const der = signCertificate(
      {
        serial: Uint8Array.of(1),
        issuer: NAME,
        subject: NAME,
        ...ALWAYS,
        spki,
        extensions: [subjectAltName([deviceName(this.claim.id)])],
      },
      key,
      random,
    );
    const hash = nodeCrypto.digest("sha256", spki);
    return new EapPeer({
      method: "ttls",
      identity: "@setup.home.arpa",
      certificate: encodePem("CERTIFICATE", der),
      key: keyPem(this.#key),
      innerName: fromUtf8(encodeSetupIdentity(this.claim)) ?? "",
      password: this.#code === null ? NO_PROOF : setupProof(nodeCrypto, this.#code, hash),
    });
  }

  /** A request for a certificate, in PEM; the key stays here. */
  request(): string {
    return encodePem("CERTIFICATE REQUEST", signRequest(NAME, [], this.#signingKey(), random));
  }

  /** What it is once the home has signed. */
  certified(chainPem: string): Identity {
    return { certificate: chainPem, key: keyPem(this.#key) };
  }

  #signingKey(): SigningKey {
    return signingKeyOf(this.#key, nodeCrypto);
  }
}

function keyPem(key: PrivateKey): string {
  return encodePem("PRIVATE KEY", encodePrivateKey(key, nodeCrypto));
}

/** A MAC address as RADIUS writes it, from its last octet; local ones, so that they are nobody's. */
export function macOfThing(last: number): string {
  return `02-00-00-00-00-${last.toString(16).toUpperCase().padStart(2, "0")}`;
}
