import { LarderError } from "../../../base/errors.ts";
import type { PackageFailure } from "../../../packages/package_request.ts";
import { DetailedError } from "../../errors.ts";

/**
 * Returns the error for packages that could not be fetched, which names each. It has the code of their own errors if
 * these share an exit code.
 *
 * @param total number of packages that were wanted
 */
export function incomplete(failures: readonly PackageFailure[], total: number): LarderError {
  const [first, ...others] = failures.map(({ error }) => error);
  if (total === 1) return first!;
  const isSame = others.every(({ exitCode }) => exitCode === first!.exitCode);
  return new DetailedError(
    isSame ? first!.code : "LDR_INCOMPLETE",
    `${failures.length} of ${total} packages could not be fetched`,
    {
      details: failures.map(({ error }) => `  ${error.message} [${error.code}]`),
      hint: isSame ? first!.hint : "run the same command again: it fetches only what is missing",
      cause: first,
    },
  );
}
