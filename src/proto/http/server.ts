/**
 * The server's end of one HTTP/1.1 connection, for small interfaces: requests
 * one after another, bodies whole and short. It knows no paths and no methods
 * beyond HEAD; what they mean is its user's.
 *
 *   AwaitRequestLine → AwaitFields → (AwaitBody | AwaitChunkLine ⇄ AwaitChunk → AwaitTrailer)
 *     → AwaitResponse → AwaitRequestLine → … → Closed
 *
 * Whatever is wrong with a request ends the connection after one response:
 * where it would have ended nobody can tell any more (RFC 9112 §9.3, §11.2).
 */
import { concat } from "../../base/bytes.ts";
import { mono } from "../../base/machine.ts";
import type { Machine, Mono } from "../../base/machine.ts";
import { HttpFailure } from "./failure.ts";
import type { HttpReason } from "./failure.ts";
import {
  bodyLength,
  checkHost,
  endsConnection,
  expectsContinue,
  FieldReader,
  MAX_CHUNK_LINE,
  MAX_FIELD_LINE,
  MAX_REQUEST_LINE,
  parseChunkSize,
  parseRequestLine,
} from "./head.ts";
import type { Fields, RequestLine } from "./head.ts";
import { Incoming } from "./incoming.ts";
import { CONTINUE, encodeResponse } from "./response.ts";
import type { HttpResponse } from "./response.ts";

export type { HttpResponse } from "./response.ts";

/** Chunks of one body: a body in single octets would cost a hundred times its length. */
export const MAX_CHUNKS = 1024;

/** Octets that may wait behind a request that is not answered yet. */
export const MAX_EARLY_BYTES = 65_536;

export interface HttpServerConfig {
  /** Octets of one body; default 65536. */
  readonly maxBodyBytes?: number;
  /** Requests of one connection; default 100. */
  readonly maxRequests?: number;
  /** How long a connection may stand without a request; default 15 seconds. */
  readonly idleMs?: number;
  /** How long one request may take to come in, from its first octet; default 15 seconds. */
  readonly requestMs?: number;
}

export interface HttpRequest extends Omit<RequestLine, "minorVersion"> {
  readonly fields: Fields;
  readonly body: Uint8Array;
}

export type HttpInput =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** The client sends nothing more; it may still read. */
  | { readonly kind: "ended" }
  /** Answers `request`. */
  | { readonly kind: "response"; readonly response: HttpResponse }
  | { readonly kind: "timeout" };

export type HttpOutput =
  | { readonly kind: "send"; readonly bytes: Uint8Array }
  /** The next one comes after this one's response. */
  | { readonly kind: "request"; readonly request: HttpRequest }
  /** The response that says so is sent just before. */
  | { readonly kind: "refused"; readonly reason: HttpReason }
  /** Nothing more is sent and nothing more is read. */
  | { readonly kind: "close" };

/** A request whose body is coming. */
interface Head {
  readonly line: RequestLine;
  readonly fields: Fields;
}

type State =
  | { readonly kind: "AwaitRequestLine"; readonly blank: boolean }
  | { readonly kind: "AwaitFields"; readonly line: RequestLine; readonly reader: FieldReader }
  | { readonly kind: "AwaitBody"; readonly head: Head; readonly octets: number }
  | { readonly kind: "AwaitChunkLine"; readonly head: Head; readonly body: ChunkedBody }
  | { readonly kind: "AwaitChunk"; readonly head: Head; readonly body: ChunkedBody }
  | {
      readonly kind: "AwaitTrailer";
      readonly head: Head;
      readonly body: ChunkedBody;
      readonly reader: FieldReader;
    }
  | { readonly kind: "AwaitResponse"; readonly head: Head; readonly closes: boolean }
  | { readonly kind: "Closed" };

/** What has come of a chunked body. */
interface ChunkedBody {
  readonly parts: Uint8Array[];
  length: number;
  chunks: number;
  /** Octets missing of the chunk under way. */
  left: number;
}

export class HttpServer implements Machine<HttpInput, HttpOutput> {
  readonly #maxBodyBytes: number;
  readonly #maxRequests: number;
  readonly #idleMs: number;
  readonly #requestMs: number;
  readonly #incoming = new Incoming();
  #state: State = { kind: "AwaitRequestLine", blank: false };
  #requests = 0;
  #ended = false;
  /** When the request, or the wait for one, has taken too long; null while we are the ones waited for. */
  #deadline: Mono | null;
  #outputs: HttpOutput[] = [];

  constructor(config: HttpServerConfig, now: Mono) {
    this.#maxBodyBytes = config.maxBodyBytes ?? 65_536;
    this.#maxRequests = config.maxRequests ?? 100;
    this.#idleMs = config.idleMs ?? 15_000;
    this.#requestMs = config.requestMs ?? 15_000;
    this.#deadline = mono(now + this.#idleMs);
  }

  get wakeAt(): Mono | null {
    return this.#deadline;
  }

  /** @throws Error for a response that nobody asked for, RangeError for one that cannot be written: faults of the caller. */
  handle(input: HttpInput, now: Mono): HttpOutput[] {
    if (this.#state.kind === "Closed") return [];
    try {
      this.#take(input, now);
    } catch (failure) {
      if (!(failure instanceof HttpFailure)) throw failure;
      this.#refuse(failure);
    }
    return this.#outputs.splice(0);
  }

  #take(input: HttpInput, now: Mono): void {
    switch (input.kind) {
      case "bytes":
        return this.#receive(input.bytes, now);
      case "ended":
        this.#ended = true;
        return this.#pump(now);
      case "response":
        return this.#respond(input.response, now);
      case "timeout":
        return this.#timeout(now);
    }
  }

  #receive(bytes: Uint8Array, now: Mono): void {
    if (this.#ended) return;
    if (this.#state.kind === "AwaitResponse") {
      // Whoever sends so much ahead is answered once more and no further.
      if (this.#incoming.length + bytes.length > MAX_EARLY_BYTES) {
        this.#state = { ...this.#state, closes: true };
        return this.#incoming.clear();
      }
      if (!this.#state.closes) this.#incoming.push(bytes);
      return;
    }
    const isFirst = this.#isIdle() && this.#incoming.length === 0;
    if (isFirst && bytes.length > 0) this.#deadline = mono(now + this.#requestMs);
    this.#incoming.push(bytes);
    this.#pump(now);
  }

  #isIdle(): boolean {
    return this.#state.kind === "AwaitRequestLine" && !this.#state.blank;
  }

  #timeout(now: Mono): void {
    if (this.#deadline === null || now < this.#deadline) return;
    // Nothing was asked, so nothing is answered.
    if (this.#isIdle() && this.#incoming.length === 0) return this.#close();
    throw new HttpFailure("too-slow");
  }

  /** Works through what has come until something is missing: octets, or an answer. */
  #pump(now: Mono): void {
    for (;;) {
      const next = this.#next(this.#state, now);
      if (next === null) break;
      this.#state = next;
    }
    if (!this.#ended || this.#state.kind === "AwaitResponse") return;
    if (this.#isIdle() && this.#incoming.length === 0) return this.#close();
    throw new HttpFailure("cut-short");
  }

  /** The state after the next piece; null where that has not come yet. */
  #next(state: State, now: Mono): State | null {
    switch (state.kind) {
      case "AwaitRequestLine":
        return this.#onRequestLine(state.blank);
      case "AwaitFields":
        return this.#onField(state.line, state.reader, now);
      case "AwaitBody":
        if (this.#incoming.length < state.octets) return null;
        return this.#whole(state.head, this.#incoming.take(state.octets));
      case "AwaitChunkLine":
        return this.#onChunkLine(state.head, state.body);
      case "AwaitChunk":
        return this.#onChunk(state.head, state.body);
      case "AwaitTrailer":
        return this.#onTrailer(state.head, state.body, state.reader);
      case "AwaitResponse":
      case "Closed":
        return null;
    }
  }

  #onRequestLine(blank: boolean): State | null {
    const line = this.#incoming.line(MAX_REQUEST_LINE, "target-too-long");
    if (line === null) return null;
    // One empty line is forgiven: old clients ended their body with it (RFC 9112 §2.2).
    if (line === "" && !blank) return { kind: "AwaitRequestLine", blank: true };
    return { kind: "AwaitFields", line: parseRequestLine(line), reader: new FieldReader() };
  }

  #onField(line: RequestLine, reader: FieldReader, now: Mono): State | null {
    const field = this.#incoming.line(MAX_FIELD_LINE, "fields-too-long");
    if (field === null) return null;
    if (field !== "") {
      reader.add(field);
      return this.#state;
    }
    return this.#onHead({ line, fields: reader.fields }, now);
  }

  #onHead(head: Head, now: Mono): State {
    const { line, fields } = head;
    checkHost(fields, line);
    const length = bodyLength(fields, line, this.#maxBodyBytes);
    const waits = expectsContinue(fields, line);
    const hasBody = length.kind === "chunked" || length.octets > 0;
    if (waits && hasBody && this.#incoming.length === 0) {
      this.#outputs.push({ kind: "send", bytes: CONTINUE });
      this.#deadline = mono(now + this.#requestMs);
    }
    if (length.kind === "octets") return { kind: "AwaitBody", head, octets: length.octets };
    const body = { parts: [], length: 0, chunks: 0, left: 0 };
    return { kind: "AwaitChunkLine", head, body };
  }

  #onChunkLine(head: Head, body: ChunkedBody): State | null {
    const line = this.#incoming.line(MAX_CHUNK_LINE, "bad-chunk");
    if (line === null) return null;
    const size = parseChunkSize(line);
    if (size === 0) return { kind: "AwaitTrailer", head, body, reader: new FieldReader() };
    if (body.length + size > this.#maxBodyBytes) throw new HttpFailure("body-too-long");
    if (++body.chunks > MAX_CHUNKS) throw new HttpFailure("too-many-chunks");
    body.left = size;
    return { kind: "AwaitChunk", head, body };
  }

  #onChunk(head: Head, body: ChunkedBody): State | null {
    if (this.#incoming.length < body.left) return null;
    if (body.left > 0) {
      body.parts.push(this.#incoming.take(body.left));
      body.length += body.left;
      body.left = 0;
    }
    const end = this.#incoming.line(0, "bad-chunk");
    return end === null ? null : { kind: "AwaitChunkLine", head, body };
  }

  /** Its fields must be sound, and say nothing here (RFC 9110 §6.5.1). */
  #onTrailer(head: Head, body: ChunkedBody, reader: FieldReader): State | null {
    const line = this.#incoming.line(MAX_FIELD_LINE, "fields-too-long");
    if (line === null) return null;
    if (line === "") return this.#whole(head, concat(...body.parts));
    reader.add(line);
    return this.#state;
  }

  #whole(head: Head, body: Uint8Array): State {
    const { method, path, query } = head.line;
    this.#deadline = null;
    this.#requests++;
    const closes = endsConnection(head.fields, head.line) || this.#requests >= this.#maxRequests;
    this.#outputs.push({
      kind: "request",
      request: { method, path, query, fields: head.fields, body },
    });
    return { kind: "AwaitResponse", head, closes };
  }

  #respond(response: HttpResponse, now: Mono): void {
    const state = this.#state;
    if (state.kind !== "AwaitResponse") throw new Error("response answers request, once");
    const { head, closes } = state;
    const isHead = head.line.method === "HEAD";
    this.#outputs.push({ kind: "send", bytes: encodeResponse(response, { isHead, closes }) });
    if (closes) return this.#close();
    this.#state = { kind: "AwaitRequestLine", blank: false };
    const wait = this.#incoming.length > 0 ? this.#requestMs : this.#idleMs;
    this.#deadline = mono(now + wait);
    this.#pump(now);
  }

  #refuse({ status, reason }: HttpFailure): void {
    const response = { status, fields: [], body: new Uint8Array() };
    const bytes = encodeResponse(response, { isHead: false, closes: true });
    this.#outputs.push({ kind: "send", bytes }, { kind: "refused", reason });
    this.#close();
  }

  #close(): void {
    this.#outputs.push({ kind: "close" });
    this.#state = { kind: "Closed" };
    this.#deadline = null;
    this.#incoming.clear();
  }
}
