/** The TLS end of an EAP peer that lies as the input says: a script for TLS 1.2, our own client for both versions. */
import { concat, utf8 } from "../../src/base/bytes.ts";
import { mono } from "../../src/base/machine.ts";
import { EditedChannel } from "./edited-channel.ts";
import type { Edits } from "./edits.ts";
import { MutatingClient } from "./mutating-client.ts";
import { pap } from "./station.ts";
import {
  CLIENT_CERTIFICATE,
  clientConfig,
  ClientHandshake,
  clientKey,
  ContentType,
  serverKey,
  StreamConnection,
} from "./tls.ts";
import type { ClientTicket, TlsInput, TlsVersion } from "./tls.ts";
import { toyCrypto } from "./toy-crypto.ts";

export type Method = "tls" | "ttls";

export interface TlsPeer {
  /** Whether what was sent is what is meant. */
  readonly honest: boolean;
  readonly ticket: ClientTicket | null;
  /** The next flight, in answer to what came: nothing at first, and nothing where there is nothing to say. */
  answer(bytes: Uint8Array): Uint8Array;
}

const INNER = pap(utf8("lamp"), "secret");

export class ScriptedPeer implements TlsPeer {
  readonly ticket = null;
  readonly #method: Method;
  readonly #edits: Edits;
  readonly #client: MutatingClient;
  #flights = 0;

  constructor(method: Method, edits: Edits) {
    this.#method = method;
    this.#edits = edits;
    this.#client = new MutatingClient(edits);
  }

  get honest(): boolean {
    return this.#edits.honest;
  }

  answer(bytes: Uint8Array): Uint8Array {
    const client = this.#client;
    // A peer that makes nothing of what it heard has nothing to add.
    if (bytes.length > 0 && !client.hears(bytes)) return new Uint8Array();
    if (client.alerts.length > 0) return new Uint8Array();
    switch (this.#flights++) {
      case 0:
        return client.clientHello();
      case 1:
        if (!client.hasFlight) return new Uint8Array();
        return client.secondFlight(this.#method === "tls" ? [CLIENT_CERTIFICATE] : null);
      case 2:
        if (this.#method === "tls" || !client.finishedHeld) return new Uint8Array();
        return client.record(ContentType.applicationData, INNER);
      default:
        return new Uint8Array();
    }
  }
}

export class MachinePeer implements TlsPeer {
  ticket: ClientTicket | null = null;
  readonly #method: Method;
  readonly #machine: StreamConnection;
  #channel: EditedChannel | null = null;
  #started = false;

  constructor(method: Method, version: TlsVersion, edits: Edits, resume: ClientTicket | null) {
    this.#method = method;
    const credential = { certificates: [CLIENT_CERTIFICATE], key: clientKey(toyCrypto) };
    const config = clientConfig(toyCrypto, {
      versions: [version],
      serverName: null,
      credential: method === "tls" ? credential : null,
      ...(resume === null ? {} : { resume: { ticket: resume, ageMs: 1000 } }),
    });
    this.#machine = new StreamConnection("client", config, (plain) => {
      this.#channel = new EditedChannel(plain, edits);
      return new ClientHandshake(config, this.#channel.channel);
    });
  }

  get honest(): boolean {
    return this.#channel?.honest ?? true;
  }

  answer(bytes: Uint8Array): Uint8Array {
    const hello = this.#started ? new Uint8Array() : this.#tell({ kind: "start" });
    this.#started = true;
    return bytes.length === 0 ? hello : concat(hello, this.#tell({ kind: "bytes", bytes }));
  }

  #tell(input: TlsInput): Uint8Array {
    const sent: Uint8Array[] = [];
    for (const output of this.#machine.handle(input, mono(0))) {
      if (output.kind === "send") sent.push(output.bytes);
      if (output.kind === "ticket") this.ticket = output.ticket;
      if (output.kind === "verify-peer") {
        sent.push(this.#tell({ kind: "peer-accepted", publicKey: serverKey(toyCrypto).publicKey }));
      }
      // Whoever comes back has said it already.
      const speaks = this.#method === "ttls" && output.kind === "established";
      if (speaks && !output.session.resumed) {
        sent.push(this.#tell({ kind: "send", bytes: INNER }));
      }
    }
    return concat(...sent);
  }
}
