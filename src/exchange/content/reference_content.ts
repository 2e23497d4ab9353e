import { LarderError } from "../../base/errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { artifactKind, type Manifest } from "../../oci/manifest.ts";
import { DOCKER_MANIFEST_LIST } from "../../oci/media_types.ts";
import { formatReference, isLocal, type Reference } from "../../oci/reference.ts";
import { type ManifestTree, selectTree } from "../../pull/select_platforms.ts";
import { BlobStore } from "../../store/blobs/blob_store.ts";
import type { EntryRecord } from "../../store/entries/app_record.ts";
import { ImageParts } from "../../store/image_parts.ts";
import type { Layout } from "../../store/layout.ts";
import { ManifestStore } from "../../store/manifest_store.ts";
import type { EntryContent, StoredBlob } from "./entry_content.ts";
import { ANNOTATIONS, type RootDescriptor } from "../layout_format.ts";
import { type OciForm, ociForm } from "./oci_form.ts";

/**
 * Returns what the cache has for a reference, in the form of an OCI image layout.
 *
 * The root is the manifest or index that the reference names, unless other programs could not use it; an annotation
 * then names the original, which is in the layout too:
 * - Of an index of which the cache has only one platform, the root is the manifest of that platform: umoci, and
 *   `skopeo copy --all`, fail if an index names a manifest that is missing.
 * - Of a manifest of Docker's type, it is the OCI form. Of an index of Docker's type, it is that of the chosen platform.
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
  // No registry has the other platforms of what was pushed, and an empty index has none.
  const isAll = record?.pushed || (top?.kind === "index" && top.manifests.length === 0);
  const choice = isAll ? { allPlatforms: true } : record ?? {};
  const selection = top && await selectTree(top, choice, name, load);
  if (!selection) throw notComplete(reference, "its manifest");
  const blobs = new BlobStore(layout);
  const parts = new ImageParts(blobs, manifests, reference, record ?? {});
  const [missing] = await parts.missing(selection);
  if (missing) throw notComplete(reference, missing.descriptor.digest);
  const stored = new Map<Digest, StoredBlob>();
  for (const part of selection.images.flatMap((image) => parts.parts(image))) {
    const { descriptor, skipped, lockedAppOf } = part;
    // A client pushes foreign layers only if they are to be kept.
    if (skipped && !(record?.pushed && blobs.find(descriptor))) continue;
    const path = lockedAppOf ? parts.pathOf(part) : blobs.find(descriptor)!;
    stored.set(descriptor.digest, { descriptor, path });
  }
  const { chosen } = selection;
  const isContainer = chosen && artifactKind(chosen) === "image" &&
    chosen.layers.every(({ digest }) => stored.has(digest));
  const root = rootOf(selection);
  const form = root.kind === "image" ? ociForm(root) : undefined;
  return {
    name,
    root: describe(root, form, selection, name, record),
    documents: [...selection.indexes, ...selection.images, ...(form ? [form] : [])],
    blobs: [...stored.values()],
    container: isContainer ? chosen : undefined,
  };
}

/** Returns the manifest or index that other programs read under the name of the reference. */
function rootOf(tree: ManifestTree): Manifest {
  const { top, chosen } = tree;
  if (!chosen) return top;
  return top.mediaType !== DOCKER_MANIFEST_LIST && isComplete(tree) ? top : chosen;
}

/** True if the tree has every manifest that its indexes name. */
function isComplete({ images, indexes }: ManifestTree): boolean {
  const known = new Set([...images, ...indexes].map(({ digest }: Manifest) => digest));
  return indexes.every((index) => index.manifests.every(({ digest }) => known.has(digest)));
}

function describe(
  root: Manifest,
  form: OciForm | undefined,
  { top, platform }: ManifestTree,
  name: string,
  record: EntryRecord | undefined,
): RootDescriptor {
  const { mediaType, digest, bytes } = form ?? root;
  const isTop = root === top;
  return {
    mediaType,
    digest,
    size: bytes.length,
    ...(!isTop && platform && { platform }),
    annotations: {
      [ANNOTATIONS.refName]: name,
      [ANNOTATIONS.imageName]: name,
      ...(!isTop && { [ANNOTATIONS.index]: top.digest }),
      ...(form && { [ANNOTATIONS.original]: root.digest }),
      ...(record && { [ANNOTATIONS.checkedAt]: record.checkedAt }),
    },
  };
}

function notComplete(reference: Reference, what: string): LarderError {
  const name = formatReference(reference);
  const hint = isLocal(reference)
    ? `no registry has it: remove it with larder clean ${name} and push it again`
    : `larder pull ${name} fetches what is missing`;
  const message = `${name} is not complete in the cache: ${what} is missing or damaged`;
  return new LarderError("LDR_NOT_CACHED", message, { hint });
}
