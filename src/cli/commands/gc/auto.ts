import { hasCode, messageOf } from "../../../base/errors.ts";
import { hasLimits } from "../../../gc/policy.ts";
import type { Context } from "../../context.ts";
import { policyOf } from "./policy.ts";

/**
 * Makes the cache keep to the configured limits after a command that fetched something, if it goes beyond them. What
 * the command has used is young, and is left alone. That this fails is no failure of the command.
 */
export async function collectAfterwards(context: Context): Promise<void> {
  const policy = policyOf(context.config);
  if (context.config.gc?.auto === false || !hasLimits(policy)) return;
  try {
    // Who has set no limits does not wait for a collector to be loaded.
    const { collectIfBeyond } = await import("./collect_if_needed.ts");
    await collectIfBeyond(context, policy);
  } catch (error) {
    if (hasCode(error, "LDR_INTERRUPTED")) throw error;
    context.warn(`the cache was not cleaned: ${messageOf(error)}`);
  }
}
