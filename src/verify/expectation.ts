import type { Digest } from "../oci/digest.ts";
import type { ImageManifest } from "../oci/manifest.ts";
import type { Reference } from "../oci/reference.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import type { SnapshotEntry } from "../snapshot/types.ts";
import type { BlobDescriptor } from "../oci/descriptor.ts";
import { isWasm } from "../oci/media_types.ts";
import type { Layout } from "../store/layout.ts";

/** A file that has to have a certain digest. */
export interface ExpectedFile {
  /** Where it belongs … */
  readonly path: string;
  /** … and where else it will do. */
  readonly elsewhere?: string;
  readonly digest: Digest;
  /** Bytes, where somebody says. */
  readonly size?: number | undefined;
  /** It need not be there, but if it is, then whole. */
  readonly optional?: boolean;
}

/** How an entry can be made whole again. */
export type EntryRepair =
  /** What it lacks is fetched by digest. */
  | { readonly by: "restore"; readonly reference: Reference; readonly record: EntryRecord }
  /** The same, for what Spin wrote. */
  | { readonly by: "restoreSpin"; readonly reference: Reference; readonly image: ImageManifest }
  /** What it stands for is not known here any more: the registry is asked. */
  | { readonly by: "pull"; readonly reference: Reference }
  /** Nobody here knows where it came from: its record goes, and whoever needs it makes or fetches it anew. */
  | { readonly by: "forget"; readonly record: string };

/** What an entry consists of, and what is wrong with it beside its files. */
export interface ExpectedFiles {
  readonly entry: SnapshotEntry;
  readonly files: readonly ExpectedFile[];
  readonly faults: readonly {
    readonly kind: "broken" | "misplaced";
    readonly path: string;
    readonly detail: string;
  }[];
  /** Undefined where no registry can have it. */
  readonly repair: EntryRepair | undefined;
}

/** Where a blob has to be. Spin keeps Wasm of media types that it does not know in `data/`, and that will do. */
export function expectedBlob(layout: Layout, blob: BlobDescriptor): ExpectedFile {
  const { digest, size } = blob;
  return {
    path: layout.blobOf(blob),
    ...(isWasm(blob.mediaType) && { elsewhere: layout.blob("data", digest) }),
    digest,
    size,
  };
}
