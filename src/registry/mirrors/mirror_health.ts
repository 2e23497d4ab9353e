import { MAX_NAMED } from "../../base/limits.ts";
import { RecentMap } from "../../base/recent_map.ts";
import type { Clock } from "../../base/concurrency.ts";
import { type ErrorCode, hasCode, LarderError } from "../../base/errors.ts";
import { shortenDigests } from "../../oci/digest.ts";
import { DOWN_TIME } from "../http/host_health.ts";
import type { Place } from "../endpoints.ts";

export interface MirrorMessages {
  /** Called once for each host of a mirror that fails. */
  readonly warn: (message: string) => void;
  /** Called for each name that a mirror does not have. */
  readonly note?: ((message: string) => void) | undefined;
}

/** Failures of a host, whatever is requested of it; all others are about one repository. */
const HOST_FAILURES: readonly ErrorCode[] = [
  "LDR_UNREACHABLE",
  "LDR_DNS",
  "LDR_TIMEOUT",
  "LDR_TLS",
  "LDR_RATE_LIMITED",
];

/** Remembers which mirrors failed: they are not asked for {@link DOWN_TIME}. */
export class MirrorHealth {
  readonly #clock: Clock;
  readonly #messages: MirrorMessages;
  /** The time on the clock of the process until which a host, or a repository of it, is not asked. */
  readonly #downUntil = new RecentMap<string, number>(MAX_NAMED);
  readonly #warned = new Set<string>();

  constructor(clock: Clock, messages: MirrorMessages) {
    this.#clock = clock;
    this.#messages = messages;
  }

  isDown(mirror: Place): boolean {
    const until = [mirror.registry, keyOf(mirror)].map((key) =>
      this.#downUntil.get(key) ?? -Infinity
    );
    return this.#clock.elapsed() < Math.max(...until);
  }

  /**
   * Notes that a mirror was asked in vain, so that the next place is asked.
   * @throws `error` if it is not the mirror's failure but an interrupt or a fault of larder
   */
  failed(mirror: Place, error: unknown): void {
    if (!(error instanceof LarderError) || error.code === "LDR_INTERRUPTED") throw error;
    if (error.code === "LDR_NOT_FOUND") {
      this.#messages.note?.(shortenDigests(`mirror ${mirror.registry}: ${error.message}`));
      return;
    }
    const key = hasCode(error, ...HOST_FAILURES) ? mirror.registry : keyOf(mirror);
    this.#downUntil.set(key, this.#clock.elapsed() + DOWN_TIME);
    this.warn(mirror, error);
  }

  /** Warns once about a mirror. */
  warn({ registry }: Place, error: Error): void {
    if (this.#warned.has(registry)) return;
    this.#warned.add(registry);
    this.#messages.warn(shortenDigests(`skipping the mirror ${registry}: ${error.message}`));
  }
}

function keyOf({ registry, repository }: Place): string {
  return `${registry}/${repository}`;
}
