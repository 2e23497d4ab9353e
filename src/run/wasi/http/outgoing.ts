import { type BodySource, IncomingBody, OutgoingBody } from "./bodies.ts";
import { Fields, type HeaderList, isToken } from "./fields.ts";
import { type ErrorCode, type Method, methodName, type Scheme } from "./types.ts";
import { Pollable, Waitable } from "../io/poll.ts";
import { type Result, WasiError } from "../errors.ts";

/** A request that a guest makes, as it put it together. */
export interface RequestParts {
  readonly method: string;
  readonly scheme: Scheme | undefined;
  /** Without one the guest means the app that it is a part of. */
  readonly authority: string | undefined;
  readonly path: string;
  readonly headers: HeaderList;
  readonly body: OutgoingBody | undefined;
}

/** `wasi:http/types`' outgoing-request. */
export class OutgoingRequest {
  readonly #headers: Fields;
  #method: Method = { tag: "get" };
  #path: string | undefined;
  #scheme: Scheme | undefined;
  #authority: string | undefined;
  #body: OutgoingBody | undefined;

  constructor(headers: Fields) {
    this.#headers = Fields.freeze(headers);
  }

  static parts(request: OutgoingRequest): RequestParts {
    return {
      method: methodName(request.#method),
      scheme: request.#scheme,
      authority: request.#authority,
      path: request.#path ?? "/",
      headers: Fields.toList(request.#headers),
      body: request.#body,
    };
  }

  body(): OutgoingBody {
    if (this.#body) throw new WasiError(undefined);
    return this.#body = OutgoingBody.of("request", this.#headers);
  }

  method(): Method {
    return this.#method;
  }

  setMethod(method: Method): void {
    if (!isToken(methodName(method))) throw new WasiError(undefined);
    this.#method = method;
  }

  pathWithQuery(): string | undefined {
    return this.#path;
  }

  setPathWithQuery(path: string | undefined): void {
    if (path !== undefined && !/^(?:[/?][^\s#\p{Cc}]*)?$/u.test(path)) {
      throw new WasiError(undefined);
    }
    this.#path = path;
  }

  scheme(): Scheme | undefined {
    return this.#scheme;
  }

  setScheme(scheme: Scheme | undefined): void {
    this.#scheme = scheme;
  }

  authority(): string | undefined {
    return this.#authority;
  }

  setAuthority(authority: string | undefined): void {
    if (authority !== undefined && !isAuthority(authority)) throw new WasiError(undefined);
    this.#authority = authority;
  }

  headers(): Fields {
    return this.#headers;
  }
}

/** Whether a text is a host, with a port or without: none of what else a URL may have. */
function isAuthority(text: string): boolean {
  return /^[^/?#@\\\s]+$/.test(text) && URL.canParse(`http://${text}/`);
}

/** `wasi:http/types`' request-options; times are in nanoseconds. */
export class RequestOptions {
  #connect: bigint | undefined;
  #firstByte: bigint | undefined;
  #betweenBytes: bigint | undefined;

  connectTimeout(): bigint | undefined {
    return this.#connect;
  }

  setConnectTimeout(duration: bigint | undefined): void {
    this.#connect = duration;
  }

  firstByteTimeout(): bigint | undefined {
    return this.#firstByte;
  }

  setFirstByteTimeout(duration: bigint | undefined): void {
    this.#firstByte = duration;
  }

  betweenBytesTimeout(): bigint | undefined {
    return this.#betweenBytes;
  }

  setBetweenBytesTimeout(duration: bigint | undefined): void {
    this.#betweenBytes = duration;
  }
}

/** `wasi:http/types`' incoming-response. */
export class IncomingResponse implements Disposable {
  #status = 0;
  #headers!: Fields;
  #source!: BodySource;
  #isConsumed = false;

  static of(status: number, headers: Headers, source: BodySource): IncomingResponse {
    const response = new IncomingResponse();
    response.#status = status;
    response.#headers = Fields.received(headers);
    response.#source = source;
    return response;
  }

  status(): number {
    return this.#status;
  }

  headers(): Fields {
    return this.#headers;
  }

  consume(): IncomingBody {
    if (this.#isConsumed) throw new WasiError(undefined);
    this.#isConsumed = true;
    return IncomingBody.of(this.#source);
  }

  [Symbol.dispose](): void {
    if (!this.#isConsumed) this.#source.cancel();
  }
}

/** `wasi:http/types`' future-incoming-response; dropping it gives the request up. */
export class FutureIncomingResponse implements Disposable {
  #result: Result<IncomingResponse, ErrorCode> | undefined;
  #isTaken = false;
  #giveUp!: () => void;
  #waitable!: Waitable;

  /** @param result never rejects */
  static of(
    result: Promise<Result<IncomingResponse, ErrorCode>>,
    giveUp: () => void,
  ): FutureIncomingResponse {
    const future = new FutureIncomingResponse();
    future.#giveUp = giveUp;
    const settled = result.then((result) => void (future.#result = result));
    future.#waitable = new Waitable(() => future.#result !== undefined, () => settled);
    return future;
  }

  subscribe(): Pollable {
    return new Pollable(this.#waitable);
  }

  get(): Result<Result<IncomingResponse, ErrorCode>, undefined> | undefined {
    if (this.#isTaken) return { tag: "err", val: undefined };
    if (!this.#result) return undefined;
    this.#isTaken = true;
    return { tag: "ok", val: this.#result };
  }

  [Symbol.dispose](): void {
    if (!this.#isTaken) this.#giveUp();
  }
}
