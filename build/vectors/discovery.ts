/** docs/vectors/discovery.json: labels of private discovery, and questions and answers as they are on the wire. */
import { hex, toHex } from "../../src/base/bytes.ts";
import { mono, unix } from "../../src/base/machine.ts";
import { encodeMessage, NO_MESSAGE } from "../../src/proto/mdns/message.ts";
import { DomainName } from "../../src/proto/mdns/name.ts";
import { PrivateResponder } from "../../src/proto/mdns/private-responder.ts";
import { clocklessLabel, intervalLabel, intervalOf } from "../../src/proto/mdns/private.ts";
import { serviceRecords, subtypeName } from "../../src/proto/mdns/published.ts";
import { homeTxt } from "../../src/proto/mdns/txt.ts";
import { CLASS_IN, MDNS_PORT, RecordType } from "../../src/proto/mdns/wire.ts";
import { HOME_KEY_HASH } from "./home.ts";
import { crypto, randomOf } from "./labels.ts";

const KEY = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
/** That of the example in draft-ietf-dnssd-privacy-05. */
const TIME = unix(0x599c8e68);
const NONCE = hex("0102030405");
const HOME = { name: "lan0", ipv4: ["192.0.2.1"], ipv6: ["2001:db8::1"] };
const PORT = 5684;

export function discovery(): object {
  const interval = intervalOf(TIME);
  const home = intervalLabel(crypto, KEY, "H", interval);
  const question = ask(DomainName.of(home, "_homeca._udp.local"), RecordType.SRV);
  return {
    inputs:
      'K_disc is 00 to 1f. S in TXT is the label "spki" of key-update.json. The home has 192.0.2.1 and 2001:db8::1; names that are random on the wire come from labels. Octets are in hexadecimal.',
    discoveryKey: toHex(KEY),
    time: TIME,
    interval,
    homeLabel: home,
    deviceLabel: intervalLabel(crypto, KEY, "D", interval),
    clockless: { nonce: toHex(NONCE), label: clocklessLabel(crypto, KEY, NONCE) },
    private: { question: toHex(question), answer: toHex(answerTo(question)) },
    public: {
      txt: homeTxt(HOME_KEY_HASH),
      question: toHex(ask(subtypeName("lamp", "udp"), RecordType.PTR)),
      answer: toHex(publicAnswer()),
    },
  };
}

function ask(name: DomainName, type: number): Uint8Array {
  const question = { name, type, class: CLASS_IN, unicast: false };
  return encodeMessage({ ...NO_MESSAGE, questions: [question] });
}

/** What a home with this key multicasts. */
function answerTo(question: Uint8Array): Uint8Array {
  const random = randomOf("host name");
  const home = new PrivateResponder({ crypto, random, role: "H", port: PORT });
  const now = mono(1_000_000);
  home.handle({ kind: "interfaces", interfaces: [HOME] }, now);
  home.handle({ kind: "keys", keys: new Map([["lamp", KEY]]) }, now);
  home.handle({ kind: "clock", time: TIME }, now);
  const link = { interface: HOME.name, family: "ipv4" } as const;
  const from = { from: "192.0.2.7", port: MDNS_PORT };
  const outputs = home.handle({ kind: "datagram", ...link, ...from, bytes: question }, now);
  const sent = outputs.find(({ kind }) => kind === "send");
  if (sent?.kind !== "send") throw new Error("the home did not answer");
  return sent.bytes;
}

/** A home that searches for a lamp: pointer, then what goes along with it. */
function publicAnswer(): Uint8Array {
  const services = [
    { transport: "udp", port: PORT, txt: homeTxt(HOME_KEY_HASH), subtypes: ["lamp"] },
  ] as const;
  const records = serviceRecords("HomeCA-k4wz", "0a1b2c3d4e5f", services, HOME);
  const pointer = records.filter(({ name }) => name.is(subtypeName("lamp", "udp")));
  const own = records.filter(({ content }) => content.kind !== "PTR");
  return encodeMessage({
    ...NO_MESSAGE,
    response: true,
    answers: pointer,
    additionals: own,
  });
}
