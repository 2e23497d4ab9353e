import { dirname } from "node:path";
import { ensureFolder, FILE_MODE, syncFile } from "../../base/files.ts";
import { moveFile } from "../../base/move_file.ts";
import { diskError } from "../../base/system_error.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Layout } from "../layout.ts";
import { digestOfFile } from "./blob_store.ts";
import { hashFiles } from "./hash_files.ts";
import { BACKGROUND_HASH_SIZE } from "./ingest.ts";
import { tryMark } from "./verified_mark.ts";

/**
 * Makes a file that no process writes to any more a blob: hashes and syncs it, and moves it to its name. So a result of
 * gigabytes is read once and not copied, if it is on the file system of the cache. The caller holds the store lock.
 *
 * @throws LarderError LDR_DISK*
 */
export async function adoptFile(
  layout: Layout,
  file: string,
  mediaType: string,
): Promise<Descriptor> {
  try {
    const { size, nlink } = Deno.statSync(file);
    // Another name of the same file may be the user's own, and the blob could be changed through it.
    const own = nlink !== null && nlink > 1 ? await copyOf(file) : file;
    if (Deno.build.os !== "windows") Deno.chmodSync(own, FILE_MODE);
    const digest = await digestOfAny(own, size);
    const descriptor = { mediaType, digest, size };
    await syncAndMark(own, digest);
    const path = layout.blobOf(descriptor);
    ensureFolder(dirname(path));
    await moveFile(own, path);
    return descriptor;
  } catch (error) {
    throw diskError(error, "store", file);
  }
}

async function copyOf(file: string): Promise<string> {
  const copy = `${file}.copy`;
  await Deno.copyFile(file, copy);
  return copy;
}

/** Hashes a large file in another thread, so that this one stays responsive. */
async function digestOfAny(path: string, size: number): Promise<Digest> {
  if (size < BACKGROUND_HASH_SIZE) return digestOfFile(path, "sha256")!;
  const [hashed] = await hashFiles([{ path, size, algorithm: "sha256" }]);
  if ("digest" in hashed!) return hashed.digest as Digest;
  const { message, code } = hashed!.error;
  throw Object.assign(new Error(message), { code });
}

async function syncAndMark(path: string, digest: Digest): Promise<void> {
  using file = await Deno.open(path, { read: true, write: true });
  syncFile(file);
  tryMark(file, digest);
}
