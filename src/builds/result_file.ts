import { dirname, join } from "node:path";
import { LarderError } from "../base/errors.ts";
import { isNotFound, statIfAny } from "../base/files/files.ts";
import {
  createFolder,
  placeFile,
  type PlaceFileOptions,
  rejectSpecialFile,
} from "../base/files/place_file.ts";
import { diskError } from "../base/files/system_error.ts";

/**
 * Checks that a result can be put at a path, before a command takes an hour to make it.
 * @throws LarderError LDR_DISK*
 */
export function checkTarget(path: string): void {
  if (statIfAny(path)?.isDirectory) {
    throw new LarderError("LDR_DISK", `cannot write ${path}: it is a folder`, {
      hint: `name a file, such as ${join(path, "image")}`,
    });
  }
  rejectSpecialFile(path);
  const folder = nearestAbove(path);
  if (Deno.statSync(folder).isDirectory) return;
  throw new LarderError("LDR_DISK", `cannot write ${path}: ${folder} is not a folder`, {
    hint: "name a file in another folder",
  });
}

/** Returns what exists of the folders of a path; the rest is created for the result. */
function nearestAbove(path: string): string {
  const folder = dirname(path);
  try {
    Deno.statSync(folder);
    return folder;
  } catch (error) {
    if (!isNotFound(error) || folder === path) throw diskError(error, "write to", folder);
    return nearestAbove(folder);
  }
}

/** Puts a result at a path, whose folder is created. @throws LarderError LDR_DISK*, LDR_INTERRUPTED */
export async function placeResult(
  from: string,
  to: string,
  options: PlaceFileOptions,
): Promise<void> {
  createFolder(dirname(to));
  await placeFile(from, to, options);
}

/**
 * Checks what a command wrote to `$LARDER_OUTPUT`.
 * @returns whether it is a program
 * @throws LarderError LDR_BUILD if it is not a file with content
 */
export function checkResult(path: string, name: string): { readonly executable: boolean } {
  const info = statIfAny(path);
  if (!info) throw badResult(name, "wrote no $LARDER_OUTPUT");
  if (info.isDirectory) {
    throw badResult(name, "wrote a folder to $LARDER_OUTPUT", "pack it, as with tar or mksquashfs");
  }
  if (!info.isFile) throw badResult(name, "left a link or device at $LARDER_OUTPUT");
  if (info.size === 0) throw badResult(name, "wrote an empty $LARDER_OUTPUT");
  return { executable: ((info.mode ?? 0) & 0o111) !== 0 };
}

function badResult(
  name: string,
  fault: string,
  hint = "let it write its result to the file that $LARDER_OUTPUT names",
): LarderError {
  return new LarderError("LDR_BUILD", `the command of ${name} ended well, but ${fault}`, { hint });
}
