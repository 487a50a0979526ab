/** The runner's command line, read by one table. What has no row here we do not speak: exit status 89. */

/** A flag, or a value of one, that asks for what we do not have. The runner counts the test as unimplemented. */
export class Unimplemented extends Error {
  override readonly name = "Unimplemented";
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

  certificateFile: string | null;
  keyFile: string | null;
  /** Ours, not the runner's: path of a P-256 certificate and key to use where it hands out RSA, without `.pem` and `.key`. */
  insteadOfRsa: string | null;
  signingPreferences: number[];
  verifyPreferences: number[];
  curves: number[];
  clientCertificate: "none" | "asked" | "required";
  clientAuthorities: string | null;
  verifyFails: boolean;
  customVerifyCallback: boolean;
  selectAlpn: string | null;
  declineAlpn: boolean;
  rejectAlpn: boolean;

  /** Hand the machine one octet at a time. */
  async: boolean;
  shimWritesFirst: boolean;
  shimInitialWrite: string;
  repeatInitialWrite: number;
  differentRecordSizes: boolean;
  shimShutsDown: boolean;
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
  expectPeerCertificateFile: string | null;
  expectNoPeerCertificate: boolean;
  /** Null: no matter. */
  expectHelloRetryRequest: boolean | null;
}

function defaults(): Settings {
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
    certificateFile: null,
    keyFile: null,
    insteadOfRsa: null,
    signingPreferences: [],
    verifyPreferences: [],
    curves: [],
    clientCertificate: "none",
    clientAuthorities: null,
    verifyFails: false,
    customVerifyCallback: false,
    selectAlpn: null,
    declineAlpn: false,
    rejectAlpn: false,
    async: false,
    shimWritesFirst: false,
    shimInitialWrite: "hello",
    repeatInitialWrite: 1,
    differentRecordSizes: false,
    shimShutsDown: false,
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
    expectPeerCertificateFile: null,
    expectNoPeerCertificate: false,
    expectHelloRetryRequest: null,
  };
}

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

  "-cert-file": text("certificateFile"),
  "-key-file": text("keyFile"),
  "-instead-of-rsa": text("insteadOfRsa"),
  "-signing-prefs": numbers("signingPreferences"),
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
  "-select-alpn": text("selectAlpn"),
  "-decline-alpn": yes("declineAlpn"),
  "-reject-alpn": yes("rejectAlpn"),
  "-alps-use-new-codepoint": ignored,

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
  // Tickets come with resumption; without it there is none to leave out.
  "-no-ticket": none,
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
  "-expect-no-session": none,
  "-expect-no-session-id": none,
  "-expect-session-miss": none,
  // Not to be seen from outside the engine; the runner judges the same from its side.
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

function integer(value: string): number {
  if (!/^-?\d+$/.test(value)) throw new Error(`${value} is no number`);
  return Number(value);
}
