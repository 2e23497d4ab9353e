import { LarderError } from "../base/errors.ts";
import type { Tries } from "../base/tries.ts";
import { formatBytes } from "../base/units.ts";
import { MAX_UNSIZED } from "../oci/content_verifier.ts";
import { readBody } from "../registry/http/body.ts";
import { contentLength, isRefusedRange, startOf } from "../registry/http/range_request.ts";
import { responseError } from "../registry/http/response_error.ts";
import type { HttpResponse, Transport } from "../registry/http/transport.ts";
import { splitCredentials } from "../registry/url_fetcher.ts";
import { rejectEncoded } from "./package_errors.ts";
import type { ContentVersion, UnnamedIngest } from "../store/blobs/unnamed_ingest.ts";

/** 1 MiB below which a file is fetched again rather than continued, which saves writing its version. */
const CONTINUED_SIZE = 1024 * 1024;

/** Milliseconds that a file was unchanged for its `Last-Modified` to tell versions apart (RFC 9110 §8.8.2.2). */
const SETTLED = 60_000;

export interface DownloadOptions {
  readonly transport: Transport;
  readonly signal: AbortSignal;
  readonly tries: Tries;
  /** Called with the bytes that are there already, and those of the whole file if the server states them. */
  readonly onStart: (offset: number, size: number | undefined) => void;
  readonly onBytes: (count: number) => void;
}

/**
 * Receives the rest of the file at a URL into an ingest, or all of it if the server no longer has the version of which
 * the ingest has the beginning.
 *
 * @throws LarderError LDR_NOT_FOUND and the other codes of a response, and those of the transport and the disk
 */
export async function receive(
  ingest: UnnamedIngest,
  url: URL,
  options: DownloadOptions,
): Promise<void> {
  const { offset, version } = ingest;
  if (offset > 0 && offset === version?.size) return options.onStart(offset, offset);
  const response = await openRest(ingest, url, options) ?? await openWhole(ingest, url, options);
  const expected = contentLength(response.headers);
  options.onStart(ingest.offset, expected === undefined ? undefined : ingest.offset + expected);
  for await (const chunk of readBody(response, { url, signal: options.signal, expected })) {
    if (ingest.offset > MAX_UNSIZED) throw endless(url);
    ingest.write(chunk);
    options.onBytes(chunk.length);
  }
}

/** Requests what an ingest lacks. @returns undefined if the server cannot continue there */
async function openRest(
  ingest: UnnamedIngest,
  url: URL,
  options: DownloadOptions,
): Promise<HttpResponse | undefined> {
  const { offset, version } = ingest;
  if (!version || offset === 0) return undefined;
  const range = { range: `bytes=${offset}-`, "if-range": version.validator };
  const response = await get(url, range, options);
  if (continues(response, offset, version)) return response;
  if (response.status === 200) {
    await rejectEncoded(url, response);
    ingest.restart(versionOf(response));
    return response;
  }
  if (!isRefusedRange(response.status)) throw await failed(response, url, options);
  await response.body?.cancel();
  return undefined;
}

async function openWhole(
  ingest: UnnamedIngest,
  url: URL,
  options: DownloadOptions,
): Promise<HttpResponse> {
  const response = await get(url, {}, options);
  if (response.status !== 200) throw await failed(response, url, options);
  await rejectEncoded(url, response);
  ingest.restart(versionOf(response));
  return response;
}

function get(
  from: URL,
  range: Readonly<Record<string, string>>,
  { transport, signal, tries }: DownloadOptions,
): Promise<HttpResponse> {
  const { url, headers } = splitCredentials(from);
  return transport.send({ method: "GET", url, headers: { ...headers, ...range }, signal, tries });
}

/** True if a body is the rest of this version: a server that ignores `If-Range` sends that of another. */
function continues(response: HttpResponse, offset: number, { validator, size }: ContentVersion) {
  if (response.status !== 206 || startOf(response, offset) !== offset) return false;
  const { etag, modified } = validatorsOf(response);
  const isOther = [etag, modified].some((each) => each !== null) &&
    etag !== validator && modified !== validator;
  const total = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
  return !isOther && (size === undefined || total === undefined || Number(total) === size);
}

/** Returns what tells the version of a response from others; undefined if nothing does so for certain, or need not. */
function versionOf(response: HttpResponse): ContentVersion | undefined {
  const { etag, modified } = validatorsOf(response);
  const size = contentLength(response.headers);
  if (size !== undefined && size < CONTINUED_SIZE) return undefined;
  if (etag !== null && !etag.startsWith("W/")) return { validator: etag, size };
  const age = Date.parse(response.headers.get("date") ?? "") - Date.parse(modified ?? "");
  return age >= SETTLED ? { validator: modified!, size } : undefined;
}

function validatorsOf({ headers }: HttpResponse) {
  return { etag: headers.get("etag"), modified: headers.get("last-modified") };
}

function endless(url: URL): LarderError {
  const message = `${url.host} sent more than ${formatBytes(MAX_UNSIZED)}`;
  return new LarderError("LDR_SIZE_MISMATCH", message, { hint: "check the URL" });
}

function failed(response: HttpResponse, url: URL, { signal }: DownloadOptions) {
  return responseError(response, url, url.host + url.pathname, url.host, { signal });
}
