import { type BodySource, IncomingBody, OutgoingBody } from "./bodies.ts";
import { Fields, type HeaderList } from "./fields.ts";
import { type ErrorCode, type Method, methodOf, type Scheme } from "./types.ts";
import { type Result, WasiError } from "../errors.ts";

/** A request from outside, without its body. */
export interface RequestHead {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly scheme: "http" | "https";
  /** The host, and the port if it is not the usual one. */
  readonly authority: string;
  readonly headers: HeaderList;
}

/** `wasi:http/types`' incoming-request. */
export class IncomingRequest implements Disposable {
  #head!: RequestHead;
  #headers!: Fields;
  #source!: BodySource;
  #isConsumed = false;

  static of(head: RequestHead, source: BodySource): IncomingRequest {
    const request = new IncomingRequest();
    request.#head = head;
    request.#headers = Fields.received(head.headers);
    request.#source = source;
    return request;
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

/** `wasi:http/types`' outgoing-response. */
export class OutgoingResponse {
  #status = 200;
  readonly #headers: Fields;
  #body: OutgoingBody | undefined;

  constructor(headers: Fields) {
    this.#headers = Fields.freeze(headers);
  }

  static parts(response: OutgoingResponse): {
    status: number;
    headers: HeaderList;
    body: OutgoingBody | undefined;
  } {
    return {
      status: response.#status,
      headers: Fields.toList(response.#headers),
      body: response.#body,
    };
  }

  statusCode(): number {
    return this.#status;
  }

  setStatusCode(status: number): void {
    // The others are for responses before the last, or no responses at all (RFC 9110 §15).
    if (status < 200 || status > 599) throw new WasiError(undefined);
    this.#status = status;
  }

  headers(): Fields {
    return this.#headers;
  }

  body(): OutgoingBody {
    if (this.#body) throw new WasiError(undefined);
    return this.#body = OutgoingBody.of("response", this.#headers);
  }
}

/** `wasi:http/types`' response-outparam: where a guest puts its response. */
export class ResponseOutparam {
  #settle!: (result: Result<OutgoingResponse, ErrorCode>) => void;

  static of(settle: (result: Result<OutgoingResponse, ErrorCode>) => void): ResponseOutparam {
    const param = new ResponseOutparam();
    param.#settle = settle;
    return param;
  }

  static set(param: ResponseOutparam, result: Result<OutgoingResponse, ErrorCode>): void {
    param.#settle(result);
  }

  /** Unstable, and optional for hosts: the connection could not take it. */
  sendInformational(): void {
    throw new WasiError<ErrorCode>({ tag: "HTTP-protocol-error" });
  }
}
