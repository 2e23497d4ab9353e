import { join } from "node:path";
import { mapLimit } from "../base/concurrency.ts";
import { LarderError } from "../base/errors.ts";
import { readFolder, removeIfAny, statIfAny } from "../base/files/files.ts";
import { createFolder, placeFile } from "../base/files/place_file.ts";
import type { Digest, DigestAlgorithm } from "../oci/digest.ts";
import { digestOfFile } from "../store/blobs/blob_store.ts";
import { isExactMark, markOf } from "../store/blobs/verified_mark.ts";
import { packageName } from "../store/entries/package_record.ts";
import { parsePackageFileName } from "./package_file_name.ts";
import type { PackageRequest, PackageResult } from "./package_request.ts";

/** Files that are copied at once: most of the time goes to waiting for the file system. */
const COPIES = 8;

const ALGORITHMS: readonly DigestAlgorithm[] = ["sha256", "sha512"];

/**
 * Checks that a folder can hold exactly these packages, before anything is fetched.
 *
 * @returns files of an earlier resolution that larder laid there, which {@link layOut} removes
 * @throws LarderError LDR_USAGE if two packages have one file name, or if the folder holds another package that larder
 * did not put there: whatever reads the folder would take it for a part of the resolution
 */
export function checkFolder(folder: string, requests: readonly PackageRequest[]): string[] {
  rejectCollisions(requests);
  const names = new Set(requests.map(({ fileName }) => fileName));
  const stale: string[] = [];
  for (const { name, isFile } of readFolder(folder)) {
    if (!isFile || names.has(name)) continue;
    const path = join(folder, name);
    if (isLaid(path)) stale.push(path);
    else if (isPackage(name)) throw otherPackage(folder, name);
  }
  return stale;
}

/** True for whatever a repository of the folder would have as a package: their tools look at the suffix alone. */
function isPackage(name: string): boolean {
  return /\.(?:[ud]?deb|rpm|apk)$/.test(name) || parsePackageFileName(name) !== undefined;
}

/** @throws LarderError LDR_USAGE if two packages have the same file name */
export function rejectCollisions(requests: readonly PackageRequest[]): void {
  const owners = new Map<string, string>();
  for (const { id, fileName } of requests) {
    const name = packageName(id);
    const other = owners.get(fileName) ?? name;
    if (other !== name) {
      throw new LarderError(
        "LDR_USAGE",
        `two packages have the file name ${fileName}: ${other} and ${name}`,
        {
          hint: "fetch one of them to another folder",
        },
      );
    }
    owners.set(fileName, name);
  }
}

/**
 * Puts packages into a folder, each under its own file name, and removes the files of an earlier resolution.
 * The caller holds a lease on the packages.
 *
 * @param stale what {@link checkFolder} returned
 * @returns the paths, in the order of the packages
 * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
 */
export async function layOut(
  results: readonly PackageResult[],
  folder: string,
  stale: readonly string[],
  signal?: AbortSignal,
): Promise<string[]> {
  createFolder(folder);
  const pathOf = ({ request }: PackageResult) => join(folder, request.fileName);
  // A package that is named twice is copied once: two copies at once would wait for each other's lock.
  const files = new Map(results.map((result) => [pathOf(result), result]));
  await mapLimit([...files], COPIES, async ([path, result]) => {
    if (!isCopyOf(path, result)) await giveCopy(result, path);
  }, signal);
  stale.forEach(removeIfAny);
  return results.map(pathOf);
}

/** Gives a copy of a package that nothing but its owner's programs write to. @throws LarderError LDR_DISK* */
export async function giveCopy({ path, digest }: PackageResult, to: string): Promise<void> {
  await placeFile(path, to, { mtime: markOf(digest, Date.now()) });
}

/** True if an earlier run put the package there and nothing has written to it since: its time encodes its digest. */
function isCopyOf(path: string, { digest, size }: PackageResult): boolean {
  const info = statIfAny(path);
  return info !== undefined && info.isFile && info.size === size && isExactMark(info.mtime, digest);
}

/** True if larder put a file there and nothing has written to it since. */
function isLaid(path: string): boolean {
  const mtime = statIfAny(path)?.mtime ?? null;
  return ALGORITHMS.some((algorithm) => {
    const digest: Digest | undefined = digestOfFile(path, algorithm);
    return digest !== undefined && isExactMark(mtime, digest);
  });
}

function otherPackage(folder: string, name: string): LarderError {
  return new LarderError(
    "LDR_USAGE",
    `${folder} also contains ${name}, which is not one of these packages`,
    {
      hint: "move it away, or name another folder",
    },
  );
}
