import { formatDuration } from "../../base/units.ts";
import type { HttpResponse } from "./transport.ts";

/** True if the next try may get another status. */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501);
}

/**
 * Parses `Retry-After`: seconds or an HTTP date (RFC 9110 §10.2.3).
 * @returns milliseconds from now; undefined for anything else
 */
export function parseRetryAfter(
  header: string | null | undefined,
  now: number,
): number | undefined {
  if (!header) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  // The weekday is required because Date.parse accepts nearly anything, such as "1.5" and "-5".
  const date = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(header) ? Date.parse(header) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Returns how long a busy server asks clients to wait: `1h`, or "" if it does not say. */
export function waitText({ status, headers }: HttpResponse, now: number): string {
  if (!isTransientStatus(status)) return "";
  const wait = parseRetryAfter(headers.get("retry-after"), now);
  return wait ? formatDuration(wait) : "";
}
