import type { Digest } from "../../oci/digest.ts";
import type { EntryContent, StoredBlob } from "../content/entry_content.ts";
import {
  ANNOTATIONS,
  blobName,
  formatIndex,
  INDEX_FILE,
  LAYOUT_FILE,
  LAYOUT_VERSION,
} from "../layout_format.ts";

/** The files of a layout, by name. */
export interface LayoutFiles {
  /** Written from memory: `oci-layout` first, `index.json`, then what it leads to. */
  readonly documents: Map<string, Uint8Array>;
  /** Copied from the cache. */
  readonly blobs: ReadonlyMap<string, StoredBlob>;
  /** Blobs that the earlier bundle has. */
  readonly leftOut: readonly StoredBlob[];
}

const encoder = new TextEncoder();

/**
 * Returns the list of images that `docker load` reads, beside `index.json`, unless Docker keeps images in containerd;
 * undefined if there are none. Source: Docker image specification v1.2.
 */
export function dockerManifest(contents: readonly EntryContent[]): Uint8Array | undefined {
  const images = contents.flatMap(({ name, container }) =>
    container
      ? [{
        Config: blobName(container.config.digest),
        RepoTags: name.includes("@") ? [] : [name],
        Layers: container.layers.map(({ digest }) => blobName(digest)),
      }]
      : []
  );
  return images.length > 0 ? encoder.encode(JSON.stringify(images)) : undefined;
}

/**
 * Returns the files of a layout with these entries. Manifests come before blobs, so that a reader of an archive knows
 * which blobs it needs.
 *
 * @param isLeftOut true for a blob that the reader has already
 */
export function layoutFiles(
  contents: readonly EntryContent[],
  isLeftOut?: (digest: Digest) => boolean,
): LayoutFiles {
  const documents = new Map<string, Uint8Array>();
  const blobs = new Map<string, StoredBlob>();
  const leftOut = new Map<Digest, StoredBlob>();
  const annotations = isLeftOut && { [ANNOTATIONS.isPartial]: "true" };
  documents.set(LAYOUT_FILE, encoder.encode(LAYOUT_VERSION));
  const roots = contents.map(({ root }) => root);
  documents.set(INDEX_FILE, encoder.encode(formatIndex(roots, annotations)));
  for (const content of contents) {
    for (const { digest, bytes } of content.documents) documents.set(blobName(digest), bytes);
    for (const blob of content.blobs) {
      const { digest } = blob.descriptor;
      if (isLeftOut?.(digest)) leftOut.set(digest, blob);
      else blobs.set(blobName(digest), blob);
    }
  }
  return { documents, blobs, leftOut: [...leftOut.values()] };
}
