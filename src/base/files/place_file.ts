import { basename, dirname, join } from "node:path";
import { LarderError } from "../errors.ts";
import { runProgram } from "../programs.ts";
import { DAY } from "../units.ts";
import { openTemporary, replaceBy, type TemporaryFile } from "./atomic_write.ts";
import { removeIfAny, writeAll } from "./files.ts";
import { diskError, isFolder } from "./system_error.ts";

/** Modes of files and programs that larder gives to a user, less the bits of the user's umask. */
export const GIVEN_MODE = 0o666;
export const PROGRAM_MODE = 0o777;

/** 8 MiB from which on `cp` copies a file: to start it takes 2 ms. */
const LARGE_FILE = 8 * 1024 * 1024;

/** Milliseconds that `cp` may take: a day. */
const COPY_TIMEOUT = DAY;

export interface PlaceFileOptions {
  /** Modification time of the copy; by default the time at which it is made. */
  readonly mtime?: Date | undefined;
  /** True if the copy is a program. */
  readonly executable?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Gives a copy of a file of the cache to a user, under the name `to`, whose folder exists. It replaces a file of that
 * name atomically; but it never replaces a device or a pipe, such as `/dev/null`. What a killed process leaves is used
 * by the next one.
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
  rejectSpecialFile(to);
  const { file, temporary } = openEmpty(to, executable ? PROGRAM_MODE : GIVEN_MODE);
  let data = temporary;
  try {
    const { mode } = file.statSync();
    const isLarge = Deno.statSync(from).size >= LARGE_FILE;
    if (isLarge) {
      // Protected by the lock of the other name. ext4 writes a file to the disk when it is closed if it was truncated,
      // also if it was empty: for 2 GiB that takes longer than the copy.
      data = `${temporary}.copy`;
      removeIfAny(data);
    }
    await copyFile(from, data, signal);
    // The copy has the mode of the original, which is private.
    if (Deno.build.os !== "windows") Deno.chmodSync(data, mode! & 0o777);
    if (mtime) Deno.utimeSync(data, mtime, mtime);
    Deno.renameSync(data, to);
    if (isLarge) removeIfAny(temporary);
  } catch (error) {
    for (const path of new Set([data, temporary])) removeIfAny(path);
    throw diskError(error, "write", to);
  } finally {
    file.close();
  }
}

/** Gives a text to a user as {@link placeFile} gives a copy; a pipe or a device is written to. @throws LarderError LDR_DISK* */
export function placeText(text: string, to: string): void {
  const open = isSpecial(to) ? undefined : openEmpty(to, GIVEN_MODE);
  try {
    if (open) replaceBy(open, to, (file) => writeAll(file, new TextEncoder().encode(text)));
    else Deno.writeTextFileSync(to, text);
  } catch (error) {
    throw diskError(error, "write", to);
  } finally {
    open?.file.close();
  }
}

/** True if a path that a user wrote is that of a folder, which may be created later. */
export function namesFolder(path: string): boolean {
  return /[/\\]$/.test(path) || isFolder(path);
}

/** Creates a folder of the user. @throws LarderError LDR_DISK* */
export function createFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true });
  } catch (error) {
    throw diskError(error, "create the folder", path);
  }
}

/**
 * Refuses to write a file in the place of a device, a pipe or a socket, which a rename would replace.
 *
 * @throws LarderError LDR_DISK
 */
export function rejectSpecialFile(path: string): void {
  if (!isSpecial(path)) return;
  throw new LarderError("LDR_DISK", `cannot write ${path}: it is not a regular file`, {
    hint: "name a file, such as ./image",
  });
}

function isSpecial(path: string): boolean {
  try {
    const { isFile, isDirectory } = Deno.statSync(path);
    return !isFile && !isDirectory;
  } catch {
    return false; // There is no such file; or the write says why it cannot be inspected.
  }
}

/**
 * Returns the name under which a file or folder of the user is written before it is renamed. No file of the user has
 * it: what has this name is taken for one that a killed process left.
 */
export function givenTemporaryOf(path: string): string {
  return join(dirname(path), `${basename(path)}.larder.tmp`);
}

/** Opens a new file as {@link openTemporary} does: one that a killed process left may have the private mode of its original. */
export function openEmpty(path: string, mode: number): TemporaryFile {
  const name = givenTemporaryOf(path);
  const { file, temporary } = openTemporary(path, mode, name);
  removeIfAny(temporary);
  file.close();
  return openTemporary(path, mode, name);
}

/** Copies a file to a new name, or over another file, with reflinks or holes where the file system can. Changes the mode. */
export async function copyFile(
  from: string,
  to: string,
  signal: AbortSignal | undefined,
): Promise<void> {
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
