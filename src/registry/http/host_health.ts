import { MAX_NAMED } from "../../base/limits.ts";
import { RecentMap } from "../../base/recent_map.ts";
import { LarderError } from "../../base/errors.ts";

/** Milliseconds during which a host that failed is not asked again. */
export const DOWN_TIME = 60_000;

/** Requests of which every try failed, after which a host counts as down although it answers. */
const FAILED_REQUESTS = 2;

/** A failure that another try may not meet. */
export interface Trouble {
  /** The host that failed: that of a redirect, if one was followed. */
  readonly host: string;
  /** The response as an error, or the error below HTTP. */
  readonly error: LarderError;
  /** True if the failure is the host's and not that of one path: no connection, 429, 503. */
  readonly isOfHost: boolean;
}

/** What is known of the requests of one method to one host. */
class Health {
  failed = 0;
  down: { readonly trouble: Trouble; readonly until: number } | undefined;
  /** True if the one request that tries a failing host again succeeds, false if it gives up. */
  retrying: Promise<boolean> | undefined;
}

/**
 * Remembers which hosts fail, so that a command asks an ill registry a few times in all, and not a few times for each
 * of its tags: 31 tags of a registry that answers 503 took 155 requests and 129 lines about them.
 *
 * - While a host fails, one request tries it again, and the others that failed wait for its outcome.
 * - A host that stays ill is down for a while: requests to it fail at once, with the same cause. That is longer if it
 *   asks clients to wait (429, 503), up to {@link DOWN_TIME}.
 *
 * `HEAD` and `GET` are told apart because registries limit the rate of `GET` alone.
 */
export class HostHealth {
  readonly #now: () => number;
  readonly #downTime: number;
  readonly #healths = new RecentMap<string, Health>(MAX_NAMED);

  constructor(now: () => number, downTime = DOWN_TIME) {
    this.#now = now;
    this.#downTime = downTime;
  }

  /** Returns why requests to a host are bound to fail. */
  downSince(method: string, host: string): LarderError | undefined {
    const own = this.#down(method, host);
    if (own || method !== "HEAD") return own?.error;
    const get = this.#down("GET", host)?.error;
    return get?.code === "LDR_RATE_LIMITED" ? undefined : get;
  }

  /** Notes a good answer of a host. */
  answered(method: string, host: string): void {
    const health = this.#healths.get(keyOf(method, host));
    if (!health) return;
    health.failed = 0;
    health.down = undefined;
  }

  /** Notes that a request has used up its tries. */
  gaveUp(method: string, trouble: Trouble): void {
    const health = this.#health(method, trouble.host);
    if (++health.failed < FAILED_REQUESTS && !trouble.isOfHost) return;
    const asked = Math.min(trouble.error.retryAfter ?? 0, DOWN_TIME);
    health.down = { trouble, until: this.#now() + Math.max(this.#downTime, asked) };
  }

  /** Returns whether another request that tries a failing host succeeds in the end; undefined if no other is trying. */
  retrying(method: string, host: string): Promise<boolean> | undefined {
    return this.#healths.get(keyOf(method, host))?.retrying;
  }

  /** Makes the caller the one request that tries a failing host again, until it calls the function returned. */
  lead(method: string, host: string): (hasRecovered: boolean) => void {
    const health = this.#health(method, host);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    health.retrying = promise;
    return (hasRecovered) => {
      health.retrying = undefined;
      resolve(hasRecovered);
    };
  }

  #down(method: string, host: string): Trouble | undefined {
    const down = this.#healths.get(keyOf(method, host))?.down;
    return down && this.#now() < down.until ? down.trouble : undefined;
  }

  #health(method: string, host: string): Health {
    const key = keyOf(method, host);
    let health = this.#healths.get(key);
    if (!health) this.#healths.set(key, health = new Health());
    return health;
  }
}

function keyOf(method: string, host: string): string {
  return `${method} ${host}`;
}

/** Returns the error for a request that is not sent, because the host is down. */
export function notAsked(subject: string, cause: LarderError): LarderError {
  const message = `${subject} was not asked for after an earlier failure: ${cause.message}`;
  const { code, hint, retryAfter } = cause;
  return new LarderError(code, message, { hint, cause, retryAfter });
}
