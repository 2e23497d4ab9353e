import { diskError, statIfAny } from "../../base/files.ts";
import { algorithmOf, asDigest, type Digest } from "../../oci/digest.ts";
import { type FileStamp, isSameFile, stampOf } from "../../store/file_stamp.ts";
import { hashFiles, type HashFilesOptions, type SizedFile } from "../../store/hash_files.ts";
import type { HashedFile, HashError } from "../../store/hash_messages.ts";

/** What a file turned out to be. */
export type Verdict =
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
export interface Suspect {
  readonly path: string;
  readonly digest: Digest;
}

const NOT_ALLOWED = new Set(["EACCES", "EPERM"]);

/** What files turned out to be. A file that has not changed since is not read again. */
export class Verdicts {
  readonly #verdicts = new Map<string, Verdict & { readonly digest: Digest }>();

  /** Undefined for a file that is not there. */
  of({ path, digest }: Suspect): Verdict | undefined {
    const verdict = this.#verdicts.get(path);
    return verdict?.digest === digest ? verdict : undefined;
  }

  /** All of what is bad, and where it is. */
  *bad(): Generator<readonly [path: string, verdict: Extract<Verdict, { state: "bad" }>]> {
    for (const [path, verdict] of this.#verdicts) {
      if (verdict.state === "bad") yield [path, verdict];
    }
  }

  /**
   * Reads the files of which nothing is known yet, and those that have changed since.
   * @param onTotal told how many bytes there are to read
   * @throws LarderError LDR_INTERRUPTED, LDR_DISK*
   */
  async examine(
    suspects: Iterable<Suspect>,
    options: HashFilesOptions & { readonly onTotal?: ((bytes: number) => void) | undefined } = {},
  ): Promise<void> {
    const files: (Suspect & SizedFile)[] = [];
    const seen = new Set<string>();
    for (const { path, digest } of suspects) {
      if (seen.has(path)) continue;
      seen.add(path);
      const info = statIfAny(path);
      const known = this.#verdicts.get(path);
      if (info && known?.digest === digest && isSameFile(known.stamp, stampOf(info))) continue;
      this.#verdicts.delete(path);
      if (info?.isFile) {
        files.push({ path, digest, algorithm: algorithmOf(digest), size: info.size });
      }
    }
    options.onTotal?.(files.reduce((sum, { size }) => sum + size, 0));
    const hashed = await hashFiles(files, options);
    hashed.forEach((result, i) => this.#judge(files[i]!, result));
  }

  #judge({ path, digest }: Suspect, hashed: HashedFile): void {
    const verdict = "error" in hashed
      ? judgeUnread(path, hashed.error)
      : { state: hashed.digest === digest ? "good" : "bad", ...actual(hashed) } as const;
    if (verdict) this.#verdicts.set(path, { ...verdict, digest });
  }
}

function actual({ digest, stamp }: { digest: string; stamp: FileStamp }) {
  return { actual: asDigest(digest), stamp };
}

/** A file that could not be read: gone meanwhile, not for this user, or on a disk that fails. */
function judgeUnread(path: string, { code, message }: HashError): Verdict | undefined {
  const info = statIfAny(path);
  if (!info) return undefined;
  const stamp = stampOf(info);
  if (code === undefined) throw diskError(new Error(message), "read", path);
  return NOT_ALLOWED.has(code)
    ? { state: "unreadable", stamp, reason: message }
    : { state: "bad", stamp, actual: undefined, reason: message };
}
