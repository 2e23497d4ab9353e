import { badIndex } from "./index_errors.ts";

/**
 * Returns the URL of a file of a repository.
 *
 * @param path as the index names it: below `root`, not encoded
 * @throws LarderError LDR_BAD_INDEX for an absolute path or URL, and for one that leads out of the repository
 */
export function fileUrl(root: URL, path: string, index: string): URL {
  const parts = path.split("/").filter((part) => part !== "." && part !== "");
  const isInside = !/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(path) && !path.startsWith("/") &&
    !/[\\\p{Cc}]/u.test(path) && path.isWellFormed() && parts.length > 0 &&
    !parts.includes("..");
  if (!isInside) {
    throw badIndex(index, `the path ${JSON.stringify(path)} leads out of the repository`);
  }
  return new URL(parts.map(encodeURIComponent).join("/"), root);
}
