import { COPY_BUFFER } from "../../base/limits.ts";
import type { DigestAlgorithm } from "../../oci/digest.ts";
import { Hasher } from "../../oci/hash.ts";
import type { FileToHash, HashedFile, HashError } from "./hash_messages.ts";

let buffer: Uint8Array<ArrayBuffer> | undefined;

/** Hashes a whole file. @param onBytes called with the number of bytes of each read */
export function hashFile(
  { path, algorithm }: FileToHash,
  onBytes: (count: number) => void,
): HashedFile {
  buffer ??= new Uint8Array(COPY_BUFFER);
  try {
    using file = Deno.openSync(path, { read: true });
    const hasher = new Hasher(algorithm as DigestAlgorithm);
    for (let read; (read = file.readSync(buffer)) !== null;) {
      hasher.update(read < buffer.length ? buffer.subarray(0, read) : buffer);
      onBytes(read);
    }
    return { digest: hasher.digest() };
  } catch (error) {
    return { error: errorOf(error) };
  }
}

/** Returns what a thread can tell another of an error of the file system. */
export function errorOf(error: unknown): HashError {
  const { message, code } = error as Error & { code?: string };
  return { message, ...(code && { code }) };
}
