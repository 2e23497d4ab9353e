import type { Clock } from "../../base/concurrency.ts";
import { TRIES } from "../../base/limits.ts";
import { hasCode, messageOf } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";

/** First pause between tries; it doubles each time, and full jitter picks a point below it. */
export const RETRY_BASE = 250;

/** The longest pause between tries that larder chooses itself. */
export const RETRY_CAP = 10_000;

/** The longest `Retry-After` that is waited for; a longer one ends the tries. */
export const RETRY_AFTER_CAP = 60_000;

/** Told before each pause: what went wrong and what comes next, in one line. */
export type OnRetry = (message: string) => void;

/** Whether a failure may be gone on the next try. */
export function isTransient(error: unknown): boolean {
  return hasCode(error, "LDR_UNREACHABLE", "LDR_TIMEOUT");
}

/** Whether a status may be another on the next try. */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501);
}

/**
 * The pause before try `tries + 1`: a point chosen at random below a bound that doubles ("full jitter", so that
 * many clients of one failing server do not return together), or what the server asked for.
 *
 * @returns milliseconds, or undefined if the server asked for longer than larder waits
 */
export function pauseBefore(
  tries: number,
  clock: Clock,
  retryAfter?: string | null,
): number | undefined {
  const asked = retryAfter ? parseRetryAfter(retryAfter, clock.now()) : undefined;
  if (asked !== undefined) return asked <= RETRY_AFTER_CAP ? asked : undefined;
  return clock.random() * Math.min(RETRY_CAP, RETRY_BASE * 2 ** (tries - 1));
}

/** Seconds or an HTTP date (RFC 9110 §10.2.3), as milliseconds from now; undefined if it is neither. */
function parseRetryAfter(header: string, now: number): number | undefined {
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  // Date.parse makes a date of nearly anything, of "1.5" and "-5" too.
  const date = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(header) ? Date.parse(header) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Tries again on 408, 429, 5xx and broken connections. The last answer is handed on as it is. */
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
      const outcome = await this.#try(request);
      const last = tries === TRIES;
      if ("response" in outcome) {
        const { response } = outcome;
        if (last || !isTransientStatus(response.status)) return response;
        const pause = pauseBefore(tries, this.#clock, response.headers.get("retry-after"));
        if (pause === undefined) return response;
        await response.body?.cancel();
        await this.#wait(request, tries, `${request.url.host} answered ${response.status}`, pause);
      } else {
        if (last || !isTransient(outcome.error)) throw outcome.error;
        const pause = pauseBefore(tries, this.#clock)!;
        await this.#wait(request, tries, messageOf(outcome.error), pause);
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
    // Only a pause that is felt is worth telling: most of larder's own are well under a second.
    const when = pause >= 1000 ? ` in ${formatDuration(pause)}` : "";
    this.#onRetry(`${what}; trying again${when} (${tries + 1} of ${TRIES})`);
    await this.#clock.sleep(pause, request.signal);
  }
}
