/** What the runner's flags come to. */

/** A flag, or a value of one, that asks for what we do not have. The runner counts the test as unimplemented. */
export class Unimplemented extends Error {
  override readonly name = "Unimplemented";
}

/** Certificates and a key, a bare key, or nothing yet: the flags fill it in one by one. */
export interface CredentialFiles {
  readonly kind: "x509" | "raw-public-key";
  certificateFile: string | null;
  keyFile: string | null;
  ocspResponse: Uint8Array | null;
  signingPreferences: number[];
}

/** What one connection is to be like. The names are the flags', in our spelling. */
export interface Settings {
  port: number;
  ipv6: boolean;
  /** Tells the runner which of its shims connects. */
  shimId: bigint;
  /** Connections after the first. */
  resumeCount: number;

  server: boolean;
  dtls: boolean;
  /** Wire numbers of TLS, 0 where not given. */
  minVersion: number;
  maxVersion: number;
  noTls12: boolean;
  noTls13: boolean;

  /** The first is there always; those after it are the ones that flags begin. */
  credentials: CredentialFiles[];
  /** Ours, not the runner's: path of a P-256 certificate and key to use where it hands out RSA, without `.pem` and `.key`. */
  insteadOfRsa: string | null;
  verifyPreferences: number[];
  curves: number[];
  clientCertificate: "none" | "asked" | "required";
  clientAuthorities: string | null;
  verifyFails: boolean;
  customVerifyCallback: boolean;
  /** Of TLS 1.2; null without one. One character per octet. */
  preSharedKey: string | null;
  preSharedKeyIdentity: string;
  /** By number (RFC 7250 §7). */
  peerCertificateTypes: number[];
  ownCertificateTypes: number[];
  hostName: string | null;
  /** In the form of the wire, one character per octet. */
  advertiseAlpn: string | null;
  selectAlpn: string | null;
  declineAlpn: boolean;
  rejectAlpn: boolean;
  asksOcsp: boolean;
  declineOcsp: boolean;
  failOcsp: boolean;

  noTicket: boolean;
  /** Take no ticket that comes back. */
  skipTicket: boolean;
  /** Seconds that pass behind the connection. */
  resumptionDelay: number;

  /** Octets of a datagram; 0 where not given. */
  mtu: number;
  initialTimeoutMs: number;

  /** Hand the machine one octet at a time. */
  async: boolean;
  shimWritesFirst: boolean;
  shimInitialWrite: string;
  repeatInitialWrite: number;
  differentRecordSizes: boolean;
  shimShutsDown: boolean;
  keyUpdate: boolean;
  keyUpdateBeforeRead: boolean;
  exportLength: number;
  exportLabel: string;
  exportContext: string;
  useExportContext: boolean;
  exportTrafficSecrets: boolean;
  tlsUnique: boolean;

  expectVersion: number;
  expectCipher: number;
  expectCurve: number;
  expectServerName: string | null;
  expectNoServerName: boolean;
  expectAlpn: string | null;
  expectPeerCertificateFile: string | null;
  expectNoPeerCertificate: boolean;
  /** By number; null: no matter. */
  expectPeerCertificateType: number | null;
  /** SHA-256 of a bare key. */
  expectPeerKeyHash: Uint8Array | null;
  expectOcspResponse: Uint8Array | null;
  expectSessionMiss: boolean;
  expectNoSession: boolean;
  expectTicketRenewal: boolean;
  /** Null: no matter. */
  expectHelloRetryRequest: boolean | null;
}

export function newCredential(kind: CredentialFiles["kind"]): CredentialFiles {
  return {
    kind,
    certificateFile: null,
    keyFile: null,
    ocspResponse: null,
    signingPreferences: [],
  };
}

export function defaults(): Settings {
  return {
    port: 0,
    ipv6: false,
    shimId: 0n,
    resumeCount: 0,
    server: false,
    dtls: false,
    minVersion: 0,
    maxVersion: 0,
    noTls12: false,
    noTls13: false,
    credentials: [newCredential("x509")],
    insteadOfRsa: null,
    verifyPreferences: [],
    curves: [],
    clientCertificate: "none",
    clientAuthorities: null,
    verifyFails: false,
    customVerifyCallback: false,
    preSharedKey: null,
    preSharedKeyIdentity: "",
    peerCertificateTypes: [],
    ownCertificateTypes: [],
    hostName: null,
    advertiseAlpn: null,
    selectAlpn: null,
    declineAlpn: false,
    rejectAlpn: false,
    asksOcsp: false,
    declineOcsp: false,
    failOcsp: false,
    noTicket: false,
    skipTicket: false,
    resumptionDelay: 0,
    mtu: 0,
    initialTimeoutMs: 0,
    async: false,
    shimWritesFirst: false,
    shimInitialWrite: "hello",
    repeatInitialWrite: 1,
    differentRecordSizes: false,
    shimShutsDown: false,
    keyUpdate: false,
    keyUpdateBeforeRead: false,
    exportLength: 0,
    exportLabel: "",
    exportContext: "",
    useExportContext: false,
    exportTrafficSecrets: false,
    tlsUnique: false,
    expectVersion: 0,
    expectCipher: 0,
    expectCurve: 0,
    expectServerName: null,
    expectNoServerName: false,
    expectAlpn: null,
    expectPeerCertificateFile: null,
    expectNoPeerCertificate: false,
    expectPeerCertificateType: null,
    expectPeerKeyHash: null,
    expectOcspResponse: null,
    expectSessionMiss: false,
    expectNoSession: false,
    expectTicketRenewal: false,
    expectHelloRetryRequest: null,
  };
}
