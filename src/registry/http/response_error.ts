import { MAX_DOCUMENT } from "../../base/limits.ts";
import { type ErrorCode, excerpt, LarderError, throwIfAborted } from "../../base/errors.ts";
import { type ReadOptions, readSmall } from "./body.ts";
import type { HttpResponse } from "./transport.ts";

/**
 * The error that an unsuccessful answer means, with what the registry says of it (distribution-spec, "Error
 * Codes"). The body is read to its end.
 *
 * @param subject what was asked for, for the message
 */
export async function responseError(
  response: HttpResponse,
  url: URL,
  subject: string,
  registry: string,
  options: Omit<ReadOptions, "url"> = {},
): Promise<LarderError> {
  const detail = await errorDetail(response, { ...options, url });
  const host = URL.parse(response.url)?.host ?? url.host; // A redirect may have led elsewhere.
  const said = `${host} answered ${response.status}${detail ? ` (${detail})` : ""}`;
  const [code, what, hint] = meaning(response.status, registry);
  return new LarderError(code, `${what} ${subject}: ${said}`, { hint });
}

function meaning(status: number, registry: string): [ErrorCode, string, string] {
  switch (status) {
    case 401:
      return [
        "LDR_UNAUTHORIZED",
        "not authorised for",
        `it may not exist or be private: try larder login ${registry}`,
      ];
    case 403:
      return [
        "LDR_FORBIDDEN",
        "no access to",
        `it may not exist or be private: try larder login ${registry}`,
      ];
    case 404:
      return ["LDR_NOT_FOUND", "not found:", "check the name and the tag for typing errors"];
    case 429:
      return ["LDR_RATE_LIMITED", "rate limited on", "wait a while, or log in for a higher limit"];
  }
  if (status === 408 || status >= 500) {
    return [
      "LDR_SERVER_ERROR",
      "the registry failed on",
      "this is the registry's trouble: try again later",
    ];
  }
  return ["LDR_BAD_RESPONSE", "no useful answer for", "check that the address is a registry's"];
}

/** The first message of the registry's own error document, in one short line; "" where there is none. */
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
