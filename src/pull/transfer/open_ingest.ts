import { SPIN_ARCHIVE } from "../../oci/media_types.ts";
import type { Reference } from "../../oci/reference.ts";
import type { BlobStore } from "../../store/blobs/blob_store.ts";
import type { Ingest, IngestOptions } from "../../store/blobs/ingest.ts";
import type { Part } from "../../store/image_parts.ts";
import type { ManifestStore } from "../../store/manifest_store.ts";

/** The stores, and the reference whose part is written. */
export interface PartPlace {
  readonly blobs: BlobStore;
  readonly manifests: ManifestStore;
  readonly reference: Reference;
}

/**
 * Opens the place of a part in the store. An archive gets its name there only when it is unpacked.
 *
 * @returns undefined if it is present
 * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
 */
export function openIngest(
  { blobs, manifests, reference }: PartPlace,
  { descriptor, lockedAppOf }: Part,
  options: Pick<IngestOptions, "waiting" | "signal">,
): Promise<Ingest | undefined> {
  const { digest, mediaType } = descriptor;
  if (lockedAppOf) return manifests.ingestConfig(reference, lockedAppOf, descriptor, options);
  if (mediaType !== SPIN_ARCHIVE) return blobs.ingest(descriptor, options);
  const prepare = async (file: Deno.FsFile, path: string) => {
    const { unpackArchive } = await import("../../store/archive/unpack.ts");
    await unpackArchive({ digest, file, path }, blobs, { signal: options.signal });
  };
  return blobs.ingest(descriptor, { ...options, prepare });
}
