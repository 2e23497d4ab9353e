import { excerpt, LarderError, messageOf } from "../base/errors.ts";

/** Codes of errors (distribution-spec, "Error Codes"), and Docker's for what that leaves open. */
export type ApiCode =
  | "BLOB_UNKNOWN"
  | "DIGEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "UNAUTHORIZED"
  | "DENIED"
  | "UNSUPPORTED"
  | "TOOMANYREQUESTS"
  | "UNAVAILABLE"
  | "UNKNOWN";

/** A request that is refused, with the response's status and code. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: ApiCode;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: ApiCode,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/**
 * Returns what a client is told about a failure.
 * @param unknown the code for content that does not exist
 */
export function apiErrorOf(error: unknown, unknown: ApiCode): ApiError {
  if (error instanceof ApiError) return error;
  if (!(error instanceof LarderError)) {
    return new ApiError(500, "UNKNOWN", "larder failed; its log says how");
  }
  const make = (status: number, code: ApiCode, headers?: Record<string, string>) =>
    new ApiError(status, code, error.message, headers);
  switch (error.code) {
    case "LDR_NOT_FOUND":
    case "LDR_NOT_CACHED":
      return make(404, unknown);
    case "LDR_BAD_REFERENCE":
      return make(400, "NAME_INVALID");
    case "LDR_UNAUTHORIZED":
    case "LDR_FORBIDDEN":
    case "LDR_BLOCKED":
      // Not 401: the client's credentials are not those that the upstream refused.
      return make(403, "DENIED");
    case "LDR_RATE_LIMITED": {
      const { retryAfter } = error;
      const seconds = retryAfter === undefined ? undefined : `${Math.ceil(retryAfter / 1000)}`;
      return make(429, "TOOMANYREQUESTS", seconds === undefined ? {} : { "retry-after": seconds });
    }
    case "LDR_TIMEOUT":
      return make(504, "UNAVAILABLE");
    case "LDR_BUSY":
    case "LDR_INTERRUPTED":
      return make(503, "UNAVAILABLE");
  }
  const isDisk = error.exitCode === 7;
  return make(isDisk ? 500 : 502, isDisk ? "UNKNOWN" : "UNAVAILABLE");
}

/** Makes a response in the form of the specification. */
export function errorResponse({ status, code, message, headers }: ApiError): Response {
  const errors = [{ code, message: excerpt(messageOf(new Error(message))), detail: null }];
  return new Response(`${JSON.stringify({ errors })}\n`, {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}
