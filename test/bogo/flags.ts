/** The runner's command line, read by one table. What has no row here we do not speak: exit status 89. */
import { defaults, newCredential, Unimplemented } from "./settings.ts";
import type { CredentialFiles, Settings } from "./settings.ts";

interface Flag {
  readonly parameters: 0 | 1;
  apply(settings: Settings, value: string): void;
}

/** Keys of {@link Settings} that hold a `Value`. */
type KeyOf<Value> = {
  [Key in keyof Settings]: Value extends Settings[Key] ? Key : never;
}[keyof Settings];

function yes(key: KeyOf<true>): Flag {
  return { parameters: 0, apply: (settings) => void Object.assign(settings, { [key]: true }) };
}

function text(key: KeyOf<string>): Flag {
  return {
    parameters: 1,
    apply: (settings, value) => void Object.assign(settings, { [key]: value }),
  };
}

function number(key: KeyOf<number>): Flag {
  return {
    parameters: 1,
    apply: (settings, value) => void Object.assign(settings, { [key]: integer(value) }),
  };
}

/** Given once for each element. */
function numbers(key: KeyOf<number[]>): Flag {
  return { parameters: 1, apply: (settings, value) => void settings[key].push(integer(value)) };
}

function octets(key: KeyOf<Uint8Array>): Flag {
  return {
    parameters: 1,
    apply: (settings, value) => void Object.assign(settings, { [key]: base64(value) }),
  };
}

/** Of the credential begun last. */
function ofCredential(change: (credential: CredentialFiles, value: string) => void): Flag {
  return {
    parameters: 1,
    // There is one from the start.
    apply: (settings, value) => change(settings.credentials.at(-1)!, value),
  };
}

function begins(kind: CredentialFiles["kind"]): Flag {
  return {
    parameters: 0,
    apply: (settings) => void settings.credentials.push(newCredential(kind)),
  };
}

function set(change: (settings: Settings, value: string) => void, parameters: 0 | 1 = 0): Flag {
  return { parameters, apply: change };
}

/** Changes nothing here; the table's comment says why. */
const none: Flag = { parameters: 0, apply: () => {} };
const ignored: Flag = { parameters: 1, apply: () => {} };

/** Good where it asks for what holds anyway. */
function onlyIf(expected: string): Flag {
  return {
    parameters: 1,
    apply: (_settings, value) => {
      if (value !== expected) throw new Unimplemented(value);
    },
  };
}

const FLAGS: Readonly<Record<string, Flag>> = {
  "-port": number("port"),
  "-ipv6": yes("ipv6"),
  "-shim-id": set((settings, value) => void (settings.shimId = BigInt(value)), 1),
  "-resume-count": number("resumeCount"),
  "-server": yes("server"),
  "-dtls": yes("dtls"),
  "-min-version": number("minVersion"),
  "-max-version": number("maxVersion"),
  "-no-tls12": yes("noTls12"),
  "-no-tls13": yes("noTls13"),
  // There is nothing below TLS 1.2 to be left out.
  "-no-tls1": none,
  "-no-tls11": none,

  "-new-x509-credential": begins("x509"),
  "-new-rpk-credential": begins("raw-public-key"),
  "-cert-file": ofCredential((credential, value) => void (credential.certificateFile = value)),
  "-key-file": ofCredential((credential, value) => void (credential.keyFile = value)),
  "-ocsp-response": ofCredential(
    (credential, value) => void (credential.ocspResponse = base64(value)),
  ),
  "-signing-prefs": ofCredential(
    (credential, value) => void credential.signingPreferences.push(integer(value)),
  ),
  "-instead-of-rsa": text("insteadOfRsa"),
  // We have one credential, or the flags are refused.
  "-expect-selected-credential": ignored,
  "-psk": text("preSharedKey"),
  "-psk-identity": text("preSharedKeyIdentity"),
  "-accepted-peer-cert-types": numbers("peerCertificateTypes"),
  "-available-client-cert-types": numbers("ownCertificateTypes"),
  "-verify-prefs": numbers("verifyPreferences"),
  "-curves": numbers("curves"),
  "-verify-peer": set((settings) => {
    if (settings.clientCertificate === "none") settings.clientCertificate = "asked";
  }),
  "-require-any-client-certificate": set(
    (settings) => void (settings.clientCertificate = "required"),
  ),
  "-use-client-ca-list": text("clientAuthorities"),
  "-verify-fail": yes("verifyFails"),
  "-use-custom-verify-callback": yes("customVerifyCallback"),
  // Chains are judged by x509, not by this engine: the shim trusts every chain that can be read.
  "-trust-cert": ignored,
  "-expect-verify-result": none,
  "-host-name": text("hostName"),
  "-advertise-alpn": text("advertiseAlpn"),
  "-select-alpn": text("selectAlpn"),
  "-decline-alpn": yes("declineAlpn"),
  "-reject-alpn": yes("rejectAlpn"),
  "-alps-use-new-codepoint": ignored,
  "-enable-ocsp-stapling": yes("asksOcsp"),
  // Nobody asks again whether a response may be sent or taken: there is one, or none.
  "-use-ocsp-callback": none,
  "-set-ocsp-in-callback": none,
  "-decline-ocsp-callback": yes("declineOcsp"),
  "-fail-ocsp-callback": yes("failOcsp"),
  "-use-old-client-cert-callback": none,

  "-no-ticket": yes("noTicket"),
  "-skip-ticket": yes("skipTicket"),
  // Each ticket is good once: whoever comes back by one gets another.
  "-renew-ticket": none,
  "-use-ticket-callback": none,
  "-use-ticket-aead-callback": none,
  "-resumption-delay": number("resumptionDelay"),

  "-mtu": number("mtu"),
  "-initial-timeout-duration-ms": number("initialTimeoutMs"),

  "-async": yes("async"),
  // The machine runs its handshake whenever bytes come, asked for or not.
  "-implicit-handshake": none,
  "-no-op-extra-handshake": none,
  "-handshake-never-done": none,
  "-use-early-callback": none,
  "-install-ddos-callback": none,
  "-use-exporter-between-reads": none,
  "-shim-writes-first": yes("shimWritesFirst"),
  "-read-with-unfinished-write": yes("shimWritesFirst"),
  "-shim-initial-write": text("shimInitialWrite"),
  "-repeat-shim-initial-write": number("repeatInitialWrite"),
  "-write-different-record-sizes": yes("differentRecordSizes"),
  "-read-size": ignored,
  "-shim-shuts-down": yes("shimShutsDown"),
  "-key-update": yes("keyUpdate"),
  "-key-update-before-read": yes("keyUpdateBeforeRead"),
  "-export-keying-material": number("exportLength"),
  "-export-label": text("exportLabel"),
  "-export-context": text("exportContext"),
  "-use-export-context": yes("useExportContext"),
  "-export-traffic-secrets": yes("exportTrafficSecrets"),
  "-tls-unique": yes("tlsUnique"),

  "-expect-version": number("expectVersion"),
  "-expect-cipher": number("expectCipher"),
  "-expect-cipher-aes": number("expectCipher"),
  "-expect-cipher-no-aes": ignored,
  "-expect-curve-id": number("expectCurve"),
  "-expect-server-name": text("expectServerName"),
  "-expect-no-server-name": yes("expectNoServerName"),
  "-expect-peer-cert-file": text("expectPeerCertificateFile"),
  "-expect-no-peer-cert": yes("expectNoPeerCertificate"),
  "-expect-hrr": set((settings) => void (settings.expectHelloRetryRequest = true)),
  "-expect-no-hrr": set((settings) => void (settings.expectHelloRetryRequest = false)),
  "-expect-total-renegotiations": onlyIf("0"),
  // We insist on both, so that a connection is proof enough.
  "-expect-extended-master-secret": none,
  "-expect-secure-renegotiation": none,
  "-expect-session-miss": yes("expectSessionMiss"),
  "-expect-no-session": yes("expectNoSession"),
  "-expect-ticket-renewal": yes("expectTicketRenewal"),
  "-expect-alpn": text("expectAlpn"),
  "-expect-peer-certificate-type": set(
    (settings, value) => void (settings.expectPeerCertificateType = integer(value)),
    1,
  ),
  "-expect-peer-rpk-sha256": octets("expectPeerKeyHash"),
  "-expect-ocsp-response": octets("expectOcspResponse"),
  // Not to be seen from outside the engine; the runner judges the same from its side.
  "-expect-session-id": none,
  "-expect-no-session-id": none,
  "-expect-not-resumable-across-names": none,
  "-expect-msg-callback": ignored,
  "-expect-advertised-alpn": ignored,
  "-expect-peer-signature-algorithm": ignored,
  "-expect-early-data-reason": ignored,
};

/** Settings of the first connection and of those after it. */
export interface CommandLine {
  readonly initial: Settings;
  readonly resume: Settings;
}

/** @throws {@link Unimplemented} at the first flag that has no row. */
export function parseFlags(words: readonly string[]): CommandLine {
  const initial = defaults();
  const resume = defaults();
  for (let at = 0; at < words.length; at++) {
    const { name, targets } = prefixed(words[at]!, initial, resume);
    const flag = Object.hasOwn(FLAGS, name) ? FLAGS[name] : undefined;
    if (flag === undefined) throw new Unimplemented(`flag ${name}`);
    const value = flag.parameters === 1 ? words[++at] : "";
    if (value === undefined) throw new Error(`${name} needs a value`);
    for (const settings of targets) flag.apply(settings, value);
  }
  return { initial, resume };
}

/** `-on-resume-x` is `-x` for one kind of connection only; `-on-shim-x` is for us, `-on-handshaker-x` for nobody here. */
function prefixed(
  word: string,
  initial: Settings,
  resume: Settings,
): { name: string; targets: Settings[] } {
  const shim = word.replace(/^-on-shim-/, "-");
  const found = /^-on-(initial|resume|retry|handshaker)(-.*)$/s.exec(shim);
  if (found === null) return { name: shim, targets: [initial, resume] };
  const targets = { initial: [initial], resume: [resume], retry: [], handshaker: [] };
  // The expression names no other keys.
  return { name: found[2]!, targets: targets[found[1] as keyof typeof targets] };
}

function base64(value: string): Uint8Array {
  return new Uint8Array(Buffer.from(value, "base64"));
}

function integer(value: string): number {
  if (!/^-?\d+$/.test(value)) throw new Error(`${value} is no number`);
  return Number(value);
}
