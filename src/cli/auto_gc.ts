import { diskOf } from "../base/disk.ts";
import { hasCode, messageOf } from "../base/errors.ts";
import { applyPlan, isBeyond, planGcAhead } from "../gc/collector.ts";
import { isEmptyPlan } from "../gc/plan.ts";
import { type GcPolicy, hasFree, hasLimits, limitsOnlyFree } from "../gc/policy.ts";
import { survey } from "../gc/survey.ts";
import type { Context } from "./context.ts";
import { shortfallLines } from "./output/plan_table.ts";
import { policyOf } from "./policy.ts";
import { freedText } from "./sweeping.ts";

/**
 * Makes the cache keep to the configured limits after a command that fetched something, if it goes beyond them. What
 * the command has used is young, and is left alone. That this fails is no failure of the command.
 */
export async function collectAfterwards(context: Context): Promise<void> {
  const policy = policyOf(context.config);
  if (context.config.gc?.auto === false || !hasLimits(policy)) return;
  try {
    await collectIfBeyond(context, policy);
  } catch (error) {
    if (hasCode(error, "LDR_INTERRUPTED")) throw error;
    context.warn(`the cache was not cleaned: ${messageOf(error)}`);
  }
}

/** Makes the cache keep to a policy without a question, unless others are at work: they will do it, or the next. */
export async function collectIfBeyond(context: Context, policy: GcPolicy): Promise<void> {
  const { layout } = context;
  const disk = diskOf(layout.root);
  // The disk alone can tell then, and at once.
  if (limitsOnlyFree(policy) && hasFree(policy, disk)) return;
  const state = await survey(layout, Date.now());
  const plan = await planGcAhead(state, policy, disk);
  if (!isBeyond(state, policy, disk, plan)) return;
  for (const line of shortfallLines(plan)) context.warn(line);
  if (isEmptyPlan(plan)) return;
  try {
    const { aborted } = context.interruptible();
    const result = await applyPlan(layout, plan, {
      by: "gc --auto",
      now: Date.now,
      // What served until Ctrl-C has ended as it should.
      signal: aborted ? undefined : context.interruptible(),
      timeout: 0,
    });
    if (result.freed > 0) context.info(`cleaned the cache: ${freedText(result)}`);
  } catch (error) {
    if (!hasCode(error, "LDR_BUSY")) throw error;
  }
}
