import { diskOf } from "../../../base/files/disk.ts";
import { removeAbandonedRooms } from "../../../builds/sandbox/room.ts";
import { hasCode } from "../../../base/errors.ts";
import { resetFutureTimes } from "../../../gc/sweep/apply.ts";
import { isEmptyPlan, planFiles } from "../../../gc/plan.ts";
import { exceedsPolicy, leavesNothing, planGc } from "../../../gc/planner.ts";
import { type GcPolicy, hasFree, limitsOnlyFree } from "../../../gc/policy.ts";
import type { Context } from "../../context.ts";
import { readLeases } from "../../read_activity.ts";
import { readCache } from "../../read_cache.ts";
import { applyWithProgress, endedEarly, freedText } from "./confirm_and_sweep.ts";
import { wouldLeaveNothing } from "./make_room.ts";
import { shortfallLines } from "./plan_words.ts";

/**
 * Collects garbage without asking, if the cache exceeds a limit. Does nothing while other processes hold the store
 * lock: the next collection, theirs or larder's, makes up for it.
 *
 * @throws LarderError LDR_DISK*, LDR_READ_ONLY, LDR_INTERRUPTED
 */
export async function collectIfExceeded(context: Context, policy: GcPolicy): Promise<void> {
  const { layout } = context;
  await removeAbandonedRooms(layout);
  const disk = diskOf(layout.root);
  // The free space is known without reading the cache.
  if (limitsOnlyFree(policy) && hasFree(policy, disk)) return;
  const now = Date.now();
  const snapshot = await readCache(context, now, { listed: true });
  resetFutureTimes(snapshot);
  const leases = readLeases(context, now);
  const draft = planGc(snapshot, policy, { disk, leases, isAutomatic: true });
  if (!exceedsPolicy(snapshot, policy, disk, draft)) return;
  if (leavesNothing(policy, draft)) return context.warn(wouldLeaveNothing(draft));
  for (const line of shortfallLines(draft)) context.warn(line);
  if (isEmptyPlan(draft)) return;
  try {
    const { aborted } = context.interruptible();
    const result = await applyWithProgress(context, planFiles(layout, draft), {
      by: "gc --auto",
      // A server that Ctrl-C stopped has ended normally, so its collection runs all the same.
      signal: aborted ? undefined : context.interruptible(),
      timeout: 0,
    });
    if (result.freed > 0) context.info(`cleaned the cache: ${freedText(result)}`);
    if (result.failure !== undefined) throw endedEarly(result, draft, "gc --auto");
  } catch (error) {
    if (!hasCode(error, "LDR_BUSY")) throw error;
  }
}
