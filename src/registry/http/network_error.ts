import { type ErrorCode, LarderError, messageOf } from "../../base/errors.ts";
import { PROXY_LOGIN_HINT } from "./proxy.ts";
import { tlsError } from "./tls/tls_error.ts";

const PROXY_HINT = "check the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names";

/** A failure below HTTP. */
export class NetworkError extends LarderError {
  /** The host that failed, which after redirects is not the one that was asked. */
  readonly host: string;

  constructor(
    code: ErrorCode,
    url: URL,
    message: string,
    options: { hint: string; cause?: unknown },
  ) {
    super(code, message, options);
    this.host = url.host;
  }
}

/** The error for a server that stopped sending, or trickles. */
export function timedOut(url: URL, timeout: number, trickles = false): LarderError {
  const message = `${url.host} sent ${trickles ? "next to " : ""}nothing for ${timeout / 1000} s`;
  return new NetworkError("LDR_TIMEOUT", url, message, {
    hint: "try again later, or check the network",
  });
}

/** Converts an error below HTTP, which the runtime classifies only in its text; returns other errors unchanged. */
export function networkError(error: unknown, url: URL, proxy?: URL): unknown {
  if (!(error instanceof Error) || error instanceof LarderError) return error;
  const detail = detailOf(error);
  const fail = (code: ErrorCode, message: string, hint: string) =>
    new NetworkError(code, url, message, { hint, cause: error });
  const through = proxy ? ` through the proxy ${proxy.host}` : "";
  if (/^dns error|lookup address|^getaddrinfo/.test(detail)) {
    // A proxy resolves the registry's name itself.
    return proxy ? fail("LDR_DNS", `cannot resolve the proxy ${proxy.hostname}`, PROXY_HINT) : fail(
      "LDR_DNS",
      `cannot resolve the host ${url.hostname}`,
      "check the name and the network",
    );
  }
  if (/^proxy authentication required/.test(detail)) {
    return fail(
      "LDR_UNAUTHORIZED",
      `the proxy ${proxy?.host ?? ""} requires a user name and a password, or denies these (407)`,
      PROXY_LOGIN_HINT,
    );
  }
  const tls = tlsError(detail, url, error);
  if (tls) return fail("LDR_TLS", tls.message, tls.hint!);
  if (/^(?:invalid|unexpected) .+ parsed|^message head is too large|^Parse Error/.test(detail)) {
    return fail(
      "LDR_BAD_RESPONSE",
      `bad answer of ${url.host}${through}: ${detail}`,
      "check that the address is that of a registry, and the proxy before it",
    );
  }
  if (/^error reading a body/.test(detail)) {
    return fail("LDR_UNREACHABLE", `the connection to ${url.host} broke off`, "try again");
  }
  const hint = proxy ? PROXY_HINT : "check the address, the network and the proxy settings";
  return fail("LDR_UNREACHABLE", `cannot reach ${url.host}${through}: ${detail}`, hint);
}

/**
 * Returns what the runtime says of an error, without the URL that it begins with, which may contain any words, and a
 * signature in its query. A refused connection is said once: some versions repeat the system's message.
 */
function detailOf(error: Error): string {
  const text = messageOf(error.cause instanceof Error ? error.cause : error);
  return text.replace(/^.*client error \([A-Za-z]+\): /, "")
    .replace(/^tcp connect error: (.+?)(?: \(os error \d+\))?(?:: \1.*)?$/, "$1");
}
