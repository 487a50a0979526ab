/**
 * A NAS for tests and demonstrations: asks a RADIUS server and believes nothing
 * it cannot check. Pure; its caller moves the datagrams.
 */
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import type { RandomSource } from "../../src/base/machine.ts";
import { State } from "../../src/proto/radius/attributes.ts";
import {
  responseHolds,
  sealAccessRequest,
  sealRequest,
} from "../../src/proto/radius/authenticator.ts";
import { eapMessage, splitEapMessage } from "../../src/proto/radius/eap-message.ts";
import { openSessionKeys, type SessionKeys } from "../../src/proto/radius/hidden.ts";
import {
  MESSAGE_AUTHENTICATOR,
  messageAuthenticatorAt,
  messageAuthenticatorHolds,
} from "../../src/proto/radius/message-authenticator.ts";
import {
  ACCESS_REQUEST,
  ACCOUNTING_REQUEST,
  type Attribute,
  parsePacket,
  type ReceivedPacket,
  STATUS_SERVER,
} from "../../src/proto/radius/packet.ts";

/** What the NAS learns from a response that holds. */
export interface ClientAnswer {
  readonly code: number;
  readonly attributes: readonly Attribute[];
  readonly eap: Uint8Array | null;
  /** MS-MPPE keys of an Accept. */
  readonly keys: SessionKeys | null;
}

/** What an Access-Request is made of. */
export interface AccessQuestion {
  readonly eap?: Uint8Array;
  /** Before the EAP-Message attributes: User-Name, NAS-Identifier and so on. */
  readonly attributes?: readonly Attribute[];
}

/** One conversation: echoes State, numbers its requests, opens the answers. */
export class RadiusTestClient {
  readonly #crypto: Crypto;
  readonly #random: RandomSource;
  readonly #secret: Uint8Array;
  #identifier = 0;
  #authenticator: Uint8Array = new Uint8Array(16);
  #state: readonly Attribute[] = [];

  constructor(crypto: Crypto, random: RandomSource, secret: Uint8Array) {
    this.#crypto = crypto;
    this.#random = random;
    this.#secret = secret;
  }

  /** Request Authenticator of the last request. */
  get authenticator(): Uint8Array {
    return this.#authenticator;
  }

  /** An Access-Request with Message-Authenticator first and the State of the last Challenge. */
  accessRequest({ eap, attributes = [] }: AccessQuestion): Uint8Array {
    const all = [...attributes, ...(eap === undefined ? [] : splitEapMessage(eap)), ...this.#state];
    return this.#authentic(ACCESS_REQUEST, all);
  }

  statusServer(): Uint8Array {
    return this.#authentic(STATUS_SERVER, []);
  }

  accountingRequest(attributes: readonly Attribute[]): Uint8Array {
    this.#identifier = (this.#identifier + 1) % 256;
    const request = {
      code: ACCOUNTING_REQUEST,
      identifier: this.#identifier,
      authenticator: this.#authenticator,
      attributes,
    };
    const bytes = sealRequest(this.#crypto, this.#secret, request, "authenticator-only");
    this.#authenticator = bytes.slice(4, 20);
    return bytes;
  }

  /** Checks a response as hostapd does and takes it apart. @throws Error that says what does not hold. */
  open(datagram: Uint8Array): ClientAnswer {
    const response = parsePacket(datagram);
    const { code, attributes } = response;
    if (response.identifier !== this.#identifier) throw new Error("another Identifier");
    if (!responseHolds(this.#crypto, this.#secret, response, this.#authenticator)) {
      throw new Error("the Response Authenticator does not hold");
    }
    const at = messageAuthenticatorAt(response);
    if (at !== null && attributes[0]!.type !== MESSAGE_AUTHENTICATOR) {
      throw new Error("the Message-Authenticator is not first");
    }
    const eap = eapMessage(attributes);
    if (at === null ? eap !== null : !this.#holds(response, at)) {
      throw new Error("the Message-Authenticator does not hold");
    }
    this.#state = attributes.filter(({ type }) => type === State.type);
    const sealing = {
      crypto: this.#crypto,
      secret: this.#secret,
      requestAuthenticator: this.#authenticator,
    };
    return { code, attributes, eap, keys: openSessionKeys(sealing, attributes) };
  }

  #holds(response: ReceivedPacket, at: number): boolean {
    const authenticator = this.#authenticator;
    return messageAuthenticatorHolds(this.#crypto, this.#secret, response, at, authenticator);
  }

  #authentic(code: number, attributes: readonly Attribute[]): Uint8Array {
    this.#identifier = (this.#identifier + 1) % 256;
    this.#authenticator = this.#random(16);
    const [identifier, authenticator] = [this.#identifier, this.#authenticator];
    const request = { code, identifier, authenticator, attributes };
    return sealAccessRequest(this.#crypto, this.#secret, request);
  }
}
