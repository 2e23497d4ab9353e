import { dirname, join } from "node:path";
import { diskError } from "../base/system_error.ts";
import type { Digest } from "../oci/digest.ts";
import type { Reference } from "../oci/reference.ts";
import type { Layout } from "../store/layout.ts";
import { withSharedLock } from "../store/locks/store_lock.ts";
import type { EntryContent } from "./entry_content.ts";
import {
  blobName,
  BLOBS_FOLDER,
  formatIndex,
  INDEX_FILE,
  LAYOUT_FILE,
  LAYOUT_VERSION,
} from "./layout_format.ts";
import { placeFiles, type Placement, type PlaceOptions } from "./place_files.ts";
import { referenceContent } from "./reference_content.ts";

/**
 * Writes what the cache has for a reference to a folder, as an OCI image layout with that one image. The folder is
 * created; an existing one must be empty.
 *
 * @throws LarderError LDR_NOT_CACHED if it is not in the cache, or something that it needs is missing;
 * LDR_DIGEST_MISMATCH, LDR_DISK*, LDR_INTERRUPTED
 */
export async function writeImageLayout(
  folder: string,
  { layout, reference }: { readonly layout: Layout; readonly reference: Reference },
  options: PlaceOptions = {},
): Promise<void> {
  await withSharedLock(layout, async () => {
    const content = await referenceContent(layout, reference);
    await writeLayoutFolder(folder, [content], options);
  }, options);
}

/**
 * Writes entries to a folder as one OCI image layout; `index.json` last.
 * @throws LarderError LDR_DIGEST_MISMATCH, LDR_DISK*, LDR_INTERRUPTED
 */
export async function writeLayoutFolder(
  folder: string,
  contents: readonly EntryContent[],
  options: PlaceOptions & { readonly isLeftOut?: (digest: Digest) => boolean } = {},
): Promise<void> {
  const version = join(folder, LAYOUT_FILE);
  write(version, LAYOUT_VERSION);
  const placements = new Map<Digest, Placement>();
  for (const { blobs, documents } of contents) {
    for (const { digest, bytes } of documents) write(join(folder, blobName(digest)), bytes);
    for (const blob of blobs) {
      const { digest } = blob.descriptor;
      if (options.isLeftOut?.(digest)) continue;
      placements.set(digest, { ...blob, target: join(folder, blobName(digest)) });
    }
  }
  for (const { target } of placements.values()) makeFolder(dirname(target));
  makeFolder(join(folder, BLOBS_FOLDER));
  // The user's own mode for new files, not that of the cache.
  const mode = Deno.statSync(version).mode ?? 0o644;
  await placeFiles([...placements.values()], mode & 0o777, options);
  write(join(folder, INDEX_FILE), formatIndex(contents.map(({ root }) => root)));
}

function write(path: string, content: string | Uint8Array): void {
  makeFolder(dirname(path));
  try {
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeFileSync(path, content);
  } catch (error) {
    throw diskError(error, "write", path);
  }
}

function makeFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true });
  } catch (error) {
    throw diskError(error, "create the folder", path);
  }
}
