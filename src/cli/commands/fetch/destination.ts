import { dirname } from "node:path";
import { createFolder, namesFolder } from "../../../base/files/place_file.ts";
import { checkFolder, giveCopy, layOut, rejectCollisions } from "../../../packages/lay_out.ts";
import type { PackageRequest, PackageResults } from "../../../packages/package_request.ts";
import { optionConflict } from "../../errors.ts";

/** Copies packages to where the user wants them, and returns the paths in the order of the packages. */
export type Destination = (outcome: PackageResults, signal: AbortSignal) => Promise<string[]>;

/** True if the packages are copied anywhere. */
export function hasDestination(
  { output, to }: { readonly output?: string; readonly to?: string },
): boolean {
  return output !== undefined || to !== undefined;
}

/**
 * Returns the destination of `--output` or `--to`, or undefined if packages stay in the cache. Checks the folder before
 * anything is fetched.
 *
 * @throws LarderError LDR_USAGE
 */
export function destinationOf(
  { output, to }: { readonly output?: string; readonly to?: string },
  requests: readonly PackageRequest[],
): Destination | undefined {
  if (output !== undefined && to !== undefined) throw optionConflict("--output", "--to");
  if (to !== undefined) return folderOfExactly(to, requests);
  if (output === undefined) return undefined;
  if (requests.length > 1 || namesFolder(output)) {
    return folder(output, requests);
  }
  return async ({ results }) => {
    createFolder(dirname(output));
    for (const result of results) await giveCopy(result, output);
    return results.map(() => output);
  };
}

/** The packages that could be fetched are copied; other files of the folder stay. */
function folder(path: string, requests: readonly PackageRequest[]): Destination {
  rejectCollisions(requests);
  return ({ results }, signal) => layOut(results, path, [], signal);
}

/** Either all packages are copied or none, because nothing tells whatever reads the folder that some are missing. */
function folderOfExactly(path: string, requests: readonly PackageRequest[]): Destination {
  const stale = checkFolder(path, requests);
  return ({ results, failures }, signal) =>
    failures.length > 0 ? Promise.resolve([]) : layOut(results, path, stale, signal);
}
