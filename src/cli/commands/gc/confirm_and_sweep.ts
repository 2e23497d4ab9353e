import { removeAbandonedRooms } from "../../../builds/sandbox/room.ts";
import { hasCode, LarderError } from "../../../base/errors.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import { type ApplyOptions, applyPlan } from "../../../gc/sweep/apply.ts";
import { type DraftPlan, isEmptyPlan, type Plan } from "../../../gc/plan.ts";
import { NEEDED_BY_KEPT_ENTRY } from "../../../gc/reference_counts.ts";
import type { SweepResult } from "../../../gc/sweep/sweep.ts";
import { shortName } from "../../../store/entry_names.ts";
import { waitingForWriters } from "../../../store/locks/store_lock.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import { readingText } from "../../read_cache.ts";
import { statusLine } from "../../terminal/status_line.ts";
import { askYes, canAsk } from "../../terminal/prompt.ts";
import { planText } from "./plan_text.ts";
import { planSummary, shortfallLines } from "./plan_words.ts";

/** Removals that did not happen and are listed without `--verbose`. */
const MAX_LISTED = 10;

/** The options of every command that deletes. */
export interface SweepCommandOptions {
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly format: Format;
}

interface Wording {
  /** The command, for the journal. */
  readonly by: string;
  /** The message if there is nothing to remove. */
  readonly nothing: string;
  /** More members of the JSON document. */
  readonly more?: object;
}

/**
 * Prints a plan, asks, and applies it. With `--format json` the outcome is the `result` of the printed plan.
 *
 * @param complete stats what the plan removes: called before the question, so that later changes are noticed
 * @returns what was removed; undefined if that was not tried, and "declined" if the user did not want it
 * @throws LarderError LDR_USAGE if there is no terminal to ask on, LDR_BUSY, LDR_DISK*, LDR_INTERRUPTED
 */
export async function showAndSweep(
  context: Context,
  draft: Plan | DraftPlan,
  complete: () => Plan,
  options: SweepCommandOptions,
  { by, nothing, more }: Wording,
): Promise<SweepResult | "declined" | undefined> {
  const isTable = options.format === "table";
  const verbose = context.options.verbose ?? false;
  if (isTable) writeOut(planText(draft, { now: Date.now(), verbose }));
  for (const line of shortfallLines(draft)) context.warn(line);
  const isRemoval = removesAnything(context, draft, options, nothing);
  const plan = isRemoval || !isTable ? complete() : undefined;
  const isConfirmed = isRemoval && await confirm(context, draft, options);
  const result = isConfirmed ? await sweep(context, plan!, by) : undefined;
  if (!options.dryRun) await removeAbandonedRooms(context.layout);
  if (!isTable) writeJson({ ...plan, ...more, result: result ? resultJson(result) : null });
  if (result) report(context, result, draft, by);
  return result ?? (isRemoval ? "declined" : undefined);
}

function sweep(context: Context, plan: Plan, by: string): Promise<SweepResult> {
  return applyWithProgress(context, plan, {
    by,
    waiting: (holders) => context.info(waitingForWriters(holders)),
    signal: context.interruptible(),
  });
}

/** Applies a plan as {@link applyPlan} does, and shows progress on a terminal if that takes long. */
export async function applyWithProgress(
  context: Context,
  plan: Plan,
  options: Omit<ApplyOptions, "now">,
): Promise<SweepResult> {
  using status = statusLine(context);
  return await applyPlan(context.layout, plan, {
    ...options,
    now: Date.now,
    progressed: (entries) => status.update(() => readingText(entries)),
    swept: (done, total) => status.update(() => `removing: ${done} of ${total} entries and files`),
  });
}

/** `freed 1.20 GiB, removed 3 entries`. */
export function freedText({ freed, entries }: SweepResult): string {
  return `freed ${formatBytes(freed)}, removed ${plural(entries.length, "entry", "entries")}`;
}

/** Returns the error for a sweep that ended early. */
export function endedEarly(
  { failure, entries, skipped }: SweepResult,
  { remove }: Plan | DraftPlan,
  by: string,
): unknown {
  if (!hasCode(failure, "LDR_INTERRUPTED")) return failure;
  const kept = new Set(skipped.map(({ name }) => name));
  const total = remove.entries.length;
  const left = total - entries.length - remove.entries.filter(({ name }) => kept.has(name)).length;
  const what = left > 0 ? `${left} of ${plural(total, "entry", "entries")}` : "some files";
  return new LarderError("LDR_INTERRUPTED", `interrupted with ${what} left to remove`, {
    hint: by === "clean"
      ? "the cache is intact: larder list -v lists what is left, and larder gc removes unreferenced blobs"
      : "the cache is intact: run the same command again to remove the rest",
  });
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

function resultJson({ failure, ...result }: SweepResult): object {
  return { ...result, isComplete: failure === undefined };
}

/** Prints what was removed, and what was not although it was planned. Throws what ended the sweep early. */
function report(
  context: Context,
  result: SweepResult,
  plan: Plan | DraftPlan,
  by: string,
): void {
  // The content of an entry that was kept needs no line of its own.
  const kept = result.skipped.filter(({ why }) => why !== NEEDED_BY_KEPT_ENTRY);
  const listed = context.options.verbose ? kept : kept.slice(0, MAX_LISTED);
  for (const { name, why } of listed) context.info(`kept ${shortName(name)}: ${why}`);
  const others = kept.length - listed.length;
  if (others > 0) context.info(`kept ${others} more, for such reasons; -v lists them`);
  context.info(freedText(result));
  if (result.failure !== undefined) throw endedEarly(result, plan, by);
}
