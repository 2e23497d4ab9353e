import { writeFileAtomic } from "../../base/files/atomic_write.ts";
import { readTextIfAny } from "../../base/files/files.ts";
import { asDigest, type Digest } from "../../oci/digest.ts";

/** A regular file of an archive, which is also a blob of its own. */
export interface ArchiveFile {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/**
 * Reads the list of the files that an archive was unpacked to: one line `digest size` for each. It spares reading the
 * archive itself, which takes 1.1 s for 52 MiB.
 * @returns undefined if there is no list, or it is damaged
 */
export function readArchiveFiles(path: string): ArchiveFile[] | undefined {
  const lines = readTextIfAny(path)?.split("\n");
  if (lines?.pop() !== "") return undefined;
  const files: ArchiveFile[] = [];
  for (const line of lines) {
    const [name = "", length = ""] = line.split(" ");
    const digest = asDigest(name);
    if (!digest || !/^\d+$/.test(length)) return undefined;
    files.push({ digest, size: Number(length) });
  }
  return files;
}

/** Writes the list of an archive's files; the folder must exist. @throws LarderError LDR_DISK* */
export function writeArchiveFiles(path: string, files: readonly ArchiveFile[]): void {
  writeFileAtomic(path, files.map(({ digest, size }) => `${digest} ${size}\n`).join(""));
}
