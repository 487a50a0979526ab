/** Our TLS client on a TCP connection: says a line, hears the answer, closes. */
import { connect } from "node:net";
import { utf8 } from "../../src/base/bytes.ts";
import { mono } from "../../src/base/machine.ts";
import { TlsClient } from "../../src/proto/tls/client.ts";
import type { ClientTicket, TlsClientConfig, TlsInput } from "../../src/proto/tls/client.ts";
import type { PeerCredential, TlsSession } from "../../src/proto/tls/connection.ts";
import type { TlsFailure } from "../../src/proto/tls/failure.ts";
import { publicKeyOf, publicKeyOfInfo } from "./tls-loopback.ts";

/** What became of one connection, as our side saw it. */
export interface Dialled {
  readonly session: TlsSession | null;
  readonly failure: TlsFailure | null;
  readonly shown: PeerCredential | null;
  readonly tickets: readonly ClientTicket[];
  /** The server's application data. */
  readonly heard: string;
}

export interface Talk {
  /** What is said once the handshake is over. */
  readonly line: string;
  /** When what was heard has this, we close. */
  readonly until: RegExp;
  /** Told right after `established`, in front of the line. */
  readonly first?: readonly TlsInput[];
}

/** The server has all it needs on loopback: one that is silent this long has nothing to say. */
const PATIENCE_MS = 15_000;

export function dial(port: number, config: TlsClientConfig, talk: Talk): Promise<Dialled> {
  return new Promise((done) => {
    const machine = new TlsClient(config);
    const seen = {
      session: null as TlsSession | null,
      failure: null as TlsFailure | null,
      shown: null as PeerCredential | null,
      tickets: [] as ClientTicket[],
      heard: "",
    };
    const socket = connect(port, "127.0.0.1");
    const patience = setTimeout(() => socket.destroy(), PATIENCE_MS);
    const feed = (input: TlsInput): void => {
      for (const output of machine.handle(input, mono(0))) {
        switch (output.kind) {
          case "send":
            socket.write(output.bytes);
            break;
          case "verify-peer": {
            seen.shown = output;
            const [own] = output.chain;
            const read = output.certificateType === "x509" ? publicKeyOf : publicKeyOfInfo;
            feed({ kind: "peer-accepted", publicKey: read(own!) });
            break;
          }
          case "established":
            seen.session = output.session;
            for (const next of talk.first ?? []) feed(next);
            feed({ kind: "send", bytes: utf8(talk.line) });
            break;
          case "data":
            seen.heard += Buffer.from(output.bytes).toString();
            if (talk.until.test(seen.heard)) feed({ kind: "close" });
            break;
          case "ticket":
            seen.tickets.push(output.ticket);
            break;
          case "failed":
            seen.failure = output.failure;
            socket.end();
            break;
          case "closed":
            socket.end();
            break;
        }
      }
    };
    socket.on("connect", () => feed({ kind: "start" }));
    socket.on("data", (bytes) => feed({ kind: "bytes", bytes: new Uint8Array(bytes) }));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(patience);
      done(seen);
    });
  });
}
