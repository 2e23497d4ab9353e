import { hasCode, type LarderError } from "../../base/errors.ts";
import { sizeMismatch } from "../../oci/content_verifier.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import type { HttpResponse } from "./transport.ts";

export interface BlobResponse {
  readonly response: HttpResponse;
  /** The offset in the blob at which the body begins; undefined if the body is no part of a blob. */
  readonly start: number | undefined;
}

/** Statuses after which the same request may succeed later, so that the bytes before `offset` are kept for it. */
const BUSY = new Set([408, 429, 503]);

/**
 * Requests a blob from `offset` on, and then the whole blob if the server cannot begin there: it answers an error (416,
 * and 400, 403, 405, 500 or 501 of servers and proxies that refuse ranges), begins at another offset, or announces a
 * length other than that of the rest.
 *
 * The range is closed where the size is known, because the registry of go-containerregistry refuses an open one.
 *
 * @param send sends the request with these headers added
 * @throws LarderError LDR_SIZE_MISMATCH if the server announces a length other than the blob's
 */
export async function requestFrom(
  descriptor: Pick<BlobDescriptor, "digest" | "size">,
  offset: number,
  send: (headers: Record<string, string>) => Promise<HttpResponse>,
): Promise<BlobResponse> {
  const last = descriptor.size === undefined ? "" : descriptor.size - 1;
  let response: HttpResponse;
  try {
    response = await send(offset > 0 ? { range: `bytes=${offset}-${last}` } : {});
  } catch (error) {
    // A 403 was taken for a token that is not accepted.
    if (offset > 0 && hasCode(error, "LDR_FORBIDDEN")) {
      return await requestFrom(descriptor, 0, send);
    }
    throw error;
  }
  const start = startOf(response, offset);
  if (start === 0 || start === offset) {
    const mismatch = lengthMismatch(response, descriptor, start);
    if (!mismatch) return { response, start };
    await response.body?.cancel();
    if (start === 0) throw mismatch;
  } else if (offset === 0 || !isRefusedRange(response.status)) {
    return { response, start: undefined };
  } else {
    await response.body?.cancel();
  }
  return await requestFrom(descriptor, 0, send);
}

/** True if a server may answer the same request without its range. */
export function isRefusedRange(status: number): boolean {
  return status === 206 || (status >= 400 && !BUSY.has(status));
}

/** Returns the error for a `Content-Length` other than expected, if that is so. */
function lengthMismatch(
  { headers }: HttpResponse,
  descriptor: Pick<BlobDescriptor, "digest" | "size">,
  start: number,
): LarderError | undefined {
  const length = contentLength(headers);
  if (descriptor.size === undefined || length === undefined) return undefined;
  const expected = descriptor.size - start;
  if (length === expected) return undefined;
  return sizeMismatch(
    descriptor,
    `the server announces ${length} bytes instead of ${expected}`,
  );
}

/**
 * Returns the length that a response announces; undefined if it announces none. A transfer coding overrides the header,
 * and the same length may be given several times (RFC 9112 §6.3).
 */
export function contentLength(headers: Headers): number | undefined {
  if (headers.has("content-encoding") || headers.has("transfer-encoding")) return undefined;
  const lengths = new Set((headers.get("content-length") ?? "").split(",").map((s) => s.trim()));
  const [length = ""] = lengths;
  return lengths.size === 1 && /^\d+$/.test(length) ? Number(length) : undefined;
}

/** Returns the offset at which a body begins, which a 206 has in its `Content-Range` (RFC 9110 §14.4). */
export function startOf({ status, headers }: HttpResponse, offset: number): number | undefined {
  if (status === 200) return 0;
  if (status !== 206) return undefined;
  const match = /^bytes (\d+)-/.exec(headers.get("content-range") ?? "");
  return match ? Number(match[1]) : offset;
}
