/** The scripted TLS 1.2 client with a fuzz input's faults in what it sends. */
import { concat } from "../../src/base/bytes.ts";
import type { Edits } from "./edits.ts";
import { ScriptedClient } from "./tls.ts";
import { toyCrypto } from "./toy-crypto.ts";

export class MutatingClient extends ScriptedClient {
  readonly edits: Edits;

  constructor(edits: Edits) {
    super(toyCrypto);
    this.edits = edits;
  }

  /** Whether the server's flight came and can be answered. */
  get hasFlight(): boolean {
    try {
      return this.flight.random.length === 32;
    } catch {
      return false;
    }
  }

  override record(type: number, content: Uint8Array): Uint8Array {
    const records = this.edits.pieces(type, content).map((piece) => {
      const { type: shown, content: sent } = piece;
      return piece.bare ? this.plainRecord(shown, sent) : super.record(shown, sent);
    });
    return concat(...records);
  }

  /** Hears the server; false where it cannot make sense of the answer to what it did not mean. */
  hears(bytes: Uint8Array): boolean {
    try {
      this.receive(bytes);
      return true;
    } catch {
      return false;
    }
  }
}
