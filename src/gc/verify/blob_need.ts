import type { BlobDescriptor } from "../../oci/descriptor.ts";
import { isWasm } from "../../oci/media_types.ts";
import type { Layout } from "../../store/layout.ts";
import type { Need } from "./needs.ts";

/** Where a blob has to be. Spin keeps Wasm of media types that it does not know in `data/`, and that will do. */
export function blobNeed(layout: Layout, blob: BlobDescriptor): Need {
  const { digest, size } = blob;
  return {
    path: layout.blobOf(blob),
    ...(isWasm(blob.mediaType) && { elsewhere: layout.blob("data", digest) }),
    digest,
    size,
  };
}
