import type { Clock } from "../../base/concurrency.ts";
import { hasCode, messageOf } from "../../base/errors.ts";
import { TRIES } from "../../base/limits.ts";
import { formatDuration } from "../../base/units.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";

/** Milliseconds that bound the first pause between tries; the bound doubles each time. */
export const RETRY_BASE = 250;

/** Milliseconds that bound every pause that larder chooses itself. */
export const RETRY_CAP = 10_000;

/** Milliseconds of `Retry-After` above which larder does not retry. */
export const RETRY_AFTER_CAP = 60_000;

/** Called before each pause, with one line about the failure and the next try. */
export type OnRetry = (message: string) => void;

/** True if the next try may not fail in this way. */
export function isTransient(error: unknown): boolean {
  return hasCode(error, "LDR_UNREACHABLE", "LDR_TIMEOUT");
}

/** True if the next try may get another status. */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501);
}

/**
 * Returns the pause before try `tries + 1`: random below a bound that doubles ("full jitter", so that the clients of a
 * failing server do not all return at once), or the `Retry-After` of the server.
 *
 * @returns milliseconds, or undefined if the server requires more than {@link RETRY_AFTER_CAP}
 */
export function pauseBefore(
  tries: number,
  clock: Clock,
  retryAfter?: string | null,
): number | undefined {
  const required = retryAfter ? parseRetryAfter(retryAfter, clock.now()) : undefined;
  if (required !== undefined) return required <= RETRY_AFTER_CAP ? required : undefined;
  return clock.random() * Math.min(RETRY_CAP, RETRY_BASE * 2 ** (tries - 1));
}

/** Parses seconds or an HTTP date (RFC 9110 §10.2.3) to milliseconds from now; returns undefined for anything else. */
function parseRetryAfter(header: string, now: number): number | undefined {
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  // The weekday is required because Date.parse accepts nearly anything, such as "1.5" and "-5".
  const date = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(header) ? Date.parse(header) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Retries on the statuses 408, 429 and 5xx and on broken connections; returns the last response as it is. */
export class RetryTransport implements Transport {
  readonly #inner: Transport;
  readonly #clock: Clock;
  readonly #onRetry: OnRetry;

  constructor(inner: Transport, clock: Clock, onRetry: OnRetry = () => {}) {
    this.#inner = inner;
    this.#clock = clock;
    this.#onRetry = onRetry;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    for (let tries = 1;; tries++) {
      const result = await this.#try(request);
      const isLast = tries === TRIES;
      if ("response" in result) {
        const { response } = result;
        if (isLast || !isTransientStatus(response.status)) return response;
        const pause = pauseBefore(tries, this.#clock, response.headers.get("retry-after"));
        if (pause === undefined) return response;
        await response.body?.cancel();
        await this.#wait(request, tries, `${request.url.host} answered ${response.status}`, pause);
      } else {
        if (isLast || !isTransient(result.error)) throw result.error;
        const pause = pauseBefore(tries, this.#clock)!;
        await this.#wait(request, tries, messageOf(result.error), pause);
      }
    }
  }

  async #try(request: HttpRequest): Promise<{ response: HttpResponse } | { error: unknown }> {
    try {
      return { response: await this.#inner.send(request) };
    } catch (error) {
      return { error };
    }
  }

  async #wait(request: HttpRequest, tries: number, what: string, pause: number): Promise<void> {
    // Most pauses are well under a second and not worth a mention.
    const when = pause >= 1000 ? ` in ${formatDuration(pause)}` : "";
    this.#onRetry(`${what}; trying again${when} (${tries + 1} of ${TRIES})`);
    await this.#clock.sleep(pause, request.signal);
  }
}
