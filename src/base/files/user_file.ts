import { dirname, resolve } from "node:path";
import { openTemporary, replaceBy, type TemporaryFile, temporaryOf } from "./atomic_write.ts";
import {
  ensureFolder,
  FILE_MODE,
  isStillAt,
  readTextIfAny,
  removeIfAny,
  statIfAny,
  syncFile,
  writeAll,
} from "./files.ts";
import { diskError, isUnsupported } from "./system_error.ts";

/** Links that are followed from a path to its file. */
const MAX_LINKS = 40;

/**
 * Changes a file of the user, or creates it and its folder, and replaces it atomically. One process changes it at a
 * time, so that no change is lost. A link stays a link, also one whose file does not exist. The file keeps its mode and
 * its owner, so that after `sudo larder login` the user can still read it.
 *
 * @param change receives the text of the file, undefined if there is none; returns undefined to leave it as it is
 * @throws LarderError LDR_DISK*, and what `change` throws
 */
export function changeUserFile(
  path: string,
  change: (text: string | undefined) => string | undefined,
): void {
  const target = targetOf(path);
  ensureFolder(dirname(target));
  const open = lockTemporary(target);
  try {
    const before = statIfAny(target);
    const text = change(readTextIfAny(target));
    if (text === undefined) return removeIfAny(open.temporary);
    replaceBy(open, target, (file) => {
      writeAll(file, new TextEncoder().encode(text));
      syncFile(file);
    });
    keepOwner(target, before);
  } catch (error) {
    removeIfAny(open.temporary);
    throw error;
  } finally {
    open.file.close();
  }
}

/** Replaces a file of the user as {@link changeUserFile} does. @throws LarderError LDR_DISK* */
export function replaceUserFile(path: string, text: string): void {
  changeUserFile(path, () => text);
}

/** Opens the temporary file beside a path, and waits for its lock, which other processes have for milliseconds. */
function lockTemporary(path: string): TemporaryFile {
  const temporary = temporaryOf(path);
  try {
    for (;;) {
      const file = Deno.openSync(temporary, { write: true, create: true, mode: FILE_MODE });
      try {
        file.lockSync(true);
      } catch (error) {
        file.close();
        if (!isUnsupported(error)) throw error;
        return openTemporary(path); // The last of several changes wins.
      }
      if (isStillAt(file, temporary)) return { file, temporary };
      file.close(); // Another process has renamed it.
      if (statIfAny(temporary)?.isSymlink) removeIfAny(temporary); // Nothing is written through a link.
    }
  } catch (error) {
    throw diskError(error, "write", path);
  }
}

/** Gives a file the mode and owner that it had before. */
function keepOwner(path: string, before: Deno.FileInfo | undefined): void {
  const after = statIfAny(path);
  if (!before || !after || Deno.build.os === "windows") return;
  try {
    if (after.uid !== before.uid || after.gid !== before.gid) {
      Deno.chownSync(path, before.uid, before.gid);
    }
    if (after.mode !== before.mode) Deno.chmodSync(path, before.mode! & 0o777);
  } catch {
    // Only root may give a file away; it stays private to this user then.
  }
}

/** Returns the file that a path leads to through links; it need not exist. */
export function targetOf(path: string): string {
  let target = path;
  for (let i = 0; i < MAX_LINKS && statIfAny(target)?.isSymlink; i++) {
    target = resolve(dirname(target), Deno.readLinkSync(target));
  }
  return target;
}
