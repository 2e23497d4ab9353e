import { dirname, join } from "node:path";
import { sleep } from "../base/concurrency.ts";
import { GRACE_AGE } from "../base/limits.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import type { Layout } from "../store/layout.ts";
import {
  type Deletion,
  removeContent,
  removeEmptyFolders,
  removeEntry,
  removeStrayFile,
} from "./deletion.ts";
import type { Plan, PlannedEntry, PlannedFile } from "./plan.ts";
import { isInScope, type LimitScope } from "./policy.ts";
import {
  type Facts,
  isOlder,
  isUnpacking,
  ReferenceCounts,
  SharedSize,
} from "./reference_counts.ts";
import { retentionReason } from "./retention.ts";

/** Deletions between two checks for an interrupt. */
const DELETIONS_PER_YIELD = 256;

export interface SweepResult {
  /** Bytes. */
  readonly freed: number;
  /** The entries that were removed, as they were planned. */
  readonly entries: readonly PlannedEntry[];
  /** The number of pieces of content, downloads and rubbish that were removed. */
  readonly files: number;
  /** The number of entries, and bytes of the cache, that are left. */
  readonly entriesLeft: number;
  readonly bytesLeft: number;
  /** The same for each scope whose own limits removed something. */
  readonly typesLeft: readonly {
    readonly type: LimitScope;
    readonly entries: number;
    readonly bytes: number;
  }[];
  /** What was planned but kept, and why; files that were already gone are left out. */
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
}

export interface SweepOptions {
  /** False if the file system has no locks; then nothing that is younger than the grace age is removed. */
  readonly isLocked: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Deletes what a plan lists, as far as the plan still holds.
 *
 * 1. Remove entries that were not used, pinned, leased or replaced since, and drop their references.
 * 2. Remove manifests that no entry references any more and that were not written since.
 * 3. Remove blobs by the same two conditions, archives before the files in them.
 * 4. Remove interrupted downloads and rubbish that were not written since.
 * 5. Remove folders that this left empty.
 *
 * Roots before leaves: a sweep that is killed leaves unreferenced content, never an entry without its content.
 *
 * @param snapshot of the cache as it is now
 * @throws LarderError LDR_READ_ONLY, LDR_INTERRUPTED
 */
export async function sweep(
  snapshot: CacheSnapshot,
  plan: Plan,
  facts: Facts,
  options: SweepOptions,
): Promise<SweepResult> {
  const run = new Sweep(snapshot, plan, facts, options);
  await run.removeEntries();
  await run.removeManifests();
  await run.removeBlobs();
  await run.removeStrayFiles();
  run.removeEmptyFolders();
  return run.result();
}

class Sweep {
  readonly #snapshot: CacheSnapshot;
  readonly #plan: Plan;
  readonly #facts: Facts;
  readonly #options: SweepOptions;
  readonly #counts: ReferenceCounts;
  readonly #ids: ReadonlyMap<string, number>;
  readonly #removed: PlannedEntry[] = [];
  readonly #removedContent = new Set<number>();
  readonly #skipped: { name: string; why: string }[] = [];
  /** Folders that may be empty now. */
  readonly #emptied = new Set<string>();
  #isUnpacking = false;
  #freed = 0;
  #files = 0;
  #deletions = 0;

  constructor(snapshot: CacheSnapshot, plan: Plan, facts: Facts, options: SweepOptions) {
    this.#snapshot = snapshot;
    this.#plan = plan;
    this.#facts = facts;
    this.#options = options;
    this.#counts = new ReferenceCounts(snapshot, facts);
    this.#ids = new Map(snapshot.contents.map(({ path }, id) => [path, id]));
  }

  async removeEntries(): Promise<void> {
    const entries = new Map(this.#snapshot.entries.map((entry) => [entry.folder, entry]));
    for (const planned of this.#plan.remove.entries) {
      const entry = entries.get(this.#path(planned.path));
      if (!entry) continue;
      const reason = this.#reasonToKeep(entry, planned);
      if (!this.#note(planned.name, reason ? { skipped: reason } : removeEntry(entry))) continue;
      this.#counts.release(entry);
      this.#removed.push(planned);
      this.#emptied.add(entry.folder);
      await this.#yieldToEventLoop();
    }
    const kept = this.#snapshot.entries.filter(({ folder }) => !this.#emptied.has(folder));
    const ages = { ...this.#facts.ages, orphan: GRACE_AGE };
    this.#isUnpacking = isUnpacking(kept, { ...this.#facts, ages });
  }

  async removeManifests(): Promise<void> {
    for (const planned of this.#plan.remove.contents.filter(isManifest)) {
      if (!this.#removeContent(planned)) continue;
      this.#emptied.add(this.#path(planned.path));
      await this.#yieldToEventLoop();
    }
  }

  async removeBlobs(): Promise<void> {
    const blobs = this.#plan.remove.contents.filter((each) => !isManifest(each));
    const archives = new Set(blobs.filter((each) => this.#isArchive(each)));
    for (const planned of [...archives, ...blobs.filter((each) => !archives.has(each))]) {
      if (this.#removeContent(planned)) await this.#yieldToEventLoop();
    }
  }

  async removeStrayFiles(): Promise<void> {
    const { partials, rubbish } = this.#snapshot;
    const present = new Set([...partials, ...rubbish].map(({ path }) => path));
    for (const planned of [...this.#plan.remove.partials, ...this.#plan.remove.rubbish]) {
      const path = this.#path(planned.path);
      if (!present.has(path)) continue;
      const reason = this.#reasonForAge(planned);
      const deletion = reason ? { skipped: reason } : removeStrayFile(path, planned);
      if (!this.#note(planned.path, deletion)) continue;
      this.#files++;
      this.#emptied.add(dirname(path));
      await this.#yieldToEventLoop();
    }
  }

  removeEmptyFolders(): void {
    const { layout, emptyFolders } = this.#snapshot;
    removeEmptyFolders([...emptyFolders, ...this.#emptied], treesOf(layout));
  }

  result(): SweepResult {
    return {
      freed: this.#freed,
      entries: this.#removed,
      files: this.#files,
      entriesLeft: this.#snapshot.entries.length - this.#removed.length,
      bytesLeft: this.#snapshot.size - this.#freed,
      typesLeft: this.#typesLeft(),
      skipped: this.#skipped,
    };
  }

  /** @returns true if the content was removed */
  #removeContent(planned: PlannedFile): boolean {
    const id = this.#ids.get(this.#path(planned.path));
    if (id === undefined) return false;
    const content = this.#snapshot.contents[id]!;
    const reason = this.#counts.reasonToKeep(id) ?? this.#reasonForSpin(id) ??
      this.#reasonForAge(planned);
    const deletion = reason ? { skipped: reason } : removeContent(content, planned);
    if (!this.#note(planned.path, deletion)) return false;
    this.#removedContent.add(id);
    this.#files++;
    return true;
  }

  #isArchive({ path }: PlannedFile): boolean {
    const id = this.#ids.get(this.#path(path));
    return id !== undefined && this.#snapshot.contents[id]!.filesPath !== undefined;
  }

  /** Spin takes an archive for unpacked, and writes no file of it that exists already: both would be lost for good. */
  #reasonForSpin(id: number): string | undefined {
    const archives = this.#snapshot.archivesOf.get(id) ?? [];
    if (!archives.every((archive) => this.#removedContent.has(archive))) {
      return "an archive that is kept contains it";
    }
    const isOrphan = this.#snapshot.referenceCounts[id] === 0;
    return isOrphan && this.#isUnpacking ? "Spin may be unpacking an archive" : undefined;
  }

  #reasonToKeep(entry: SnapshotEntry, planned: PlannedEntry): string | undefined {
    if (entry.type !== planned.type || entry.digest !== planned.digest) {
      return "changed since the plan was made";
    }
    if (entry.stamp !== planned.stamp) return "used since the plan was made";
    const ages = { ...this.#facts.ages, entry: this.#options.isLocked ? 0 : GRACE_AGE };
    const facts = { ...this.#facts, ages };
    const { pins } = this.#snapshot;
    return retentionReason(entry, facts, { pins, includePinned: planned.pinned })?.why;
  }

  /** Without a lock, another process may be about to publish what it wrote within the grace age. */
  #reasonForAge({ mtime }: PlannedFile): string | undefined {
    if (this.#options.isLocked || isOlder(mtime, GRACE_AGE, this.#facts.now)) return undefined;
    return "written within the last hour, and this file system has no locks";
  }

  #typesLeft(): SweepResult["typesLeft"] {
    const removed = new Set(this.#removed.map(({ path }) => this.#path(path)));
    const scopes = new Set(this.#removed.flatMap(({ scope }) => scope ?? []));
    return [...scopes].map((type) => {
      const left = this.#snapshot.entries.filter((entry) =>
        isInScope(entry.type, type) && !removed.has(entry.folder)
      );
      return { type, entries: left.length, bytes: new SharedSize(this.#snapshot, left).size };
    });
  }

  #path(planned: string): string {
    return join(this.#snapshot.layout.root, ...planned.split("/"));
  }

  /** Adds a deletion to the result. @returns true if something was removed */
  #note(name: string, deletion: Deletion): boolean {
    if (deletion.skipped !== undefined) {
      this.#skipped.push({ name, why: deletion.skipped });
      return false;
    }
    this.#freed += deletion.freed;
    return true;
  }

  async #yieldToEventLoop(): Promise<void> {
    if (++this.#deletions % DELETIONS_PER_YIELD === 0) await sleep(0, this.#options.signal);
  }
}

function isManifest({ path }: PlannedFile): boolean {
  return path.startsWith("manifests/");
}

/** Returns the folders that are kept even if they are empty. */
function treesOf(layout: Layout): ReadonlySet<string> {
  const { root, manifests, packages, builds, oldBuilds, compiled, partials } = layout;
  const blobs = [layout.tree("data"), layout.tree("wasm")];
  return new Set([root, manifests, packages, builds, oldBuilds, compiled, partials, ...blobs]);
}
