import { LarderError } from "../../base/errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { artifactKind, type Manifest } from "../../oci/manifest.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";
import { selectImages, type Selection } from "../../pull/select_platforms.ts";
import { BlobStore } from "../../store/blobs/blob_store.ts";
import type { EntryRecord } from "../../store/entries/app_record.ts";
import { ImageParts } from "../../store/image_parts.ts";
import type { Layout } from "../../store/layout.ts";
import { ManifestStore } from "../../store/manifest_store.ts";
import type { EntryContent, StoredBlob } from "./entry_content.ts";
import { ANNOTATIONS, type RootDescriptor } from "../layout_format.ts";

/**
 * Returns what the cache has for a reference, in the form of an OCI image layout.
 *
 * The root is the manifest or index that the reference names. If the cache has only one platform of an index, the root
 * is the manifest of that platform, and the index is a blob that an annotation names: umoci, and `skopeo copy --all`,
 * fail if an index names a manifest that is missing.
 *
 * @throws LarderError LDR_NOT_CACHED if it is not in the cache, or something that it needs is missing
 */
export async function referenceContent(
  layout: Layout,
  reference: Reference,
): Promise<EntryContent> {
  const name = formatReference(reference);
  const manifests = new ManifestStore(layout);
  const record = await manifests.record(reference);
  const digest = reference.digest ?? record?.digest;
  const top = digest && await manifests.manifest(reference, digest);
  const load = (child: Digest) => manifests.manifest(reference, child);
  const selection = top && await selectImages(top, record ?? {}, name, load);
  if (!selection) throw notComplete(name, "its manifest");
  const blobs = new BlobStore(layout);
  const parts = new ImageParts(blobs, manifests, reference, record ?? {});
  const [missing] = await parts.missing(selection);
  if (missing) throw notComplete(name, missing.descriptor.digest);
  const stored = new Map<Digest, StoredBlob>();
  for (const part of selection.images.flatMap((image) => parts.parts(image))) {
    const { descriptor, skipped, lockedAppOf } = part;
    if (skipped) continue;
    const path = lockedAppOf ? parts.pathOf(part) : blobs.find(descriptor)!;
    stored.set(descriptor.digest, { descriptor, path });
  }
  const { chosen } = selection;
  const isContainer = artifactKind(chosen) === "image" &&
    chosen.layers.every(({ digest }) => stored.has(digest));
  return {
    name,
    root: rootOf(name, selection, record),
    documents: [...selection.indexes, ...selection.images],
    blobs: [...stored.values()],
    container: isContainer ? chosen : undefined,
  };
}

function rootOf(
  name: string,
  selection: Selection,
  record: EntryRecord | undefined,
): RootDescriptor {
  const { top, chosen, platform } = selection;
  const isWhole = isComplete(selection);
  const { mediaType, digest, bytes } = isWhole ? top : chosen;
  return {
    mediaType,
    digest,
    size: bytes.length,
    ...(!isWhole && platform && { platform }),
    annotations: {
      [ANNOTATIONS.refName]: name,
      [ANNOTATIONS.imageName]: name,
      ...(!isWhole && { [ANNOTATIONS.index]: top.digest }),
      ...(record && { [ANNOTATIONS.checkedAt]: record.checkedAt }),
    },
  };
}

/** True if the selection has every manifest that its indexes name. */
function isComplete({ images, indexes }: Selection): boolean {
  const known = new Set([...images, ...indexes].map(({ digest }: Manifest) => digest));
  return indexes.every((index) => index.manifests.every(({ digest }) => known.has(digest)));
}

function notComplete(name: string, what: string): LarderError {
  return new LarderError(
    "LDR_NOT_CACHED",
    `${name} is not complete in the cache: ${what} is missing`,
    {
      hint: `larder pull ${name} fetches what is missing`,
    },
  );
}
