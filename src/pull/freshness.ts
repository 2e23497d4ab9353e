import { type ErrorCode, hasCode, LarderError } from "../base/errors.ts";
import { formatDuration } from "../base/units.ts";

/** When the registry is asked about a tag whose content is cached whole. */
export type Policy = "always" | "missing" | "never";

/** What is to be done about a reference, before anything is asked of anybody. */
export type Decision = "use" | "ask" | "refuse";

/**
 * The freshness contract: a tag is a question that is asked every time, a digest is an answer.
 *
 * @param known whether all that the reference stands for is in the cache, as far as the cache knows
 */
export function decide(policy: Policy, known: { complete: boolean; byDigest: boolean }): Decision {
  if (known.complete && (known.byDigest || policy !== "always")) return "use";
  return policy === "never" ? "refuse" : "ask";
}

const FAILURES: readonly ErrorCode[] = [
  "LDR_UNREACHABLE",
  "LDR_DNS",
  "LDR_TIMEOUT",
  "LDR_RATE_LIMITED",
  "LDR_SERVER_ERROR",
];

/** Whether an error means that the registry could not be asked, rather than that it said no. */
export function isRegistryFailure(error: unknown): error is LarderError {
  return hasCode(error, ...FAILURES);
}

/**
 * Whether a cached copy of this age may stand in for a registry that fails.
 * @param age milliseconds since the registry last confirmed it
 */
export function mayUseStale(age: number, staleIfError: number | undefined): boolean {
  return staleIfError !== undefined && age <= staleIfError;
}

/** The registry's failure, with what the user can do about it while a cached copy exists. */
export function failureWithCopy(error: LarderError, age: number): LarderError {
  const old = formatDuration(age);
  const enough = `${Math.ceil(age / 3_600_000) || 1}h`;
  return new LarderError(error.code, `${error.message}; the cached copy was confirmed ${old} ago`, {
    hint: `use the cached copy with --offline, or allow it with --stale-if-error ${enough}`,
    cause: error,
  });
}

/**
 * The error for a reference that may not be asked about and is not there.
 * @param isSpins whether it is there as Spin keeps it, without the digest that its tag stood for
 */
export function notCached(name: string, isSpins = false): LarderError {
  const what = isSpins
    ? "was pulled by Spin alone, which does not note what the tag stands for"
    : "is not in the cache";
  return new LarderError("LDR_NOT_CACHED", `${name} ${what}, and the registry may not be asked`, {
    hint: "pull it once without --offline and without --policy never",
  });
}
