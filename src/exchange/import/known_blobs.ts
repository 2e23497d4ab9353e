import type { Digest } from "../../oci/digest.ts";
import { successors } from "../../oci/manifest.ts";
import { badBundle } from "../read/bundle_errors.ts";
import { openBundle, type OpenOptions } from "../read/open_source.ts";

/**
 * Returns the digests of the blobs that the manifests of a bundle name, whether the bundle has them or not: if they were
 * left out, a bundle before it has them.
 *
 * @throws LarderError LDR_BAD_BUNDLE, LDR_NOT_FOUND, LDR_DISK*, LDR_INTERRUPTED
 */
export async function knownBlobs(
  path: string,
  options: OpenOptions,
): Promise<Set<Digest>> {
  using bundle = await openBundle(path, options);
  if (!bundle) {
    throw badBundle(path, "it is not a bundle", {
      hint: "write the path of a bundle that larder exported",
    });
  }
  const { entries } = bundle.plan;
  return new Set(
    entries.flatMap((entry) =>
      entry.type === "reference"
        ? entry.selection.images.flatMap((image) => successors(image).map(({ digest }) => digest))
        : entry.blobs.map(({ digest }) => digest)
    ),
  );
}
