import type { InUse } from "./in_use.ts";
import type { CacheSnapshot, SnapshotEntry } from "../snapshot/types.ts";

/** How old things have to be, in milliseconds, before they may go. */
export interface MinimumAges {
  /** Since an entry was last used. */
  readonly entry: number;
  /** Since content was written that an entry reached which goes. */
  readonly content: number;
  /** Since content was written that no entry reaches, and since a file was that belongs to nothing. */
  readonly orphan: number;
  /** Since a download was broken off whose space is not needed. */
  readonly partial: number;
}

/** What a decision depends on beside the cache itself. */
export interface Facts {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly ages: MinimumAges;
  readonly inUse: InUse;
}

/** Why content stays that an entry reaches which stays. */
export const NEEDED_BY_KEPT_ENTRY = "an entry that stays needs it";

/**
 * Reckons what is freed as entries go: content is freed with the last entry that reaches it, unless it is young or
 * in use. Nothing on the disk changes.
 */
export class ReferenceCounts {
  readonly #snapshot: CacheSnapshot;
  readonly #facts: Facts;
  readonly #counts: Uint32Array;

  constructor(snapshot: CacheSnapshot, facts: Facts) {
    this.#snapshot = snapshot;
    this.#facts = facts;
    this.#counts = snapshot.referenceCounts.slice();
  }

  /** Takes an entry out. @returns the bytes that this frees */
  release(entry: SnapshotEntry): number {
    let bytes = entry.ownSize;
    for (const place of entry.references) {
      if (--this.#counts[place]! === 0 && this.#mayGo(place)) {
        bytes += this.#snapshot.contents[place]!.size;
      }
    }
    return bytes;
  }

  /** Puts an entry back that was taken out. */
  retain(entry: SnapshotEntry): void {
    for (const place of entry.references) this.#counts[place]!++;
  }

  /** Whether all that an entry reaches stays, also without it. */
  isSharedWithKept(entry: SnapshotEntry): boolean {
    return entry.references.every((place) => this.#counts[place]! > 0 || !this.#mayGo(place));
  }

  /** The places of the content that is to go: nothing that stays reaches it. */
  freed(): number[] {
    const places: number[] = [];
    for (let place = 0; place < this.#counts.length; place++) {
      if (this.#counts[place] === 0 && this.#mayGo(place)) places.push(place);
    }
    return places;
  }

  /** What still needs a piece of content, in words for a user. */
  reasonToKeep(place: number): string | undefined {
    if (this.#counts[place]! > 0) return NEEDED_BY_KEPT_ENTRY;
    return this.#facts.inUse.contentIds.has(place) ? "it is in use" : undefined;
  }

  /** Bytes of the content that nothing needs and that stays all the same. */
  retained(): { readonly inUse: number; readonly young: number } {
    const held = { inUse: 0, young: 0 };
    for (let place = 0; place < this.#counts.length; place++) {
      if (this.#counts[place]! > 0 || this.#mayGo(place)) continue;
      const bytes = this.#snapshot.contents[place]!.size;
      if (this.#facts.inUse.contentIds.has(place)) held.inUse += bytes;
      else held.young += bytes;
    }
    return held;
  }

  /** Whether content may go once no entry reaches it. */
  #mayGo(place: number): boolean {
    return !this.#facts.inUse.contentIds.has(place) &&
      isOldContent(this.#snapshot, place, this.#facts);
  }
}

/** Whether content is so old that it may go once no entry reaches it. */
function isOldContent(snapshot: CacheSnapshot, place: number, facts: Facts): boolean {
  if (isKnownOld(snapshot, place, facts)) return true;
  return isOlder(snapshot.contents[place]!.mtime, ageOf(snapshot, place, facts), facts.now);
}

/**
 * Whether that is known without a look at its files: of a cache that was not written to for a while they need not be
 * looked at one by one. A file that Spin writes for longer than that, where it is, would pass for old: that matters
 * only if no entry reaches it yet, and then it is looked at.
 */
function isKnownOld(snapshot: CacheSnapshot, place: number, facts: Facts): boolean {
  const age = ageOf(snapshot, place, facts);
  if (age === 0) return true;
  const { lastArrival } = snapshot.contents[place]!;
  return snapshot.referenceCounts[place]! > 0 && lastArrival !== undefined &&
    isOlder(lastArrival, age, facts.now);
}

function ageOf(
  { referenceCounts }: CacheSnapshot,
  place: number,
  { ages }: Facts,
): number {
  return referenceCounts[place] === 0 ? ages.orphan : ages.content;
}

/** Whether a time on the disk lies so far back. One in the future does not, unless no age is asked for. */
export function isOlder(time: number, age: number, now: number): boolean {
  return age === 0 || now - time >= age;
}
