import { hasCode, messageOf } from "../../../base/errors.ts";
import { statIfAny } from "../../../base/files/files.ts";
import { DAY } from "../../../base/units.ts";
import { type GcPolicy, hasLimits } from "../../../gc/policy.ts";
import type { Room } from "../../../pull/room.ts";
import type { Context } from "../../context.ts";
import { policyOf } from "./policy.ts";

/** 30 days between two looks at the size of a cache without limits, which takes seconds for a large one. */
const REMINDER_INTERVAL = 30 * DAY;

/**
 * Collects garbage after a command that fetched something, if the cache exceeds the configured limits. What the
 * command used is within the grace age and is kept. A failure only warns, because the command itself succeeded.
 *
 * @throws LarderError LDR_INTERRUPTED
 */
export async function collectAfterFetch(context: Context): Promise<void> {
  const policy = policyOf(context.config);
  if (!hasLimits(policy)) return await remindIfDue(context);
  if (!mayCollect(context, policy)) return;
  // Loaded lazily: most users set no limits.
  await warnOnFailure(context, async () => {
    const { collectIfExceeded } = await import("./collect_if_needed.ts");
    await collectIfExceeded(context, policy);
  });
}

/** Returns what frees space for pulls: within the configured limits, and nothing if `gc.auto` is off. */
export function roomFor(context: Context): Room {
  const policy = policyOf(context.config);
  const load = () => import("./make_room.ts");
  return {
    isShort: async (bytes) =>
      mayCollect(context, policy) && (await load()).isShort(context, policy, bytes),
    make: async (request, options) => {
      if (!mayCollect(context, policy)) return false;
      const { makeRoom } = await load();
      return await warnOnFailure(context, () => makeRoom(context, policy, request, options)) ??
        false;
    },
    explain: async (error, request) => (await load()).explainFull(context, policy, error, request),
  };
}

function mayCollect({ config }: Context, policy: GcPolicy): boolean {
  return config.gc?.auto !== false && hasLimits(policy);
}

/** Reminds of limits if nothing has looked at the size of the cache for a month: the mtime of a file says when. */
async function remindIfDue(context: Context): Promise<void> {
  const { options, config, layout } = context;
  if (options.quiet || config.gc?.auto === false) return;
  const looked = statIfAny(layout.reminder)?.mtime?.getTime() ?? 0;
  if (Math.abs(Date.now() - looked) < REMINDER_INTERVAL) return;
  const { remindOfLimits } = await import("./reminder.ts");
  await remindOfLimits(context);
}

/** @throws LarderError LDR_INTERRUPTED */
async function warnOnFailure<T>(
  context: Context,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (hasCode(error, "LDR_INTERRUPTED")) throw error;
    context.warn(`automatic gc failed: ${messageOf(error)}`);
    return undefined;
  }
}
