import { basename, dirname, join } from "node:path";
import { LarderError } from "./errors.ts";
import { isNotFound, removeIfAny, statIfAny } from "./files.ts";
import { runProgram } from "./programs.ts";
import { diskError } from "./system_error.ts";

/** 8 MiB from which on `cp` copies a file: to start it takes 2 ms. */
const LARGE_FILE = 8 * 1024 * 1024;

/** Milliseconds that `cp` may take: a day. */
const COPY_TIMEOUT = 86_400_000;

export interface CloneOptions {
  /** True if the copy gets the permission to be run. */
  readonly executable: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies a file to a path of the user, where it replaces a file or link. The copy is complete or not there: it is made
 * under a temporary name, which is used again if the process is killed. It shares the blocks of the original if the file
 * system can do so, but never the file itself, which the user could write to.
 *
 * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
 */
export async function cloneFile(from: string, to: string, options: CloneOptions): Promise<void> {
  const temporary = temporaryFor(to);
  try {
    const mode = createEmpty(temporary, options.executable);
    const { size } = Deno.statSync(from);
    if (!(size >= LARGE_FILE && await copyWithCp(from, temporary, options.signal))) {
      await Deno.copyFile(from, temporary);
    }
    if (Deno.statSync(temporary).size !== size) throw changed(from);
    if (Deno.build.os !== "windows") Deno.chmodSync(temporary, mode);
    Deno.renameSync(temporary, to);
  } catch (error) {
    removeIfAny(temporary);
    throw diskError(error, "write", to);
  }
}

/** Moves a file to a path of the user in the same way. */
export async function moveToUser(from: string, to: string, options: CloneOptions): Promise<void> {
  try {
    const temporary = temporaryFor(to);
    const mode = createEmpty(temporary, options.executable);
    if (Deno.build.os !== "windows") Deno.chmodSync(from, mode);
    Deno.renameSync(from, temporary);
    Deno.renameSync(temporary, to);
  } catch {
    await cloneFile(from, to, options); // It is on another file system.
  }
}

/** @throws LarderError LDR_DISK* if a file cannot be put at a path, before a long operation makes it */
export function checkTarget(path: string): void {
  const target = statIfAny(path);
  if (target?.isDirectory) {
    throw new LarderError("LDR_DISK", `cannot write ${path}: it is a folder`, {
      hint: `name a file, such as ${join(path, "image")}`,
    });
  }
  const folder = dirname(path);
  try {
    if (Deno.statSync(folder).isDirectory) return;
  } catch (error) {
    if (!isNotFound(error)) throw diskError(error, "write to", folder);
  }
  throw new LarderError("LDR_DISK", `cannot write ${path}: there is no folder ${folder}`, {
    hint: `create it: mkdir -p ${folder}`,
  });
}

function temporaryFor(path: string): string {
  return join(dirname(path), `.${basename(path)}.larder-${Deno.pid}.tmp`);
}

/** Creates a file, and returns the mode that the user's mask gives to new files. */
function createEmpty(path: string, executable: boolean): number {
  removeIfAny(path);
  const options = { write: true, createNew: true, mode: executable ? 0o777 : 0o666 };
  using file = Deno.openSync(path, options);
  return (file.statSync().mode ?? 0o644) & 0o777;
}

/** Copies with `cp`, which also keeps the holes of a file; false if there is no such `cp`. */
async function copyWithCp(from: string, to: string, signal?: AbortSignal): Promise<boolean> {
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

function changed(path: string): Error {
  return new Error(`${path} changed while it was copied`);
}
