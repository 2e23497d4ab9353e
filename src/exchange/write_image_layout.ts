import { dirname, join } from "node:path";
import { diskError } from "../base/system_error.ts";
import type { Reference } from "../oci/reference.ts";
import type { Layout } from "../store/layout.ts";
import { withSharedLock } from "../store/locks/store_lock.ts";
import { type LayoutFiles, layoutFiles } from "./layout_files.ts";
import { BLOBS_FOLDER, INDEX_FILE, LAYOUT_FILE } from "./layout_format.ts";
import { placeFiles, type PlaceOptions } from "./place_files.ts";
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
    await writeLayoutFolder(folder, layoutFiles([content]), options);
  }, options);
}

/**
 * Writes the files of a layout to a folder, `index.json` last.
 * @throws LarderError LDR_DIGEST_MISMATCH, LDR_DISK*, LDR_INTERRUPTED
 */
export async function writeLayoutFolder(
  folder: string,
  { documents, blobs }: LayoutFiles,
  options: PlaceOptions = {},
): Promise<void> {
  const path = (name: string) => join(folder, ...name.split("/"));
  makeFolder(path(`${BLOBS_FOLDER}/sha256`));
  for (const [name, bytes] of documents) {
    if (name !== INDEX_FILE) write(path(name), bytes);
  }
  const placements = [...blobs].map(([name, blob]) => ({ ...blob, target: path(name) }));
  for (const { target } of placements) makeFolder(dirname(target));
  // The user's own mode for new files, not that of the cache.
  const mode = Deno.statSync(path(LAYOUT_FILE)).mode ?? 0o644;
  await placeFiles(placements, mode & 0o777, options);
  write(path(INDEX_FILE), documents.get(INDEX_FILE)!);
}

function write(path: string, content: Uint8Array): void {
  makeFolder(dirname(path));
  try {
    Deno.writeFileSync(path, content);
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
