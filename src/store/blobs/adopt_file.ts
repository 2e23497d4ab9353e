import { dirname } from "node:path";
import { ensureFolder, FILE_MODE, syncFile } from "../../base/files/files.ts";
import { moveFile } from "../../base/files/move_file.ts";
import { diskError } from "../../base/files/system_error.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Layout } from "../layout.ts";
import { digestsOfFiles } from "./file_digests.ts";
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
    const [digest] = await digestsOfFiles([{ path: own, size, algorithm: "sha256" }]);
    const descriptor = { mediaType, digest: digest!, size };
    await syncAndMark(own, descriptor.digest);
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

async function syncAndMark(path: string, digest: Digest): Promise<void> {
  using file = await Deno.open(path, { read: true, write: true });
  syncFile(file);
  tryMark(file, digest);
}
