import { LarderError } from "../../../base/errors.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import { applyPlan } from "../../../gc/collector.ts";
import { NEEDED } from "../../../gc/reference_counts.ts";
import { isEmptyPlan, type Plan } from "../../../gc/plan.ts";
import type { SweepResult } from "../../../gc/sweep.ts";
import { displayName } from "../../../store/entry_names.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { planSummary, planTable, shortfallLines } from "./plan_table.ts";
import { askYes, canAsk } from "../../terminal/prompt.ts";

/** The options of every command that deletes. */
export interface SweepingOptions {
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly format: Format;
}

/**
 * Shows a plan, asks, and carries it out; in JSON, what came of it is the plan's `result`.
 *
 * @param by the command, for the journal
 * @param nothing what to say where there is nothing to do
 * @throws LarderError LDR_USAGE if there is nobody to ask, LDR_BUSY, LDR_DISK*
 */
export async function showAndSweep(
  context: Context,
  plan: Plan,
  options: SweepingOptions,
  { by, nothing }: { by: string; nothing: string },
): Promise<void> {
  const isTable = options.format === "table";
  if (isTable) writeOut(planTable(plan));
  for (const line of shortfallLines(plan)) context.warn(line);
  const mayGo = await confirm(context, plan, options, nothing);
  const result = mayGo ? await sweepWith(context, plan, by) : undefined;
  if (!isTable) writeJson({ ...plan, result: result ?? null });
  if (result) report(context, result);
}

/** Carries a plan out, and tells of whoever has to be waited for. */
export function sweepWith(context: Context, plan: Plan, by: string): Promise<SweepResult> {
  return applyPlan(context.layout, plan, {
    by,
    now: Date.now,
    waiting: () => context.info("waiting for others that are writing to the cache"),
    signal: context.interruptible(),
  });
}

/** `freed 1.20 GiB, removed 3 entries`. */
export function freedText({ freed, entries }: SweepResult): string {
  return `freed ${formatBytes(freed)}, removed ${plural(entries.length, "entry", "entries")}`;
}

async function confirm(
  context: Context,
  plan: Plan,
  { dryRun, force }: SweepingOptions,
  nothing: string,
): Promise<boolean> {
  if (isEmptyPlan(plan)) {
    // What cannot be met has been warned of, and why.
    context.info(plan.shortfalls.length > 0 ? "nothing may be removed" : nothing);
    return false;
  }
  if (dryRun) {
    context.info(`would remove ${planSummary(plan)}`);
    return false;
  }
  // Looked at before there is a question, so that what changes until the answer comes is noticed.
  void plan.remove.contents;
  if (force) return true;
  if (!canAsk()) {
    throw new LarderError(
      "LDR_USAGE",
      `nobody can be asked whether to remove ${planSummary(plan)}`,
      {
        hint: "add --force to remove it, or --dry-run to only look",
      },
    );
  }
  if (await askYes(`Remove ${planSummary(plan)}?`)) return true;
  context.info("nothing was removed");
  return false;
}

function report(context: Context, result: SweepResult): void {
  for (const { name, why } of result.skipped) {
    // Of an entry that is kept, what it needs says nothing new.
    if (why !== NEEDED) context.info(`kept ${displayName(name)}: ${why}`);
  }
  context.info(freedText(result));
}
