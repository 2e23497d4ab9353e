import type { LarderError } from "../../base/errors.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import { sizeMismatch } from "../../oci/content_verifier.ts";
import type { HttpResponse } from "./transport.ts";

/** The answer to a request for a blob. */
export interface BlobResponse {
  readonly response: HttpResponse;
  /** Where in the blob the body begins; undefined for an answer that is no part of a blob. */
  readonly start: number | undefined;
}

/**
 * Asks for a blob from `offset` on, and once more for all of it where the server cannot begin there: it says
 * so (416), it begins elsewhere than it was asked to, or announces another length than that of the rest.
 *
 * @param send sends the request with these headers added
 * @throws LarderError LDR_SIZE_MISMATCH if it announces another length than the blob has
 */
export async function requestFrom(
  descriptor: Pick<BlobDescriptor, "digest" | "size">,
  offset: number,
  send: (headers: Record<string, string>) => Promise<HttpResponse>,
): Promise<BlobResponse> {
  const response = await send(offset > 0 ? { range: `bytes=${offset}-` } : {});
  const start = startOf(response, offset);
  if (start === 0 || start === offset) {
    const wrong = wrongLength(response, descriptor, start);
    if (!wrong) return { response, start };
    await response.body?.cancel();
    if (start === 0) throw wrong;
  } else if (offset === 0 || (response.status !== 206 && response.status !== 416)) {
    return { response, start: undefined };
  } else {
    await response.body?.cancel();
  }
  return await requestFrom(descriptor, 0, send);
}

/** The error for a body that announces another length than it should have. */
function wrongLength(
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
    `the server announces ${length} bytes where ${expected} are due`,
  );
}

/** Where the bytes of a 206 begin is in its `Content-Range` (RFC 9110 §14.4). */
function startOf({ status, headers }: HttpResponse, offset: number): number | undefined {
  if (status === 200) return 0;
  if (status !== 206) return undefined;
  const match = /^bytes (\d+)-/.exec(headers.get("content-range") ?? "");
  return match ? Number(match[1]) : offset;
}
