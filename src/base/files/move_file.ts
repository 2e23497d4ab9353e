import { uniqueTemporaryOf } from "./atomic_write.ts";
import { syncFile, tryTouch } from "./files.ts";
import { systemCode } from "./system_error.ts";

/**
 * Moves a file. Between two file systems, such as a cache whose `data` is on another disk, it is copied under a
 * temporary name, synced and renamed; the copy does not hold up other work.
 */
export async function moveFile(from: string, to: string): Promise<"renamed" | "copied"> {
  try {
    Deno.renameSync(from, to);
    return "renamed";
  } catch (error) {
    if (systemCode(error) !== "EXDEV") throw error;
  }
  const temporary = uniqueTemporaryOf(to);
  try {
    await Deno.copyFile(from, temporary);
    keepTimes(from, temporary);
    using file = Deno.openSync(temporary, { read: true, write: true });
    syncFile(file);
    Deno.renameSync(temporary, to);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {}); // The first error is the one that counts.
    throw error;
  }
  Deno.removeSync(from);
  return "copied";
}

/** Gives a copy the times of its original: they mark a blob whose digest was checked. */
function keepTimes(from: string, to: string): void {
  const { mtime } = Deno.statSync(from);
  if (mtime) tryTouch(to, mtime.getTime());
}
