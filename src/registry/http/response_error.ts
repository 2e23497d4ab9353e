import { type ErrorCode, excerpt, LarderError, throwIfAborted } from "../../base/errors.ts";
import { MAX_DOCUMENT } from "../../base/limits.ts";
import { type ReadOptions, readSmall } from "./body.ts";
import { PROXY_LOGIN_HINT } from "./proxy.ts";
import { parseRetryAfter, waitText } from "./status.ts";
import type { HttpResponse } from "./transport.ts";

/**
 * Makes the error for an unsuccessful response, with the registry's own message (distribution-spec, "Error Codes").
 * Reads the body to its end.
 *
 * @param subject names the resource in the message
 */
export async function responseError(
  response: HttpResponse,
  url: URL,
  subject: string,
  registry: string,
  options: Omit<ReadOptions, "url"> = {},
): Promise<LarderError> {
  const detail = await errorDetail(response, { ...options, url });
  const host = URL.parse(response.url)?.host ?? url.host; // Another host after a redirect.
  const wait = waitText(response, Date.now());
  const answer = `${host} answered ${response.status}${detail ? ` (${detail})` : ""}`;
  const [code, what, hint] = meaning(response.status, registry);
  return new LarderError(
    code,
    `${what} ${subject}: ${answer}${wait && ` and asks to wait ${wait}`}`,
    {
      hint: wait ? `try again in ${wait}` : hint,
      retryAfter: wait
        ? parseRetryAfter(response.headers.get("retry-after"), Date.now())
        : undefined,
    },
  );
}

function meaning(status: number, registry: string): [ErrorCode, string, string] {
  switch (status) {
    case 401:
      return [
        "LDR_UNAUTHORIZED",
        "not authorised for",
        `check the name, or run larder login ${registry} if it is private`,
      ];
    case 403:
      return [
        "LDR_FORBIDDEN",
        "no access to",
        `check the name, or run larder login ${registry} if it is private`,
      ];
    case 404:
      return [
        "LDR_NOT_FOUND",
        "not found:",
        "check the spelling of the name, and the tag or digest",
      ];
    case 407:
      return ["LDR_UNAUTHORIZED", "the proxy denies access to", PROXY_LOGIN_HINT];
    case 429:
      return [
        "LDR_RATE_LIMITED",
        "rate limited on",
        "wait, or use larder login for a higher limit",
      ];
  }
  if (status === 408 || status >= 500) {
    return [
      "LDR_SERVER_ERROR",
      "the registry failed on",
      "the fault is the registry's: try again later",
    ];
  }
  return [
    "LDR_BAD_RESPONSE",
    "unexpected response for",
    "check that the address is that of a registry",
  ];
}

/** Returns the first message of the registry's error document in one short line, or "" if there is none. */
async function errorDetail(response: HttpResponse, options: ReadOptions): Promise<string> {
  try {
    const bytes = await readSmall(response, MAX_DOCUMENT, options);
    const document = JSON.parse(new TextDecoder().decode(bytes));
    const first = document?.errors?.[0];
    const parts = [first?.code, first?.message].filter((part) => typeof part === "string");
    return excerpt(parts.join(": "));
  } catch {
    throwIfAborted(options.signal);
    return "";
  }
}
