import { WasiError } from "../errors.ts";
import { IoError } from "../io/error.ts";

/** `method` of `wasi:http/types`. */
export type Method = { readonly tag: string; readonly val?: string };

/** `scheme` of `wasi:http/types`. */
export type Scheme =
  | { readonly tag: "HTTP" | "HTTPS" }
  | { readonly tag: "other"; readonly val: string };

/** The cases of `error-code` of `wasi:http/types` that this host uses. */
export type ErrorCode =
  | {
    readonly tag:
      | "connection-limit-reached"
      | "connection-read-timeout"
      | "connection-refused"
      | "connection-terminated"
      | "HTTP-protocol-error"
      | "HTTP-request-denied"
      | "HTTP-request-method-invalid"
      | "HTTP-request-URI-invalid"
      | "TLS-certificate-error"
      | "TLS-protocol-error";
  }
  | { readonly tag: "DNS-error"; readonly val: Record<string, never> }
  | {
    readonly tag: "HTTP-request-body-size" | "HTTP-response-body-size";
    readonly val: bigint | undefined;
  }
  | { readonly tag: "internal-error"; readonly val: string | undefined };

const METHODS = ["get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"];

export function methodOf(name: string): Method {
  const tag = name.toLowerCase();
  // Methods are case-sensitive: "get" is not GET.
  const isKnown = METHODS.includes(tag) && name === name.toUpperCase();
  return isKnown ? { tag } : { tag: "other", val: name };
}

export function methodName({ tag, val }: Method): string {
  return tag === "other" ? val! : tag.toUpperCase();
}

/** `http-error-code` of `wasi:http/types`: the code of a stream's error; undefined unless HTTP caused it. */
export function httpErrorCode(error: IoError): ErrorCode | undefined {
  const cause = IoError.causeOf(error);
  return cause instanceof HttpFailure ? cause.payload : undefined;
}

/** An HTTP error, thrown to the guest or the cause of a body stream's failure. */
export class HttpFailure extends WasiError<ErrorCode> {
  constructor(code: ErrorCode, message?: string) {
    super(code);
    if (message !== undefined) this.message = message;
  }
}
