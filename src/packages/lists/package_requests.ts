import type { Digest } from "../../oci/digest.ts";
import type { PackageRequest } from "../package_request.ts";
import { sourceOfUrl } from "../url_request.ts";
import { fileUrl } from "./file_path.ts";
import type { IndexPackage } from "./index_package.ts";

/**
 * Returns the request for a package of an index.
 *
 * @param root URL of the repository
 * @param index names the index in messages
 * @throws LarderError LDR_BAD_INDEX for a path that leads out of the repository
 */
export function requestFor(
  { name, version, arch, path, digest, size }: IndexPackage,
  root: URL,
  index: string,
  vouchedBy: Digest,
): PackageRequest {
  const url = fileUrl(root, path, index);
  return {
    id: { source: sourceOfUrl(url), name, version, arch },
    urls: [url.href],
    fileName: path.slice(path.lastIndexOf("/") + 1),
    digest,
    size,
    vouchedBy,
  };
}
