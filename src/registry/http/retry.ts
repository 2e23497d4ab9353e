import { type Clock, untilAborted } from "../../base/concurrency.ts";
import { type ErrorCode, hasCode, LarderError, messageOf } from "../../base/errors.ts";
import { RETRY_AFTER_CAP, Tries } from "../../base/tries.ts";
import { formatDuration } from "../../base/units.ts";
import { shortenDigests } from "../../oci/digest.ts";
import { NetworkError } from "./network_error.ts";
import { HostHealth, notAsked, type Trouble } from "./host_health.ts";
import { isTransientStatus, parseRetryAfter, waitText } from "./status.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";

/** Called before each pause, with one line about the failure and the next try. */
export type OnRetry = (message: string) => void;

/** True if the next try may not fail in this way. */
export function isTransient(error: unknown): boolean {
  return hasCode(error, "LDR_UNREACHABLE", "LDR_TIMEOUT");
}

/** Statuses of a server that is overloaded, or protects itself, as a whole. */
const HOST_STATUSES = new Set([429, 503]);

/** Errors below HTTP, which concern a host whatever is requested of it. LDR_UNAUTHORIZED is that of a proxy. */
const HOST_ERRORS: readonly ErrorCode[] = [
  "LDR_UNREACHABLE",
  "LDR_DNS",
  "LDR_TIMEOUT",
  "LDR_TLS",
  "LDR_UNAUTHORIZED",
];

type Outcome = { readonly response: HttpResponse } | { readonly error: unknown };

export interface RetryTimes {
  /** Milliseconds; a server that asks to wait longer is not asked again. */
  readonly longestWait?: number | undefined;
  /** Milliseconds for which a host that has failed is not asked. */
  readonly downTime?: number | undefined;
}

/**
 * Retries on the statuses 408, 429 and 5xx and on broken connections; returns the last response as it is. Requests to
 * a host that stays ill fail at once, see {@link HostHealth}.
 *
 * A `HEAD` request is not retried on 408 and 5xx: a `GET` decides, because some servers support that alone.
 */
export class RetryTransport implements Transport {
  readonly #inner: Transport;
  readonly #clock: Clock;
  readonly #onRetry: OnRetry;
  readonly #longestWait: number;
  readonly #health: HostHealth;

  constructor(
    inner: Transport,
    clock: Clock,
    onRetry: OnRetry = () => {},
    { longestWait = RETRY_AFTER_CAP, downTime }: RetryTimes = {},
  ) {
    this.#inner = inner;
    this.#clock = clock;
    this.#onRetry = onRetry;
    this.#longestWait = longestWait;
    this.#health = new HostHealth(() => clock.elapsed(), downTime);
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    if (request.once) return await this.#sendOnce(request);
    const { method, url, signal } = request;
    const tries = request.tries ?? new Tries(this.#clock);
    let stopLeading: ((hasRecovered: boolean) => void) | undefined;
    let hasRecovered = false;
    try {
      for (;;) {
        const down = this.#health.downSince(method, url.host);
        if (down) {
          tries.end();
          throw notAsked(subjectOf(request), down);
        }
        const outcome = await this.#try(request);
        const trouble = troubleOf(outcome, request);
        if (!trouble) {
          hasRecovered = true;
          return this.#succeed(request, outcome);
        }
        while (!stopLeading) {
          const other = this.#health.retrying(method, trouble.host);
          if (!other) stopLeading = this.#health.lead(method, trouble.host);
          else if (await untilAborted(other, signal)) break;
        }
        if (!await this.#mayRetry(request, outcome, trouble, tries)) return unwrap(outcome);
      }
    } finally {
      stopLeading?.(hasRecovered);
    }
  }

  /** A failure is not noted: one try is not enough to give up requests that others send to the same host. */
  async #sendOnce(request: HttpRequest): Promise<HttpResponse> {
    const down = this.#health.downSince(request.method, request.url.host);
    if (down) throw notAsked(subjectOf(request), down);
    return await this.#inner.send(request);
  }

  async #try(request: HttpRequest): Promise<Outcome> {
    try {
      return { response: await this.#inner.send(request) };
    } catch (error) {
      return { error };
    }
  }

  #succeed(request: HttpRequest, outcome: Outcome): HttpResponse {
    const response = unwrap(outcome);
    const isHeadFailure = request.method === "HEAD" && isTransientStatus(response.status);
    if (!isHeadFailure) {
      this.#health.answered(request.method, request.url.host);
      this.#health.answered(request.method, hostOf(response, request));
    }
    return response;
  }

  /** Pauses before the next try; returns false if there is none. */
  async #mayRetry(
    { method, url, signal, ...request }: HttpRequest,
    outcome: Outcome,
    trouble: Trouble,
    tries: Tries,
  ): Promise<boolean> {
    const response = "response" in outcome ? outcome.response : undefined;
    if (this.#health.downSince(method, trouble.host)) {
      tries.end();
      return false;
    }
    const asked = parseRetryAfter(response?.headers.get("retry-after"), this.#clock.now());
    const mayRetry = (response || isTransient(trouble.error)) && (asked ?? 0) <= this.#longestWait;
    const next = mayRetry ? tries.next(trouble.error, asked) : undefined;
    if (!next) {
      this.#health.gaveUp(method, withWait(trouble, response, this.#clock.now()));
      return false;
    }
    await response?.body?.cancel();
    // Most pauses are well under a second and not worth a mention.
    const when = next.pause >= 1000 ? ` in ${formatDuration(next.pause)}` : "";
    const what = `${subjectOf({ url, ...request })}: ${messageOf(trouble.error)}`;
    this.#onRetry(`${shortenDigests(what)}; trying again${when} (${next.ordinal})`);
    await this.#clock.sleep(next.pause, signal);
    return true;
  }
}

function unwrap(outcome: Outcome): HttpResponse {
  if ("error" in outcome) throw outcome.error;
  return outcome.response;
}

/** Returns the failure that another try, or another request, may not meet or may meet as well. */
function troubleOf(outcome: Outcome, request: HttpRequest): Trouble | undefined {
  if ("error" in outcome) {
    const { error } = outcome;
    if (!hasCode(error, ...HOST_ERRORS)) throw error;
    const host = error instanceof NetworkError ? error.host : request.url.host;
    return { host, error, isOfHost: true };
  }
  const { response } = outcome;
  const { status } = response;
  if (!isTransientStatus(status) || (request.method === "HEAD" && status !== 429)) return undefined;
  const host = hostOf(response, request);
  const code = status === 429 ? "LDR_RATE_LIMITED" : "LDR_SERVER_ERROR";
  const error = new LarderError(code, `${host} answered ${status}`, {
    hint: "the fault is the registry's: try again later",
  });
  return { host, error, isOfHost: HOST_STATUSES.has(status) };
}

/** Adds how long the server asks clients to wait. */
function withWait(trouble: Trouble, response: HttpResponse | undefined, now: number): Trouble {
  const wait = response && waitText(response, now);
  if (!wait) return trouble;
  const { code, message } = trouble.error;
  const error = new LarderError(code, `${message} and asks to wait ${wait}`, {
    hint: `try again in ${wait}`,
    retryAfter: parseRetryAfter(response.headers.get("retry-after"), now),
  });
  return { ...trouble, error };
}

function hostOf(response: HttpResponse, request: HttpRequest): string {
  return URL.parse(response.url)?.host ?? request.url.host;
}

/** The query is left out, because it may contain a signature. */
function subjectOf({ subject, url }: Pick<HttpRequest, "subject" | "url">): string {
  return subject ?? `${url.host}${url.pathname}`;
}
