import type { BlobDescriptor } from "../oci/descriptor.ts";
import type { BlobConnections } from "../pull/transfer/range_reader.ts";
import type { BlobStore } from "../store/blobs/blob_store.ts";
import type { PackageStore } from "../store/entries/package_store.ts";
import type { PackageDependencies, PackageObserver, PackageOptions } from "./package_options.ts";
import type { PackageRequest } from "./package_request.ts";

/** Media type of every package: the cache does not look into them. */
export const MEDIA_TYPE = "application/octet-stream";

/** What all packages of one fetch are fetched with. */
export interface PackageSession extends PackageDependencies {
  readonly options: PackageOptions;
  readonly observer: PackageObserver;
  readonly blobs: BlobStore;
  readonly packages: PackageStore;
  /** Bytes of packages, as servers state them. */
  readonly sizes: Map<PackageRequest, number>;
  /** Packages whose blobs are stored but whose records did not fit on the disk; a later round writes the records. */
  readonly arrived: Map<PackageRequest, BlobDescriptor>;
}

/** What one package of a fetch is fetched with. */
export interface PackageTurn {
  readonly signal: AbortSignal;
  /** Called once all bytes are there, so that another package can be received while this one is stored. */
  readonly onReceived: () => void;
  /** Those of all packages of the fetch. */
  readonly connections: BlobConnections;
}
