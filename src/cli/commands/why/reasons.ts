import type { Disk } from "../../../base/files/disk.ts";
import { GRACE_AGE } from "../../../base/limits.ts";
import { type EntryForecast, EvictionForecast } from "../../../gc/forecast.ts";
import { type InUse, inUse } from "../../../gc/in_use.ts";
import type { GcPolicy } from "../../../gc/policy.ts";
import { type PathStep, tracePath } from "../../../gc/trace.ts";
import type { Digest } from "../../../oci/digest.ts";
import type { Content } from "../../../snapshot/file_state.ts";
import type { CacheSnapshot, SnapshotEntry } from "../../../snapshot/types.ts";
import type { Pin } from "../../../store/entries/pin_file.ts";
import type { LeaseContent } from "../../../store/locks/lease_format.ts";

/** What keeps an entry, and until when. */
export interface EntryReasons {
  readonly entry: SnapshotEntry;
  readonly pin: Pin | undefined;
  /** The process that uses it, as text. */
  readonly usedBy: string | undefined;
  /** What gc does with it now and later. */
  readonly gc: EntryForecast;
}

/** What keeps a manifest or blob. */
export interface ContentReasons {
  readonly digest: Digest;
  readonly contents: readonly Content[];
  /** The entries that need it, pinned and used ones first, each with the path that leads from it to the content. */
  readonly neededBy: readonly (EntryReasons & { readonly chain: readonly PathStep[] })[];
  /** True if the lease of a running process names it. */
  readonly isInUse: boolean;
  /** True if what cannot be read may need it. */
  readonly isUncertain: boolean;
  /** Milliseconds since the epoch when gc can remove it, if nothing needs it but it is too young now. */
  readonly removableAt: number | undefined;
}

/** Finds what keeps the entries and the content of a cache. */
export class Reasons {
  readonly #snapshot: CacheSnapshot;
  readonly #forecast: EvictionForecast;
  readonly #inUse: InUse;

  constructor(
    snapshot: CacheSnapshot,
    policy: GcPolicy,
    disk: Disk | undefined,
    leases: readonly LeaseContent[],
  ) {
    this.#snapshot = snapshot;
    this.#forecast = new EvictionForecast(snapshot, policy, { disk, leases });
    this.#inUse = inUse(snapshot, leases);
  }

  ofEntry(entry: SnapshotEntry): EntryReasons {
    const usedBy = this.#inUse.folders.get(entry.folder);
    return { entry, pin: entry.pin, usedBy, gc: this.#forecast.of(entry) };
  }

  ofContent(digest: Digest, contents: readonly Content[]): ContentReasons {
    const indices = new Set(contents.map((content) => this.#snapshot.contents.indexOf(content)));
    const neededBy = this.#snapshot.entries
      .filter(({ references }) => references.some((index) => indices.has(index)))
      .map((entry) => ({
        ...this.ofEntry(entry),
        chain: tracePath(this.#snapshot, entry, digest) ?? [],
      }))
      .sort((a, b) => Number(isHeld(b)) - Number(isHeld(a)));
    const isInUse = [...indices].some((index) => this.#inUse.contentIds.has(index));
    const removableAt = Math.max(...contents.map((each) => each.state().mtime)) + GRACE_AGE;
    const isUncertain = this.#snapshot.hasUnknownReferences;
    const isYoung = neededBy.length === 0 && !isInUse && !isUncertain &&
      removableAt > this.#snapshot.takenAt;
    const own = { digest, contents, neededBy, isInUse, isUncertain };
    return { ...own, removableAt: isYoung ? removableAt : undefined };
  }
}

function isHeld({ pin, usedBy }: EntryReasons): boolean {
  return pin !== undefined || usedBy !== undefined;
}
