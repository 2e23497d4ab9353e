import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import type { ImageManifest } from "../../oci/manifest.ts";
import type { RootDescriptor } from "../layout_format.ts";

/** A manifest, index or record that is written to a layout from memory. */
export interface Document {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** A blob of a layout, and the file that has its content. */
export interface StoredBlob {
  readonly descriptor: Descriptor;
  readonly path: string;
}

/** What a layout holds for one entry. */
export interface EntryContent {
  /** The name of the entry. */
  readonly name: string;
  /** The descriptors in `index.json`. */
  readonly root: RootDescriptor;
  readonly documents: readonly Document[];
  readonly blobs: readonly StoredBlob[];
  /** Set for a container image with all its layers: the image for one platform. */
  readonly container?: ImageManifest | undefined;
}
