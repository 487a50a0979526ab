/** Collects what one input causes: records of one flight leave as one `send`. */
import { concat } from "../../base/bytes.ts";
import { encodeAlert } from "./alert.ts";
import type { AlertName } from "./alert.ts";
import type { TlsOutput } from "./connection.ts";
import type { WriteProtection } from "./record.ts";
import { RecordWriter } from "./record.ts";
import { ContentType } from "./wire.ts";

export class Outbox {
  readonly #writer = new RecordWriter();
  #outputs: TlsOutput[] = [];
  #unsent: Uint8Array[] = [];

  /** Messages with their headers; those given together share records. */
  handshake(...messages: readonly Uint8Array[]): void {
    this.#write(ContentType.handshake, concat(...messages));
  }

  alert(name: AlertName): void {
    this.#write(ContentType.alert, encodeAlert(name));
  }

  applicationData(bytes: Uint8Array): void {
    this.#write(ContentType.applicationData, bytes);
  }

  /** ChangeCipherSpec, and everything after it under these keys. */
  changeCipherSpec(protection: WriteProtection): void {
    this.#write(ContentType.changeCipherSpec, Uint8Array.of(1));
    this.#writer.protect(protection);
  }

  /** The ChangeCipherSpec of TLS 1.3, which changes nothing (RFC 8446 appendix D.4). */
  compatibilityRecord(): void {
    this.#write(ContentType.changeCipherSpec, Uint8Array.of(1));
  }

  /** Everything from here on under these keys. */
  protect(protection: WriteProtection): void {
    this.#writer.protect(protection);
  }

  limitPlaintext(octets: number): void {
    this.#writer.limitPlaintext(octets);
  }

  limitProtectedPlaintext(octets: number): void {
    this.#writer.limitProtectedPlaintext(octets);
  }

  /** Anything but records: it keeps its place among them. */
  emit(output: Exclude<TlsOutput, { kind: "send" }>): void {
    this.#flush();
    this.#outputs.push(output);
  }

  /** Everything since the last call, in order. */
  drain(): TlsOutput[] {
    this.#flush();
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  /** Drops the keys; what was written stays to be drained. */
  clear(): void {
    this.#writer.clear();
  }

  #write(type: ContentType, content: Uint8Array): void {
    this.#unsent.push(this.#writer.write(type, content));
  }

  #flush(): void {
    const bytes = concat(...this.#unsent);
    this.#unsent = [];
    if (bytes.length > 0) this.#outputs.push({ kind: "send", bytes });
  }
}
