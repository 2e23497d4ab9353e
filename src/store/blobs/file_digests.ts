import { diskError } from "../../base/files/system_error.ts";
import type { Digest, DigestAlgorithm } from "../../oci/digest.ts";
import { digestOfFile } from "./blob_store.ts";
import { hashFiles, type HashFilesOptions, type SizedFile } from "./hash_files.ts";

/** Files and bytes up to which this thread hashes files itself: to start another takes 30 ms. */
const FEW_FILES = 64;
const FEW_BYTES = 16 * 1024 * 1024;

export interface FileOfDigest extends SizedFile {
  readonly algorithm: DigestAlgorithm;
}

/**
 * Returns the digests of files in their order, undefined for one that does not exist. Many or large files are hashed in
 * other threads, so that this one stays responsive.
 *
 * @throws LarderError LDR_DISK* if a file cannot be read, LDR_INTERRUPTED
 */
export async function digestsOfFiles(
  files: readonly FileOfDigest[],
  options: HashFilesOptions = {},
): Promise<(Digest | undefined)[]> {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  if (files.length <= FEW_FILES && bytes <= FEW_BYTES) {
    return files.map(({ path, algorithm, size }) => {
      const digest = digestOfFile(path, algorithm);
      if (digest) options.onBytes?.(size);
      return digest;
    });
  }
  const hashed = await hashFiles(files, options);
  return hashed.map((result, i) => {
    if ("digest" in result) return result.digest as Digest;
    const { message, code } = result.error;
    if (code === "ENOENT") return undefined;
    throw diskError(Object.assign(new Error(message), { code }), "read", files[i]!.path);
  });
}
