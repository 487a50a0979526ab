/** Our TLS client and our TLS server on one wire in memory. */
import { concat } from "../../src/base/bytes.ts";
import type { Crypto, PublicKey } from "../../src/base/crypto/crypto.ts";
import { mono } from "../../src/base/machine.ts";
import type { Machine } from "../../src/base/machine.ts";
import { TlsClient } from "../../src/proto/tls/client.ts";
import type { ClientTicket, TlsClientConfig } from "../../src/proto/tls/client.ts";
import type { PeerCredential, TlsInput, TlsOutput } from "../../src/proto/tls/connection.ts";
import type { TlsFailure } from "../../src/proto/tls/failure.ts";
import { TlsServer } from "../../src/proto/tls/server.ts";
import type { TlsServerConfig, TlsSession } from "../../src/proto/tls/server.ts";
import { assert } from "./assert.ts";
import { seeded } from "./random.ts";
import { clientKey, serverKey } from "./tls-client.ts";

/** A client without a certificate, with a random source that repeats itself. */
export function clientConfig(
  crypto: Crypto,
  changes: Partial<TlsClientConfig> = {},
): TlsClientConfig {
  return {
    crypto,
    random: seeded("tls client machine"),
    serverName: "home.example",
    credential: null,
    ...changes,
  };
}

/** One end of the wire, and what it has said to its user. */
export class End {
  readonly outputs: TlsOutput[] = [];
  readonly #machine: Machine<TlsInput, TlsOutput>;
  readonly #peerKey: PublicKey;

  constructor(machine: Machine<TlsInput, TlsOutput>, peerKey: PublicKey) {
    this.#machine = machine;
    this.#peerKey = peerKey;
  }

  /** What it sends in answer. It says yes to every chain. */
  tell(input: TlsInput): Uint8Array {
    const sent: Uint8Array[] = [];
    for (const output of this.#machine.handle(input, mono(0))) {
      this.outputs.push(output);
      if (output.kind === "send") sent.push(output.bytes);
      if (output.kind === "verify-peer") {
        sent.push(this.tell({ kind: "peer-accepted", publicKey: this.#peerKey }));
      }
    }
    return concat(...sent);
  }

  get session(): TlsSession | null {
    for (const output of this.outputs) if (output.kind === "established") return output.session;
    return null;
  }

  get failure(): TlsFailure | null {
    for (const output of this.outputs) if (output.kind === "failed") return output.failure;
    return null;
  }

  get shown(): PeerCredential | null {
    for (const output of this.outputs) if (output.kind === "verify-peer") return output;
    return null;
  }

  get tickets(): ClientTicket[] {
    return this.outputs.flatMap((output) => (output.kind === "ticket" ? [output.ticket] : []));
  }

  /** Application data that reached the user. */
  get data(): Uint8Array {
    const parts = this.outputs.map((output) => (output.kind === "data" ? output.bytes : null));
    return concat(...parts.filter((part) => part !== null));
  }
}

export class Pair {
  readonly client: End;
  readonly server: End;

  constructor(
    client: TlsClientConfig,
    server: TlsServerConfig,
    serverPublicKey: PublicKey = serverKey(server.crypto).publicKey,
  ) {
    this.client = new End(new TlsClient(client), serverPublicKey);
    this.server = new End(new TlsServer(server), clientKey(server.crypto).publicKey);
  }

  /** Tells one end something, and carries what follows to and fro until both are silent. */
  tell(end: "client" | "server", input: TlsInput): void {
    let speaking = end;
    let bytes = this[speaking].tell(input);
    for (let turns = 0; bytes.length > 0; turns++) {
      assert.ok(turns < 100, "they never come to an end");
      speaking = speaking === "client" ? "server" : "client";
      bytes = this[speaking].tell({ kind: "bytes", bytes });
    }
  }

  start(): this {
    this.tell("client", { kind: "start" });
    return this;
  }

  /** A whole handshake. */
  establish(): this {
    this.start();
    const { client, server } = this;
    assert.ok(client.session !== null, `client: ${client.failure?.message ?? "waits"}`);
    assert.ok(server.session !== null, `server: ${server.failure?.message ?? "waits"}`);
    return this;
  }

  get sessions(): readonly [client: TlsSession, server: TlsSession] {
    const [client, server] = [this.client.session, this.server.session];
    assert.ok(client !== null && server !== null, "not established");
    return [client, server];
  }
}
