import { diskError } from "../../base/files/system_error.ts";
import type { Digest, DigestAlgorithm } from "../../oci/digest.ts";
import { hashFiles, type HashFilesOptions, type SizedFile } from "./hash_files.ts";

export interface FileOfDigest extends SizedFile {
  readonly algorithm: DigestAlgorithm;
}

/**
 * Returns the digests of files in their order, undefined for one that does not exist.
 *
 * @throws LarderError LDR_DISK* if a file cannot be read, LDR_INTERRUPTED
 */
export async function digestsOfFiles(
  files: readonly FileOfDigest[],
  options: HashFilesOptions = {},
): Promise<(Digest | undefined)[]> {
  const hashed = await hashFiles(files, options);
  return hashed.map((result, i) => {
    if ("digest" in result) return result.digest as Digest;
    const { message, code } = result.error;
    if (code === "ENOENT") return undefined;
    throw diskError(Object.assign(new Error(message), { code }), "read", files[i]!.path);
  });
}
