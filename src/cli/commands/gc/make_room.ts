import { diskOf, freeInodes } from "../../../base/files/disk.ts";
import { hasCode, LarderError, shellWord } from "../../../base/errors.ts";
import { ELSEWHERE } from "../../../base/files/system_error.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import { applyPlan, resetFutureTimes } from "../../../gc/sweep/apply.ts";
import { type DraftPlan, isEmptyPlan, planFiles } from "../../../gc/plan.ts";
import { leavesNothing, mostThatLimitsFree, planClean, planGc } from "../../../gc/planner.ts";
import { type GcPolicy, requiredFree } from "../../../gc/policy.ts";
import { type Lack, lackOf, type Room, type SpaceRequest } from "../../../pull/room.ts";
import { takeListedSnapshot } from "../../../snapshot/listed_snapshot.ts";
import { takeSnapshot } from "../../../snapshot/snapshot.ts";
import type { CacheSnapshot } from "../../../snapshot/types.ts";
import type { LeaseContent } from "../../../store/locks/lease_format.ts";
import { liveLeases } from "../../../store/locks/leases.ts";
import { waitingForWriters } from "../../../store/locks/store_lock.ts";
import type { Context } from "../../context.ts";
import { readLeases } from "../../read_activity.ts";
import { hasLocks } from "../../read_cache.ts";
import { freedText } from "./confirm_and_sweep.ts";

/**
 * The share of `maxSize` from which on a pull is made room for in advance. A smaller one exceeds it by little until the
 * collection after it, and reading a cache of 10,000 entries takes 2 seconds.
 */
const LARGE_SHARE = 0.1;

/** True if a pull would leave less free space than the policy asks for, or exceed its size by much. */
export function isShort({ layout }: Context, policy: GcPolicy, bytes: number): boolean {
  const disk = diskOf(layout.root);
  const required = requiredFree(policy, disk);
  if (disk && required !== undefined && disk.free - bytes < required) return true;
  const { maxSize } = policy;
  return maxSize !== undefined && bytes <= maxSize && bytes >= LARGE_SHARE * maxSize;
}

/**
 * Collects garbage within the limits so that a pull, fetch or import has room. Removes nothing that it is about to reuse,
 * and nothing at all if that would not be enough.
 *
 * @returns true if anything was removed, or if another process has made the room
 * @throws LarderError LDR_DISK*, LDR_READ_ONLY, LDR_INTERRUPTED
 */
export async function makeRoom(
  context: Context,
  policy: GcPolicy,
  request: SpaceRequest,
  options: Parameters<Room["make"]>[1],
): Promise<boolean> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const outcome = await collectForPull(context, policy, request, options);
    if (outcome === "freed") return true;
    const free = options.lack === "disk" ? diskOf(context.layout.root)?.free ?? 0 : 0;
    if (free >= request.bytes) return true;
    if (outcome !== "overtaken") return false;
  }
  return false;
}

/** How often to plan again after another process has removed, while this one waited for it, all that was planned. */
const ATTEMPTS = 3;

async function collectForPull(
  context: Context,
  policy: GcPolicy,
  request: SpaceRequest,
  { lack, note }: Parameters<Room["make"]>[1],
): Promise<"freed" | "overtaken" | "nothing"> {
  const { layout } = context;
  const now = Date.now();
  const { folders, digests } = request;
  const startedAt = new Date(now).toISOString();
  const uses = { pid: Deno.pid, command: "this command", startedAt, folders, digests };
  const signal = context.interruptible();
  // Without a status line, because the bars of the pull are on the terminal.
  const snapshot = await takeListedSnapshot(layout, now, { signal });
  resetFutureTimes(snapshot);
  const leases = [...readLeases(context, now), uses];
  const draft = planRoom(snapshot, policy, request, { leases, lack });
  if (!draft) return "nothing";
  if (leavesNothing(policy, draft, { isForPull: true })) {
    context.warn(wouldLeaveNothing(draft));
    return "nothing";
  }
  try {
    const result = await applyPlan(layout, planFiles(layout, draft), {
      by: "gc --auto",
      now: Date.now,
      uses,
      waiting: (holders) => note(waitingForWriters(holders)),
      signal,
    });
    if (hasCode(result.failure, "LDR_INTERRUPTED")) throw result.failure;
    if (result.freed > 0) note(`made room: ${freedText(result)}`);
    return result.freed > 0 || result.files > 0 ? "freed" : "overtaken";
  } catch (error) {
    if (hasCode(error, "LDR_BUSY")) return "nothing";
    throw error;
  }
}

/** The message about limits that would remove everything, for a collection that no user has asked for. */
export function wouldLeaveNothing({ remove }: DraftPlan): string {
  return `automatic gc removed nothing: the limits would remove all ${
    plural(remove.entries.length, "entry", "entries")
  } not pinned, in use or used within the last hour; check them with larder config show, or remove ` +
    "these with larder gc";
}

/** Entries take at least this many files and folders: their tag's, and their manifest's and config's by digest. */
const FILES_OF_ENTRY = 6;

/** Returns a plan that makes enough room; undefined if there is none. */
function planRoom(
  snapshot: CacheSnapshot,
  policy: GcPolicy,
  { bytes, files }: SpaceRequest,
  { leases, lack }: { leases: readonly LeaseContent[]; lack: Lack },
): DraftPlan | undefined {
  const { layout, entries } = snapshot;
  const isFull = lack !== "expected";
  const disk = diskOf(layout.root);
  const left = disk && lack === "quota" ? { ...disk, free: 0 } : disk;
  const plan = (policy: GcPolicy) =>
    planGc(snapshot, policy, { disk: left, leases, needed: bytes, isAutomatic: true });
  if (isFull && policy.minFree && freeInodes(layout.root) < files) {
    const most = Math.max(0, entries.length - Math.ceil(files / FILES_OF_ENTRY));
    const maxCount = Math.min(policy.maxCount ?? Infinity, most);
    const draft = plan({ ...policy, minFree: undefined, maxCount });
    return isEmptyPlan(draft) ? undefined : draft;
  }
  // Without what must stay free, the pull itself may still fit.
  const policies = policy.minFree ? [policy, { ...policy, minFree: { bytes: 0 } }] : [policy];
  return policies.map(plan).find((draft) => {
    const isReached = !draft.shortfalls.some(({ rule, type }) =>
      rule === "min-free" || (rule === "max-size" && type === undefined && !isFull)
    );
    const isEnough = !isFull || policy.minFree !== undefined || draft.bytes >= bytes;
    return isReached && isEnough && !isEmptyPlan(draft);
  });
}

const OTHERWISE = `free some space, or ${ELSEWHERE}`;

/**
 * Returns an error for a full disk with what `larder gc` could free, as `larder df` says, and what to type. If that is
 * too little because most entries are young, `larder clean` is what frees enough.
 */
export async function explainFull(
  context: Context,
  policy: GcPolicy,
  error: LarderError,
  request: SpaceRequest,
): Promise<LarderError> {
  const hint = await hintForFull(context, policy, error, request).catch(() => undefined);
  const { code, message, cause } = error;
  return hint ? new LarderError(code, message, { hint, cause }) : error;
}

async function hintForFull(
  context: Context,
  policy: GcPolicy,
  error: LarderError,
  { bytes, files }: SpaceRequest,
): Promise<string> {
  const { layout } = context;
  const now = Date.now();
  const snapshot = await takeSnapshot(layout, now);
  const leases = liveLeases(layout, now, { readOnly: true });
  const disk = diskOf(layout.root);
  const most = mostThatLimitsFree(snapshot, policy, { leases });
  if (freeInodes(layout.root) < files && most.entries > 0) {
    const entries = plural(most.entries, "entry", "entries");
    const rest = Math.max(0, snapshot.entries.length - Math.ceil(most.entries / 2));
    const typed = command(context, "gc", `--max-count ${rest}`);
    return `larder gc could remove ${entries}: type ${typed}`;
  }
  const missing = bytes - (lackOf(error) === "quota" ? 0 : disk?.free ?? 0);
  if (missing <= 0) return "there is room now: try again";
  const within = planGc(snapshot, policy, { disk, leases });
  if (within.bytes >= missing) {
    return `larder gc would free ${formatBytes(within.bytes)}: type ${command(context, "gc")}`;
  }
  const could = most.bytes > 0 && `larder gc could free up to ${formatBytes(most.bytes)}`;
  if (could && most.bytes >= missing) {
    return `${could}: type ${command(context, "gc", `--min-free ${sizeArgument(bytes)}`)}`;
  }
  const surroundings = { leases, hasLocks: hasLocks(snapshot) };
  const all = planClean(snapshot, new Set(snapshot.entries), surroundings, {
    includePushed: true,
  });
  if (all.bytes >= missing) {
    return `${could || "larder gc can free nothing now"}; ${byClean(context)}`;
  }
  const nothing = "nothing in the cache can be removed";
  return `${could || nothing}, and ${formatBytes(missing)} are missing: ${OTHERWISE}`;
}

function byClean(context: Context): string {
  const list = command(context, "list", "--sort size:desc");
  const clean = command(context, "clean", "NAME");
  return `larder clean can free enough: ${list} lists the entries, ${clean} removes one`;
}

function command({ options }: Context, verb: string, argument?: string): string {
  const { cacheDir } = options;
  const folder = cacheDir && `--cache-dir ${shellWord(cacheDir)}`;
  return [`larder ${verb}`, argument, folder].filter(Boolean).join(" ");
}

/** Returns a size to type that is not less: `150MB`, `1.3GB`. */
function sizeArgument(bytes: number): string {
  return bytes > 1e9 ? `${Math.ceil(bytes / 1e8) / 10}GB` : `${Math.ceil(bytes / 1e6)}MB`;
}
