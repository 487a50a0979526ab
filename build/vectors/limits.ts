/** docs/vectors/limits.json: timers, bounds and suites, each read where the product has it. */
import { COAPS, LIMITS, RADIUS } from "../../src/daemon/config/schema.ts";
import { IDLE_MS, MAX_OF_ONE_KEY, MAX_STRANGERS } from "../../src/daemon/coaps/desk.ts";
import { RECEIPT_MS } from "../../src/daemon/farewell.ts";
import { SESSION_SECONDS } from "../../src/daemon/tickets.ts";
import {
  FIRST_RETRY_MS,
  LONGEST_PERIOD_MS,
  LONGEST_RETRY_MS,
  LONGEST_WAIT_MS,
  SHORTEST_PERIOD_MS,
} from "../../src/device/agent.ts";
import {
  FIRST_BACKOFF_SECONDS,
  LONGEST_BACKOFF_SECONDS,
  PENDING_SECONDS,
} from "../../src/policy/admission/limits.ts";
import { MAX_ENCODED_NAME, MAX_SETUP_IDENTITY } from "../../src/policy/admission/setup.ts";
import { MAX_ACL_LENGTH } from "../../src/policy/ca/acl.ts";
import { CRL_LIFETIME_SECONDS } from "../../src/policy/ca/authority.ts";
import { LOOK_AGAIN_SECONDS } from "../../src/policy/devices/adopt.ts";
import { RETRY_SECONDS } from "../../src/policy/devices/failure.ts";
import { ABANDONED_MS, AGREED_MS, MAX_ABANDONED } from "../../src/policy/devices/key-updates.ts";
import { MAX_MESSAGE } from "../../src/policy/devices/messages.ts";
import { RETRY_SECONDS as EST_RETRY_SECONDS } from "../../src/policy/est/enrolment.ts";
import { MAX_LIVE_CERTIFICATES } from "../../src/policy/est/standing.ts";
import { MAX_OBJECT_LENGTH } from "../../src/policy/ownership/objects.ts";
import { MAX_GROUPS } from "../../src/policy/registry/record.ts";
import { MAX_NAME, MAX_TYPE } from "../../src/policy/registry/text.ts";
import { MAX_AIF_LENGTH, MAX_PERMISSIONS } from "../../src/policy/rights/aif.ts";
import { HARD_AGE_SECONDS } from "../../src/policy/rights/list-freshness.ts";
import { MAX_LOCAL_PART } from "../../src/policy/rights/local-part.ts";
import { MAX_GROUP_NAME, MAX_RIGHTS } from "../../src/policy/rights/rights.ts";
import { MIN_SEARCH_DAYS } from "../../src/policy/window/passive-release.ts";
import { INITIAL_DAYS, MAX_DAYS, MIN_DAYS } from "../../src/policy/window/churn.ts";
import {
  certificateSeconds,
  INITIAL_RELEASE_DAYS,
  livenessSeconds,
  MIN_RELEASE_DAYS,
} from "../../src/policy/window/periods.ts";
import {
  COAP_LIMITS,
  DEFAULT_BLOCK_SIZE,
  exchangeLifetimeMs,
  maxTransmitWaitMs,
  TRANSMISSION,
} from "../../src/proto/coap/parameters.ts";
import { KEY_UPDATE_MILLISECONDS } from "../../src/proto/key-update/schedule.ts";
import { FIRST_WAIT_MS, TRANSMISSIONS } from "../../src/proto/mdns/private-search.ts";
import {
  INTERVAL_SECONDS,
  MAX_CLOCKLESS_PER_SECOND,
  MAX_NONCES_PER_DEVICE,
  NONCE_MEMORY_MS,
} from "../../src/proto/mdns/private.ts";
import { OWN_CONNECTION_ID_LENGTH } from "../../src/proto/tls/datagram/connection-id.ts";
import {
  DEFAULT_MAX_ASSOCIATIONS,
  DEFAULT_MAX_HANDSHAKES,
} from "../../src/proto/tls/datagram/endpoint.ts";
import {
  INITIAL_MTU,
  INITIAL_TIMEOUT_MS,
  MAX_RETRANSMISSIONS,
} from "../../src/proto/tls/datagram/retransmission.ts";
import { DEFAULT_SUITES_13, DEFAULT_SUITES_DATAGRAM } from "../../src/proto/tls/suites.ts";
import { MAX_CERTIFICATE_LENGTH } from "../../src/proto/x509/certificate.ts";

const DAY = 86_400;

interface Limit {
  readonly name: string;
  readonly value: string;
}

export function limits(): object {
  return {
    inputs: "Constants of the product; what the owner may set has its default.",
    groups: {
      "joining the network": JOINING,
      DTLS,
      CoAP: COAP,
      "adoption and keys": ADOPTION,
      certificates: CERTIFICATES,
      membership: MEMBERSHIP,
      discovery: DISCOVERY,
      rights: RIGHTS,
    },
    suites: [...DEFAULT_SUITES_13, ...DEFAULT_SUITES_DATAGRAM]
      // No home of version 1 takes a pre-shared key.
      .filter(({ keyExchange }) => keyExchange !== "ecdhe-psk")
      .map(({ name, code, keyExchange }) => ({
        name,
        code: `0x${code.toString(16).padStart(4, "0").toUpperCase()}`,
        version: keyExchange === null ? "DTLS 1.3" : "DTLS 1.2",
      })),
  };
}

const JOINING: readonly Limit[] = [
  count("octets of an inner User-Name", MAX_SETUP_IDENTITY),
  count("characters of the encoded name in it", MAX_ENCODED_NAME),
  seconds("a session in quarantine", fallback(RADIUS.quarantineSeconds)),
  seconds("a session of an admitted device", fallback(RADIUS.sessionSeconds)),
  count("strangers within a minute, by access point", fallback(LIMITS.onboardingPerMinute)),
  count("devices that may wait for the owner", fallback(LIMITS.pendingMax)),
  seconds("until one that waits is forgotten", PENDING_SECONDS),
  seconds("wait after the first refusal, doubled by each further one", FIRST_BACKOFF_SECONDS),
  seconds("the longest such wait", LONGEST_BACKOFF_SECONDS),
];

const DTLS: readonly Limit[] = [
  count("UDP port", fallback(COAPS.port)),
  seconds("until a flight is sent again, at first", INITIAL_TIMEOUT_MS / 1000),
  count("times the home sends one flight again", MAX_RETRANSMISSIONS),
  count("octets of a datagram of the handshake, at first", INITIAL_MTU),
  count("octets of the home's connection ids", OWN_CONNECTION_ID_LENGTH),
  seconds("until a silent association is closed", IDLE_MS / 1000),
  count("associations at once", DEFAULT_MAX_ASSOCIATIONS),
  count("of them in a handshake", DEFAULT_MAX_HANDSHAKES),
  count("of them by first keys", MAX_STRANGERS),
  count("of them by one key; the oldest is closed", MAX_OF_ONE_KEY),
  seconds("a session that may be resumed", SESSION_SECONDS),
];

const COAP: readonly Limit[] = [
  seconds("ACK_TIMEOUT", TRANSMISSION.ackTimeoutMs / 1000),
  count("ACK_RANDOM_FACTOR", TRANSMISSION.ackRandomFactor),
  count("MAX_RETRANSMIT", TRANSMISSION.maxRetransmit),
  count("NSTART", TRANSMISSION.nstart),
  seconds("MAX_TRANSMIT_WAIT", maxTransmitWaitMs(TRANSMISSION) / 1000),
  seconds("EXCHANGE_LIFETIME", exchangeLifetimeMs(TRANSMISSION) / 1000),
  count("octets of a message", COAP_LIMITS.maxMessageOctets),
  count("octets of a block of the home's", DEFAULT_BLOCK_SIZE),
  count("octets of a whole body", COAP_LIMITS.maxBodyOctets),
  count("bodies at once", COAP_LIMITS.maxBodies),
  count("observations at once", COAP_LIMITS.maxObservations),
  count("octets of a CBOR body of the device API", MAX_MESSAGE),
];

const ADOPTION: readonly Limit[] = [
  count("characters of a type", MAX_TYPE),
  count("UTF-16 units of a name or model", MAX_NAME),
  seconds("Max-Age of a standing: look again", LOOK_AGAIN_SECONDS),
  seconds("Max-Age where nothing better is known", RETRY_SECONDS),
  seconds("from a commitment to its reveal", KEY_UPDATE_MILLISECONDS / 1000),
  seconds("from an agreed key to its certificate", AGREED_MS / 1000),
  count("key updates that may come to nothing", MAX_ABANDONED),
  seconds("within", ABANDONED_MS / 1000),
];

const CERTIFICATES: readonly Limit[] = [
  count("octets of a certificate or request", MAX_CERTIFICATE_LENGTH),
  seconds("a device's certificate: two windows t, but at least", certificateSeconds(MIN_DAYS)),
  seconds("and at most", certificateSeconds(MAX_DAYS)),
  seconds("Max-Age of 5.03 at enrolment: the owner has not decided", EST_RETRY_SECONDS),
  count("certificates of one device that have not ended", MAX_LIVE_CERTIFICATES),
  seconds("a revocation list", CRL_LIFETIME_SECONDS),
];

const MEMBERSHIP: readonly Limit[] = [
  seconds("t of a new home", INITIAL_DAYS * DAY),
  seconds("t at least", MIN_DAYS * DAY),
  seconds("t at most", MAX_DAYS * DAY),
  seconds("the period between reports: an eighth of t, but at least", livenessSeconds(0)),
  seconds("and at most", livenessSeconds(MAX_DAYS)),
  seconds("retry of the model client after a failure, doubled by each", FIRST_RETRY_MS / 1000),
  seconds("its longest retry", LONGEST_RETRY_MS / 1000),
  seconds("the longest wait it lets a home ask for", LONGEST_WAIT_MS / 1000),
  seconds("its shortest period between reports", SHORTEST_PERIOD_MS / 1000),
  seconds("its longest period between reports", LONGEST_PERIOD_MS / 1000),
  seconds("T_rel before a home has told one", INITIAL_RELEASE_DAYS * DAY),
  seconds("T_rel at least", MIN_RELEASE_DAYS * DAY),
  count("days on which the search must have failed", MIN_SEARCH_DAYS),
  count("octets of a release token or receipt", MAX_OBJECT_LENGTH),
  seconds("for which the owner is kept waiting for a receipt", RECEIPT_MS / 1000),
];

const DISCOVERY: readonly Limit[] = [
  seconds("an interval of labels", INTERVAL_SECONDS),
  count("questions of one search", TRANSMISSIONS),
  seconds("after the first of them, doubled by each", FIRST_WAIT_MS / 1000),
  count("labels without a clock that a home looks at in a second", MAX_CLOCKLESS_PER_SECOND),
  seconds("a nonce is remembered", NONCE_MEMORY_MS / 1000),
  count("nonces of one device in that time", MAX_NONCES_PER_DEVICE),
];

const RIGHTS: readonly Limit[] = [
  count("rules in a certificate", MAX_RIGHTS),
  count("octets of the extension", MAX_ACL_LENGTH),
  count("permissions in one rule", MAX_PERMISSIONS),
  count("octets of one AIF", MAX_AIF_LENGTH),
  count("octets of a local part", MAX_LOCAL_PART),
  count("groups that a device is in", MAX_GROUPS),
  count("octets of a group's name", MAX_GROUP_NAME),
  seconds("after nextUpdate for which others may read", HARD_AGE_SECONDS),
];

function count(name: string, value: number): Limit {
  return { name, value: String(value) };
}

/** In the largest unit that leaves a whole number. */
function seconds(name: string, value: number): Limit {
  const units = [
    ["d", DAY],
    ["h", 3600],
    ["min", 60],
  ] as const;
  const [unit, length] = units.find(([, size]) => value % size === 0) ?? ["s", 1];
  return { name, value: `${value / length} ${unit}` };
}

/** What an option is where the owner does not set it. */
function fallback({ fallback }: { readonly fallback: unknown }): number {
  // Options that are asked for here have a number; one that had none would be no row.
  const { value } = fallback as { readonly value: number };
  if (typeof value !== "number") throw new Error("an option without a default");
  return value;
}
