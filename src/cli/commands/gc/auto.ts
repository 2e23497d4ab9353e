import { hasCode, messageOf } from "../../../base/errors.ts";
import { hasLimits } from "../../../gc/policy.ts";
import type { Context } from "../../context.ts";
import { policyOf } from "./policy.ts";

/**
 * Collects garbage after a command that fetched something, if the cache exceeds the configured limits. What the
 * command used is within the grace age and is kept. A failure only warns, because the command itself succeeded.
 *
 * @throws LarderError LDR_INTERRUPTED
 */
export async function collectAfterFetch(context: Context): Promise<void> {
  const policy = policyOf(context.config);
  if (context.config.gc?.auto === false || !hasLimits(policy)) return;
  try {
    // Loaded lazily: most users set no limits.
    const { collectIfExceeded } = await import("./collect_if_needed.ts");
    await collectIfExceeded(context, policy);
  } catch (error) {
    if (hasCode(error, "LDR_INTERRUPTED")) throw error;
    context.warn(`automatic gc failed: ${messageOf(error)}`);
  }
}
