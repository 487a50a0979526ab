/**
 * Times and bounds of an endpoint: those of the specification, and our own.
 *
 * @see RFC 7252 §4.8
 */
import type { RandomSource } from "../../base/machine.ts";
import type { BlockSize } from "./block.ts";

/** What RFC 7252 §4.8 lets an application change. */
export interface TransmissionParameters {
  /** Before the first retransmission, at least. */
  readonly ackTimeoutMs: number;
  /** The first timeout is up to this many times longer. */
  readonly ackRandomFactor: number;
  readonly maxRetransmit: number;
  /** Confirmable messages under way at once (RFC 7252 §4.7). */
  readonly nstart: number;
}

export const TRANSMISSION: TransmissionParameters = {
  ackTimeoutMs: 2000,
  ackRandomFactor: 1.5,
  maxRetransmit: 4,
  nstart: 1,
};

/** Milliseconds a datagram may be under way (RFC 7252 §4.8.2). */
const MAX_LATENCY_MS = 100_000;

/** From the first transmission of a message to its last. 45 s. */
export function maxTransmitSpanMs(parameters: TransmissionParameters): number {
  const { ackTimeoutMs, ackRandomFactor, maxRetransmit } = parameters;
  return ackTimeoutMs * (2 ** maxRetransmit - 1) * ackRandomFactor;
}

/** From the first transmission until the sender gives up. 93 s. */
export function maxTransmitWaitMs(parameters: TransmissionParameters): number {
  const { ackTimeoutMs, ackRandomFactor, maxRetransmit } = parameters;
  return ackTimeoutMs * (2 ** (maxRetransmit + 1) - 1) * ackRandomFactor;
}

/** From the first transmission until its Message ID may be used again. 247 s. */
export function exchangeLifetimeMs(parameters: TransmissionParameters): number {
  return maxTransmitSpanMs(parameters) + 2 * MAX_LATENCY_MS + parameters.ackTimeoutMs;
}

/** How far one endpoint may grow. */
export interface CoapLimits {
  /** Octets of a message, ours or the peer's (RFC 7252 §4.6). */
  readonly maxMessageOctets: number;
  /** Requests of the peer that wait for our answer, or whose separate response is under way. */
  readonly maxExchanges: number;
  /** Messages of the peer that are remembered, to know their repeats. */
  readonly maxRemembered: number;
  /** Octets of the answers remembered with them. */
  readonly maxRememberedOctets: number;
  /** Bodies of the peer's requests that are being put together. */
  readonly maxBodies: number;
  /** Octets of a body, of a request of the peer's or of a response to us. */
  readonly maxBodyOctets: number;
  /** Bodies of our responses that are kept while the peer fetches their blocks. */
  readonly maxServedBodies: number;
  /** Observations of the peer's. */
  readonly maxObservations: number;
  /** Requests of our own that are not over, observations included. */
  readonly maxRequests: number;
}

export const COAP_LIMITS: CoapLimits = {
  maxMessageOctets: 1152,
  maxExchanges: 16,
  maxRemembered: 64,
  maxRememberedOctets: 32 * 1024,
  maxBodies: 4,
  maxBodyOctets: 16 * 1024,
  maxServedBodies: 4,
  maxObservations: 8,
  maxRequests: 32,
};

/** Octets of a block of ours, inside DTLS. */
export const DEFAULT_BLOCK_SIZE: BlockSize = 512;

export interface CoapConfig {
  /** For Message IDs and the spread of timeouts. */
  readonly random: RandomSource;
  /** Default {@link TRANSMISSION}. */
  readonly transmission?: Partial<TransmissionParameters>;
  /** Default {@link COAP_LIMITS}. */
  readonly limits?: Partial<CoapLimits>;
  /** The largest block we send or ask for; default {@link DEFAULT_BLOCK_SIZE}. */
  readonly blockSize?: BlockSize;
  /** Milliseconds an acknowledged request of ours waits for its response; default MAX_TRANSMIT_WAIT, 93 s. */
  readonly responseTimeoutMs?: number;
}

/** A configuration with its defaults filled in. */
export interface CoapSettings {
  readonly random: RandomSource;
  readonly transmission: TransmissionParameters;
  readonly limits: CoapLimits;
  readonly blockSize: BlockSize;
  readonly responseTimeoutMs: number;
  readonly exchangeLifetimeMs: number;
}

export function settingsOf(config: CoapConfig): CoapSettings {
  const transmission = { ...TRANSMISSION, ...config.transmission };
  return {
    random: config.random,
    transmission,
    limits: { ...COAP_LIMITS, ...config.limits },
    blockSize: config.blockSize ?? DEFAULT_BLOCK_SIZE,
    responseTimeoutMs: config.responseTimeoutMs ?? maxTransmitWaitMs(transmission),
    exchangeLifetimeMs: exchangeLifetimeMs(transmission),
  };
}
