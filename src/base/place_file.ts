import { openTemporary, removeIfAny, type TemporaryFile } from "./files.ts";
import { diskError } from "./system_error.ts";

/** Mode of files that larder gives to a user, less the bits of the user's umask. */
const GIVEN_MODE = 0o666;

/**
 * Gives a copy of a file of the cache to a user, under the name `to`, whose folder exists. It replaces a file of that
 * name atomically.
 *
 * The copy shares the data of its original where the file system can (reflink), because `Deno.copyFile` calls
 * `copy_file_range`. It is never a hard link: the owner of the cache could write through one to the cache, and no other
 * user could read it.
 *
 * @param mtime modification time of the copy
 * @throws LarderError LDR_DISK*
 */
export async function placeFile(from: string, to: string, mtime: Date): Promise<void> {
  const { file, temporary } = openEmpty(to);
  try {
    const { mode } = file.statSync();
    await Deno.copyFile(from, temporary);
    // The copy has the mode of the original, which is private.
    if (Deno.build.os !== "windows") Deno.chmodSync(temporary, mode! & 0o777);
    file.utimeSync(mtime, mtime);
    Deno.renameSync(temporary, to);
  } catch (error) {
    removeIfAny(temporary);
    throw diskError(error, "write", to);
  } finally {
    file.close();
  }
}

/** Opens a new temporary file: one that a killed process left may have the private mode of its original. */
function openEmpty(path: string): TemporaryFile {
  const { file, temporary } = openTemporary(path, GIVEN_MODE);
  removeIfAny(temporary);
  file.close();
  return openTemporary(path, GIVEN_MODE);
}
