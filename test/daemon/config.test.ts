import { readFileSync } from "node:fs";
import fc from "fast-check";
import { assert, test } from "#kit";
import { utf8 } from "../../src/base/bytes.ts";
import type { FileFacts } from "../../src/host/host.ts";
import { MAX_CLIENTS } from "../../src/proto/radius/clients.ts";
import {
  ConfigurationFailure,
  distance,
  loadConfiguration,
  readConfiguration,
} from "../../src/daemon/config/configuration.ts";
import type { Configuration, ConfigurationFiles } from "../../src/daemon/config/configuration.ts";
import { SECTIONS } from "../../src/daemon/config/schema.ts";

interface Stored {
  readonly text: string;
  readonly mode?: number;
  readonly kind?: FileFacts["kind"];
}

function files(stored: Record<string, Stored> = {}): ConfigurationFiles {
  return {
    read: (path) => (stored[path] === undefined ? null : utf8(stored[path].text)),
    facts: (path) => {
      const found = stored[path];
      if (found === undefined) return null;
      const { text, mode = 0o600, kind = "file" } = found;
      return { mode, kind, size: utf8(text).length, owner: 0 };
    },
  };
}

const read = (text: string, stored?: Record<string, Stored>): Configuration =>
  readConfiguration(text, "homeca", files(stored));
const problems = (text: string, stored?: Record<string, Stored>): readonly string[] =>
  assert.throws(() => read(text, stored), ConfigurationFailure).problems;

const CLIENT = "config client 'attic'\n\toption prefix '192.168.1.0/24'\n";
const SECRET = "\toption secret 'a secret of twenty-four.'\n";

test("an empty file is every default, and says that no access point can ask", () => {
  const { homeca, radius, limits, clients, warnings } = read("");
  assert.deepEqual(homeca, {
    stateDir: "/etc/homeca",
    socket: "/var/run/homeca/homeca.sock",
    ubus: null,
    logLevel: "notice",
    enforce: "nft",
    interfaces: [],
    realm: "homeca.home.arpa",
    serverName: "homeca.home.arpa",
    homeName: "Home",
    releaseOnRequest: true,
    keyLog: null,
  });
  assert.deepEqual(radius, {
    listen: ["127.0.0.1", "::1"],
    authPort: 1812,
    acctPort: 1813,
    fragmentSize: 1398,
    tlsVersions: "1.2 1.3",
    sessionSeconds: 28_800,
    quarantineSeconds: 120,
    quarantineVlan: null,
    normalVlan: null,
  });
  assert.deepEqual(limits, {
    onboarding: "always",
    pendingMax: 20,
    onboardingPerMinute: 5,
    authenticationsMax: 256,
    eventsMax: 500,
    memoryMiB: 64,
    stackKiB: 512,
    turnSeconds: 20,
  });
  assert.deepEqual(clients, []);
  assert.deepEqual(warnings, [
    "no access point can ask: add a section 'client' with its prefix and secret (homeca)",
  ]);
});

test("the configuration that is installed has no problem, and each option it shows exists", () => {
  const text = readFileSync("files/etc/config/homeca", "utf8");
  const installed = read(text);
  assert.deepEqual(installed.warnings, read("").warnings);
  // Devices are met at every address of a router that somebody installed HomeCA on, and of nothing else.
  const coaps = { listen: ["0.0.0.0", "::"], port: 5684, discovery: [] };
  const homeca = { ...read("").homeca, ubus: "/var/run/ubus/ubus.sock" };
  assert.deepEqual({ ...installed, warnings: [] }, { ...read(""), homeca, coaps, warnings: [] });
  const uncommented = text.replaceAll(/^#(?=config |\toption |\tlist )/gm, "");
  const secret = { "/etc/homeca/attic.secret": { text: "k".repeat(32) } };
  const { clients, warnings } = read(uncommented, secret);
  assert.equal(clients.length, 1);
  assert.deepEqual(warnings, []);
});

test("a client has its prefix, its secret and the safe choices", () => {
  const { clients, warnings } = read(CLIENT + SECRET);
  assert.deepEqual(clients, [
    {
      name: "attic",
      secret: utf8("a secret of twenty-four."),
      prefix: "192.168.1.0/24",
      requireMessageAuthenticator: true,
      limitProxyState: true,
      das: null,
    },
  ]);
  assert.deepEqual(warnings, []);
});

test("Disconnect-Request has the client's secret unless it has one of its own", () => {
  const das = `${CLIENT + SECRET}\toption das_address 'fd00::2'\n`;
  const own = `${das}\toption das_secret 'another one of twenty-four'\n`;
  const shared = { address: "fd00::2", port: 3799, secret: utf8("a secret of twenty-four.") };
  assert.deepEqual(read(das).clients[0]!.das, shared);
  const secret = utf8("another one of twenty-four");
  assert.deepEqual(read(own).clients[0]!.das, { ...shared, secret });
});

const UNKNOWN: readonly (readonly [text: string, warning: string])[] = [
  [
    "config radius 'radius'\n\toption auth_prot '1812'\n",
    "option 'auth_prot' is unknown in section 'radius': did you mean 'auth_port'? (homeca:2)",
  ],
  [
    "config homeca 'main'\n\n\toption colour 'red'\n",
    "option 'colour' is unknown in section 'main': remove it (homeca:3)",
  ],
  ["config radus\n", "section type 'radus' is unknown: did you mean 'radius'? (homeca:1)"],
  ["config interface 'lan'\n", "section type 'interface' is unknown: remove it (homeca:1)"],
  [
    "config homeca\n\toption key_log '/tmp/keys'\n",
    "option 'key_log' writes TLS secrets: leave it out at home (homeca)",
  ],
];
for (const [text, warning] of UNKNOWN) {
  test(`configuration warned about: ${warning}`, () => {
    assert.deepEqual(read(text + CLIENT + SECRET).warnings, [warning]);
  });
}

const WRONG: readonly (readonly [text: string, problem: string])[] = [
  [
    "config radius 'radius'\n\toption auth_port 'abc'\n",
    "option 'auth_port' in section 'radius' is 'abc': use a number from 1 to 65535 (homeca:2)",
  ],
  [
    "config radius\n\toption auth_port 65536\n",
    "option 'auth_port' in section 'radius' is '65536': use a number from 1 to 65535 (homeca:2)",
  ],
  [
    "config radius\n\tlist listen ::1\n\tlist listen localhost\n",
    "option 'listen' in section 'radius' is 'localhost': use an IP address such as 192.168.1.2 or fd00::2 (homeca:3)",
  ],
  [
    "config radius\n\tlist auth_port 1\n\tlist auth_port 2\n",
    "option 'auth_port' in section 'radius' takes one value: write it once (homeca:3)",
  ],
  [
    "config homeca 'main'\n\toption enforce 'maybe'\n",
    "option 'enforce' in section 'main' is 'maybe': use 'nft', 'show' or 'off' (homeca:2)",
  ],
  [
    "config homeca\n\tlist interface 'br iot\" accept'\n",
    "option 'interface' in section 'homeca' is 'br iot\" accept': use the name of a network interface, at most 15 letters, digits and . _ - (homeca:2)",
  ],
  [
    "config homeca\n\toption state_dir 'etc'\n",
    "option 'state_dir' in section 'homeca' is 'etc': use a path from the root such as /etc/homeca (homeca:2)",
  ],
  [
    "config homeca\n\toption home_name '\u202egnp\u001b[2J'\n",
    "option 'home_name' in section 'homeca' is '\\u{202e}gnp\\x1b[2J': use at most 64 characters without control characters (homeca:2)",
  ],
  [
    "config homeca\n\toption server_name 'homeca'\n",
    "option 'server_name' in section 'homeca' is 'homeca': use a DNS name in lower case with a dot in it (homeca:2)",
  ],
  [
    "config limits\n\toption pending_max 0\n",
    "option 'pending_max' in section 'limits' is '0': use a number from 1 to 200 (homeca:2)",
  ],
  [
    "config radius\nconfig radius 'second'\n",
    "there is a second section 'radius': move its options into the first (homeca:2)",
  ],
  [
    "config client\n\toption prefix 10.0.0.1\n\toption secret 'a secret of twenty-four.'\n",
    "a section 'client' has no name: write config client 'attic' (homeca:1)",
  ],
  ["config client 'attic'\n" + SECRET, "section 'attic' has no option 'prefix': add it (homeca:1)"],
  [
    "config client 'attic'\n\toption prefix '10.0.0.1/24'\n" + SECRET,
    "option 'prefix' in section 'attic' is '10.0.0.1/24': use an address or a prefix such as 192.168.1.0/24, with zeros behind its length (homeca:2)",
  ],
  [CLIENT, "client 'attic' has no secret: set option 'secret_file' (homeca:1)"],
  [
    `${CLIENT}\toption secret '${"s".repeat(129)}'\n`,
    "option 'secret' in section 'attic' is wrong: use 1 to 128 octets (homeca:3)",
  ],
  [
    `${CLIENT + SECRET}config client 'cellar'\n\toption prefix 192.168.1.0/24\n${SECRET}`,
    "client 'cellar' has the prefix of another or is the 257th: join the two, or use wider prefixes (homeca:5)",
  ],
  ["config homeca\n\toption x 'y\n", "a quote is opened and never closed: close it (homeca:2)"],
];
for (const [text, problem] of WRONG) {
  test(`configuration refused: ${problem}`, () => assert.deepEqual(problems(text), [problem]));
}

test("every problem is told, not only the first, and no secret is in a message", () => {
  const text = `config radius\n\toption auth_port x\nconfig limits\n\toption events_max 1\n${CLIENT}\toption secret '${"hunter2".repeat(20)}'\n`;
  const failure = assert.throws(() => read(text), ConfigurationFailure);
  assert.equal(failure.problems.length, 3);
  assert.match(failure.message, /\(homeca:2\); 2 more$/);
  assert.ok(!failure.problems.join("").includes("hunter2"));
});

const FILE = "/etc/homeca/attic.secret";
const WITH_FILE = `${CLIENT}\toption secret_file '${FILE}'\n`;

test("a secret is the one line of its file, with or without the line's end", () => {
  for (const end of ["", "\n", "\r\n"]) {
    const stored = { [FILE]: { text: `a secret of twenty-four.${end}` } };
    assert.deepEqual(read(WITH_FILE, stored).clients[0]!.secret, utf8("a secret of twenty-four."));
  }
});

const FILES: readonly (readonly [stored: Stored | null, problem: string])[] = [
  [null, `secret file '${FILE}' is missing: write it with mode 0600 (homeca:3)`],
  [
    { text: "x".repeat(24), mode: 0o644 },
    `secret file '${FILE}' has mode 0644, others can use it: run chmod 600 and change the secret (homeca:3)`,
  ],
  [
    { text: "x".repeat(24), mode: 0o620 },
    `secret file '${FILE}' has mode 0620, others can use it: run chmod 600 and change the secret (homeca:3)`,
  ],
  [
    { text: "x".repeat(24), kind: "other" },
    `secret file '${FILE}' is no plain file: write one (homeca:3)`,
  ],
  ...["", "\n", "two\nlines\n", "x".repeat(129), "x".repeat(5000)].map(
    (text) =>
      [
        { text },
        `secret file '${FILE}' does not hold one line of 1 to 128 octets: write it anew (homeca:3)`,
      ] as const,
  ),
];
for (const [stored, problem] of FILES) {
  test(`secret file of ${stored?.text.length ?? "no"} octets, mode ${stored?.mode?.toString(8) ?? "600"}, refused: ${problem}`, () => {
    const [first] = problems(WITH_FILE, stored === null ? {} : { [FILE]: stored });
    assert.equal(first, problem);
  });
}

test("a secret of 12 octets is warned about, one of 13 is not", () => {
  const [warning] = read(`${CLIENT}\toption secret 'twelve octet'\n`).warnings;
  assert.equal(warning, "the secret of client 'attic' has 12 octets: use 24 or more (homeca:3)");
  assert.deepEqual(read(`${CLIENT}\toption secret 'thirteen octe'\n`).warnings, []);
});

test("a secret in two places is refused", () => {
  assert.deepEqual(problems(WITH_FILE + SECRET, { [FILE]: { text: "y".repeat(24) } }), [
    "options 'secret' and 'secret_file' are both set: keep one (homeca:4)",
  ]);
});

test("a missing file and one that is no text are refused with the path", () => {
  const missing = assert.throws(
    () => loadConfiguration(files(), "/etc/config/homeca"),
    ConfigurationFailure,
  );
  assert.equal(missing.message, "there is no /etc/config/homeca: name one with --config");
  const binary = { read: () => Uint8Array.of(0xff, 0xfe), facts: () => null };
  const failure = assert.throws(() => loadConfiguration(binary, "/x/homeca"), ConfigurationFailure);
  assert.equal(failure.message, "/x/homeca is no UTF-8 text: write it anew");
});

test("messages name the file by its last part", () => {
  const stored = files({ "/tmp/lab.conf": { text: "config radius\n\toption auth_port 0\n" } });
  const failure = assert.throws(
    () => loadConfiguration(stored, "/tmp/lab.conf"),
    ConfigurationFailure,
  );
  assert.match(failure.message, /\(lab\.conf:2\)$/);
});

test("property: any text is a configuration or refused with sentences that name the file", () => {
  const names = Object.values(SECTIONS)
    .flat()
    .map(({ name }) => name);
  const line = fc.tuple(
    fc.constantFrom("option", "list"),
    fc.constantFrom(...names, "other"),
    fc.oneof(fc.constantFrom("0", "1", "1812", "::1", "/x", "10.0.0.0/8"), fc.string()),
  );
  const section = fc.tuple(fc.constantFrom(...Object.keys(SECTIONS), "other"), fc.array(line));
  fc.assert(
    fc.property(fc.array(section, { maxLength: 4 }), (sections) => {
      const text = sections
        .map(([type, lines], at) =>
          [
            `config ${type} s${at}`,
            ...lines.map(
              ([kind, name, value]) => `${kind} ${name} '${value.replaceAll(/['\0]/g, "")}'`,
            ),
          ].join("\n"),
        )
        .join("\n");
      try {
        for (const warning of read(text).warnings) assert.match(warning, /: .+ \(homeca(:\d+)?\)$/);
      } catch (failure) {
        assert.ok(failure instanceof ConfigurationFailure);
        for (const problem of failure.problems) assert.match(problem, /: .+ \(homeca:\d+\)$/s);
      }
    }),
  );
});

test("as many clients as the table takes are read, one more is refused", () => {
  const client = (at: number): string =>
    `config client 'c${at}'\n\toption prefix 10.0.${at >> 8}.${at & 255}\n${SECRET}`;
  const full = Array.from({ length: MAX_CLIENTS }, (_, at) => client(at)).join("");
  assert.equal(read(full).clients.length, MAX_CLIENTS);
  assert.match(problems(full + client(MAX_CLIENTS))[0]!, /^client 'c256' .* is the 257th: /);
});

test("the distance between words counts insertions, deletions and changes", () => {
  assert.deepEqual(
    [distance("", "abc"), distance("kitten", "sitting"), distance("a", "a")],
    [3, 3, 0],
  );
});
