import { dirname } from "node:path";
import { sleep } from "../../base/concurrency.ts";
import { GRACE_AGE } from "../../base/limits.ts";
import type { CacheSnapshot } from "../../snapshot/types.ts";
import type { Layout } from "../../store/layout.ts";
import { pathOf, reasonForAge, reasonToKeepEntry } from "./current_plan.ts";
import {
  type Deletion,
  removeContent,
  removeEmptyFolders,
  removeEntry,
  removeStrayFile,
} from "./deletion.ts";
import type { Plan, PlannedEntry, PlannedFile } from "../plan.ts";
import { isInScope, type LimitScope } from "../policy.ts";
import { type Facts, isUnpacking, ReferenceCounts, SharedSize } from "../reference_counts.ts";

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
  /** The error that ended it before it had tried everything, such as LDR_INTERRUPTED. */
  readonly failure?: unknown;
}

export interface SweepOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of entries and files that were tried, and of all in the plan. */
  readonly swept?: ((done: number, total: number) => void) | undefined;
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
 * An interrupt or error ends it early, and is part of the result: what was removed until then is removed.
 *
 * @param snapshot of the cache as it is now
 */
export async function sweep(
  snapshot: CacheSnapshot,
  plan: Plan,
  facts: Facts,
  options: SweepOptions,
): Promise<SweepResult> {
  const run = new Sweep(snapshot, plan, facts, options);
  let failure: unknown;
  try {
    await run.removeEntries();
    await run.removeManifests();
    await run.removeBlobs();
    await run.removeStrayFiles();
  } catch (error) {
    failure = error;
  }
  run.removeEmptyFolders();
  return { ...run.result(), ...(failure !== undefined && { failure }) };
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
  /** The number of entries and files that were tried, and of all in the plan. */
  #done = 0;
  readonly #total: number;

  constructor(snapshot: CacheSnapshot, plan: Plan, facts: Facts, options: SweepOptions) {
    this.#snapshot = snapshot;
    this.#plan = plan;
    this.#facts = facts;
    this.#options = options;
    this.#counts = new ReferenceCounts(snapshot, facts);
    this.#ids = new Map(snapshot.contents.map(({ path }, id) => [path, id]));
    this.#total = Object.values(plan.remove).reduce((sum, { length }) => sum + length, 0);
  }

  async removeEntries(): Promise<void> {
    const entries = new Map(this.#snapshot.entries.map((entry) => [entry.folder, entry]));
    for (const planned of this.#plan.remove.entries) {
      await this.#step();
      const entry = entries.get(this.#path(planned.path));
      if (!entry) continue;
      const reason = reasonToKeepEntry(entry, planned, this.#facts, this.#snapshot.pins);
      if (!this.#note(planned.name, reason ? { skipped: reason } : removeEntry(entry))) continue;
      this.#counts.release(entry);
      this.#removed.push(planned);
      this.#emptied.add(entry.folder);
    }
    const kept = this.#snapshot.entries.filter(({ folder }) => !this.#emptied.has(folder));
    const ages = { ...this.#facts.ages, orphan: GRACE_AGE };
    this.#isUnpacking = isUnpacking(kept, { ...this.#facts, ages });
  }

  async removeManifests(): Promise<void> {
    for (const planned of this.#plan.remove.contents.filter(isManifest)) {
      await this.#step();
      if (this.#removeContent(planned)) this.#emptied.add(this.#path(planned.path));
    }
  }

  async removeBlobs(): Promise<void> {
    const blobs = this.#plan.remove.contents.filter((each) => !isManifest(each));
    const archives = new Set(blobs.filter((each) => this.#isArchive(each)));
    for (const planned of [...archives, ...blobs.filter((each) => !archives.has(each))]) {
      await this.#step();
      this.#removeContent(planned);
    }
  }

  async removeStrayFiles(): Promise<void> {
    const { partials, rubbish } = this.#snapshot;
    const present = new Set([...partials, ...rubbish].map(({ path }) => path));
    for (const planned of [...this.#plan.remove.partials, ...this.#plan.remove.rubbish]) {
      await this.#step();
      const path = this.#path(planned.path);
      if (!present.has(path)) continue;
      const reason = reasonForAge(planned, this.#facts);
      const deletion = reason ? { skipped: reason } : removeStrayFile(path, planned);
      if (!this.#note(planned.path, deletion)) continue;
      this.#files++;
      this.#emptied.add(dirname(path));
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
      reasonForAge(planned, this.#facts);
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
    return pathOf(this.#snapshot.layout.root, planned);
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

  /** Precedes each deletion. @throws LarderError LDR_INTERRUPTED */
  async #step(): Promise<void> {
    if (this.#done % DELETIONS_PER_YIELD === 0) await sleep(0, this.#options.signal);
    this.#options.swept?.(this.#done++, this.#total);
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
