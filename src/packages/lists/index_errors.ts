import { LarderError } from "../../base/errors.ts";

/** Returns the error for an index that does not follow its format. */
export function badIndex(index: string, reason: string, cause?: unknown): LarderError {
  return new LarderError("LDR_BAD_INDEX", `bad index ${index}: ${reason}`, {
    hint: "tell the operator of the repository, or use another mirror",
    cause,
  });
}

/** Returns the error for an index for which no trusted key vouches, or only a weak digest. */
export function unverified(
  index: string,
  reason: string,
  hint: string,
  cause?: unknown,
): LarderError {
  return new LarderError("LDR_UNVERIFIED", `cannot verify ${index}: ${reason}`, { hint, cause });
}
