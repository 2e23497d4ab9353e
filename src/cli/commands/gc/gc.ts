import { diskOf } from "../../../base/files/disk.ts";
import { LarderError, shellWord } from "../../../base/errors.ts";
import { readTextIfAny } from "../../../base/files/files.ts";
import { placeText } from "../../../base/files/place_file.ts";
import { previewPlan, resetFutureTimes } from "../../../gc/sweep/apply.ts";
import {
  type DraftPlan,
  formatPlan,
  isEmptyPlan,
  parsePlan,
  type Plan,
  planFiles,
} from "../../../gc/plan.ts";
import { leavesNothing, planGc } from "../../../gc/planner.ts";
import { hasLimits } from "../../../gc/policy.ts";
import type { Context } from "../../context.ts";
import { readIn, STANDARD_STREAM, writeOut } from "../../terminal/console.ts";
import { flagOf, optionConflict } from "../../errors.ts";
import { readLeases } from "../../read_activity.ts";
import { readCache } from "../../read_cache.ts";
import { collectIfExceeded } from "./collect_if_needed.ts";
import { showAndSweep, type SweepCommandOptions } from "./confirm_and_sweep.ts";
import { LIMIT_OPTIONS, type LimitOptions, withLimits } from "./limits.ts";
import { leftOutLines, planSummary } from "./plan_words.ts";
import { policyOf } from "./policy.ts";

export interface GcOptions extends LimitOptions, SweepCommandOptions {
  readonly auto?: boolean;
  /** The file to write the plan to, or `-`. */
  readonly plan?: string;
  /** The file to read the plan from, or `-`. */
  readonly apply?: string;
}

/** `larder gc`: evicts entries that exceed the limits, and deletes unreferenced blobs. */
export async function gc(context: Context, options: GcOptions): Promise<void> {
  checkOptions(options);
  const policy = withLimits(policyOf(context.config), options);
  if (options.auto) return await collectIfExceeded(context, policy);
  if (options.apply !== undefined) return await applyFile(context, options.apply, options);
  const { layout } = context;
  const now = Date.now();
  const snapshot = await readCache(context, now, { listed: true });
  const leases = readLeases(context, now);
  const draft = planGc(snapshot, policy, { disk: diskOf(layout.root), leases });
  const complete = () => planFiles(layout, draft);
  if (leavesNothing(policy, draft)) {
    context.warn("these limits remove every entry not pinned, in use or used within the last hour");
  }
  if (options.plan !== undefined) return writePlan(context, complete(), options.plan);
  if (!options.dryRun) resetFutureTimes(snapshot);
  await showAndSweep(context, draft, complete, options, {
    by: "gc",
    nothing: nothingToRemove(draft, hasLimits(policy)),
  });
}

function nothingToRemove({ keptFiles }: DraftPlan, isLimited: boolean): string {
  const what = keptFiles.length > 0 ? "nothing to remove yet" : "nothing to remove";
  if (isLimited) return `${what}: the cache is within its limits`;
  const blobs = keptFiles.some(({ kind }) => kind === "contents")
    ? ""
    : ", and no blob is unreferenced";
  return `${what}: no limit is set${blobs}; larder gc --help lists the limits`;
}

/** Applies a plan that was written earlier, as far as it still holds. */
async function applyFile(context: Context, file: string, options: GcOptions): Promise<void> {
  const written = await readPlan(context, file);
  const now = Date.now();
  const snapshot = await readCache(context, now, { listed: true });
  const leases = readLeases(context, now);
  const { plan, ...stale } = previewPlan(snapshot, written, { leases });
  for (const line of leftOutLines(stale, context.options.verbose ?? false)) context.info(line);
  // What was kept when the plan was made tells nothing about now.
  const removals = { ...plan, keep: [], keptFiles: [], shortfalls: [] };
  await showAndSweep(context, removals, () => plan, options, {
    by: "gc --apply",
    nothing: isEmptyPlan(written)
      ? "nothing to remove: the plan is empty"
      : "nothing of the plan is left to remove",
    more: { leftOut: stale.leftOut },
  });
}

/** `--auto`, `--plan` and `--apply` are modes of their own, and some options do not apply to them. */
function checkOptions(options: GcOptions): void {
  const modes = (["auto", "plan", "apply"] as const).filter((name) => options[name] !== undefined);
  if (modes.length > 1) throw optionConflict(flagOf(modes[0]!), flagOf(modes[1]!));
  if (options.auto && options.dryRun) throw optionConflict("--auto", "--dry-run");
  if (options.auto && options.format === "json") throw optionConflict("--auto", "--format json");
  const limit = LIMIT_OPTIONS.find((name) => options[name] !== undefined);
  if (options.apply !== undefined && limit) throw optionConflict("--apply", flagOf(limit));
}

async function readPlan(context: Context, file: string): Promise<Plan> {
  const text = file === STANDARD_STREAM ? await readIn() : readTextIfAny(file);
  const name = file === STANDARD_STREAM ? "standard input" : file;
  if (text !== undefined) return parsePlan(text, name, context.layout);
  throw new LarderError("LDR_USAGE", `there is no plan at ${file}`, {
    hint: "make one with larder gc --plan FILE",
  });
}

function writePlan(context: Context, plan: Plan, file: string): void {
  const summary = isEmptyPlan(plan) ? "nothing to remove" : `would remove ${planSummary(plan)}`;
  if (file === STANDARD_STREAM) {
    writeOut(formatPlan(plan));
    context.info(summary);
    return;
  }
  placeText(formatPlan(plan), file);
  const apply = isEmptyPlan(plan) ? "" : `; apply it with larder gc --apply ${shellWord(file)}`;
  context.info(`wrote ${file}: ${summary}${apply}`);
}
