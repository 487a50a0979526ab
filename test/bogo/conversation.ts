/** What is said over a connection, whatever carries it: the flags' part in it, and what must hold of it. */
import { concat, hex, utf8 } from "../../src/base/bytes.ts";
import type {
  PeerCredential,
  TlsInput,
  TlsOutput,
  TlsSession,
} from "../../src/proto/tls/connection.ts";
import { publicKeyOf } from "./credentials.ts";
import { checkPeer, checkSession, checkTickets, Failed } from "./expectations.ts";
import { HelloCounter } from "./hello-counter.ts";
import type { Settings } from "./settings.ts";
import type { Visits } from "./visits.ts";

/** Sizes around the bounds of a record (2^14 octets) and of two. */
const RECORD_SIZES = [0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769];
const FILLER = 0x42;

export type Spoken = Exclude<TlsInput, { readonly kind: "bytes" | "start" }>;
export type Heard = Exclude<TlsOutput, { readonly kind: "send" }>;

export class Conversation {
  readonly hellos: HelloCounter;
  readonly keyLog: (line: string) => void;
  readonly #settings: Settings;
  readonly #visits: Visits;
  readonly #isReturn: boolean;
  readonly #tell: (input: Spoken) => void;
  readonly #keyLogLines: string[] = [];
  #session: TlsSession | null = null;
  #peer: PeerCredential | null = null;
  #gotTicket = false;
  #over = false;
  #failure: Failed | null = null;

  /** @param tell - Gives the machine an input; what it says to that comes by {@link hear}. */
  constructor(
    settings: Settings,
    visits: Visits,
    isReturn: boolean,
    tell: (input: Spoken) => void,
  ) {
    this.#settings = settings;
    this.#visits = visits;
    this.#isReturn = isReturn;
    this.#tell = tell;
    this.hellos = new HelloCounter(settings.dtls);
    this.keyLog = (line) => void this.#keyLogLines.push(line);
  }

  get established(): boolean {
    return this.#session !== null;
  }

  /** Nothing more will be said. */
  get over(): boolean {
    return this.#over;
  }

  /** @throws {@link Failed} where something is not as the flags want it. */
  hear(output: Heard): void {
    switch (output.kind) {
      case "verify-peer":
        this.#peer = output;
        this.#tell(this.#judge(output));
        return;
      case "established":
        this.#session = output.session;
        this.#check(output.session);
        this.#begin(output.session);
        return;
      case "data":
        this.#answer(output.bytes);
        return;
      case "ticket":
        this.#gotTicket = true;
        this.#visits.keepTicket(output.ticket);
        return;
      case "failed":
        this.fail(output.failure.message);
        return;
      case "closed":
        this.#over = true;
        return;
    }
  }

  fail(message: string): void {
    this.#over = true;
    this.#failure ??= new Failed(message);
  }

  /** To be called when everything is over. @throws {@link Failed} */
  judge(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#session === null) throw new Failed("the connection ended in the handshake");
    checkTickets(this.#settings, this.#session, this.#gotTicket);
  }

  #check(session: TlsSession): void {
    checkSession(this.#settings, session, this.#isReturn);
    checkPeer(this.#settings, session, this.#peer);
    const { expectHelloRetryRequest } = this.#settings;
    // A cookie of DTLS 1.2 has a second hello too.
    const retried = session.version === "TLS 1.3" && this.hellos.retried;
    if (expectHelloRetryRequest !== null && expectHelloRetryRequest !== retried) {
      throw new Failed(`HelloRetryRequest ${retried}, expected the opposite`);
    }
  }

  #judge({ chain, certificateType }: PeerCredential): Spoken {
    const { verifyFails, customVerifyCallback, failOcsp } = this.#settings;
    if (verifyFails) {
      // As the runner expects it of a verdict by the stack, and of one by the application.
      const alert = customVerifyCallback ? "certificate_unknown" : "handshake_failure";
      return { kind: "peer-rejected", alert, reason: "the flags say so" };
    }
    if (failOcsp) {
      const alert = "bad_certificate_status_response";
      return { kind: "peer-rejected", alert, reason: "the response is refused" };
    }
    const publicKey = chain[0] === undefined ? null : publicKeyOf(chain[0], certificateType);
    return publicKey === null
      ? // The alert that the runner wants of a stack that reads the certificate itself.
        { kind: "peer-rejected", alert: "decode_error", reason: "unreadable certificate" }
      : { kind: "peer-accepted", publicKey };
  }

  #say(bytes: Uint8Array): void {
    this.#tell({ kind: "send", bytes });
  }

  #answer(bytes: Uint8Array): void {
    if (this.#settings.shimShutsDown) return;
    if (this.#settings.keyUpdate) this.#tell({ kind: "update-keys" });
    this.#say(bytes.map((octet) => octet ^ 0xff));
    this.#prepareRead();
  }

  #prepareRead(): void {
    if (this.#settings.keyUpdateBeforeRead) this.#tell({ kind: "update-keys" });
  }

  /** What the shim says of its own accord, in the order that the runner reads it. */
  #begin(session: TlsSession): void {
    const { exportLength, exportLabel, exportContext, useExportContext } = this.#settings;
    if (exportLength > 0) {
      const context = useExportContext ? utf8(exportContext) : null;
      this.#say(session.exportKey(exportLabel, context, exportLength));
    }
    if (this.#settings.exportTrafficSecrets) this.#say(this.#trafficSecrets());
    if (this.#settings.tlsUnique) this.#say(session.channelBinding.bytes);
    if (this.#settings.differentRecordSizes) {
      for (const size of RECORD_SIZES) this.#say(new Uint8Array(size).fill(FILLER));
    } else if (this.#settings.shimWritesFirst) {
      for (let times = this.#settings.repeatInitialWrite; times > 0; times--) {
        this.#say(utf8(this.#settings.shimInitialWrite));
      }
    }
    if (this.#settings.shimShutsDown) this.#tell({ kind: "close" });
    else this.#prepareRead();
  }

  /** Length as two octets, little-endian; the secret we read with; the one we write with. */
  #trafficSecrets(): Uint8Array {
    const secret = (side: string): Uint8Array => {
      const start = `${side}_TRAFFIC_SECRET_0 `;
      const line = this.#keyLogLines.find((each) => each.startsWith(start));
      if (line === undefined) throw new Failed("the key log has no traffic secrets");
      return hex(line.split(" ")[2]!);
    };
    const [client, server] = [secret("CLIENT"), secret("SERVER")];
    const length = Uint8Array.of(client.length & 0xff, client.length >> 8);
    return this.#settings.server ? concat(length, client, server) : concat(length, server, client);
  }
}
