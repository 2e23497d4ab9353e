import { type Result, WasiError } from "../errors.ts";
import { Fields, isToken } from "../http/fields.ts";
import type { RequestHead } from "../http/incoming.ts";
import { isAuthority, RequestOptions as RequestOptions2 } from "../http/outgoing.ts";
import { type ErrorCode, type Method, methodName, methodOf, type Scheme } from "../http/types.ts";
import { chunksOf, type GuestFuture, type GuestStream, type Outcome } from "./streams.ts";

export type Trailers = GuestFuture<Result<Fields | undefined, ErrorCode>>;

/** The body of a message, and what follows it. */
export interface Contents {
  /** Undefined for a message without a body. */
  readonly chunks: AsyncIterable<Uint8Array> | undefined;
  /** Drops the body unread. */
  readonly discard: () => void;
  readonly trailers: Trailers;
  /** Receives how the body was transmitted, or what its reader says of it. */
  readonly onEnd: (outcome: Outcome<ErrorCode>) => void;
}

/** Returns contents that a guest has made, and the future that tells the guest how they were transmitted. */
function guestContents(
  stream: GuestStream<Uint8Array> | undefined,
  trailers: Trailers,
): [Contents, Promise<Outcome<ErrorCode>>] {
  const { promise, resolve } = Promise.withResolvers<Outcome<ErrorCode>>();
  const discard = () => stream?.[Symbol.dispose]();
  return [{ chunks: stream && chunksOf(stream), discard, trailers, onEnd: resolve }, promise];
}

/** Headers and contents, which are consumed once. */
abstract class Message implements Disposable {
  readonly #headers: Fields;
  readonly #contents: Contents;

  constructor(headers: Fields, contents: Contents) {
    this.#headers = Fields.freeze(headers);
    this.#contents = contents;
  }

  static contentsOf(message: Message): Contents {
    return message.#contents;
  }

  /** @param outcome the future that tells how the guest read the body */
  static consumeBody(
    message: Message,
    outcome: GuestFuture<Outcome<ErrorCode>>,
  ): [AsyncIterable<Uint8Array> | [], Trailers] {
    const { chunks, trailers, onEnd } = message.#contents;
    // Awaited even if nothing depends on it, because the guest waits until the future is read.
    outcome.then(onEnd, () => {});
    return [chunks ?? [], trailers];
  }

  getHeaders(): Fields {
    return this.#headers;
  }

  /** Discards the contents of a message that the guest drops. */
  [Symbol.dispose](): void {
    const { discard, trailers, onEnd } = this.#contents;
    discard();
    trailers.then(() => {}, () => {});
    onEnd({ tag: "err", val: { tag: "connection-terminated" } });
  }
}

/** `request` of `wasi:http/types` 0.3. */
export class Request extends Message {
  readonly #options: RequestOptions | undefined;
  #method: Method = { tag: "get" };
  #path: string | undefined;
  #scheme: Scheme | undefined;
  #authority: string | undefined;

  constructor(headers: Fields, contents: Contents, options?: RequestOptions) {
    super(headers, contents);
    this.#options = options && RequestOptions.freeze(options);
  }

  static new(
    headers: Fields,
    stream: GuestStream<Uint8Array> | undefined,
    trailers: Trailers,
    options: RequestOptions | undefined,
  ): [Request, Promise<Outcome<ErrorCode>>] {
    const [contents, transmitted] = guestContents(stream, trailers);
    return [new Request(headers, contents, options), transmitted];
  }

  /** Returns a request as it was sent, also with what a guest could not set. */
  static received(head: RequestHead, contents: Contents): Request {
    const request = new Request(Fields.received(head.headers), contents);
    request.#method = methodOf(head.method);
    request.#path = head.path;
    request.#scheme = { tag: head.scheme === "https" ? "HTTPS" : "HTTP" };
    request.#authority = head.authority;
    return request;
  }

  getMethod(): Method {
    return this.#method;
  }

  setMethod(method: Method): void {
    const name = methodName(method);
    if (!isToken(name)) throw new WasiError(undefined);
    this.#method = methodOf(name);
  }

  getPathWithQuery(): string | undefined {
    return this.#path;
  }

  setPathWithQuery(path: string | undefined): void {
    // deno-lint-ignore no-control-regex
    if (path !== undefined && /[\x00-\x20<>`#]/.test(path)) throw new WasiError(undefined);
    this.#path = path === "" ? "/" : path;
  }

  getScheme(): Scheme | undefined {
    return this.#scheme;
  }

  setScheme(scheme: Scheme | undefined): void {
    const name = scheme?.tag === "other" ? scheme.val : undefined;
    if (name !== undefined && !/^[a-z][a-z\d+\-.]*$/i.test(name)) throw new WasiError(undefined);
    const isKnown = name === "http" || name === "https";
    this.#scheme = isKnown ? { tag: name === "http" ? "HTTP" : "HTTPS" } : scheme;
  }

  getAuthority(): string | undefined {
    return this.#authority;
  }

  setAuthority(authority: string | undefined): void {
    const host = authority?.replace(/^[^/?#@\\\s]+@/, "");
    if (host !== undefined && !isAuthority(host)) throw new WasiError(undefined);
    this.#authority = authority;
  }

  getOptions(): RequestOptions | undefined {
    return this.#options;
  }
}

/** `response` of `wasi:http/types` 0.3. */
export class Response extends Message {
  #status = 200;

  static new(
    headers: Fields,
    stream: GuestStream<Uint8Array> | undefined,
    trailers: Trailers,
  ): [Response, Promise<Outcome<ErrorCode>>] {
    const [contents, transmitted] = guestContents(stream, trailers);
    return [new Response(headers, contents), transmitted];
  }

  getStatusCode(): number {
    return this.#status;
  }

  setStatusCode(status: number): void {
    if (status < 100 || status > 599) throw new WasiError(undefined);
    this.#status = status;
  }
}

/** `request-options` of `wasi:http/types` 0.3; those of a request cannot be changed. */
export class RequestOptions extends RequestOptions2 {
  #isImmutable = false;

  static freeze(options: RequestOptions): RequestOptions {
    options.#isImmutable = true;
    return options;
  }

  getConnectTimeout(): bigint | undefined {
    return this.connectTimeout();
  }

  override setConnectTimeout(duration: bigint | undefined): void {
    this.#check();
    super.setConnectTimeout(duration);
  }

  getFirstByteTimeout(): bigint | undefined {
    return this.firstByteTimeout();
  }

  override setFirstByteTimeout(duration: bigint | undefined): void {
    this.#check();
    super.setFirstByteTimeout(duration);
  }

  getBetweenBytesTimeout(): bigint | undefined {
    return this.betweenBytesTimeout();
  }

  override setBetweenBytesTimeout(duration: bigint | undefined): void {
    this.#check();
    super.setBetweenBytesTimeout(duration);
  }

  clone(): RequestOptions {
    const options = new RequestOptions();
    options.setConnectTimeout(this.connectTimeout());
    options.setFirstByteTimeout(this.firstByteTimeout());
    options.setBetweenBytesTimeout(this.betweenBytesTimeout());
    return options;
  }

  #check(): void {
    if (this.#isImmutable) throw new WasiError({ tag: "immutable" });
  }
}
