import { hasCode, type LarderError } from "../../base/errors.ts";
import { sizeMismatch } from "../../oci/content_verifier.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import type { HttpResponse } from "./transport.ts";

export interface BlobResponse {
  readonly response: HttpResponse;
  /** The offset in the blob at which the body begins; undefined if the body is no part of a blob. */
  readonly start: number | undefined;
  /** The offset at which it ends; undefined for the end of the blob. */
  readonly end: number | undefined;
}

/** A part of a blob: from `start` up to `end`, or to the end of the blob. */
export interface BlobRange {
  readonly start: number;
  readonly end?: number | undefined;
}

type SizedBlob = Pick<BlobDescriptor, "digest" | "size">;

type SendRequest = (headers: Record<string, string>) => Promise<HttpResponse>;

/** Statuses after which the same request may succeed later, so that the bytes before `offset` are kept for it. */
const BUSY = new Set([408, 429, 503]);

/**
 * Requests a part of a blob, and then the whole blob if the server cannot send that: it answers an error (416, and 400,
 * 403, 405, 500 or 501 of servers and proxies that refuse ranges), begins at another offset, or announces a length
 * other than that of the part.
 *
 * The range is closed where the size is known, because the registry of go-containerregistry refuses an open one.
 *
 * @param send sends the request with these headers added
 * @throws LarderError LDR_SIZE_MISMATCH if the server announces a length other than the blob's
 */
export async function requestFrom(
  descriptor: SizedBlob,
  range: BlobRange,
  send: SendRequest,
): Promise<BlobResponse> {
  const headers = rangeHeaders(descriptor, range);
  const isRange = headers.range !== undefined;
  let response: HttpResponse;
  try {
    response = await send(headers);
  } catch (error) {
    // A 403 was taken for a token that is not accepted.
    if (isRange && hasCode(error, "LDR_FORBIDDEN")) return await requestAll(descriptor, send);
    throw error;
  }
  const start = startOf(response, range.start);
  if (start === 0 || start === range.start) {
    const end = isPart(response, descriptor, range) ? range.end : undefined;
    const mismatch = lengthMismatch(response, descriptor, { start, end });
    if (!mismatch) return { response, start, end };
    await response.body?.cancel();
    if (!isRange || response.status === 200) throw mismatch;
  } else if (!isRange || !isRefusedRange(response.status)) {
    return { response, start: undefined, end: undefined };
  } else {
    await response.body?.cancel();
  }
  return await requestAll(descriptor, send);
}

function requestAll(descriptor: SizedBlob, send: SendRequest): Promise<BlobResponse> {
  return requestFrom(descriptor, { start: 0 }, send);
}

function rangeHeaders(
  { size }: SizedBlob,
  { start, end = size }: BlobRange,
): { range?: string } {
  if (start === 0 && end === size) return {};
  return { range: `bytes=${start}-${end === undefined ? "" : end - 1}` };
}

/** True if a response is the part of a blob that was asked for, and nothing else. */
function isPart(
  { status, headers }: HttpResponse,
  { size }: SizedBlob,
  { start, end }: BlobRange,
): boolean {
  if (status !== 206 || end === undefined) return false;
  const [, first, last, total] = CONTENT_RANGE.exec(headers.get("content-range") ?? "") ?? [];
  return Number(first) === start && Number(last) === end - 1 &&
    (total === "*" || Number(total) === size);
}

const CONTENT_RANGE = /^bytes (\d+)-(\d+)\/(\d+|\*)$/;

/** True if a server may answer the same request without its range. */
export function isRefusedRange(status: number): boolean {
  return status === 206 || (status >= 400 && !BUSY.has(status));
}

/** Returns the error for a `Content-Length` other than expected, if that is so. */
function lengthMismatch(
  { headers }: HttpResponse,
  descriptor: SizedBlob,
  { start, end = descriptor.size }: BlobRange,
): LarderError | undefined {
  const length = contentLength(headers);
  if (end === undefined || length === undefined) return undefined;
  const expected = end - start;
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
