import { diskError, type FileStamp, isSameFile, stampOf, statIfAny } from "../base/files.ts";
import { algorithmOf, asDigest, type Digest } from "../oci/digest.ts";
import { hashFiles, type HashFilesOptions, type SizedFile } from "../store/blobs/hash_files.ts";
import type { HashedFile, HashError } from "../store/blobs/hash_messages.ts";

/** What a file turned out to be. */
export type FileCheck =
  | { readonly state: "good"; readonly stamp: FileStamp }
  /** @property actual what it is instead; undefined where the disk would not give it away */
  | {
    readonly state: "bad";
    readonly stamp: FileStamp;
    readonly actual: Digest | undefined;
    readonly reason?: string;
  }
  /** Nobody may read it: it may well be good. */
  | { readonly state: "unreadable"; readonly stamp: FileStamp; readonly reason: string };

/** A file and the digest that it has to have. */
export interface FileToCheck {
  readonly path: string;
  readonly digest: Digest;
}

const NOT_ALLOWED = new Set(["EACCES", "EPERM"]);

/** What files turned out to be, each path asked about once at a time. A file that has not changed since is not read again. */
export class FileChecks {
  readonly #verdicts = new Map<string, FileCheck & { readonly digest: Digest }>();

  /** Undefined for a file that is not there. */
  of({ path, digest }: FileToCheck): FileCheck | undefined {
    const verdict = this.#verdicts.get(path);
    return verdict?.digest === digest ? verdict : undefined;
  }

  /**
   * Reads the files of which nothing is known yet, and those that have changed since.
   * @param onTotal told how many bytes there are to read
   * @throws LarderError LDR_INTERRUPTED, LDR_DISK*
   */
  async hash(
    suspects: Iterable<FileToCheck>,
    options: HashFilesOptions & { readonly onTotal?: ((bytes: number) => void) | undefined } = {},
  ): Promise<void> {
    const files: (FileToCheck & SizedFile & { readonly stamp: FileStamp })[] = [];
    for (const { path, digest } of suspects) {
      const info = statIfAny(path);
      const known = this.#verdicts.get(path);
      const stamp = info && stampOf(info);
      if (stamp && known?.digest === digest && isSameFile(known.stamp, stamp)) continue;
      this.#verdicts.delete(path);
      // What is written while it is read has another stamp afterwards, and is read again before it counts.
      if (!info?.isFile || !stamp) continue;
      files.push({ path, digest, stamp, algorithm: algorithmOf(digest), size: stamp.size });
    }
    options.onTotal?.(files.reduce((sum, { size }) => sum + size, 0));
    const hashed = await hashFiles(files, options);
    for (const [i, { path, digest, stamp }] of files.entries()) {
      const verdict = classify({ path, digest }, stamp, hashed[i]!);
      if (verdict) this.#verdicts.set(path, { ...verdict, digest });
    }
  }
}

function classify(
  { path, digest }: FileToCheck,
  stamp: FileStamp,
  hashed: HashedFile,
): FileCheck | undefined {
  if ("error" in hashed) return judgeUnread(path, stamp, hashed.error);
  if (hashed.digest === digest) return { state: "good", stamp };
  return { state: "bad", stamp, actual: asDigest(hashed.digest) };
}

/** A file that could not be read: gone meanwhile, not for this user, or on a disk that fails. */
function judgeUnread(
  path: string,
  stamp: FileStamp,
  { code, message }: HashError,
): FileCheck | undefined {
  if (!statIfAny(path)) return undefined;
  if (code === undefined) throw diskError(new Error(message), "read", path);
  return NOT_ALLOWED.has(code)
    ? { state: "unreadable", stamp, reason: message }
    : { state: "bad", stamp, actual: undefined, reason: message };
}
