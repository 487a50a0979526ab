/**
 * A datagram cut into records, and each opened in an epoch of either version
 * with its lock open: nothing is thrown, nothing comes out that did not go in,
 * and nothing twice. What we write is read as it was meant.
 */
import { Choices } from "../choices.ts";
import {
  connectionIdOf,
  cutDatagram,
  EpochReader12,
  EpochReader13,
  EpochWriter12,
  EpochWriter13,
  PlainEpochReader,
} from "../dtls.ts";
import type { EpochReader, EpochWriter, WireRecord } from "../dtls.ts";
import { hold, holdSame } from "../expect.ts";
import { openCrypto } from "../open-crypto.ts";
import { SUITES, SUITES_13 } from "../tls.ts";
import { toyCrypto } from "../toy-crypto.ts";

const MAX_FRAGMENT = 2 ** 14 + 2048;
const TYPES_13 = [21, 22, 23, 26] as const;
const TYPES_12 = [20, 21, 22, 23] as const;

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const setup = choices.octet();
  if ((setup & 0x80) !== 0) return written(setup, choices);
  const cidLength = (setup & 4) === 0 ? 0 : 3;
  const readers = readersFor(setup, cidLength);
  while (choices.left > 0) {
    const datagram = choices.stretch();
    for (const record of cut(datagram, cidLength)) {
      for (const reader of readers) open(reader, record);
    }
  }
}

function cut(datagram: Uint8Array, cidLength: number): readonly WireRecord[] {
  const whole = cutDatagram(datagram, cidLength);
  const { records, discards } = whole;
  hold(datagram.length === 0 || records.length + discards.length > 0, "a datagram is something");
  const octets = records.reduce((sum, record) => sum + payloadOf(record).length, 0);
  hold(octets <= datagram.length, "no more comes out than went in");
  for (const record of records) {
    hold(payloadOf(record).length <= MAX_FRAGMENT, "no record above the bound");
    hold(
      record.form === "plain" || (record.cid?.length ?? cidLength) === cidLength,
      "an id of ours",
    );
  }
  const id = connectionIdOf(whole);
  hold(id === null || id.length === cidLength, "an id of ours, or none");
  return records;
}

function payloadOf(record: WireRecord): Uint8Array {
  return record.form === "unified" ? record.ciphertext : record.fragment;
}

function open(reader: EpochReader, record: WireRecord): void {
  const before = reader.failuresLeft;
  const result = reader.open(record);
  if (result.kind === "discarded") {
    const cost = result.reason === "not-authentic" ? 1 : 0;
    hold(reader.failuresLeft === before - cost || before === Infinity, "forgeries are counted");
    return;
  }
  hold(result.content.length <= payloadOf(record).length, "content is within its record");
  hold(result.content.length <= 2 ** 14, "no content above the bound");
  hold(result.number.epoch === reader.epoch, "a record of its epoch");
  hold(result.number.sequence >= 0 && result.number.sequence < 2 ** 48, "a number");
  if (reader.epoch === 0) return;
  const again = reader.open(record);
  hold(again.kind === "discarded" && again.reason === "repeated-record", "each record once");
}

function readersFor(setup: number, cidLength: number): readonly EpochReader[] {
  const cid = new Uint8Array(cidLength).fill(0xc1);
  const limits = { maxFailures: 3 };
  const suite = SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
  const keys = { key: new Uint8Array(16), iv: new Uint8Array((setup & 1) === 0 ? 4 : 12) };
  const other = SUITES.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
  const suite12 = (setup & 1) === 0 ? suite : other;
  const suite13 = SUITES_13.TLS_AES_128_GCM_SHA256;
  const keys13 = { key: keys.key, iv: new Uint8Array(12), recordNumberKey: keys.key };
  return [
    new PlainEpochReader(),
    new EpochReader12(openCrypto, { suite: suite12, keys, epoch: 1, cid, ...limits }),
    new EpochReader13(openCrypto, { suite: suite13, keys: keys13, epoch: 2, cid, ...limits }),
    new EpochReader13(openCrypto, { suite: suite13, keys: keys13, epoch: 3, cid, ...limits }),
  ];
}

/** What we seal, under true ciphers, comes out of the reader; with an octet changed it does not. */
function written(setup: number, choices: Choices): void {
  const is13 = (setup & 1) !== 0;
  const cid = new Uint8Array((setup & 4) === 0 ? 0 : 3).fill(0xc1);
  const [writer, reader] = is13 ? pair13(cid) : pair12(cid);
  while (choices.left > 0) {
    const type = is13 ? choices.pick(TYPES_13) : choices.pick(TYPES_12);
    const content = choices.take(choices.octet());
    const { record, number } = writer.seal(type, content);
    hold(record.length <= content.length + writer.overhead + 16, "overhead is as it says");
    const flip = choices.octet();
    const sent = record.slice();
    sent[flip % sent.length]! ^= flip;
    const [seen, ...more] = cutDatagram(sent, cid.length).records;
    hold(flip !== 0 || (seen !== undefined && more.length === 0), "one record is written");
    if (seen === undefined) continue;
    const result = reader.open(seen);
    if (result.kind === "discarded") {
      hold(flip !== 0, `what is written is read: ${result.reason}`);
      continue;
    }
    holdSame(result.content, content, "what is read is what was written");
    hold(result.type === type && result.number.sequence === number.sequence, "and how");
  }
}

function pair12(cid: Uint8Array): [EpochWriter, EpochReader] {
  const suite = SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
  const keys = { key: new Uint8Array(16), iv: new Uint8Array(4) };
  const options = { suite, keys, epoch: 1, cid };
  return [new EpochWriter12(toyCrypto, options), new EpochReader12(toyCrypto, options)];
}

function pair13(cid: Uint8Array): [EpochWriter, EpochReader] {
  const suite = SUITES_13.TLS_AES_128_GCM_SHA256;
  const key = new Uint8Array(16);
  const keys = { key, iv: new Uint8Array(12), recordNumberKey: key };
  const options = { suite, keys, epoch: 3, cid };
  return [new EpochWriter13(toyCrypto, options), new EpochReader13(toyCrypto, options)];
}
