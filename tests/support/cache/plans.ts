import type { Disk } from "../../../src/base/files/disk.ts";
import { type Plan, planFiles } from "../../../src/gc/plan.ts";
import { planClean, planGc } from "../../../src/gc/planner.ts";
import type { GcPolicy } from "../../../src/gc/policy.ts";
import { takeListedSnapshot } from "../../../src/snapshot/listed_snapshot.ts";
import type { Layout } from "../../../src/store/layout.ts";
import { liveLeases } from "../../../src/store/locks/leases.ts";

/** Plans a collection of a cache on disk, as `larder gc` does. */
export async function gcPlan(
  layout: Layout,
  now: number,
  policy: GcPolicy,
  disk?: Disk,
): Promise<Plan> {
  const snapshot = await takeListedSnapshot(layout, now);
  const leases = liveLeases(layout, now, { readOnly: true });
  return planFiles(layout, planGc(snapshot, policy, { disk, leases }));
}

/** Plans the removal of all entries of a cache on disk, as `larder clean` does. */
export async function clearPlan(
  layout: Layout,
  now: number,
  options: { includePinned?: boolean; everything?: boolean } = { everything: true },
): Promise<Plan> {
  const snapshot = await takeListedSnapshot(layout, now);
  const leases = liveLeases(layout, now, { readOnly: true });
  const requested = new Set(snapshot.entries);
  return planFiles(layout, planClean(snapshot, requested, { leases }, options));
}
