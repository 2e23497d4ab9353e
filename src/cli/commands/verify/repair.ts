import { statIfAny } from "../../../base/files.ts";
import { type Finding, isFault } from "../../../verify/finding.ts";
import { applyLocalRepairs } from "../../../verify/repair.ts";
import type { Verification, Verifier } from "../../../verify/verify.ts";
import type { Context } from "../../context.ts";
import { hasCode, LarderError } from "../../../base/errors.ts";
import type { EntryRepair } from "../../../verify/expectation.ts";
import type { Puller } from "../../../pull/puller.ts";
import { type PullResult, useEvent } from "../../../pull/result.ts";
import type { PullOptions } from "../../../pull/options.ts";
import { Journal, type UseEvent } from "../../../store/journal/journal.ts";
import { progressFor } from "../../terminal/progress.ts";
import { openPuller, pullOptions } from "../pull/options.ts";

/** What became of something that was wrong: it is as it should be, or gone and needed by nobody, or neither. */
export type Outcome = "repaired" | "removed" | "left";

export interface Repaired extends Finding {
  readonly outcome: Outcome;
  /** Why it is left as it is, where that is known. */
  readonly why: string | undefined;
}

/** What one round of mending removes, another may find a copy of. */
const MEND_ROUNDS = 2;

/**
 * Puts right what a verification found: removes what is bad, puts what is elsewhere in its place, and fetches again
 * what entries then lack, by digest from their own repositories. What fails does not hinder the rest.
 *
 * @returns what was wrong, with what became of it
 * @throws LarderError LDR_BUSY, LDR_READ_ONLY, LDR_DISK*, LDR_INTERRUPTED
 */
export async function repair(
  context: Context,
  verifier: Verifier,
  found: Verification,
  options: { readonly transfers?: number },
): Promise<Repaired[]> {
  const reasons = new Map<string, string>();
  let now = found;
  for (let round = 0; round < MEND_ROUNDS && now.findings.some(isFault); round++) {
    const unmended = await applyLocalRepairs(context.layout, now.findings, now.expected, {
      now: Date.now,
      waiting: () => context.info("waiting for others that are writing to the cache"),
      signal: context.interruptible(),
    });
    for (const { path, why } of unmended) reasons.set(path, why);
    now = await verifier.run();
  }
  const patients = patientsOf(found, now);
  if (patients.length > 0) {
    const failed = await refetch(context, patients, options);
    for (const [folder, why] of failed) reasons.set(folder, why);
    now = await verifier.run();
  }
  return outcomesOf(found.findings.filter(isFault), now.findings.filter(isFault), reasons);
}

/** The entries that are not whole. What was known before anything was removed is the most that there is to know. */
function patientsOf(found: Verification, now: Verification): DamagedEntry[] {
  const patients = new Map<string, DamagedEntry>();
  for (const { entry, repair: cure } of [...now.expected, ...found.expected]) {
    patients.set(entry.folder, { name: entry.name, folder: entry.folder, cure });
  }
  const faulty = now.findings.flatMap(({ entries }) => entries)
    .filter(({ isFromNewerVersion }) => !isFromNewerVersion).map(({ folder }) => folder);
  return [...new Set(faulty)].map((folder) => patients.get(folder)!);
}

/** @param left what is still wrong, which may be more than there was */
function outcomesOf(
  faults: readonly Finding[],
  left: readonly Finding[],
  reasons: ReadonlyMap<string, string>,
): Repaired[] {
  const still = new Set(left.map(({ path }) => path));
  const before = new Set(faults.flatMap(pathsOf));
  const others = left.filter(({ path }) => !before.has(path));
  return [...faults, ...others].map((finding) => {
    const paths = pathsOf(finding);
    if (!paths.some((path) => still.has(path))) {
      const outcome = statIfAny(paths.at(-1)!) ? "repaired" : "removed";
      return { ...finding, outcome, why: undefined };
    }
    const folders = finding.entries.map(({ folder }) => folder);
    const why = [...paths, ...folders].map((path) => reasons.get(path)).find((reason) => reason);
    return { ...finding, outcome: "left", why };
  });
}

/** Where something is, and where it should be. */
function pathsOf({ path, repair: remedy }: Finding): string[] {
  return remedy && remedy.action !== "remove" ? [path, remedy.to] : [path];
}

/** An entry that is not whole. */
export interface DamagedEntry {
  readonly name: string;
  readonly folder: string;
  readonly cure: EntryRepair | undefined;
}

/**
 * Fetches what entries lack. What fails does not hinder the rest.
 * @returns why entries could not be made whole, by their folders
 * @throws LarderError LDR_INTERRUPTED
 */
export async function refetch(
  context: Context,
  patients: readonly DamagedEntry[],
  command: { readonly transfers?: number },
): Promise<Map<string, string>> {
  const options = pullOptions(context, command);
  const { puller } = openPuller(context);
  const reasons = new Map<string, string>();
  const events: UseEvent[] = [];
  try {
    for (const { name, folder, cure } of patients) {
      using progress = progressFor(context);
      try {
        if (context.options.offline) throw offline();
        const result = await apply(cure, puller, options, progress);
        progress.end();
        if (result?.freshness === "fetched") events.push(useEvent(result, Date.now()));
        context.info(`${name} is whole again`);
      } catch (error) {
        if (hasCode(error, "LDR_INTERRUPTED") || !(error instanceof LarderError)) throw error;
        progress.end();
        reasons.set(folder, `${error.message} [${error.code}]`);
        context.warn(`${name} is not whole: ${error.message} [${error.code}]`);
      }
    }
  } finally {
    new Journal(context.layout).append(events);
  }
  return reasons;
}

/** @returns undefined where no pull was needed to tell what is to be fetched */
async function apply(
  cure: EntryRepair | undefined,
  puller: Puller,
  options: PullOptions,
  progress: ReturnType<typeof progressFor>,
): Promise<PullResult | undefined> {
  switch (cure?.by) {
    case "restore":
      return await puller.restore(cure.reference, cure.record, options, progress);
    case "restoreSpin":
      await puller.restoreSpinEntry(cure.reference, cure.image, options, progress);
      return undefined;
    case "pull":
      return await puller.pull(cure.reference, { ...options, policy: "always" }, progress);
    default:
      throw new LarderError("LDR_NOT_FOUND", "nobody knows where it came from", {
        hint: "remove it with larder clean",
      });
  }
}

function offline(): LarderError {
  return new LarderError("LDR_NOT_CACHED", "the registry may not be asked", {
    hint: "leave --offline out",
  });
}
