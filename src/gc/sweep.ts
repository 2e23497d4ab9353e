import { type Content, type FileState, statFile } from "../snapshot/file_state.ts";
import { dirname, join } from "node:path";
import { sleep } from "../base/concurrency.ts";
import { GRACE_AGE } from "../base/limits.ts";
import { CONFIG_FILE, type Layout, MANIFEST_FILE, PIN_FILE, RECORD_FILE } from "../store/layout.ts";
import { type Facts, isOlder, ReferenceCounts } from "./reference_counts.ts";
import type { Plan, PlannedEntry, PlannedFile } from "./plan.ts";
import { isInScope, type LimitScope } from "./policy.ts";
import { retentionReason } from "./retention.ts";
import { SharedSize } from "./eviction_state.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";
import { hasCode, messageOf } from "../base/errors.ts";
import { removeIfAny, statIfAny } from "../base/files.ts";

/** So many deletions are made before a sweep looks whether it was interrupted. */
const SWEEP_CHUNK = 256;

/** What a sweep has done. */
export interface SweepResult {
  /** Bytes. */
  readonly freed: number;
  /** The entries that are gone, as they were planned. */
  readonly entries: readonly PlannedEntry[];
  /** How many pieces of content, and files that belonged to nothing, are gone. */
  readonly files: number;
  /** How many entries, and how many bytes of the cache, are left. */
  readonly entriesLeft: number;
  readonly bytesLeft: number;
  /** The same of the scopes whose own limits took something. */
  readonly typesLeft: readonly {
    readonly type: LimitScope;
    readonly entries: number;
    readonly bytes: number;
  }[];
  /** What was planned and stays; what was gone already is not among it. */
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
}

export interface SweepOptions {
  /** Whether everybody else is kept out; if not, nothing young is touched. */
  readonly isLocked: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Carries a plan out, as far as it still holds: what has been used, pinned, taken into use or written since stays,
 * and so does all content that something reaches by now.
 *
 * Roots go before leaves, so a sweep that is killed leaves content that nothing reaches, and never an entry without
 * its content.
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
  await run.entries();
  await run.contents();
  await run.loose();
  run.tidy();
  return run.result();
}

class Sweep {
  readonly #snapshot: CacheSnapshot;
  readonly #plan: Plan;
  readonly #facts: Facts;
  readonly #options: SweepOptions;
  readonly #counts: ReferenceCounts;
  readonly #removed: PlannedEntry[] = [];
  readonly #skipped: { name: string; why: string }[] = [];
  readonly #emptied = new Set<string>();
  #freed = 0;
  #files = 0;
  #steps = 0;

  constructor(snapshot: CacheSnapshot, plan: Plan, facts: Facts, options: SweepOptions) {
    this.#snapshot = snapshot;
    this.#plan = plan;
    this.#facts = facts;
    this.#options = options;
    this.#counts = new ReferenceCounts(snapshot, facts);
  }

  async entries(): Promise<void> {
    const entries = new Map(this.#snapshot.entries.map((entry) => [entry.folder, entry]));
    for (const planned of this.#plan.remove.entries) {
      const entry = entries.get(this.#path(planned.path));
      if (!entry) continue;
      const changed = this.#changeOf(entry, planned);
      const outcome = changed ? { skipped: changed } : removeEntry(entry);
      if (!this.#note(planned.name, outcome)) continue;
      this.#counts.release(entry);
      this.#removed.push(planned);
      this.#emptied.add(entry.folder);
      await this.#breathe();
    }
  }

  async contents(): Promise<void> {
    const places = new Map(this.#snapshot.contents.map(({ path }, place) => [path, place]));
    for (const planned of this.#manifestsFirst()) {
      const path = this.#path(planned.path);
      const place = places.get(path);
      if (place === undefined) continue;
      const content = this.#snapshot.contents[place]!;
      const reason = this.#counts.needs(place) ?? this.#youth(planned);
      const outcome = reason ? { skipped: reason } : removeContent(content, planned);
      if (!this.#note(planned.path, outcome)) continue;
      this.#files++;
      if (content.tree === "manifests") this.#emptied.add(path);
      await this.#breathe();
    }
  }

  async loose(): Promise<void> {
    const { partials, rubbish } = this.#snapshot;
    const known = new Set([...partials, ...rubbish].map(({ path }) => path));
    for (const planned of [...this.#plan.remove.partials, ...this.#plan.remove.rubbish]) {
      const path = this.#path(planned.path);
      if (!known.has(path)) continue;
      const young = this.#youth(planned);
      const outcome = young ? { skipped: young } : removeLoose(path, planned);
      if (!this.#note(planned.path, outcome)) continue;
      this.#files++;
      this.#emptied.add(dirname(path));
      await this.#breathe();
    }
  }

  tidy(): void {
    const { layout, emptyFolders } = this.#snapshot;
    removeEmptyFolders([...emptyFolders, ...this.#emptied], rootsOf(layout));
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

  #typesLeft(): SweepResult["typesLeft"] {
    const gone = new Set(this.#removed.map(({ path }) => this.#path(path)));
    const types = new Set(this.#removed.flatMap(({ scope }) => scope ?? []));
    return [...types].map((type) => {
      const left = this.#snapshot.entries.filter((entry) =>
        isInScope(entry.type, type) && !gone.has(entry.folder)
      );
      return { type, entries: left.length, bytes: new SharedSize(this.#snapshot, left).size };
    });
  }

  #changeOf(entry: SnapshotEntry, planned: PlannedEntry): string | undefined {
    if (entry.type !== planned.type || entry.digest !== planned.digest) return "it changed since";
    if (entry.stamp !== planned.stamp) return "it was used since";
    const ages = { ...this.#facts.ages, entry: this.#options.isLocked ? 0 : GRACE_AGE };
    const facts = { ...this.#facts, ages };
    return retentionReason(entry, facts, { includePinned: planned.pinned })?.why;
  }

  /** Where nobody could be kept out, somebody may be about to publish what was written just now. */
  #youth({ mtime }: PlannedFile): string | undefined {
    if (this.#options.isLocked || isOlder(mtime, GRACE_AGE, this.#facts.now)) return undefined;
    return "it is young, and this file system has no locks";
  }

  /** Roots before leaves. */
  #manifestsFirst(): PlannedFile[] {
    const isManifest = ({ path }: PlannedFile) => path.startsWith("manifests/") ? 0 : 1;
    return this.#plan.remove.contents.toSorted((a, b) => isManifest(a) - isManifest(b));
  }

  #path(planned: string): string {
    return join(this.#snapshot.layout.root, ...planned.split("/"));
  }

  /** @returns whether it is gone */
  #note(name: string, outcome: Outcome): boolean {
    if (outcome.skipped !== undefined) {
      this.#skipped.push({ name, why: outcome.skipped });
      return false;
    }
    this.#freed += outcome.freed;
    return true;
  }

  async #breathe(): Promise<void> {
    if (++this.#steps % SWEEP_CHUNK === 0) await sleep(0, this.#options.signal);
  }
}

/** The folders that stay even if they are empty. */
function rootsOf(layout: Layout): ReadonlySet<string> {
  const { root, manifests, packages, builds, oldBuilds, compiled, partials } = layout;
  const trees = [layout.tree("data"), layout.tree("wasm")];
  return new Set([root, manifests, packages, builds, oldBuilds, compiled, partials, ...trees]);
}

/** What became of something that was to be deleted: the bytes that are free now, or why it stays. */
export type Outcome =
  | { readonly freed: number; readonly skipped?: undefined }
  | { readonly skipped: string };

/** Roots before leaves: without its record nothing is taken for larder's entry, without its manifest for anybody's. */
const ORDER = [PIN_FILE, RECORD_FILE, MANIFEST_FILE, CONFIG_FILE];

/**
 * Deletes an entry's own files, unless it was used since it was surveyed.
 * @throws LarderError LDR_READ_ONLY
 */
export function removeEntry(entry: SnapshotEntry): Outcome {
  const { folder, stamp, stampFile, ownFiles } = entry;
  const used = statIfAny(join(folder, stampFile))?.mtime?.getTime() ?? 0;
  if (used !== stamp) return { skipped: "it was used since" };
  const paths = ORDER.filter((name) => ownFiles.includes(name)).map((name) => join(folder, name));
  // A survey believes what a manifest says of its config.
  const size = paths.reduce((sum, path) => sum + (statIfAny(path)?.size ?? 0), 0);
  return removeFiles(paths, size);
}

/**
 * Deletes content, unless it is not any more as it was planned.
 * @throws LarderError LDR_READ_ONLY
 */
export function removeContent(content: Content, planned: PlannedFile): Outcome {
  if (!isAsPlanned(content.look(), planned)) return { skipped: "it was written since" };
  const names = content.tree === "manifests" ? [MANIFEST_FILE, CONFIG_FILE] : [""];
  return removeFiles(names.map((name) => join(content.path, name)), planned.size);
}

/**
 * Deletes a file that belongs to nothing, unless it is not any more as it was planned.
 * @throws LarderError LDR_READ_ONLY
 */
export function removeLoose(path: string, planned: PlannedFile): Outcome {
  if (!isAsPlanned(statFile(path), planned)) return { skipped: "it was written since" };
  return removeFiles([path], planned.size);
}

/**
 * Removes folders that have nothing in them, and their parents.
 * @param roots the folders that stay, and above which nothing is looked at
 */
export function removeEmptyFolders(folders: Iterable<string>, roots: ReadonlySet<string>): void {
  for (const folder of folders) {
    for (let path = folder; isBelow(path, roots) && removeFolder(path);) path = dirname(path);
  }
}

function isBelow(path: string, roots: ReadonlySet<string>): boolean {
  return !roots.has(path) && path !== dirname(path);
}

function removeFolder(path: string): boolean {
  try {
    Deno.removeSync(path);
    return true;
  } catch {
    return false; // It has something in it, or is gone with its parent.
  }
}

function isAsPlanned(state: FileState | undefined, planned: PlannedFile): boolean {
  return state !== undefined && state.size === planned.size && state.mtime === planned.mtime;
}

/**
 * Files that cannot be deleted, as those that a program has open on Windows, stay, and hinder nothing else.
 * @param size of all of them, which was looked at just before
 */
function removeFiles(paths: readonly string[], size: number): Outcome {
  try {
    for (const path of paths) removeIfAny(path);
    return { freed: size };
  } catch (error) {
    if (hasCode(error, "LDR_READ_ONLY")) throw error;
    return { skipped: messageOf(error) };
  }
}
