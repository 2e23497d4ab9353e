import { hasCode, LarderError } from "../../../base/errors.ts";
import { statIfAny } from "../../../base/files/files.ts";
import { formatReference, isLocal, type Reference } from "../../../oci/reference.ts";
import { notCached } from "../../../pull/freshness.ts";
import type { PullOptions } from "../../../pull/options.ts";
import type { Puller } from "../../../pull/puller.ts";
import { type PullResult, useEvent } from "../../../pull/result.ts";
import { Journal, type UseEvent } from "../../../store/journal/journal.ts";
import { waitingForWriters } from "../../../store/locks/store_lock.ts";
import { type Finding, isFault } from "../../../verify/finding.ts";
import { applyLocalRepairs } from "../../../verify/repair.ts";
import { restorePushed } from "../../../verify/restore_pushed.ts";
import type { Verification, Verifier } from "../../../verify/verify.ts";
import type { Context } from "../../context.ts";
import { type PullProgress, pullProgress } from "../../terminal/progress.ts";
import { openPuller, pullOptions } from "../pull/options.ts";
import { couldNotRepair, type DamagedEntry } from "./damaged_entry.ts";
import { refetchPackages } from "./refetch_packages.ts";

/** The outcome of a repair: `removed` means that no entry needs the file. */
export type RepairOutcome = "repaired" | "removed" | "left";

export interface RepairedFinding extends Finding {
  readonly outcome: RepairOutcome;
  /** Why it was left, if that is known. */
  readonly why: string | undefined;
}

/** Two rounds, because a file that the first removes can be copied from elsewhere by the second. */
const LOCAL_ROUNDS = 2;

/**
 * Repairs the faults of a verification:
 *
 * 1. Removes damaged files, and moves or copies misplaced ones to their places. This needs no network.
 * 2. Fetches what entries still lack by digest, from the repositories and URLs that they came from.
 * 3. Verifies again.
 *
 * A failure does not stop the other repairs.
 *
 * @returns the faults, each with its outcome
 * @throws LarderError LDR_BUSY, LDR_READ_ONLY, LDR_DISK*, LDR_INTERRUPTED
 */
export async function repair(
  context: Context,
  verifier: Verifier,
  before: Verification,
  options: { readonly transfers?: number },
): Promise<RepairedFinding[]> {
  const reasons = new Map<string, string>();
  let now = before;
  for (let round = 0; round < LOCAL_ROUNDS && now.findings.some(isFault); round++) {
    const failed = await applyLocalRepairs(context.layout, now.findings, now.expected, {
      now: Date.now,
      waiting: (holders) => context.info(waitingForWriters(holders)),
      signal: context.interruptible(),
    });
    for (const { path, why } of failed) reasons.set(path, why);
    now = await verifier.run();
  }
  const { packages = [], others = [] } = Object.groupBy(
    damagedEntries(before, now),
    ({ method }) => method?.by === "fetch" ? "packages" : "others",
  );
  if (packages.length > 0) await refetchPackages(context, packages, options, reasons);
  if (others.length > 0) await refetch(context, others, options, reasons);
  if (packages.length + others.length > 0) now = await verifier.run();
  return outcomesOf(before.findings.filter(isFault), now.findings.filter(isFault), reasons);
}

/**
 * Returns the entries that still have faults. Prefers the method that was known before anything was removed,
 * because a removed record or manifest no longer names what it needs.
 */
function damagedEntries(before: Verification, now: Verification): DamagedEntry[] {
  const entries = new Map<string, DamagedEntry>();
  for (const { entry, repair } of [...now.expected, ...before.expected]) {
    entries.set(entry.folder, { name: entry.name, folder: entry.folder, method: repair });
  }
  const faulty = now.findings.flatMap(({ entries }) => entries)
    .filter(({ isFromNewerVersion }) => !isFromNewerVersion).map(({ folder }) => folder);
  return [...new Set(faulty)].map((folder) => entries.get(folder)!);
}

/** @param remaining the faults after the repair, which may include new ones */
function outcomesOf(
  faults: readonly Finding[],
  remaining: readonly Finding[],
  reasons: ReadonlyMap<string, string>,
): RepairedFinding[] {
  const faultyPaths = new Set(remaining.map(({ path }) => path));
  const pathsBefore = new Set(faults.flatMap(pathsOf));
  const newFaults = remaining.filter(({ path }) => !pathsBefore.has(path));
  return [...faults, ...newFaults].map((finding) => {
    const paths = pathsOf(finding);
    if (!paths.some((path) => faultyPaths.has(path))) {
      const outcome = statIfAny(paths.at(-1)!) ? "repaired" : "removed";
      return { ...finding, outcome, why: undefined };
    }
    const folders = finding.entries.map(({ folder }) => folder);
    const why = [...paths, ...folders].map((path) => reasons.get(path)).find((reason) => reason);
    return { ...finding, outcome: "left", why };
  });
}

/** Returns the path of a finding, and the path where the file belongs if that is another. */
function pathsOf({ path, repair }: Finding): string[] {
  return repair && "to" in repair ? [path, repair.to] : [path];
}

/**
 * Fetches what entries lack. A failure does not stop the others.
 * @param reasons receives why entries could not be restored, by their folders
 * @throws LarderError LDR_INTERRUPTED
 */
async function refetch(
  context: Context,
  entries: readonly DamagedEntry[],
  command: { readonly transfers?: number },
  reasons: Map<string, string>,
): Promise<void> {
  const options = pullOptions(context, command);
  const { puller } = openPuller(context);
  const events: UseEvent[] = [];
  try {
    for (const { name, folder, method } of entries) {
      using progress = pullProgress(context);
      try {
        if (context.options.offline) throw offline();
        const result = await restore(context, method, puller, options, progress);
        progress.end();
        if (result?.freshness === "fetched") events.push(useEvent(result, Date.now()));
        context.info(`repaired ${name}`);
      } catch (error) {
        if (hasCode(error, "LDR_INTERRUPTED") || !(error instanceof LarderError)) throw error;
        progress.end();
        reasons.set(folder, couldNotRepair(context, name, error));
      }
    }
  } finally {
    new Journal(context.layout).append(events);
  }
}

/** @returns undefined for an entry that Spin wrote or that was pushed, which is restored without a pull */
async function restore(
  context: Context,
  method: DamagedEntry["method"],
  puller: Puller,
  options: PullOptions,
  progress: PullProgress,
): Promise<PullResult | undefined> {
  switch (method?.by) {
    case "restore":
      return await puller.restore(method.reference, method.record, options, progress);
    case "restoreSpin":
      await puller.restoreSpinEntry(method.reference, method.image, options, progress);
      return undefined;
    case "pull":
      if (isLocal(method.reference)) {
        await restoreLocal(context, method.reference);
        return undefined;
      }
      return await puller.pull(method.reference, { ...options, policy: "always" }, progress);
    default:
      throw new LarderError("LDR_NOT_FOUND", "it is not known where it came from", {
        hint: "remove it with larder clean",
      });
  }
}

/** @throws LarderError LDR_NOT_CACHED if content is missing, which has to be pushed again */
async function restoreLocal(context: Context, reference: Reference): Promise<void> {
  const signal = context.interruptible();
  if (await restorePushed(context.layout, reference, Date.now(), { signal })) return;
  throw notCached(formatReference(reference), "incomplete");
}

function offline(): LarderError {
  return new LarderError("LDR_NOT_CACHED", "it cannot be fetched with --offline", {
    hint: "leave out --offline",
  });
}
