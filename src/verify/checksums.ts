import { hasCode } from "../base/errors.ts";
import { type FileStamp, isSameFile, stampOf, statIfAny } from "../base/files/files.ts";
import { permissionError } from "../base/files/owner.ts";
import { diskError, ELSEWHERE } from "../base/files/system_error.ts";
import { algorithmOf, asDigest, type Digest } from "../oci/digest.ts";
import { hashFiles, type HashFilesOptions, type SizedFile } from "../store/blobs/hash_files.ts";
import type { HashedFile, HashError } from "../store/blobs/hash_messages.ts";

/** The result of hashing a file. */
export type FileCheck =
  | { readonly state: "good"; readonly stamp: FileStamp }
  /** @property actual the file's own digest; undefined if the disk failed to read it */
  | {
    readonly state: "bad";
    readonly stamp: FileStamp;
    readonly actual: Digest | undefined;
    readonly reason?: string;
  }
  /** This user may not read it, so it may be good. */
  | { readonly state: "unreadable"; readonly stamp: FileStamp; readonly reason: string };

/** A file and the digest that it must have. */
export interface FileToCheck {
  readonly path: string;
  readonly digest: Digest;
}

const NOT_ALLOWED = new Set(["EACCES", "EPERM"]);

/** The checks of files, by path. A file that has not changed since its check is not hashed again. */
export class FileChecks {
  readonly #checks = new Map<string, FileCheck & { readonly digest: Digest }>();
  /** Those of files in folders that this user may not enter. */
  readonly #unseen = new Map<string, FileCheck & { readonly digest: Digest }>();

  /** Returns undefined for a file that does not exist. */
  of({ path, digest }: FileToCheck): FileCheck | undefined {
    const check = this.#checks.get(path) ?? this.#unseen.get(path);
    return check?.digest === digest ? check : undefined;
  }

  /**
   * Hashes the files that were not checked yet and those that have changed since.
   * @param onTotal called with the number of bytes to hash
   * @throws LarderError LDR_INTERRUPTED, LDR_DISK*
   */
  async hash(
    filesToCheck: Iterable<FileToCheck>,
    options: HashFilesOptions & { readonly onTotal?: ((bytes: number) => void) | undefined } = {},
  ): Promise<void> {
    const files: (FileToCheck & SizedFile & { readonly stamp: FileStamp })[] = [];
    for (const { path, digest } of filesToCheck) {
      const info = this.#stat({ path, digest });
      const known = this.#checks.get(path);
      const stamp = info && stampOf(info);
      if (stamp && known?.digest === digest && isSameFile(known.stamp, stamp)) continue;
      this.#checks.delete(path);
      // The stamp from before hashing: a file that is written meanwhile differs from it and is hashed again.
      if (!info?.isFile || !stamp) continue;
      files.push({ path, digest, stamp, algorithm: algorithmOf(digest), size: stamp.size });
    }
    options.onTotal?.(files.reduce((sum, { size }) => sum + size, 0));
    const hashed = await hashFiles(files, options);
    for (const [i, { path, digest, stamp }] of files.entries()) {
      const check = classify({ path, digest }, stamp, hashed[i]!);
      if (check) this.#checks.set(path, { ...check, digest });
    }
  }

  /** Returns undefined for a file that does not exist, and for one that this user may not look at: it is unreadable. */
  #stat({ path, digest }: FileToCheck): Deno.FileInfo | undefined {
    try {
      return statIfAny(path);
    } catch (error) {
      if (!hasCode(error, "LDR_PERMISSION")) throw error;
      const reason = error.message.replace(path, "it");
      const check = { state: "unreadable", stamp: NO_STAMP, reason } as const;
      this.#unseen.set(path, { ...check, digest });
      return undefined;
    }
  }
}

/** The stamp of a file in a folder that this user may not enter. */
const NO_STAMP: FileStamp = { size: 0, mtime: 0, ino: null };

function classify(
  { path, digest }: FileToCheck,
  stamp: FileStamp,
  hashed: HashedFile,
): FileCheck | undefined {
  if ("error" in hashed) return classifyUnread(path, stamp, hashed.error);
  if (hashed.digest === digest) return { state: "good", stamp };
  return { state: "bad", stamp, actual: asDigest(hashed.digest) };
}

/** Classifies a file that could not be read: deleted meanwhile, not allowed, or on a failing disk. */
function classifyUnread(
  path: string,
  stamp: FileStamp,
  { code, message }: HashError,
): FileCheck | undefined {
  if (!statIfAny(path)) return undefined;
  if (code === undefined) throw diskError(new Error(message), "read", path);
  if (!NOT_ALLOWED.has(code)) return { state: "bad", stamp, actual: undefined, reason: message };
  const options = { elsewhere: ELSEWHERE, cause: new Error(message) };
  const reason = permissionError("cannot read it", path, options).message;
  return { state: "unreadable", stamp, reason };
}
