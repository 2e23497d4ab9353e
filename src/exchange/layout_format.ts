import type { Descriptor } from "../oci/descriptor.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import { OCI_INDEX } from "../oci/media_types.ts";
import type { Platform } from "../oci/platform.ts";

/**
 * The files of an OCI image layout. Source: image-spec, image-layout.md.
 *
 * ```
 * oci-layout                     the version of the format
 * index.json                     a descriptor for each entry, with its name
 * blobs/<algorithm>/<digits>     manifests, configs and layers
 * ```
 */
export const LAYOUT_FILE = "oci-layout";
export const INDEX_FILE = "index.json";
export const BLOBS_FOLDER = "blobs";

/** The content of `oci-layout`. */
export const LAYOUT_VERSION = '{"imageLayoutVersion":"1.0.0"}';

/** Annotations of the descriptors in `index.json`. */
export const ANNOTATIONS = {
  /** The name that skopeo, Podman and umoci select an image by: the reference in full, or only a tag. */
  refName: "org.opencontainers.image.ref.name",
  /** The reference in full, which containerd and Docker read. */
  imageName: "io.containerd.image.name",
  /**
   * Digest of the index that the reference names, if the descriptor is that of one of its platforms: the others are
   * not in the layout, and other programs fail if an index names manifests that are missing.
   */
  index: "dev.larder.index",
  /** Digest of the manifest of Docker's type whose OCI form the descriptor is that of. */
  original: "dev.larder.original",
  /** When a registry last confirmed the digest of the reference. RFC 3339. */
  checkedAt: "dev.larder.checked",
  /** The name of a package or build, which is no reference. */
  entry: "dev.larder.entry",
  /** Of `index.json` itself: `true` if blobs that an earlier bundle has were left out. */
  isPartial: "dev.larder.partial",
} as const;

/** A descriptor in `index.json`. */
export interface RootDescriptor extends Descriptor {
  readonly platform?: Platform | undefined;
}

/** Returns the name of a blob in a layout, with `/` between its parts. */
export function blobName(digest: Digest): string {
  const algorithm = algorithmOf(digest);
  return `${BLOBS_FOLDER}/${algorithm}/${digest.slice(algorithm.length + 1)}`;
}

/** Returns the text of `index.json`. */
export function formatIndex(
  roots: readonly RootDescriptor[],
  annotations?: Readonly<Record<string, string>>,
): string {
  const index = {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: roots,
    ...(annotations && { annotations }),
  };
  return `${JSON.stringify(index, null, 2)}\n`;
}
