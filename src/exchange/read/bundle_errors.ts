import { LarderError, messageOf } from "../../base/errors.ts";

const DAMAGED_HINT = "nothing of it was imported; copy or save it again";

/** Returns the error for a bundle that is damaged, incomplete or unsafe. @param path of the bundle */
export function badBundle(
  path: string,
  reason: string,
  options: { hint?: string; cause?: unknown } = {},
): LarderError {
  const { hint = DAMAGED_HINT, cause } = options;
  return new LarderError("LDR_BAD_BUNDLE", `bad bundle ${path}: ${reason}`, { hint, cause });
}

/** Returns an error of the content of a bundle as one of the bundle; leaves those of the disk and interrupts alone. */
export function asBundleError(path: string, where: string, error: unknown): unknown {
  const isOwn = error instanceof LarderError &&
    !["LDR_DIGEST_MISMATCH", "LDR_SIZE_MISMATCH", "LDR_BAD_ARCHIVE"].includes(error.code);
  return isOwn ? error : badBundle(path, `${where}: ${messageOf(error)}`, { cause: error });
}
