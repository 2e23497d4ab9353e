import { dirname } from "node:path";
import { hasCode, messageOf } from "../base/errors.ts";
import {
  copyFileAtomic,
  diskError,
  ensureFolder,
  FILE_MODE,
  isSameFile,
  removeIfAny,
  stampOf,
  statIfAny,
} from "../base/files.ts";
import { type DamageEvent, Journal } from "../store/journal/journal.ts";
import type { Layout } from "../store/layout.ts";
import { type StoreLockOptions, withExclusiveLock } from "../store/locks/store_lock.ts";
import type { Finding, RepairAction } from "./finding.ts";
import type { ExpectedFiles } from "./expectation.ts";

/** So many of the entries that damage was done to are named in the journal. */
const MAX_NAMED = 20;

export interface RepairOptions extends StoreLockOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Something that could not be put right, and why. */
export interface FailedRepair {
  readonly path: string;
  readonly why: string;
}

/**
 * Puts right what can be without any network, under the store's exclusive lock: what is bad goes, what lies elsewhere
 * is put where it belongs, and entries that nobody can fetch again are forgotten. A file that has changed since it was
 * looked at is left alone.
 *
 * Killed in the middle it leaves what a cache that somebody deleted files from is: what is missing is fetched again.
 *
 * @returns what could not be put right
 * @throws LarderError LDR_BUSY, LDR_READ_ONLY, LDR_DISK*, LDR_INTERRUPTED
 */
export async function applyLocalRepairs(
  layout: Layout,
  findings: readonly Finding[],
  anatomies: readonly ExpectedFiles[],
  { now, ...options }: RepairOptions,
): Promise<FailedRepair[]> {
  return await withExclusiveLock(layout, () => {
    const failed = findings.flatMap(({ path, repair: remedy }) =>
      remedy ? attempt(path, () => apply(remedy)) : []
    );
    failed.push(...forget(findings, anatomies));
    new Journal(layout).append(findings.flatMap((finding) => damageOf(finding, now())));
    return Promise.resolve(failed);
  }, options);
}

function apply(remedy: RepairAction): void {
  const info = statIfAny(remedy.from);
  if (!info || !isSameFile(remedy.stamp, stampOf(info))) return;
  if (remedy.action === "remove") return removeIfAny(remedy.from);
  ensureFolder(dirname(remedy.to));
  if (remedy.action === "copy") return copyFileAtomic(remedy.from, remedy.to);
  try {
    Deno.renameSync(remedy.from, remedy.to);
    // It has been checked, which its mode is to say.
    if (info.mode !== null) Deno.chmodSync(remedy.to, FILE_MODE);
  } catch (error) {
    throw diskError(error, "write", remedy.to);
  }
}

/** Removes the records of entries that are not whole and that nobody here can fetch. Their pins stay. */
function forget(findings: readonly Finding[], anatomies: readonly ExpectedFiles[]): FailedRepair[] {
  const broken = new Set(findings.filter(isLoss).flatMap(({ entries }) => entries));
  return anatomies.flatMap(({ entry, repair: cure }) => {
    if (cure?.by !== "forget" || !broken.has(entry)) return [];
    return attempt(cure.record, () => removeIfAny(cure.record));
  });
}

/** Whether a file is lost here: it is neither put in its place nor, perhaps, whole and only not for this user. */
function isLoss({ kind, repair: remedy }: Finding): boolean {
  return kind !== "unreadable" && (!remedy || remedy.action === "remove");
}

function attempt(path: string, work: () => void): FailedRepair[] {
  try {
    work();
    return [];
  } catch (error) {
    if (hasCode(error, "LDR_READ_ONLY")) throw error;
    return [{ path, why: messageOf(error) }];
  }
}

function damageOf({ digest, repair: remedy, entries }: Finding, now: number): DamageEvent[] {
  if (!digest || remedy?.action !== "remove") return [];
  const names = entries.slice(0, MAX_NAMED).map(({ name }) => name);
  return [{ kind: "damage", at: new Date(now).toISOString(), digest, names }];
}
