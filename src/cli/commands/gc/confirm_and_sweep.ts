import { LarderError } from "../../../base/errors.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import { applyPlan } from "../../../gc/apply.ts";
import { type DraftPlan, isEmptyPlan, type Plan } from "../../../gc/plan.ts";
import { NEEDED_BY_KEPT_ENTRY } from "../../../gc/reference_counts.ts";
import type { SweepResult } from "../../../gc/sweep.ts";
import { displayName } from "../../../store/entry_names.ts";
import { waitingForWriters } from "../../../store/locks/store_lock.ts";
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
 * @param complete stats what the plan removes: called before the question, so that later changes are noticed
 * @param by the command, for the journal
 * @param nothing the message if there is nothing to remove
 * @throws LarderError LDR_USAGE if there is no terminal to ask on, LDR_BUSY, LDR_DISK*
 */
export async function showAndSweep(
  context: Context,
  draft: Plan | DraftPlan,
  complete: () => Plan,
  options: SweepCommandOptions,
  { by, nothing }: { by: string; nothing: string },
): Promise<void> {
  const isTable = options.format === "table";
  if (isTable) writeOut(planTable(draft));
  for (const line of shortfallLines(draft)) context.warn(line);
  const isRemoval = removesAnything(context, draft, options, nothing);
  const plan = isRemoval || !isTable ? complete() : undefined;
  const isConfirmed = isRemoval && await confirm(context, draft, options);
  const result = isConfirmed ? await sweep(context, plan!, by) : undefined;
  if (!isTable) writeJson({ ...plan, result: result ?? null });
  if (result) report(context, result);
}

function sweep(context: Context, plan: Plan, by: string): Promise<SweepResult> {
  return applyPlan(context.layout, plan, {
    by,
    now: Date.now,
    waiting: (holders) => context.info(waitingForWriters(holders)),
    signal: context.interruptible(),
  });
}

/** `freed 1.20 GiB, removed 3 entries`. */
export function freedText({ freed, entries }: SweepResult): string {
  return `freed ${formatBytes(freed)}, removed ${plural(entries.length, "entry", "entries")}`;
}

/** Prints a message and returns false if there is nothing to remove, or with `--dry-run`. */
function removesAnything(
  context: Context,
  plan: Plan | DraftPlan,
  { dryRun }: SweepCommandOptions,
  nothing: string,
): boolean {
  if (isEmptyPlan(plan)) {
    // The warnings about shortfalls have said why.
    context.info(plan.shortfalls.length > 0 ? "nothing can be removed" : nothing);
    return false;
  }
  if (dryRun) {
    context.info(`would remove ${planSummary(plan)}`);
    return false;
  }
  return true;
}

async function confirm(
  context: Context,
  plan: Plan | DraftPlan,
  { force }: SweepCommandOptions,
): Promise<boolean> {
  if (force) return true;
  if (!canAsk()) {
    throw new LarderError(
      "LDR_USAGE",
      `refusing to remove ${planSummary(plan)} without a terminal`,
      { hint: "add --force to remove without asking, or --dry-run to only show the plan" },
    );
  }
  if (await askYes(`Remove ${planSummary(plan)}?`, context.interruptible())) return true;
  context.info("nothing was removed");
  return false;
}

function report(context: Context, result: SweepResult): void {
  for (const { name, why } of result.skipped) {
    // The content of an entry that was kept needs no line of its own.
    if (why !== NEEDED_BY_KEPT_ENTRY) context.info(`kept ${displayName(name)}: ${why}`);
  }
  context.info(freedText(result));
}
