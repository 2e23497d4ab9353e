import { formatReference, isLocal, type Reference } from "../oci/reference.ts";
import type { Repository } from "../registry/repository.ts";
import { BlobStore } from "../store/blobs/blob_store.ts";
import { ImageParts, type Part } from "../store/image_parts.ts";
import type { MissCause } from "../store/journal/journal.ts";
import { ManifestStore } from "../store/manifest_store.ts";
import type { BlobConnections } from "./transfer/range_reader.ts";
import type { PartOutcomes, PullerDependencies, PullObserver, PullOptions } from "./options.ts";

/** The reference, options and stores that every step of one pull works with. */
export interface PullSession extends Omit<PullerDependencies, "client"> {
  readonly reference: Reference;
  /** The reference in full, for messages and results. */
  readonly name: string;
  readonly options: PullOptions;
  readonly observer: PullObserver;
  /** Those of all pulls that run at the same time. */
  readonly connections: BlobConnections;
  readonly repository: Repository;
  readonly blobs: BlobStore;
  readonly manifests: ManifestStore;
  readonly parts: ImageParts;
  /** What earlier runs of this pull have done, which is started over if space had to be freed. */
  readonly progress: PullState;
}

/** The part of a session that changes. */
export interface PullState {
  readonly outcomes: PartOutcomes;
  /** The reason that the entry is not a cache hit. */
  cause: MissCause | undefined;
  /** All parts of the entry, once they are known. */
  parts: readonly Part[];
  /** The parts to fetch. */
  missing: readonly Part[];
  /** True if the free space was compared with what is to be fetched. */
  isSpaceChecked: boolean;
  /** The processes whose downloads this pull has said to wait for. */
  readonly awaited: Set<string>;
}

/** Opens a session; reads no file and sends no request. */
export function openSession(
  { client, ...deps }: PullerDependencies,
  reference: Reference,
  wanted: PullOptions,
  observer: PullObserver,
  connections: BlobConnections,
): PullSession {
  // What was pushed is in no registry that could be asked.
  const options = isLocal(reference) ? { ...wanted, policy: "never" as const } : wanted;
  const blobs = new BlobStore(deps.layout);
  const manifests = new ManifestStore(deps.layout);
  return {
    ...deps,
    reference,
    name: formatReference(reference),
    options,
    observer,
    connections,
    repository: client.repository(reference),
    blobs,
    manifests,
    parts: new ImageParts(blobs, manifests, reference, options),
    progress: {
      outcomes: new Map(),
      cause: undefined,
      parts: [],
      missing: [],
      isSpaceChecked: false,
      awaited: new Set(),
    },
  };
}
