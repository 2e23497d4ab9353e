import { IoError } from "../io/error.ts";
import { WasiError } from "../errors.ts";

/** `wasi:http/types`' method. */
export type Method = { readonly tag: string; readonly val?: string };

/** `wasi:http/types`' scheme. */
export type Scheme =
  | { readonly tag: "HTTP" | "HTTPS" }
  | { readonly tag: "other"; readonly val: string };

/** `wasi:http/types`' error-code, those of its cases that this host uses. */
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
  // Methods are case-sensitive: a lower-case one is another.
  return METHODS.includes(tag) && name === name.toUpperCase() ? { tag } : {
    tag: "other",
    val: name,
  };
}

export function methodName({ tag, val }: Method): string {
  return tag === "other" ? val! : tag.toUpperCase();
}

/** `wasi:http/types`' http-error-code: what an error of a stream means in HTTP, if it came from there. */
export function httpErrorCode(error: IoError): ErrorCode | undefined {
  const cause = IoError.causeOf(error);
  return cause instanceof HttpFailure ? cause.payload : undefined;
}

/** A failure of HTTP, as a body's stream has it for its cause. */
export class HttpFailure extends WasiError<ErrorCode> {
  constructor(code: ErrorCode, message?: string) {
    super(code);
    if (message !== undefined) this.message = message;
  }
}
