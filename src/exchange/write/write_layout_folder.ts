import { dirname, join } from "node:path";
import { diskError } from "../../base/files/system_error.ts";
import type { LayoutFiles } from "./layout_files.ts";
import { BLOBS_FOLDER, INDEX_FILE, LAYOUT_FILE } from "../layout_format.ts";
import { placeFiles, type PlaceOptions } from "./place_files.ts";

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
