import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { takeSnapshot } from "../../../src/snapshot/snapshot.ts";
import type { CacheSnapshot, SnapshotEntry } from "../../../src/snapshot/types.ts";
import { Layout } from "../../../src/store/layout.ts";
import { type Artifact, MEDIA_TYPES } from "./artifacts.ts";
import { relativePathOf, TestCache } from "./test_cache.ts";

/** Takes a snapshot of a cache at its own time. */
export async function snapshotOf(cache: TestCache): Promise<CacheSnapshot> {
  return await takeSnapshot(new Layout(cache.registry), cache.now);
}

/** Returns the only entry. */
export function only(snapshot: CacheSnapshot): SnapshotEntry {
  assert.deepEqual(snapshot.entries.map(({ name }) => name).length, 1);
  return snapshot.entries[0]!;
}

/** Returns the content that an entry references, as sorted paths relative to the registry. */
export function referenced(snapshot: CacheSnapshot, entry: SnapshotEntry): string[] {
  return entry.references.map((place) =>
    relative(snapshot.layout.root, snapshot.contents[place]!.path)
  )
    .sort();
}

/** Returns the paths of an artifact's manifests and blobs, of all platforms. */
export function contentOf(repository: string, artifact: Artifact): string[] {
  return [
    join("manifests", repository, artifact.descriptor.digest),
    ...artifact.blobs
      .filter((b) => b.descriptor.mediaType !== MEDIA_TYPES.spinApplication)
      .map(relativePathOf),
    ...artifact.children.flatMap((child) => contentOf(repository, child)),
  ].sort();
}
