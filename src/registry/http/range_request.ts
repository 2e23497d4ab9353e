import type { LarderError } from "../../base/errors.ts";
import { sizeMismatch } from "../../oci/content_verifier.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import type { HttpResponse } from "./transport.ts";

export interface BlobResponse {
  readonly response: HttpResponse;
  /** The offset in the blob at which the body begins; undefined if the body is no part of a blob. */
  readonly start: number | undefined;
}

/**
 * Requests a blob from `offset` on, and then the whole blob if the server cannot begin there: it answers 416, begins at
 * another offset, or announces a length other than that of the rest.
 *
 * @param send sends the request with these headers added
 * @throws LarderError LDR_SIZE_MISMATCH if the server announces a length other than the blob's
 */
export async function requestFrom(
  descriptor: Pick<BlobDescriptor, "digest" | "size">,
  offset: number,
  send: (headers: Record<string, string>) => Promise<HttpResponse>,
): Promise<BlobResponse> {
  const response = await send(offset > 0 ? { range: `bytes=${offset}-` } : {});
  const start = startOf(response, offset);
  if (start === 0 || start === offset) {
    const mismatch = lengthMismatch(response, descriptor, start);
    if (!mismatch) return { response, start };
    await response.body?.cancel();
    if (start === 0) throw mismatch;
  } else if (offset === 0 || (response.status !== 206 && response.status !== 416)) {
    return { response, start: undefined };
  } else {
    await response.body?.cancel();
  }
  return await requestFrom(descriptor, 0, send);
}

/** Returns the error for a `Content-Length` other than expected, if that is so. */
function lengthMismatch(
  { headers }: HttpResponse,
  descriptor: Pick<BlobDescriptor, "digest" | "size">,
  start: number,
): LarderError | undefined {
  const header = headers.get("content-length");
  if (descriptor.size === undefined || header === null || headers.has("content-encoding")) {
    return undefined;
  }
  const length = Number(header);
  const expected = descriptor.size - start;
  if (length === expected) return undefined;
  return sizeMismatch(
    descriptor,
    `the server announces ${length} bytes instead of ${expected}`,
  );
}

/** Returns the offset at which a body begins, which a 206 has in its `Content-Range` (RFC 9110 §14.4). */
function startOf({ status, headers }: HttpResponse, offset: number): number | undefined {
  if (status === 200) return 0;
  if (status !== 206) return undefined;
  const match = /^bytes (\d+)-/.exec(headers.get("content-range") ?? "");
  return match ? Number(match[1]) : offset;
}
