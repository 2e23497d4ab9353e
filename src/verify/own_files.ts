import { basename, dirname, sep } from "node:path";
import { writeFileAtomic } from "../base/files/atomic_write.ts";
import { readFolder, removeIfAny, stampOf, statIfAny } from "../base/files/files.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import { Unreadable } from "../snapshot/unreadable.ts";
import { isPinFile, repairPins } from "../store/entries/pin_file.ts";
import { Journal, repairJournal } from "../store/journal/journal.ts";
import { type Layout, PIN_FILE, RECORD_FILE } from "../store/layout.ts";
import { type FileFault, isByNewer, readOwnFile, setAside } from "../store/own_file.ts";
import type { Finding } from "./finding.ts";

/** Bytes that are read of a lease or a `pin.json`. */
const MAX_SMALL_FILE = 1024 * 1024;

/**
 * Returns the faults of the files that larder keeps for its own use, and the files and folders that this user may not
 * read.
 * @param chosen the entries to verify; without them the whole cache is
 */
export function findOwnFileFaults(
  snapshot: CacheSnapshot,
  chosen: readonly SnapshotEntry[] | undefined,
): Finding[] {
  const entries = (chosen ?? snapshot.entries).flatMap(entryFaults);
  if (chosen) {
    const folders = new Set(chosen.map(({ folder }) => folder));
    const own = snapshot.unreadable.filter(({ path }) => folders.has(dirname(path)));
    return [...own.map(unreadableFinding), ...entries];
  }
  const { layout, pins, unreadable } = snapshot;
  const faults: FileFault[] = [...pins.faults, ...leaseFaults(layout)];
  new Journal(layout).history((fault) => faults.push(fault));
  return [
    ...unreadable.map(unreadableFinding),
    ...Map.groupBy(faults, ({ path }) => path).values().map((each) => {
      const finding = findingOf(each);
      if (finding.path !== layout.pins || !finding.repair || isByNewer(finding.detail)) {
        return finding;
      }
      return { ...finding, detail: `${finding.detail}; --repair keeps a copy of the file` };
    }),
    ...entries,
  ];
}

/**
 * Rewrites a file of larder's own with what can be read of it. A damaged pin of an entry stays a pin; what is in the
 * place of a record is moved away, so that the record can be written again. The caller holds the exclusive store lock.
 */
export function rewriteOwnFile(layout: Layout, path: string): void {
  if (path === layout.pins) return repairPins(path);
  if (layout.journals.includes(path)) return repairJournal(path);
  const isFile = statIfAny(path)?.isFile ?? false;
  if (!isFile) setAside(path);
  if (basename(path) === PIN_FILE) writeFileAtomic(path, "{}\n");
  else if (isFile) removeIfAny(path);
}

/** Returns the faults of the pin of an entry, and of what is in the place of its record. */
function entryFaults(entry: SnapshotEntry): Finding[] {
  const faults: FileFault[] = [];
  for (const name of [RECORD_FILE, PIN_FILE]) {
    const path = entry.folder + sep + name;
    const info = statIfAny(path);
    if (info && !info.isFile) {
      faults.push({ path, detail: info.isDirectory ? "it is a folder" : "it is a link" });
    } else if (info && name === PIN_FILE) {
      const { text, fault } = readOwnFile(path, MAX_SMALL_FILE);
      // One that this user may not read is among the unreadable files of the snapshot.
      if (fault && !fault.error) faults.push(fault);
      if (text !== undefined && !isPinFile(text)) faults.push({ path, detail: "it is not a pin" });
    }
  }
  return faults.map((fault) => ({ ...findingOf([fault]), entries: [entry] }));
}

/** Leases that cannot be parsed are those of a newer larder, or ended with their process. */
function leaseFaults({ leases }: Layout): FileFault[] {
  const unreadable = new Unreadable();
  const files = unreadable.attempt(leases, () => readFolder(leases), []);
  return [
    ...unreadable.list.map(({ path, error }) => ({ path, detail: error.message, error })),
    ...files.flatMap(({ name }) => {
      const { fault } = readOwnFile(leases + sep + name, MAX_SMALL_FILE);
      return fault?.error ? [fault] : [];
    }),
  ];
}

function unreadableFinding({ path, error }: CacheSnapshot["unreadable"][number]): Finding {
  return findingOf([{ path, detail: error.message, error }]);
}

function findingOf(faults: readonly FileFault[]): Finding {
  const { path, error } = faults[0]!;
  const detail = faults.map(({ detail }) => detail.replace(path, "it")).join("; ");
  const base = { path, detail, digest: undefined, entries: [] };
  if (error) return { ...base, kind: "unreadable", repair: undefined };
  const info = statIfAny(path);
  const repair = info && { action: "rewrite", from: path, stamp: stampOf(info) } as const;
  return { ...base, kind: "broken", repair };
}
