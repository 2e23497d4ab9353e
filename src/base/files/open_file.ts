import { FILE_MODE, isNotFound } from "./files.ts";
import { diskError } from "./system_error.ts";

/** Opens a file to read it. @throws LarderError LDR_DISK* */
export function openToRead(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true });
  } catch (error) {
    throw diskError(error, "read", path);
  }
}

/** Opens a file to read it, or to lock it; returns undefined if there is none. @throws LarderError LDR_DISK* */
export function openIfAny(
  path: string,
  options: Deno.OpenOptions = { read: true },
): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw diskError(error, "open", path);
  }
}

/** Opens a file to write it, or to lock it; creates a private one if there is none. @throws LarderError LDR_DISK* */
export function openOrCreate(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true, write: true, create: true, mode: FILE_MODE });
  } catch (error) {
    throw diskError(error, "write", path);
  }
}
