import type { HttpResponse } from "./transport.ts";

/** The answer to a request for a blob. */
export interface BlobResponse {
  readonly response: HttpResponse;
  /** Where in the blob the body begins; undefined for an answer that is no part of a blob. */
  readonly start: number | undefined;
}

/**
 * Asks for a blob from `offset` on, and once more for all of it where the server cannot begin there: it says
 * so (416), or it begins elsewhere than it was asked to.
 *
 * @param send sends the request with these headers added
 */
export async function requestFrom(
  offset: number,
  send: (headers: Record<string, string>) => Promise<HttpResponse>,
): Promise<BlobResponse> {
  const response = await send(offset > 0 ? { range: `bytes=${offset}-` } : {});
  const start = startOf(response, offset);
  if (start === 0 || start === offset) return { response, start };
  if (offset === 0 || (response.status !== 206 && response.status !== 416)) {
    return { response, start: undefined };
  }
  await response.body?.cancel();
  return await requestFrom(0, send);
}

/** Where the bytes of a 206 begin is in its `Content-Range` (RFC 9110 §14.4). */
function startOf({ status, headers }: HttpResponse, offset: number): number | undefined {
  if (status === 200) return 0;
  if (status !== 206) return undefined;
  const match = /^bytes (\d+)-/.exec(headers.get("content-range") ?? "");
  return match ? Number(match[1]) : offset;
}
