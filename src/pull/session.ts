import { formatReference, type Reference } from "../oci/reference.ts";
import type { Repository } from "../registry/repository.ts";
import { BlobStore } from "../store/blobs/blob_store.ts";
import { ImageParts } from "../store/image_parts.ts";
import { ManifestStore } from "../store/manifest_store.ts";
import type { PullerDependencies, PullObserver, PullOptions } from "./options.ts";

/** The reference, options and stores that every step of one pull works with. */
export interface PullSession extends Omit<PullerDependencies, "client"> {
  readonly reference: Reference;
  /** The reference in full, for messages and results. */
  readonly name: string;
  readonly options: PullOptions;
  readonly observer: PullObserver;
  readonly repository: Repository;
  readonly blobs: BlobStore;
  readonly manifests: ManifestStore;
  readonly parts: ImageParts;
}

/** Opens a session; reads no file and sends no request. */
export function openSession(
  { client, ...deps }: PullerDependencies,
  reference: Reference,
  options: PullOptions,
  observer: PullObserver,
): PullSession {
  const blobs = new BlobStore(deps.layout);
  const manifests = new ManifestStore(deps.layout);
  return {
    ...deps,
    reference,
    name: formatReference(reference),
    options,
    observer,
    repository: client.repository(reference),
    blobs,
    manifests,
    parts: new ImageParts(blobs, manifests, reference, options),
  };
}
