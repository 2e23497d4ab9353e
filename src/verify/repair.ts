import { dirname } from "node:path";
import { hasCode, messageOf } from "../base/errors.ts";
import { copyFileAtomic } from "../base/files/atomic_write.ts";
import { ensureFolder, isSameFile, removeIfAny, stampOf, statIfAny } from "../base/files/files.ts";
import { diskError, systemCode } from "../base/files/system_error.ts";
import { takeListedSnapshot } from "../snapshot/listed_snapshot.ts";
import type { Content } from "../snapshot/file_state.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import { type DamageEvent, Journal } from "../store/journal/journal.ts";
import type { Layout } from "../store/layout.ts";
import { type StoreLockOptions, withExclusiveLock } from "../store/locks/store_lock.ts";
import { readEntryRecord } from "../store/manifest_store.ts";
import type { ExpectedFiles } from "./expectation.ts";
import type { Finding, RepairAction } from "./finding.ts";
import { rewriteOwnFile } from "./own_files.ts";

/** The number of affected entries that the journal names for one damaged file. */
const MAX_NAMED = 20;

export interface RepairOptions extends StoreLockOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface FailedRepair {
  readonly path: string;
  readonly why: string;
}

/**
 * Does the repairs that need no network, under the store's exclusive lock: deletes bad files, moves or copies content
 * to where it belongs, rewrites damaged files of larder's own, and deletes the records of entries that nothing has.
 * Files that have changed since they were checked are left alone.
 *
 * If it is killed, the cache lacks files, which the next repair or pull fetches.
 *
 * @returns the repairs that failed
 * @throws LarderError LDR_BUSY, LDR_READ_ONLY, LDR_DISK*, LDR_INTERRUPTED
 */
export async function applyLocalRepairs(
  layout: Layout,
  findings: readonly Finding[],
  expected: readonly ExpectedFiles[],
  { now, ...options }: RepairOptions,
): Promise<FailedRepair[]> {
  return await withExclusiveLock(layout, async () => {
    const snapshot = await takeListedSnapshot(layout, now(), { signal: options.signal });
    const failed = findings.flatMap(({ path, entries, repair }) =>
      repair && !wasPulledSince(entries, repair)
        ? failureOf(path, () => apply(repair, snapshot))
        : []
    );
    failed.push(...forgetBroken(findings, expected));
    new Journal(layout).append(findings.flatMap((finding) => damageEvents(finding, now())));
    return failed;
  }, options);
}

/**
 * True if a repair is of a file in the folder of an entry whose record has been replaced since the verification, so
 * that the file has to be another one: the record is compared, because a pull may have replaced the file before it was
 * checked and the record after it was read.
 */
function wasPulledSince(entries: readonly SnapshotEntry[], repair: RepairAction): boolean {
  const folders = [repair.from, "to" in repair ? repair.to : repair.from].map(dirname);
  return entries.some(({ folder, record }) => {
    if (!folders.includes(folder)) return false;
    const current = readEntryRecord(folder);
    return current?.digest !== record?.digest || current?.manifestDigest !== record?.manifestDigest;
  });
}

function apply(repair: RepairAction, snapshot: CacheSnapshot): void {
  const { from } = repair;
  const info = statIfAny(from);
  if (!info || !isSameFile(repair.stamp, stampOf(info))) return;
  if (repair.action === "rewrite") return rewriteOwnFile(snapshot.layout, from);
  const id = snapshot.contents.findIndex(({ path }) => path === from);
  if (repair.action !== "copy") withdrawArchives(snapshot, id);
  if (repair.action === "remove") {
    removeIfAny(from);
    forgetFiles(snapshot.contents[id]);
    return;
  }
  ensureFolder(dirname(repair.to));
  if (repair.action === "copy") copyFileAtomic(from, repair.to);
  else rename(from, repair.to);
}

/**
 * Makes partial downloads of the archives that hold a file, before it is removed: Spin takes an archive for unpacked, and
 * would not write the file again. A pull takes the archive from there.
 */
function withdrawArchives({ layout, contents, archivesOf }: CacheSnapshot, id: number): void {
  for (const archive of (archivesOf.get(id) ?? []).map((each) => contents[each]!)) {
    if (!statIfAny(archive.path)) continue;
    ensureFolder(layout.partials);
    rename(archive.path, layout.partial(archive.digest));
    forgetFiles(archive);
  }
}

/** Deletes the list of the files of an archive that has lost its name. */
function forgetFiles(content: Content | undefined): void {
  if (content?.filesPath !== undefined) removeIfAny(content.filesPath);
}

function rename(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (systemCode(error) !== "EXDEV") throw diskError(error, "write", to);
    copyFileAtomic(from, to); // The folders of the cache can be on several file systems.
    removeIfAny(from);
  }
}

/** Deletes the records of incomplete entries that nothing has. Their pins are kept. */
function forgetBroken(
  findings: readonly Finding[],
  expected: readonly ExpectedFiles[],
): FailedRepair[] {
  const broken = new Set(findings.filter(isLoss).flatMap(({ entries }) => entries));
  return expected.flatMap(({ entry, repair }) => {
    if (repair?.by !== "forget" || !broken.has(entry)) return [];
    return failureOf(repair.record, () => removeIfAny(repair.record));
  });
}

/** True if the content is lost: it is not elsewhere in the cache, nor possibly good but unreadable for this user. */
function isLoss({ kind, repair }: Finding): boolean {
  return kind !== "unreadable" && (!repair || repair.action === "remove");
}

/** Returns how a repair failed; nothing if it succeeded. */
function failureOf(path: string, repair: () => void): FailedRepair[] {
  try {
    repair();
    return [];
  } catch (error) {
    if (hasCode(error, "LDR_READ_ONLY")) throw error;
    return [{ path, why: messageOf(error) }];
  }
}

function damageEvents({ digest, repair, entries }: Finding, now: number): DamageEvent[] {
  if (!digest || repair?.action !== "remove") return [];
  const names = entries.slice(0, MAX_NAMED).map(({ name }) => name);
  return [{ kind: "damage", at: new Date(now).toISOString(), digest, names }];
}
