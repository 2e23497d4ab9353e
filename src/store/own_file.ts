import { hasCode, type LarderError } from "../base/errors.ts";
import { writeFileAtomic } from "../base/files/atomic_write.ts";
import { readBytesIfAny, statIfAny } from "../base/files/files.ts";
import { diskError } from "../base/files/system_error.ts";
import { formatBytes } from "../base/units.ts";

/** What is wrong with a file that larder wrote for its own use. */
export interface FileFault {
  readonly path: string;
  /** In words for a user, with the line or the number of the entry. */
  readonly detail: string;
  /** Set if this user may not read the file. */
  readonly error?: LarderError;
}

/** The text of a file, or why it has none; neither if nothing is there. */
export interface OwnFile {
  readonly text?: string;
  readonly fault?: FileFault;
}

/** What is said of a file that a newer larder wrote. */
export const BY_NEWER = "a newer larder wrote it";

/** True if what is said of a file or record is that only a newer larder can read it: it is not damaged. */
export function isByNewer(detail: string): boolean {
  return detail.startsWith("a newer larder wrote ");
}

const decoder = new TextDecoder();

/**
 * Reads a small file of larder's own. Fails for nothing that may be there instead, so that one bad file does not stop
 * every command.
 * @param limit bytes, more than larder ever writes
 */
export function readOwnFile(path: string, limit: number): OwnFile {
  try {
    const bytes = readBytesIfAny(path, limit);
    if (bytes) return { text: decoder.decode(bytes) };
    const info = statIfAny(path);
    return info ? { fault: { path, detail: describe(info) } } : {};
  } catch (error) {
    if (!hasCode(error, "LDR_PERMISSION", "LDR_DISK")) throw error;
    return { fault: { path, detail: error.message, error } };
  }
}

function describe({ isDirectory, isSymlink, size }: Deno.FileInfo): string {
  if (isDirectory) return "it is a folder";
  if (isSymlink) return "it is a link to nothing";
  return `it has ${formatBytes(size)}, which larder did not write`;
}

/**
 * Keeps a copy of a damaged file beside it, as `<name>.damaged` or with a number.
 * @param text of the file; if it has none, what is there is moved away
 */
export function setAside(path: string, text?: string): void {
  let copy = `${path}.damaged`;
  for (let i = 2; statIfAny(copy); i++) copy = `${path}.damaged${i}`;
  if (text !== undefined) return writeFileAtomic(copy, text);
  try {
    Deno.renameSync(path, copy);
  } catch (error) {
    throw diskError(error, "move", path);
  }
}
