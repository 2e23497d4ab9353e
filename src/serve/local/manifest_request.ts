import { concatBytes } from "../../base/bytes.ts";
import type { Clock } from "../../base/concurrency.ts";
import { hasCode } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import type { Digest } from "../../oci/digest.ts";
import { type Manifest, MAX_MANIFEST, parseManifest } from "../../oci/manifest.ts";
import { formatReference, isTag, type Reference } from "../../oci/reference.ts";
import { ApiError } from "../errors.ts";
import { chunksOf } from "./request_body.ts";

/** Tags that one request may set. */
const MAX_TAGS = 100;

/**
 * Returns the manifest in the body of a request.
 * @param expected its digest, if the request names it
 * @throws ApiError if it is too large or malformed, or has another digest
 */
export async function manifestIn(
  request: Request,
  repository: Reference,
  expected: Digest | undefined,
  clock: Clock,
): Promise<Manifest> {
  const bytes = await readBody(request, clock);
  try {
    const type = request.headers.get("content-type");
    return parseManifest(bytes, formatReference(repository), type, expected);
  } catch (error) {
    if (hasCode(error, "LDR_DIGEST_MISMATCH")) {
      throw new ApiError(400, "DIGEST_INVALID", error.message);
    }
    if (hasCode(error, "LDR_BAD_MANIFEST", "LDR_UNSUPPORTED_MANIFEST")) {
      throw new ApiError(400, "MANIFEST_INVALID", error.message);
    }
    throw error;
  }
}

/** Returns the tags that a push by digest is to set. */
export function tagsIn({ url }: Request): string[] {
  const tags = [...new Set(new URL(url).searchParams.getAll("tag"))];
  const bad = tags.find((tag) => !isTag(tag));
  if (bad !== undefined) throw new ApiError(400, "MANIFEST_INVALID", `"${bad}" is not a tag`);
  if (tags.length > MAX_TAGS) {
    throw new ApiError(414, "UNSUPPORTED", `a manifest gets ${MAX_TAGS} tags at a time at most`);
  }
  return tags;
}

async function readBody(request: Request, clock: Clock): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunksOf(request, "MANIFEST_INVALID", clock)) {
    length += chunk.length;
    if (length > MAX_MANIFEST) {
      const limit = formatBytes(MAX_MANIFEST);
      throw new ApiError(413, "MANIFEST_INVALID", `a manifest may have ${limit} at most`);
    }
    chunks.push(chunk);
  }
  return concatBytes(chunks);
}
