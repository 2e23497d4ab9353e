import { LarderError } from "../../../base/errors.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import { applyPlan } from "../../../gc/collector.ts";
import { isEmptyPlan, type Plan } from "../../../gc/plan.ts";
import { NEEDED } from "../../../gc/reference_counts.ts";
import type { SweepResult } from "../../../gc/sweep.ts";
import { displayName } from "../../../store/entry_names.ts";
import { WAITING_FOR_WRITERS } from "../../../store/locks/store_lock.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import { askYes, canAsk } from "../../terminal/prompt.ts";
import { planSummary, planTable, shortfallLines } from "./plan_text.ts";

/** The options of every command that deletes. */
export interface SweepCommandOptions {
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly format: Format;
}

/**
 * Prints a plan, asks, and applies it. With `--format json` the outcome is the `result` of the printed plan.
 *
 * @param by the command, for the journal
 * @param nothing the message if there is nothing to remove
 * @throws LarderError LDR_USAGE if there is no terminal to ask on, LDR_BUSY, LDR_DISK*
 */
export async function showAndSweep(
  context: Context,
  plan: Plan,
  options: SweepCommandOptions,
  { by, nothing }: { by: string; nothing: string },
): Promise<void> {
  const isTable = options.format === "table";
  if (isTable) writeOut(planTable(plan));
  for (const line of shortfallLines(plan)) context.warn(line);
  const isConfirmed = await confirm(context, plan, options, nothing);
  const result = isConfirmed ? await sweep(context, plan, by) : undefined;
  if (!isTable) writeJson({ ...plan, result: result ?? null });
  if (result) report(context, result);
}

function sweep(context: Context, plan: Plan, by: string): Promise<SweepResult> {
  return applyPlan(context.layout, plan, {
    by,
    now: Date.now,
    waiting: () => context.info(WAITING_FOR_WRITERS),
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
  { dryRun, force }: SweepCommandOptions,
  nothing: string,
): Promise<boolean> {
  if (isEmptyPlan(plan)) {
    // The warnings about shortfalls have said why.
    context.info(plan.shortfalls.length > 0 ? "nothing can be removed" : nothing);
    return false;
  }
  if (dryRun) {
    context.info(`would remove ${planSummary(plan)}`);
    return false;
  }
  // Stats the content before the question, so that the sweep notices what changes until it is answered.
  void plan.remove.contents;
  if (force) return true;
  if (!canAsk()) {
    throw new LarderError(
      "LDR_USAGE",
      `refusing to remove ${planSummary(plan)} without a terminal`,
      { hint: "add --force to remove without asking, or --dry-run to only show the plan" },
    );
  }
  if (await askYes(`Remove ${planSummary(plan)}?`)) return true;
  context.info("nothing was removed");
  return false;
}

function report(context: Context, result: SweepResult): void {
  for (const { name, why } of result.skipped) {
    // The content of an entry that was kept needs no line of its own.
    if (why !== NEEDED) context.info(`kept ${displayName(name)}: ${why}`);
  }
  context.info(freedText(result));
}
