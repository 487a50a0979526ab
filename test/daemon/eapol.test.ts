/** eapol_test, the supplicant of wpa_supplicant without a radio, against a whole HomeCA on loopback. */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import { assert, skip, test } from "#kit";
import { Home } from "../kit/home.ts";

const PASSWORD = "a password for tests";
const FRAGMENTS = [100, 500, 1398];

const has = (program: string): boolean =>
  spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

interface Outcome {
  readonly success: boolean;
  /** Whether the MSK that RADIUS brought is the one the peer derived. */
  readonly keysMatch: boolean;
  /** Handshakes in which the peer came back to an earlier session. */
  readonly resumed: number;
  readonly output: string;
}

const home = new Home({
  radius: "\toption tls_versions '1.2 1.3'",
  more: "config limits 'limits'\n\toption onboarding_per_minute '60'\n",
});

const file = (name: string): string => path.join(home.folder, "station", name);

function eapolTest(
  network: string,
  more: readonly string[] = [],
  secret = home.secret,
): Promise<Outcome> {
  const config = file(`network-${Math.random().toString(36).slice(2)}.conf`);
  const fastReauth = more.includes("-r") ? 1 : 0;
  writeFileSync(
    config,
    `fast_reauth=${fastReauth}\nnetwork={\n\tkey_mgmt=WPA-EAP\n${network}\n}\n`,
  );
  const args = [
    "-c",
    config,
    "-a",
    "127.0.0.1",
    "-p",
    String(home.ports.auth),
    "-s",
    secret,
    "-t",
    "10",
    ...more,
  ];
  return new Promise((resolve) => {
    const child = spawn("eapol_test", args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => void (output += chunk.toString("latin1")));
    child.stderr.on("data", (chunk: Buffer) => void (output += chunk.toString("latin1")));
    child.on("close", (status) => {
      resolve({
        success: status === 0,
        keysMatch: /MPPE keys OK: [1-9]\d* {2}mismatch: 0/u.test(output),
        resumed: (output.match(/Handshake finished - resumed=1/gu) ?? []).length,
        output,
      });
    });
  });
}

function openssl(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  assert.equal(status, 0, `openssl ${args.join(" ")}: ${stderr}`);
  return stdout;
}

type Version = "1.2" | "1.3";

/** wpa_supplicant keeps TLS 1.3 off in EAP until it is told otherwise. */
const phase1 = (version: Version): string =>
  `phase1="tls_disable_tlsv1_3=${version === "1.3" ? 0 : 1}"`;

const withCertificate = (fragment: number, version: Version = "1.2"): string => `	eap=TLS
	identity="@homeca.home.arpa"
	ca_cert="${file("root.pem")}"
	domain_match="homeca.home.arpa"
	client_cert="${file("phone.pem")}"
	private_key="${file("phone.pem")}"
	fragment_size=${fragment}
	${phase1(version)}`;

/** Null for a visitor without a key. */
const firstContact = (
  key: string | null,
  fragment: number,
  version: Version = "1.2",
): string => `	eap=TTLS
	identity="1.abcdefghijklmnop.lamp.S2l0Y2hlbiBsYW1w@setup.home.arpa"
	anonymous_identity="@setup.home.arpa"
	password="none"
	phase2="auth=PAP"
	fragment_size=${fragment}
	${phase1(version)}
${key === null ? "" : `	client_cert="${file(`${key}.pem`)}"\n	private_key="${file(`${key}.pem`)}"`}`;

/** A key that signs its own certificate, as a device has it from its maker. Test keys, made and thrown away. */
function ownKey(name: string): void {
  openssl(
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -subj /CN=device".split(
      " ",
    ),
    ...["-keyout", file(`${name}.key`), "-out", file(`${name}.crt`)],
  );
  writeFileSync(
    file(`${name}.pem`),
    readFileSync(file(`${name}.crt`), "utf8") + readFileSync(file(`${name}.key`), "utf8"),
  );
}

if (has("eapol_test") && has("openssl")) suite();
else skip("eapol_test against HomeCA", "needs eapol_test and openssl");

function suite(): void {
  before(async () => {
    mkdirSync(path.join(home.folder, "station"));
    await home.start();
    const { p12 } = await home.call<{ p12: string }>("issue", {
      name: "phone",
      class: "certificate",
      password: PASSWORD,
    });
    writeFileSync(file("phone.p12"), Buffer.from(p12, "base64"));
    openssl(
      "pkcs12",
      "-in",
      file("phone.p12"),
      "-passin",
      `pass:${PASSWORD}`,
      "-noenc",
      "-out",
      file("phone.pem"),
    );
    // wpa_supplicant 2.10 cuts a TTLS flight of TLS 1.3 wrongly, so that one has to fit one message.
    const [first] = readFileSync(file("phone.pem"), "utf8").split(
      /(?<=-----END CERTIFICATE-----\n)/u,
    );
    const key = openssl("pkey", "-in", file("phone.pem"));
    writeFileSync(file("leaf.pem"), `${first}${key}`);
    writeFileSync(file("root.pem"), home.rootPem);
    ownKey("lamp");
  });
  after(() => home.remove());

  // With TLS 1.2 wpa_supplicant comes back by session id, unless it is told to use tickets.
  for (const [version, tickets] of [
    ["1.3", true],
    ["1.2", true],
    ["1.2", false],
  ] as const) {
    const by = version === "1.2" && !tickets ? "session id" : "ticket";
    for (const method of ["TLS", "TTLS"]) {
      test(`eapol_test: EAP-${method} over TLS ${version} comes back by ${by}, keys match`, async () => {
        const inner = `\n\tpassword="none"\n\tphase2="auth=PAP"`;
        const network = withCertificate(method === "TLS" ? 500 : 1398, version)
          .replaceAll("phone.pem", "leaf.pem")
          .replace('phase1="', `phase1="tls_disable_session_ticket=${tickets ? 0 : 1} `)
          .replace("eap=TLS", method === "TLS" ? "eap=TLS" : `eap=TTLS${inner}`);
        const { success, keysMatch, resumed, output } = await eapolTest(network, ["-r", "3"]);
        assert.ok(success && keysMatch, `${home.log.slice(-600)}\n${output.slice(-2000)}`);
        // TLS 1.3 tells of the end of a handshake again behind each ticket.
        assert.ok(resumed >= 3, `${resumed} resumed: ${output.slice(-4000)}`);
      });
    }
  }

  for (const version of ["1.2", "1.3"] as const) {
    test(`eapol_test: over TLS ${version} a peer that insists on OCSP gets its response, and believes it`, async () => {
      const network = `${withCertificate(1398, version)}\n\tocsp=2`;
      const { success, output } = await eapolTest(network);
      assert.ok(success, output.slice(-3000));
      assert.match(output, /OCSP status for server certificate: good/u);
    });

    for (const fragment of FRAGMENTS) {
      const over = `over TLS ${version} with fragments of ${fragment} octets`;
      test(`eapol_test: EAP-TLS ${over}, keys match`, async () => {
        const network = withCertificate(fragment, version);
        const { success, keysMatch, output } = await eapolTest(network, [
          "-M",
          "02:00:00:00:00:21",
        ]);
        assert.ok(success && keysMatch, output.slice(-2000));
        assert.ok(output.includes(`SSL: Using TLS version TLSv${version}`));
        const octet = output.includes("EAP-TLS: ACKing Commitment Message");
        assert.equal(octet, version === "1.3");
      });

      // wpa_supplicant 2.10 takes the acknowledgement of a fragment of its last TLS 1.3 flight for the
      // beginning of phase 2, so that this flight must fit: with small fragments without a certificate.
      const key = version === "1.3" && fragment < 1398 ? null : "lamp";
      const who = key === null ? "without a certificate" : "with a certificate";
      test(`eapol_test: EAP-TTLS/PAP ${who} ${over}, keys match`, async () => {
        const network = firstContact(key, fragment, version);
        const { success, keysMatch, output } = await eapolTest(network, [
          "-M",
          "02:00:00:00:00:22",
        ]);
        assert.ok(success && keysMatch, output.slice(-2000));
        assert.ok(output.includes(`SSL: Using TLS version TLSv${version}`));
        // RFC 8446 §4.1.3: whoever could have had 1.3 sees in the server random, the end of the Session-Id, that it has not.
        const sentinel = /Derived Session-Id .* 44 4f 57 4e 47 52 44 01\n/u.test(output);
        assert.equal(sentinel, version === "1.2");
      });
    }
  }

  for (const mtu of [64, 100, 1398]) {
    test(`eapol_test: a NAS with Framed-MTU ${mtu} gets EAP packets that fit`, async () => {
      const { success, keysMatch, output } = await eapolTest(withCertificate(1398), [
        "-N",
        `12:d:${mtu}`,
        "-t",
        "30",
      ]);
      assert.ok(success && keysMatch, output.slice(-2000));
      const lengths = [...output.matchAll(/decapsulated EAP packet \(code=1 id=\d+ len=(\d+)\)/gu)];
      assert.ok(lengths.length > 0, "no EAP request was seen");
      for (const [line, length] of lengths)
        assert.ok(Number(length) <= mtu - 4, `${line} with Framed-MTU ${mtu}`);
    });
  }

  test("eapol_test: a peer that wants PEAP is refused, one that wants EAP-TLS gets it after its Nak", async () => {
    const peap = `	eap=PEAP\n	identity="x"\n	password="x"\n	phase2="auth=MSCHAPV2"`;
    assert.ok(!(await eapolTest(peap)).success, "PEAP got in");
    await home.waitForLog(/it offers neither EAP-TLS nor EAP-TTLS/u);
  });

  test("eapol_test: a server it should not trust is refused by the peer", async () => {
    const wrongName = withCertificate(1398).replace(
      'domain_match="homeca.home.arpa"',
      'domain_match="other.home.arpa"',
    );
    assert.ok(!(await eapolTest(wrongName)).success, "the peer took a server of another name");
  });

  test("eapol_test: EAP-Key-Name and the CUI come when they are asked for", async () => {
    const asked = await eapolTest(withCertificate(1398), ["-N", "102:x:00", "-N", "89:x:00"]);
    assert.ok(asked.success, asked.output.slice(-2000));
    assert.match(asked.output, /Attribute 102 \(EAP-Key-Name\) length=67/u);
    assert.match(asked.output, /Attribute 89 \(Chargeable-User-Identity\) length=\d+/u);
    const unasked = await eapolTest(withCertificate(1398));
    assert.ok(
      !unasked.output.includes("Attribute 102 (EAP-Key-Name) length=67"),
      "EAP-Key-Name came unasked",
    );
  });
}
