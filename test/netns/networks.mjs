// What a device says to its supplicant: the lines of network blocks of wpa_supplicant, and its own key.
import { PASSWORD } from "./homeca.mjs";

export const SERVER_NAME = "homeca.home.arpa";

/** wpa_supplicant 2.10 leaves TLS 1.3 out of EAP by itself; with this line it offers it. */
export const WITH_TLS13 = 'phase1="tls_disable_tlsv1_3=0"';

/** First contact: a certificate of its own making, and inside the tunnel who it claims to be. */
export function firstContact(lab, name, { type, claimed, shown }) {
  const encoded = Buffer.from(shown).toString("base64url");
  return [
    "eap=TTLS",
    'phase2="auth=PAP"',
    'anonymous_identity="@setup.home.arpa"',
    `identity="1.${claimed}.${type}.${encoded}@setup.home.arpa"`,
    'password="none"',
    `client_cert="${lab.file(`${name}.pem`)}"`,
    `private_key="${lab.file(`${name}.key`)}"`,
  ];
}

/** EAP-TLS with NAME.pem and NAME.key, for a server of the authority in `ca`.pem. */
export const withCertificate = (lab, name, ca = "home-ca") => [
  "eap=TLS",
  'identity="device@homeca.home.arpa"',
  `ca_cert="${lab.file(`${ca}.pem`)}"`,
  `domain_match="${SERVER_NAME}"`,
  `client_cert="${lab.file(`${name}.pem`)}"`,
  `private_key="${lab.file(`${name}.key`)}"`,
];

/** The same with what `homeca issue` hands out. */
export const withBundle = (lab, name) => [
  "eap=TLS",
  'identity="device@homeca.home.arpa"',
  `ca_cert="${lab.file("home-ca.pem")}"`,
  `domain_match="${SERVER_NAME}"`,
  `private_key="${lab.file(`${name}.p12`)}"`,
  `private_key_passwd="${PASSWORD}"`,
];

/** Makes NAME.pem and NAME.key as a device does before anybody owns it. */
export function ownKey(lab, name) {
  lab.certificate(null, name, "clientAuth", [
    "-addext",
    `subjectAltName=URI:urn:uuid:${crypto.randomUUID()}`,
  ]);
}
