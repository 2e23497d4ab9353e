import { type Result, WasiError } from "../errors.ts";
import { FutureTrailers, IncomingBody, OutgoingBody } from "../http/bodies.ts";
import { Fields } from "../http/fields.ts";
import type { FutureIncomingResponse, IncomingResponse } from "../http/incoming.ts";
import {
  OutgoingRequest,
  OutgoingResponse,
  RequestOptions,
  ResponseOutparam,
} from "../http/outgoing.ts";
import { type ErrorCode, HttpFailure, type Method, type Scheme } from "../http/types.ts";
import type { Pollable } from "../io/poll.ts";

/** `error` of the draft of October. */
interface DraftError {
  readonly tag: "invalid-url" | "timeout-error" | "protocol-error" | "unexpected-error";
  readonly val: string;
}

/** `request-options` of the draft of October, which is a record. */
interface DraftOptions {
  readonly connectTimeoutMs: number | undefined;
  readonly firstByteTimeoutMs: number | undefined;
  readonly betweenBytesTimeoutMs: number | undefined;
}

type OutgoingHandler = {
  handle(request: OutgoingRequest, options: RequestOptions | undefined): FutureIncomingResponse;
};

/** A constructor of `fields` with a list; all instances are of the host's class. */
class DraftFields {
  constructor(entries: readonly (readonly [name: string, value: Uint8Array])[]) {
    return Fields.fromList(entries);
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Fields;
  }
}

class DraftRequest extends OutgoingRequest {
  constructor(
    method: Method,
    path: string | undefined,
    scheme: Scheme | undefined,
    authority: string | undefined,
    headers: Fields,
  ) {
    // The headers stay the guest's.
    super(headers.clone());
    this.setMethod(method);
    this.setPathWithQuery(path);
    this.setScheme(scheme);
    this.setAuthority(authority);
  }

  write(): OutgoingBody {
    return this.body();
  }
}

class DraftResponse extends OutgoingResponse {
  constructor(status: number, headers: Fields) {
    super(headers.clone());
    this.setStatusCode(status);
  }

  write(): OutgoingBody {
    return this.body();
  }
}

class DraftOutgoingBody {
  /** Reports no error; a body of the wrong length is cut short all the same. */
  static finish(body: OutgoingBody, trailers: Fields | undefined): void {
    try {
      OutgoingBody.finish(body, trailers);
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error;
    }
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof OutgoingBody;
  }
}

/** Trailers, of which there are never any: empty fields in October, none in November. */
class DraftTrailers {
  readonly #trailers = new FutureTrailers(undefined);
  readonly #value: Fields | undefined;

  constructor(value: Fields | undefined) {
    this.#value = value;
  }

  subscribe(): Pollable {
    return this.#trailers.subscribe();
  }

  get(): Result<Fields | undefined, never> {
    return { tag: "ok", val: this.#value };
  }
}

/** Returns an `incoming-body` whose trailers have the form of a draft. */
function draftIncomingBody(trailers: () => Fields | undefined): object {
  return class DraftIncomingBody {
    static finish(body: IncomingBody): DraftTrailers {
      IncomingBody.finish(body);
      return new DraftTrailers(trailers());
    }

    static [Symbol.hasInstance](value: unknown): boolean {
      return value instanceof IncomingBody;
    }
  };
}

class DraftOutparam {
  static set(param: ResponseOutparam, result: Result<OutgoingResponse, DraftError>): void {
    ResponseOutparam.set(
      param,
      result.tag === "ok"
        ? result
        : { tag: "err", val: { tag: "internal-error", val: result.val.val } },
    );
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof ResponseOutparam;
  }
}

class DraftFutureResponse implements Disposable {
  readonly #future: FutureIncomingResponse;

  constructor(future: FutureIncomingResponse) {
    this.#future = future;
  }

  subscribe(): Pollable {
    return this.#future.subscribe();
  }

  get(): Result<Result<IncomingResponse, DraftError>, undefined> | undefined {
    const taken = this.#future.get();
    if (taken?.tag !== "ok" || taken.val.tag === "ok") {
      return taken as Result<Result<IncomingResponse, never>, undefined> | undefined;
    }
    return { tag: "ok", val: { tag: "err", val: draftError(taken.val.val) } };
  }

  [Symbol.dispose](): void {
    this.#future[Symbol.dispose]();
  }
}

/** `request-options` of the draft of November, in milliseconds. */
class NovemberOptions extends RequestOptions {
  connectTimeoutMs(): bigint | undefined {
    return inMilliseconds(this.connectTimeout());
  }

  setConnectTimeoutMs(time: bigint | undefined): void {
    this.setConnectTimeout(inNanoseconds(time));
  }

  firstByteTimeoutMs(): bigint | undefined {
    return inMilliseconds(this.firstByteTimeout());
  }

  setFirstByteTimeoutMs(time: bigint | undefined): void {
    this.setFirstByteTimeout(inNanoseconds(time));
  }

  betweenBytesTimeoutMs(): bigint | undefined {
    return inMilliseconds(this.betweenBytesTimeout());
  }

  setBetweenBytesTimeoutMs(time: bigint | undefined): void {
    this.setBetweenBytesTimeout(inNanoseconds(time));
  }
}

/** `wasi:http/types` of October, from that of 0.2. */
export function octoberTypes(types: object): object {
  return {
    ...types,
    Fields: DraftFields,
    FutureIncomingResponse: DraftFutureResponse,
    FutureTrailers: DraftTrailers,
    IncomingBody: draftIncomingBody(() => new Fields()),
    OutgoingBody: DraftOutgoingBody,
    OutgoingRequest: DraftRequest,
    OutgoingResponse: DraftResponse,
    ResponseOutparam: DraftOutparam,
  };
}

/** `wasi:http/types` of November, from that of 0.2. */
export function novemberTypes(types: object): object {
  return {
    ...types,
    FutureTrailers: DraftTrailers,
    IncomingBody: draftIncomingBody(() => undefined),
    RequestOptions: NovemberOptions,
  };
}

/** `wasi:http/outgoing-handler` of October, from that of 0.2. */
export function octoberHandler(handler: object): object {
  return {
    handle(request: OutgoingRequest, options: DraftOptions | undefined): DraftFutureResponse {
      try {
        const { handle } = handler as OutgoingHandler;
        return new DraftFutureResponse(handle(request, requestOptions(options)));
      } catch (error) {
        throw error instanceof HttpFailure ? new WasiError(draftError(error.payload)) : error;
      }
    },
  };
}

function requestOptions(draft: DraftOptions | undefined): RequestOptions | undefined {
  if (!draft) return undefined;
  const duration = (time: number | undefined) =>
    time === undefined ? undefined : inNanoseconds(BigInt(time));
  const options = new RequestOptions();
  options.setConnectTimeout(duration(draft.connectTimeoutMs));
  options.setFirstByteTimeout(duration(draft.firstByteTimeoutMs));
  options.setBetweenBytesTimeout(duration(draft.betweenBytesTimeoutMs));
  return options;
}

function draftError({ tag }: ErrorCode): DraftError {
  if (tag === "HTTP-request-URI-invalid") return { tag: "invalid-url", val: tag };
  if (tag.endsWith("-timeout")) return { tag: "timeout-error", val: tag };
  return { tag: tag === "HTTP-protocol-error" ? "protocol-error" : "unexpected-error", val: tag };
}

function inNanoseconds(time: bigint | undefined): bigint | undefined {
  return time && time * 1_000_000n;
}

function inMilliseconds(duration: bigint | undefined): bigint | undefined {
  return duration && duration / 1_000_000n;
}
