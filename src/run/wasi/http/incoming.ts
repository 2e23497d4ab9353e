import { type Result, WasiError } from "../errors.ts";
import { Pollable, Waitable } from "../io/poll.ts";
import { type BodySource, IncomingBody } from "./bodies.ts";
import { Fields, type HeaderList } from "./fields.ts";
import { type ErrorCode, type Method, methodOf, type Scheme } from "./types.ts";

/** A request that larder received for a guest, without its body. */
export interface RequestHead {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly scheme: "http" | "https";
  /** The host, and the port unless it is the scheme's default. */
  readonly authority: string;
  readonly headers: HeaderList;
}

/** A message that a guest receives: headers, and a body that can be consumed once. Dropping it cancels the body. */
abstract class IncomingMessage implements Disposable {
  readonly #headers: Fields;
  readonly #source: BodySource;
  #isConsumed = false;

  constructor(headers: Iterable<readonly [name: string, value: string]>, source: BodySource) {
    this.#headers = Fields.received(headers);
    this.#source = source;
  }

  static sourceOf(message: IncomingMessage): BodySource {
    message.#isConsumed = true;
    return message.#source;
  }

  headers(): Fields {
    return this.#headers;
  }

  consume(): IncomingBody {
    if (this.#isConsumed) throw new WasiError(undefined);
    this.#isConsumed = true;
    return new IncomingBody(this.#source);
  }

  [Symbol.dispose](): void {
    if (!this.#isConsumed) this.#source.cancel();
  }
}

/** `incoming-request` of `wasi:http/types`. */
export class IncomingRequest extends IncomingMessage {
  readonly #head: RequestHead;

  constructor(head: RequestHead, source: BodySource) {
    super(head.headers, source);
    this.#head = head;
  }

  method(): Method {
    return methodOf(this.#head.method);
  }

  pathWithQuery(): string | undefined {
    return this.#head.path;
  }

  scheme(): Scheme | undefined {
    return { tag: this.#head.scheme === "https" ? "HTTPS" : "HTTP" };
  }

  authority(): string | undefined {
    return this.#head.authority;
  }
}

/** `incoming-response` of `wasi:http/types`. */
export class IncomingResponse extends IncomingMessage {
  readonly #status: number;

  constructor(status: number, headers: HeaderList, source: BodySource) {
    super(headers, source);
    this.#status = status;
  }

  status(): number {
    return this.#status;
  }
}

/** `future-incoming-response` of `wasi:http/types`; dropping it before the response is taken cancels the request. */
export class FutureIncomingResponse implements Disposable {
  readonly #cancel: () => void;
  readonly #waitable: Waitable;
  readonly #promise: Promise<Result<IncomingResponse, ErrorCode>>;
  #result: Result<IncomingResponse, ErrorCode> | undefined;
  #isTaken = false;

  /** @param result never rejects */
  constructor(result: Promise<Result<IncomingResponse, ErrorCode>>, cancel: () => void) {
    this.#cancel = cancel;
    this.#promise = result;
    const settled = result.then((result) => void (this.#result = result));
    this.#waitable = new Waitable(() => this.#result !== undefined, () => settled);
  }

  /** Resolves to the result; never rejects. */
  static result(future: FutureIncomingResponse): Promise<Result<IncomingResponse, ErrorCode>> {
    return future.#promise;
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
    if (!this.#isTaken) this.#cancel();
  }
}
