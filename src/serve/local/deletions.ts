import type { Clock } from "../../base/concurrency.ts";
import { readFolder, statIfAny } from "../../base/files/files.ts";
import type { Digest } from "../../oci/digest.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";
import { matchingPin, readPin, readPinPatterns } from "../../store/entries/pin_file.ts";
import { removeEntry } from "../../store/entries/remove_entry.ts";
import { type DeletionEvent, Journal } from "../../store/journal/journal.ts";
import type { Layout } from "../../store/layout.ts";
import { withSharedLock } from "../../store/locks/store_lock.ts";
import { type ManifestStore, readEntryRecord } from "../../store/manifest_store.ts";
import { ApiError } from "../errors.ts";
import type { RepositoryIndexes } from "../manifests/repository_index.ts";
import type { PushedBlobs } from "../pushed_blobs.ts";
import { withRepositoryLock } from "./repository_lock.ts";

export interface DeletionDependencies {
  readonly layout: Layout;
  readonly store: ManifestStore;
  readonly indexes: RepositoryIndexes;
  readonly pushed: PushedBlobs;
  readonly clock: Clock;
}

/** Deletes what was pushed (distribution-spec, "Content Management"). Blobs stay in the cache until gc removes them. */
export class Deletions {
  readonly #deps: DeletionDependencies;

  constructor(deps: DeletionDependencies) {
    this.#deps = deps;
  }

  /** Deletes a tag; its manifest stays until gc. @throws ApiError, and LarderError LDR_DISK*, LDR_BUSY */
  async deleteTag(reference: Reference): Promise<void> {
    const isDeleted = await this.#change(reference, () => this.#removeEntries([reference]));
    if (!isDeleted) throw unknown(reference);
  }

  /** Deletes a manifest, and the tags that have it, unless the index of an entry refers to it. @throws ApiError, and LarderError LDR_DISK*, LDR_BUSY */
  async deleteManifest(repository: Reference, digest: Digest): Promise<void> {
    const own = { ...repository, digest };
    const isDeleted = await this.#change(repository, async () => {
      await this.#refuseIfNeeded(repository, digest);
      const tags = this.tags(repository).filter((tag) => {
        const folder = this.#deps.layout.tagFolder(repository, tag);
        return readEntryRecord(folder)?.digest === digest;
      });
      return await this.#removeEntries([...tags.map((tag) => ({ ...repository, tag })), own]);
    });
    if (!isDeleted) throw unknown(own);
  }

  /** An index whose entry lost a manifest could not be pulled any more. @throws ApiError */
  async #refuseIfNeeded(repository: Reference, digest: Digest): Promise<void> {
    const { indexes, store } = this.#deps;
    indexes.forget(repository);
    for (const entry of await indexes.of(repository).entriesOf(digest)) {
      const record = readEntryRecord(store.folder(entry));
      if (!record || record.digest === digest) continue;
      const message = `${formatReference(entry)} refers to ${digest}: delete that first`;
      throw new ApiError(405, "DENIED", message);
    }
  }

  /** Takes a blob out of a repository, unless a manifest there refers to it. @throws ApiError */
  async deleteBlob(repository: Reference, digest: Digest): Promise<void> {
    const { indexes, pushed } = this.#deps;
    indexes.forget(repository);
    if (await indexes.of(repository).part(digest)) {
      const message = `a manifest of the repository refers to ${digest}: delete that first`;
      throw new ApiError(405, "DENIED", message);
    }
    if (!pushed.remove(repository, digest)) {
      throw new ApiError(404, "BLOB_UNKNOWN", `${digest} was not pushed to this repository`);
    }
  }

  /** Returns the tags of a repository, sorted. */
  tags(repository: Reference): string[] {
    const { layout, store } = this.#deps;
    return readFolder(layout.repositoryFolder(repository))
      .filter(({ name, isDirectory }) => isDirectory && !layout.digestOfName(name))
      .map(({ name }) => layout.partOfName(name))
      .filter((tag) => store.hasRecord({ ...repository, tag }))
      .sort();
  }

  async #change(repository: Reference, change: () => Promise<boolean>): Promise<boolean> {
    const { layout } = this.#deps;
    if (!statIfAny(layout.repositoryFolder(repository))) return false;
    try {
      return await withSharedLock(layout, () => withRepositoryLock(layout, repository, change));
    } finally {
      this.#deps.indexes.forget(repository);
    }
  }

  /** Removes entries, roots before leaves. @returns true if the last one was there */
  async #removeEntries(references: readonly Reference[]): Promise<boolean> {
    const { layout, store, clock } = this.#deps;
    const at = new Date(clock.now()).toISOString();
    const { patterns } = readPinPatterns(layout.pins);
    for (const reference of references) {
      const name = formatReference(reference);
      if (!readPin(store.folder(reference)) && !matchingPin(patterns, name)) continue;
      throw new ApiError(403, "DENIED", `${name} is pinned`);
    }
    const events: DeletionEvent[] = [];
    let isLastRemoved = false;
    for (const reference of references) {
      const folder = store.folder(reference);
      const digest = readEntryRecord(folder)?.digest;
      isLastRemoved = await removeEntry(folder);
      if (digest) events.push({ kind: "deletion", at, name: formatReference(reference), digest });
    }
    new Journal(layout).append(events);
    return isLastRemoved;
  }
}

function unknown(reference: Reference): ApiError {
  return new ApiError(404, "MANIFEST_UNKNOWN", `${formatReference(reference)} was not pushed`);
}
