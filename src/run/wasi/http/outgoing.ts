import { type Result, WasiError } from "../errors.ts";
import { OutgoingBody } from "./bodies.ts";
import { Fields, type HeaderList, isToken } from "./fields.ts";
import { type ErrorCode, type Method, methodName, type Scheme } from "./types.ts";

interface MessageContent {
  readonly headers: HeaderList;
  /** Undefined if the guest did not ask for the body. */
  readonly body: OutgoingBody | undefined;
}

/** The request that a guest has put together. */
export interface RequestParts extends MessageContent {
  readonly method: string;
  readonly scheme: Scheme | undefined;
  /** Undefined for a request to the app that the guest belongs to. */
  readonly authority: string | undefined;
  readonly path: string;
}

/** The response that a guest has put together. */
export interface ResponseParts extends MessageContent {
  readonly status: number;
}

/** A message that a guest sends: frozen headers, and a body that it can ask for once. */
abstract class OutgoingMessage {
  readonly #kind: "request" | "response";
  readonly #headers: Fields;
  #body: OutgoingBody | undefined;

  constructor(kind: "request" | "response", headers: Fields) {
    this.#kind = kind;
    this.#headers = Fields.freeze(headers);
  }

  protected static contentOf(message: OutgoingMessage): MessageContent {
    return { headers: Fields.toList(message.#headers), body: message.#body };
  }

  headers(): Fields {
    return this.#headers;
  }

  body(): OutgoingBody {
    if (this.#body) throw new WasiError(undefined);
    return this.#body = new OutgoingBody(this.#kind, this.#headers);
  }
}

/** `outgoing-request` of `wasi:http/types`. */
export class OutgoingRequest extends OutgoingMessage {
  #method: Method = { tag: "get" };
  #path: string | undefined;
  #scheme: Scheme | undefined;
  #authority: string | undefined;

  constructor(headers: Fields) {
    super("request", headers);
  }

  static parts(request: OutgoingRequest): RequestParts {
    return {
      method: methodName(request.#method),
      scheme: request.#scheme,
      authority: request.#authority,
      path: request.#path ?? "/",
      ...OutgoingMessage.contentOf(request),
    };
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
}

/** True for a host with or without a port, and nothing else that a URL can contain. */
export function isAuthority(text: string): boolean {
  return /^[^/?#@\\\s]+$/.test(text) && URL.canParse(`http://${text}/`);
}

/** `request-options` of `wasi:http/types`; durations are nanoseconds. */
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

/** `outgoing-response` of `wasi:http/types`. */
export class OutgoingResponse extends OutgoingMessage {
  #status = 200;

  constructor(headers: Fields) {
    super("response", headers);
  }

  static parts(response: OutgoingResponse): ResponseParts {
    return { status: response.#status, ...OutgoingMessage.contentOf(response) };
  }

  statusCode(): number {
    return this.#status;
  }

  setStatusCode(status: number): void {
    // The final statuses; 1xx are interim responses (RFC 9110 §15).
    if (status < 200 || status > 599) throw new WasiError(undefined);
    this.#status = status;
  }
}

/** `response-outparam` of `wasi:http/types`: receives the response of a guest. */
export class ResponseOutparam {
  readonly #receive: (result: Result<OutgoingResponse, ErrorCode>) => void;

  constructor(receive: (result: Result<OutgoingResponse, ErrorCode>) => void) {
    this.#receive = receive;
  }

  static set(param: ResponseOutparam, result: Result<OutgoingResponse, ErrorCode>): void {
    param.#receive(result);
  }

  /** Always fails: Deno's server cannot send interim responses. WASI has it unstable and optional. */
  sendInformational(): void {
    throw new WasiError<ErrorCode>({ tag: "HTTP-protocol-error" });
  }
}
