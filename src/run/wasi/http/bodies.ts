import { type Result, WasiError } from "../errors.ts";
import { InputStream, type Source } from "../io/input_stream.ts";
import { OutputStream, type Sink } from "../io/output_stream.ts";
import { Pollable, Waitable } from "../io/poll.ts";
import { Fields, type HeaderList } from "./fields.ts";
import { type ErrorCode, HttpFailure } from "./types.ts";

/** The source of a body that a guest receives. */
export interface BodySource {
  readonly read: Source;
  /** Called when the guest drops the body: nothing will be read any more. */
  cancel(): void;
  /** Returns the trailers that came after the body; none for the source of a request, which Deno does not expose. */
  trailers?(): HeaderList;
}

/** Returns the trailers of a body that was read to its end; undefined if there are none. */
export function receivedTrailers({ trailers }: BodySource): Fields | undefined {
  const list = trailers?.() ?? [];
  return list.length === 0 ? undefined : Fields.received(list);
}

/** `incoming-body` of `wasi:http/types`. */
export class IncomingBody implements Disposable {
  readonly #source: BodySource;
  #isTaken = false;

  constructor(source: BodySource) {
    this.#source = source;
  }

  static finish(body: IncomingBody): FutureTrailers {
    body[Symbol.dispose]();
    return new FutureTrailers(receivedTrailers(body.#source));
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

/** `future-trailers` of `wasi:http/types`. */
export class FutureTrailers {
  readonly #trailers: Fields | undefined;
  #isTaken = false;

  constructor(trailers: Fields | undefined) {
    this.#trailers = trailers;
  }

  subscribe(): Pollable {
    return new Pollable(Waitable.ready());
  }

  get(): Result<Result<Fields | undefined, ErrorCode>, undefined> {
    if (this.#isTaken) return { tag: "err", val: undefined };
    this.#isTaken = true;
    return { tag: "ok", val: { tag: "ok", val: this.#trailers } };
  }
}

/** How a body ended: the guest finished it, or it was cut short. */
export type BodyEnd = "finished" | "truncated";

/**
 * `outgoing-body` of `wasi:http/types`. Writes wait until the body is connected to a sink.
 *
 * The trailers of a response are dropped, because Deno cannot send them; a recipient must not rely on them (RFC 9110
 * §6.5.1).
 */
export class OutgoingBody implements Disposable {
  readonly #kind: "request" | "response";
  /** The value of `content-length`. */
  readonly #expected: number | undefined;
  #written = 0;
  #stream: OutputStream | undefined;
  #sink: Sink | undefined;
  #trailers: HeaderList = [];
  readonly #connected = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<BodyEnd>();

  constructor(kind: "request" | "response", headers: Fields) {
    this.#kind = kind;
    this.#expected = contentLength(headers);
  }

  /** Sends what was written, and everything that will be, to the sink. */
  static connect(body: OutgoingBody, sink: Sink): void {
    body.#sink = sink;
    body.#connected.resolve();
  }

  /** Resolves once the body has ended and the sink has taken all of it. */
  static ended(body: OutgoingBody): Promise<BodyEnd> {
    return body.#ended.promise;
  }

  static trailersOf(body: OutgoingBody): HeaderList {
    return body.#trailers;
  }

  /** True if as many bytes were written as `content-length` says. An empty body may be the response to HEAD. */
  static hasLength(body: OutgoingBody): boolean {
    return body.#expected === undefined || body.#written === body.#expected;
  }

  /** Ends the body of a guest that has ended. A body that it never wrote to counts as finished and empty. */
  static abandon(body: OutgoingBody): void {
    body.#end(body.#written === 0 ? "finished" : "truncated");
  }

  static finish(body: OutgoingBody, trailers: Fields | undefined): void {
    if (trailers) body.#trailers = Fields.toList(trailers);
    const mayBeEmpty = body.#kind === "response" && body.#written === 0;
    if (OutgoingBody.hasLength(body) || mayBeEmpty) return body.#end("finished");
    body.#end("truncated");
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
    this.#end("truncated");
  }

  /** Only the first call counts; {@link ended} resolves once the sink has taken everything. */
  #end(end: BodyEnd): void {
    const stream = this.#stream;
    if (!stream) return this.#ended.resolve(end);
    OutputStream.drained(stream).then(() =>
      this.#ended.resolve(OutputStream.hasFailed(stream) ? "truncated" : end)
    );
  }
}

function contentLength(headers: Fields): number | undefined {
  const [value] = headers.get("content-length");
  const text = value && new TextDecoder().decode(value);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
