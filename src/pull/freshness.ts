import { type ErrorCode, hasCode, LarderError } from "../base/errors.ts";
import { CLOCK_SKEW } from "../base/limits.ts";
import { formatDuration } from "../base/units.ts";
import { LOCAL_REGISTRY } from "../oci/reference.ts";
import { type EntryRecord, isConfirmed } from "../store/entries/app_record.ts";

/** When to ask the registry about a tag whose content is completely cached. */
export type PullPolicy = "always" | "missing" | "never";

/** Use the cached content, ask the registry, or refuse the pull. */
export type Decision = "use" | "ask" | "refuse";

/**
 * Decides what to do about a reference before any request is sent: a digest is immutable, so that it is used once it is
 * cached; a tag can move, so that the policy decides.
 *
 * @param cached `complete` is true if every part of the reference is cached
 */
export function decide(
  policy: PullPolicy,
  cached: { complete: boolean; byDigest: boolean },
): Decision {
  if (cached.complete && (cached.byDigest || policy !== "always")) return "use";
  return policy === "never" ? "refuse" : "ask";
}

const REGISTRY_FAILURES: readonly ErrorCode[] = [
  "LDR_UNREACHABLE",
  "LDR_DNS",
  "LDR_TIMEOUT",
  "LDR_RATE_LIMITED",
  "LDR_SERVER_ERROR",
];

/** True if an error means that the registry could not answer, rather than that it denied the request. */
export function isRegistryFailure(error: unknown): error is LarderError {
  return hasCode(error, ...REGISTRY_FAILURES);
}

/**
 * Returns the milliseconds since the registry confirmed a copy. A check in the future was written with a wrong clock, so
 * the copy is as old as its content; Infinity if that has no time in the past either, or if it was never confirmed.
 */
export function ageOfCheck(
  record: Pick<EntryRecord, "checkedAt" | "pulledAt">,
  now: number,
): number {
  if (!isConfirmed(record)) return Infinity;
  const times = [record.checkedAt, record.pulledAt].map((text) => Date.parse(text));
  const known = times.find((time) => time <= now + CLOCK_SKEW);
  return known === undefined ? Infinity : Math.max(0, now - known);
}

/**
 * True if a cached copy of this age may be used while the registry fails.
 * @param age milliseconds since the registry last confirmed the copy
 * @param staleIfError the greatest age allowed, in milliseconds
 */
export function mayUseStale(age: number, staleIfError: number | undefined): boolean {
  return staleIfError !== undefined && age <= staleIfError;
}

/** True if an error means that what the registry has now is of no use, so that an older copy may still be wanted. */
export function isUselessContent(error: unknown): error is LarderError {
  return hasCode(error, "LDR_BAD_MANIFEST", "LDR_UNSUPPORTED_MANIFEST", "LDR_NO_PLATFORM");
}

/** Returns the registry's failure with the options that would use the cached copy of this age. */
export function failureWithCopy(
  error: LarderError,
  age: number,
  record?: Pick<EntryRecord, "checkedAt">,
): LarderError {
  const use = "use the cached copy with --offline";
  if (record && !isConfirmed(record)) {
    const message = `${error.message}; the cached copy was imported, and no registry confirmed it`;
    return new LarderError(error.code, message, { hint: use, cause: error });
  }
  if (age === Infinity) {
    const message = `${error.message}; the cached copy was confirmed at a time in the future`;
    return new LarderError(error.code, message, { hint: `set the clock, or ${use}`, cause: error });
  }
  const old = formatDuration(age);
  const enough = `${Math.ceil(age / 3_600_000) || 1}h`;
  const allow = isRegistryFailure(error) ? `, or allow it with --stale-if-error ${enough}` : "";
  return new LarderError(error.code, `${error.message}; the cached copy was confirmed ${old} ago`, {
    hint: `${use}${allow}`,
    cause: error,
  });
}

/**
 * The error for content that is not cached while the options forbid asking the registry.
 * @param state `spin` if Spin pulled it and so its record, with the tag's digest, is missing; `incomplete` if it has a
 * record
 */
export function notCached(name: string, state?: "spin" | "incomplete"): LarderError {
  if (name.startsWith(`${LOCAL_REGISTRY}/`)) return notPushed(name, state === "incomplete");
  const reason = state === "spin"
    ? "was pulled by Spin, which does not record the tag's digest,"
    : state === "incomplete"
    ? "is not complete in the cache,"
    : "is not in the cache,";
  return new LarderError(
    "LDR_NOT_CACHED",
    `${name} ${reason} and contacting the registry is disabled`,
    {
      hint: "pull it once without --offline and without --policy never",
    },
  );
}

/** The error for what no registry can be asked for. */
function notPushed(name: string, isIncomplete: boolean): LarderError {
  if (isIncomplete) {
    const message = `${name} is not complete in this cache, and no registry has it`;
    return new LarderError("LDR_NOT_CACHED", message, {
      hint: `remove it with larder clean ${name} and push it again, or import it from an export`,
    });
  }
  return new LarderError("LDR_NOT_CACHED", `${name} was not pushed to this cache`, {
    hint: "push it to larder serve, or write docker.io/local/… for an image of Docker Hub",
  });
}
