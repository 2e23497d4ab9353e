import { openTemporary, removeIfAny, type TemporaryFile } from "./files.ts";
import { runProgram } from "./programs.ts";
import { diskError } from "./system_error.ts";

/** Modes of files and programs that larder gives to a user, less the bits of the user's umask. */
const GIVEN_MODE = 0o666;
const PROGRAM_MODE = 0o777;

/** 8 MiB from which on `cp` copies a file: to start it takes 2 ms. */
const LARGE_FILE = 8 * 1024 * 1024;

/** Milliseconds that `cp` may take: a day. */
const COPY_TIMEOUT = 86_400_000;

export interface PlaceFileOptions {
  /** Modification time of the copy; by default the time at which it is made. */
  readonly mtime?: Date | undefined;
  /** True if the copy is a program. */
  readonly executable?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Gives a copy of a file of the cache to a user, under the name `to`, whose folder exists. It replaces a file of that
 * name atomically.
 *
 * The copy shares the data of its original where the file system can (reflink), because `cp` and `Deno.copyFile` call
 * `copy_file_range`. It is never a hard link: the owner of the cache could write through one to the cache, and no other
 * user could read it.
 *
 * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
 */
export async function placeFile(
  from: string,
  to: string,
  { mtime, executable, signal }: PlaceFileOptions = {},
): Promise<void> {
  const { file, temporary } = openEmpty(to, executable ? PROGRAM_MODE : GIVEN_MODE);
  try {
    const { mode } = file.statSync();
    await copy(from, temporary, signal);
    // The copy has the mode of the original, which is private.
    if (Deno.build.os !== "windows") Deno.chmodSync(temporary, mode! & 0o777);
    if (mtime) file.utimeSync(mtime, mtime);
    Deno.renameSync(temporary, to);
  } catch (error) {
    removeIfAny(temporary);
    throw diskError(error, "write", to);
  } finally {
    file.close();
  }
}

/** Opens a new temporary file: one that a killed process left may have the private mode of its original. */
function openEmpty(path: string, mode: number): TemporaryFile {
  const { file, temporary } = openTemporary(path, mode);
  removeIfAny(temporary);
  file.close();
  return openTemporary(path, mode);
}

async function copy(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
  const { size } = Deno.statSync(from);
  if (size >= LARGE_FILE && await copyWithCp(from, to, signal)) return;
  await Deno.copyFile(from, to);
}

/**
 * Copies with `cp`, which leaves the holes of a sparse file out: an image of a file system can have gigabytes of them.
 * Returns false if there is no such `cp`, or if it fails: a second attempt without it then says why.
 */
async function copyWithCp(
  from: string,
  to: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (Deno.build.os !== "linux") return false;
  try {
    const result = await runProgram("cp", {
      args: ["--reflink=auto", "--sparse=auto", "--", from, to],
      stderr: "null",
      timeout: COPY_TIMEOUT,
      limit: 64 * 1024,
      signal,
    });
    return result.ended && result.success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
