import { diskOf } from "../../../base/disk.ts";
import { LarderError } from "../../../base/errors.ts";
import { diskError, readTextIfAny } from "../../../base/files.ts";
import { formatPlan, isEmptyPlan, parsePlan, type Plan, planFiles } from "../../../gc/plan.ts";
import { planGc } from "../../../gc/planner.ts";
import { hasLimits } from "../../../gc/policy.ts";
import { takeSnapshot } from "../../../snapshot/snapshot.ts";
import { liveLeases } from "../../../store/locks/leases.ts";
import { collectIfBeyond } from "./collect_if_needed.ts";
import type { Context } from "../../context.ts";
import { LIMIT_OPTIONS, type LimitOptions, withLimits } from "./limits.ts";
import { planSummary } from "./plan_table.ts";
import { policyOf } from "./policy.ts";
import { showAndSweep, type SweepingOptions } from "./confirm_and_sweep.ts";

export interface GcOptions extends LimitOptions, SweepingOptions {
  readonly auto?: boolean;
  /** A file to write the plan to. */
  readonly plan?: string;
  /** A file to read it from. */
  readonly apply?: string;
}

/** `larder gc`: makes the cache keep to its limits. */
export async function gc(context: Context, options: GcOptions): Promise<void> {
  checkOptions(options);
  const policy = withLimits(policyOf(context.config), options);
  if (options.auto) return await collectIfBeyond(context, policy);
  if (options.apply !== undefined) {
    const plan = readPlan(context, options.apply);
    const nothing = "there is nothing to remove in this plan";
    return await showAndSweep(context, plan, () => plan, options, { by: "gc --apply", nothing });
  }
  const { layout } = context;
  const now = Date.now();
  const snapshot = await takeSnapshot(layout, now);
  const leases = liveLeases(layout, now, { readOnly: true });
  const draft = planGc(snapshot, policy, { disk: diskOf(layout.root), leases });
  const complete = () => planFiles(layout, draft);
  if (options.plan !== undefined) return writePlan(context, complete(), options.plan);
  await showAndSweep(context, draft, complete, options, {
    by: "gc",
    nothing: hasLimits(policy)
      ? "the cache is within its limits: nothing to remove"
      : "no limit is set, and everything is needed: see larder gc --help, or larder config init",
  });
}

/** A plan is made, or carried out, or the limits are kept without a question: one of these. */
function checkOptions(options: GcOptions): void {
  const modes = (["auto", "plan", "apply"] as const).filter((name) => options[name] !== undefined);
  if (modes.length > 1) throw excluded(`--${modes[0]}`, `--${modes[1]}`);
  if (options.auto && options.dryRun) throw excluded("--auto", "--dry-run");
  if (options.auto && options.format === "json") throw excluded("--auto", "--format json");
  const limit = LIMIT_OPTIONS.find((name) => options[name] !== undefined);
  if (options.apply !== undefined && limit) throw excluded("--apply", `--${kebab(limit)}`);
}

function excluded(one: string, other: string): LarderError {
  return new LarderError("LDR_USAGE", `${one} and ${other} exclude each other`, {
    hint: "leave one of them out",
  });
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function readPlan(context: Context, file: string): Plan {
  const text = readTextIfAny(file);
  if (text !== undefined) return parsePlan(text, file, context.layout);
  throw new LarderError("LDR_USAGE", `there is no plan ${file}`, {
    hint: "make one with larder gc --plan FILE",
  });
}

function writePlan(context: Context, plan: Plan, file: string): void {
  try {
    Deno.writeTextFileSync(file, formatPlan(plan));
  } catch (error) {
    throw diskError(error, "write", file);
  }
  const what = isEmptyPlan(plan) ? "remove nothing" : `remove ${planSummary(plan)}`;
  context.info(`wrote a plan to ${what}; larder gc --apply ${file} carries it out`);
}
