import { type Fields } from "./fields.ts";
import { type ErrorCode, HttpFailure } from "./types.ts";
import { InputStream, type Source } from "../io/input_stream.ts";
import { OutputStream, type Sink } from "../io/output_stream.ts";
import { Pollable, Waitable } from "../io/poll.ts";
import { type Result, WasiError } from "../errors.ts";

/** A body that comes from outside. */
export interface BodySource {
  readonly read: Source;
  /** Says that nobody will read on. */
  cancel(): void;
}

/** `wasi:http/types`' incoming-body. */
export class IncomingBody implements Disposable {
  #source!: BodySource;
  #isTaken = false;

  static of(source: BodySource): IncomingBody {
    const body = new IncomingBody();
    body.#source = source;
    return body;
  }

  static finish(body: IncomingBody): FutureTrailers {
    body[Symbol.dispose]();
    return new FutureTrailers();
  }

  stream(): InputStream {
    if (this.#isTaken) throw new WasiError(undefined);
    this.#isTaken = true;
    return InputStream.of(this.#source.read);
  }

  [Symbol.dispose](): void {
    this.#source.cancel();
  }
}

/** `wasi:http/types`' future-trailers: there are none, since nothing below hands them on. */
export class FutureTrailers {
  #isTaken = false;

  subscribe(): Pollable {
    return new Pollable(new Waitable(() => true, () => Promise.resolve()));
  }

  get(): Result<Result<undefined, ErrorCode>, undefined> {
    if (this.#isTaken) return { tag: "err", val: undefined };
    this.#isTaken = true;
    return { tag: "ok", val: { tag: "ok", val: undefined } };
  }
}

/** How a body ended: as it should, or before its end. */
export type BodyEnd = "finished" | "broken";

/**
 * `wasi:http/types`' outgoing-body. What is written waits until the body is connected to where it goes.
 *
 * Trailers are dropped, as HTTP lets anybody between do (RFC 9110 §6.5.1): nothing below hands them on.
 */
export class OutgoingBody implements Disposable {
  #kind: "request" | "response" = "response";
  /** What `content-length` says. */
  #expected: number | undefined;
  #written = 0;
  #stream: OutputStream | undefined;
  #sink: Sink | undefined;
  readonly #connected = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<BodyEnd>();

  static of(kind: "request" | "response", headers: Fields): OutgoingBody {
    const body = new OutgoingBody();
    body.#kind = kind;
    body.#expected = contentLength(headers);
    return body;
  }

  /** Lets what was written, and will be, flow into the sink. */
  static connect(body: OutgoingBody, sink: Sink): void {
    body.#sink = sink;
    body.#connected.resolve();
  }

  /** Resolves when the body is over, and all of it is through the sink. */
  static ended(body: OutgoingBody): Promise<BodyEnd> {
    return body.#ended.promise;
  }

  /** Whether it has as many bytes as its header says; one without any may answer to HEAD. */
  static hasLength(body: OutgoingBody): boolean {
    return body.#expected === undefined || body.#written === body.#expected;
  }

  /** The guest is over: what it did not finish it never will. A body that it never wrote to counts as empty. */
  static abandon(body: OutgoingBody): void {
    body.#end(body.#written === 0 ? "finished" : "broken");
  }

  static finish(body: OutgoingBody, _trailers: Fields | undefined): void {
    const mayBeEmpty = body.#kind === "response" && body.#written === 0;
    if (OutgoingBody.hasLength(body) || mayBeEmpty) return body.#end("finished");
    body.#end("broken");
    throw new HttpFailure({ tag: `HTTP-${body.#kind}-body-size`, val: BigInt(body.#written) });
  }

  write(): OutputStream {
    if (this.#stream) throw new WasiError(undefined);
    return this.#stream = new OutputStream((bytes) => {
      this.#written += bytes.length;
      if (this.#expected !== undefined && this.#written > this.#expected) {
        const code = { tag: `HTTP-${this.#kind}-body-size`, val: BigInt(this.#written) } as const;
        throw new HttpFailure(code, "the body is longer than its content-length");
      }
      if (this.#sink) return this.#sink(bytes);
      return this.#connected.promise.then(() => this.#sink!(bytes));
    });
  }

  [Symbol.dispose](): void {
    this.#end("broken");
  }

  /** The first end counts; it comes once all that was written is through. */
  #end(end: BodyEnd): void {
    const stream = this.#stream;
    if (!stream) return this.#ended.resolve(end);
    OutputStream.drained(stream).then(() =>
      this.#ended.resolve(OutputStream.hasFailed(stream) ? "broken" : end)
    );
  }
}

function contentLength(headers: Fields): number | undefined {
  const [value] = headers.get("content-length");
  const text = value && new TextDecoder().decode(value);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
