import type { Content } from "../../../snapshot/file_state.ts";
import type { Disk } from "../../../base/disk.ts";
import { type PathStep, tracePath } from "../../../gc/trace.ts";
import { type InUse, inUse } from "../../../gc/in_use.ts";
import type { GcPolicy } from "../../../gc/policy.ts";
import { EvictionForecast, type Fate } from "../../../gc/forecast.ts";
import type { CacheSnapshot, SnapshotEntry } from "../../../snapshot/types.ts";
import type { Digest } from "../../../oci/digest.ts";
import { liveLeases } from "../../../store/locks/leases.ts";
import type { Pin } from "../../../store/entries/pins.ts";

/** What keeps an entry, and for how long. */
export interface EntryReasons {
  readonly entry: SnapshotEntry;
  readonly pin: Pin | undefined;
  /** Who uses it, in words for a user. */
  readonly user: string | undefined;
  readonly fate: Fate;
}

/** Who needs content, and how each leads to it: first those that are held, whatever the limits. */
export interface ContentReasons {
  readonly digest: Digest;
  readonly contents: readonly Content[];
  readonly needed: readonly (EntryReasons & { readonly chain: readonly PathStep[] })[];
  /** Whether a running process holds it, whoever needs it. */
  readonly isInUse: boolean;
}

/** Finds out what keeps the entries and the content of a cache. */
export class Reasons {
  readonly #cache: CacheSnapshot;
  readonly #fates: EvictionForecast;
  readonly #inUse: InUse;

  /** @throws LarderError LDR_DISK*, LDR_BUSY */
  constructor(snapshot: CacheSnapshot, policy: GcPolicy, disk: Disk | undefined) {
    this.#cache = snapshot;
    this.#fates = new EvictionForecast(snapshot, policy, disk);
    this.#inUse = inUse(
      snapshot,
      liveLeases(snapshot.layout, snapshot.takenAt, { readOnly: true }),
    );
  }

  ofEntry(entry: SnapshotEntry): EntryReasons {
    const user = this.#inUse.folders.get(entry.folder);
    return { entry, pin: entry.pin, user, fate: this.#fates.of(entry) };
  }

  ofContent(digest: Digest, contents: readonly Content[]): ContentReasons {
    const places = new Set(contents.map((content) => this.#cache.contents.indexOf(content)));
    const needing = this.#cache.entries.filter(({ references }) =>
      references.some((place) => places.has(place))
    );
    const needed = needing.map((entry) => ({
      ...this.ofEntry(entry),
      chain: tracePath(this.#cache, entry, digest) ?? [],
    }));
    const isHeld = ({ pin, user }: EntryReasons) => pin || user !== undefined ? 0 : 1;
    return {
      digest,
      contents,
      needed: needed.sort((a, b) => isHeld(a) - isHeld(b)),
      isInUse: [...places].some((place) => this.#inUse.places.has(place)),
    };
  }
}
