import { diskOf } from "../../../base/disk.ts";
import { LarderError } from "../../../base/errors.ts";
import { diskError, readTextIfAny } from "../../../base/files.ts";
import { resetFutureTimes } from "../../../gc/apply.ts";
import { formatPlan, isEmptyPlan, parsePlan, type Plan, planFiles } from "../../../gc/plan.ts";
import { planGc } from "../../../gc/planner.ts";
import { hasLimits } from "../../../gc/policy.ts";
import type { Context } from "../../context.ts";
import { flagOf, optionConflict } from "../../errors.ts";
import { readCache, readLeases } from "../../read_cache.ts";
import { collectIfExceeded } from "./collect_if_needed.ts";
import { showAndSweep, type SweepCommandOptions } from "./confirm_and_sweep.ts";
import { LIMIT_OPTIONS, type LimitOptions, withLimits } from "./limits.ts";
import { planSummary } from "./plan_text.ts";
import { policyOf } from "./policy.ts";

export interface GcOptions extends LimitOptions, SweepCommandOptions {
  readonly auto?: boolean;
  /** The file to write the plan to. */
  readonly plan?: string;
  /** The file to read the plan from. */
  readonly apply?: string;
}

/** `larder gc`: evicts entries that exceed the limits, and deletes unreferenced blobs. */
export async function gc(context: Context, options: GcOptions): Promise<void> {
  checkOptions(options);
  const policy = withLimits(policyOf(context.config), options);
  if (options.auto) return await collectIfExceeded(context, policy);
  if (options.apply !== undefined) {
    const plan = readPlan(context, options.apply);
    const nothing = "nothing to remove: the plan is empty";
    return await showAndSweep(context, plan, () => plan, options, { by: "gc --apply", nothing });
  }
  const { layout } = context;
  const now = Date.now();
  const snapshot = await readCache(context, now, { listed: true });
  const leases = readLeases(context, now);
  const draft = planGc(snapshot, policy, { disk: diskOf(layout.root), leases });
  const complete = () => planFiles(layout, draft);
  if (options.plan !== undefined) return writePlan(context, complete(), options.plan);
  if (!options.dryRun) resetFutureTimes(snapshot);
  await showAndSweep(context, draft, complete, options, {
    by: "gc",
    nothing: hasLimits(policy)
      ? "nothing to remove: the cache is within its limits"
      : "nothing to remove: no limit is set, and no blob is unreferenced; " +
        "larder gc --help lists the limits",
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

function readPlan(context: Context, file: string): Plan {
  const text = readTextIfAny(file);
  if (text !== undefined) return parsePlan(text, file, context.layout);
  throw new LarderError("LDR_USAGE", `the plan ${file} does not exist`, {
    hint: "make one with larder gc --plan FILE",
  });
}

function writePlan(context: Context, plan: Plan, file: string): void {
  try {
    Deno.writeTextFileSync(file, formatPlan(plan));
  } catch (error) {
    throw diskError(error, "write", file);
  }
  context.info(
    isEmptyPlan(plan)
      ? `wrote ${file}: nothing to remove`
      : `wrote ${file}: would remove ${planSummary(plan)}; apply it with larder gc --apply ${file}`,
  );
}
