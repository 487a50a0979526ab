// The life of a device over TLS 1.3, as far as it differs from one over TLS 1.2. Which version it was,
// and whether a session was resumed, is told by wpa_supplicant itself and by HomeCA's counter.
import { monotonic } from "./lab.mjs";
import { firstContact, ownKey, WITH_TLS13, withCertificate } from "./networks.mjs";
import {
  isAdmitted,
  isQuarantined,
  isUnknown,
  openStream,
  streamEnded,
  streamLives,
} from "./probes.mjs";
import { expect } from "./steps.mjs";

const DEVICE = "dev3";
const FAN = { type: "fan", claimed: "cdefghijklmnopqr", shown: "Ventilator" };

/** @param homeOf - gives the daemon, once it runs */
export function overTls13(homeOf) {
  let id = null;
  /** Octets of the hello that resumed a session. */
  let resuming = 0;
  const resumed = async () => (await homeOf().status()).counters.resumed ?? 0;

  return [
    {
      name: "TLS 1.3: first contact by EAP-TTLS, pending and in quarantine",
      run: async (lab) => {
        ownKey(lab, "fan");
        await lab.newAddress(DEVICE);
        const network = [...firstContact(lab, "fan", FAN), WITH_TLS13];
        const outcome = await lab.authenticate(DEVICE, network);
        expect(outcome === "success", `EAP ${outcome}`);
        await spokeTls13(lab, { reused: false });
        const device = await homeOf().device(({ name }) => name === FAN.shown);
        expect(device?.state === "pending", `state ${device?.state}`);
        id = device.id;
        return isQuarantined(lab, DEVICE);
      },
    },
    {
      name: "TLS 1.3: EAP-TLS with what HomeCA signed, the device reaches its network",
      run: async (lab) => {
        await homeOf().approve(id);
        const request = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=fan";
        lab.openssl(...request.split(" "), "-keyout", "fan-home.key", "-out", "fan-home.csr");
        await homeOf().sign(id, lab.file("fan-home.csr"), lab.file("fan-home.pem"));
        const network = [...withCertificate(lab, "fan-home"), WITH_TLS13];
        const outcome = await lab.authenticate(DEVICE, network);
        expect(outcome === "success", `EAP ${outcome}`);
        await spokeTls13(lab, { reused: false });
        return isAdmitted(lab, DEVICE);
      },
    },
    {
      name: "TLS 1.3: it comes back by its ticket, twice: an open connection does not notice",
      run: async (lab) => {
        await openStream(lab, DEVICE, "lan");
        const before = await resumed();
        for (let count = 1; count <= 2; count++) {
          const { outcome, hello } = await comesBack(lab);
          expect(outcome === "success", `EAP ${outcome}`);
          await spokeTls13(lab, { reused: true });
          expect((await resumed()) === before + count, "HomeCA counts no session resumed");
          resuming = hello;
        }
        await streamLives(lab, DEVICE, "lan");
      },
    },
    {
      name: "TLS 1.3: revoked, its ticket is worthless",
      run: async (lab) => {
        await openStream(lab, DEVICE, "wan");
        const before = await resumed();
        const start = monotonic();
        await homeOf().revoke(id);
        const last = await streamEnded(lab, DEVICE, "wan", start);
        const { outcome, hello, log } = await comesBack(lab);
        expect(hello === resuming, `a hello of ${hello} octets offers no ticket`);
        expect(outcome === "failure", `EAP ${outcome}`);
        await spokeTls13(lab, { reused: false });
        expect(/alert: read .*:fatal:certificate revoked/.test(log), "it was not told why");
        expect((await resumed()) === before, "HomeCA resumed its session");
        await isUnknown(lab, DEVICE);
        return `whole handshake, then "certificate revoked"; last byte after ${last.device.toFixed(0)} ms`;
      },
    },
  ];
}

/** What wpa_supplicant says of its last connection. */
async function spokeTls13(lab, { reused }) {
  const status = await lab.supplicant(DEVICE, "status");
  const [, version = "none"] = /^eap_tls_version=(.*)$/m.exec(status) ?? [];
  expect(version === "TLSv1.3", `version ${version}`);
  const wanted = reused ? "1" : "0";
  expect(status.includes(`tls_session_reused=${wanted}\n`), `resumed is not ${wanted}`);
}

/** The same supplicant authenticates again, with all it has kept. */
async function comesBack(lab) {
  await lab.supplicant(DEVICE, "log_level", "DEBUG");
  lab.mark(DEVICE);
  await lab.supplicant(DEVICE, "reauthenticate");
  const outcome = await lab.outcome(DEVICE);
  const log = lab.since(DEVICE);
  expect(/Using previous method data for fast re-authentication/.test(log), "it has kept nothing");
  const [, hello] = /SSL: (\d+) bytes left to be sent out/.exec(log) ?? [];
  return { outcome, hello: Number(hello), log };
}
