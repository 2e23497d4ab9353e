import { hasCode, LarderError } from "../base/errors.ts";
import { PULL_ROUNDS } from "../base/limits.ts";
import { Tries } from "../base/tries.ts";
import type { BlobDescriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Fetcher } from "../oci/fetcher.ts";
import { PROGRESS_RESETS_TRIES, transfer } from "../pull/transfer/transfer.ts";
import { isTransient } from "../registry/http/retry.ts";
import { SharedFetcher } from "../registry/shared/shared_fetcher.ts";
import { UrlFetcher } from "../registry/url_fetcher.ts";
import { UnnamedIngest } from "../store/blobs/unnamed_ingest.ts";
import type { PackageRecord } from "../store/entries/package_record.ts";
import { cachedPackage, causeOf, expectedBlob, isLocal } from "./cached_package.ts";
import { deletedMeanwhile, notCached, otherContent, waitingFor } from "./package_errors.ts";
import { otherKindThanNamed, SIGNATURE_SIZE } from "./package_file_name.ts";
import { FileFetcher } from "./file_fetcher.ts";
import type { PackageRequest, PackageResult } from "./package_request.ts";
import { MEDIA_TYPE, type PackageSession } from "./package_session.ts";
import { sharedPackage } from "./shared_package.ts";
import { receive } from "./url_download.ts";
import { parsePackageUrl, partialKey, withoutCredentials } from "./url_request.ts";

interface Fetched {
  readonly digest: Digest;
  readonly size: number;
  /** False if another process had fetched it, or another package has the same content. */
  readonly isReceived: boolean;
  readonly isShared?: boolean;
}

/**
 * Returns a package from the cache, or fetches and records it. The caller holds the shared store lock.
 *
 * @throws LarderError LDR_NOT_CACHED, LDR_DIGEST_MISMATCH, LDR_SIZE_MISMATCH, LDR_BAD_RESPONSE, LDR_DISK*,
 * LDR_INTERRUPTED, and those of the transport
 */
export async function fetchPackage(
  request: PackageRequest,
  session: PackageSession,
  signal: AbortSignal,
): Promise<PackageResult> {
  const record = session.packages.find(request.id);
  const cached = record && cachedPackage(request, record, session);
  if (cached) return cached;
  const expected = session.arrived.get(request) ?? expectedBlob(request, record, session.options);
  const isReachable = !session.options.offline || isLocal(request);
  if (!isReachable && !(expected && session.blobs.find(expected))) {
    throw notCached(request);
  }
  const cause = causeOf(record, session);
  const fetched = expected
    ? await fetchExpected(request, expected, record, session, signal)
    : await fetchShared(request, record, session, signal) ??
      await fetchUnknown(request, record, session, signal);
  const { digest, size, isReceived, isShared } = fetched;
  return {
    request,
    outcome: isReceived ? "fetched" : "cached",
    ...isReceived && isShared && { source: "shared" as const },
    cause,
    digest,
    size,
    path: session.layout.blob("data", digest),
  };
}

/**
 * Fetches the package that the shared cache has under the same name.
 * @returns undefined if there is none, or the user wants what its server has now
 */
async function fetchShared(
  request: PackageRequest,
  before: PackageRecord | undefined,
  session: PackageSession,
  signal: AbortSignal,
): Promise<Fetched | undefined> {
  const { shared, options } = session;
  if (!shared || options.replace || isLocal(request)) return undefined;
  const record = await sharedPackage(shared, request.id, signal);
  if (!record) return undefined;
  const { digest, size } = record;
  const source = new SharedFetcher(shared);
  try {
    const blob = { mediaType: MEDIA_TYPE, digest, size };
    return await fetchKnown(request, blob, before, session, signal, source);
  } catch (error) {
    // What the record names is not there, so that the server of the package decides.
    if (hasCode(error, "LDR_NOT_FOUND")) return undefined;
    throw error;
  }
}

/** Returns the source of a package whose digest is known. */
function sourceOf(request: PackageRequest, { shared, transport }: PackageSession): Fetcher {
  if (isLocal(request)) return new FileFetcher(request.urls[0]!);
  const origin = new UrlFetcher(transport, request.urls);
  return shared ? new SharedFetcher(shared, origin) : origin;
}

async function fetchKnown(
  request: PackageRequest,
  blob: BlobDescriptor,
  before: PackageRecord | undefined,
  session: PackageSession,
  signal: AbortSignal,
  source: Fetcher = sourceOf(request, session),
): Promise<Fetched> {
  const { blobs, clock, observer } = session;
  const waiting = (holders: string) => observer.note?.(waitingFor(holders, request));
  const received = await transfer(
    source,
    blob,
    () => blobs.ingest(blob, { waiting, signal }),
    {
      clock,
      signal,
      onStart: (offset) => started(request, session, offset, blob.size),
      onBytes: (count) => observer.progressed?.(request, count),
      onRetry: (message) => observer.note?.(`${request.fileName}: ${message}`),
    },
  );
  const size = blobs.findData(blob.digest)?.size;
  if (size === undefined) throw deletedMeanwhile(request);
  const isReceived = received !== undefined || session.arrived.has(request);
  if (isReceived) session.arrived.set(request, { ...blob, size });
  record(request, { digest: blob.digest, size }, before, session);
  const isShared = source instanceof SharedFetcher && source.isShared;
  return { digest: blob.digest, size, isReceived, isShared };
}

/**
 * Fetches a package by its digest. If a server has content of another size than the record names, receives all of it,
 * because the error shows the digests of both.
 */
async function fetchExpected(
  request: PackageRequest,
  blob: BlobDescriptor,
  before: PackageRecord | undefined,
  session: PackageSession,
  signal: AbortSignal,
): Promise<Fetched> {
  try {
    return await fetchKnown(request, blob, before, session, signal);
  } catch (error) {
    if (request.digest !== undefined || !hasCode(error, "LDR_SIZE_MISMATCH")) throw error;
    return await fetchUnknown(request, before, session, signal, blob.digest);
  }
}

/**
 * Fetches a package whose digest is not known, from the first URL that has it.
 * @param before the record that it replaces
 * @param expected the only digest that is accepted
 */
async function fetchUnknown(
  request: PackageRequest,
  before: PackageRecord | undefined,
  session: PackageSession,
  signal: AbortSignal,
  expected?: Digest,
): Promise<Fetched> {
  let failure: unknown;
  for (const url of request.urls) {
    try {
      return await fetchFrom(parsePackageUrl(url), request, before, session, signal, expected);
    } catch (error) {
      if (signal.aborted) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function fetchFrom(
  url: URL,
  request: PackageRequest,
  before: PackageRecord | undefined,
  session: PackageSession,
  signal: AbortSignal,
  expected?: Digest,
): Promise<Fetched> {
  const { clock, observer, transport } = session;
  // A process that was waited for may have recorded it; what is to be replaced is recorded already.
  const isPresent = () => before === undefined && recorded(request, session) !== undefined;
  const waiting = (holders: string) => observer.note?.(waitingFor(holders, request));
  const tries = new Tries(clock);
  for (let round = 1;;) {
    using ingest = await UnnamedIngest.open(session.layout, partialKey(url.href), isPresent, {
      waiting,
      signal,
    });
    if (!ingest) {
      const present = recorded(request, session);
      if (present) return present;
      continue;
    }
    const { offset } = ingest;
    try {
      await receive(ingest, url, {
        transport,
        signal,
        tries,
        onStart: (offset, size) => started(request, session, offset, size),
        onBytes: (count) => observer.progressed?.(request, count),
      });
    } catch (error) {
      if (ingest.offset - offset >= PROGRESS_RESETS_TRIES) tries.restart();
      const next = isTransient(error) ? tries.next(error) : undefined;
      if (!next) throw error;
      observer.note?.(
        `${request.fileName}: ${(error as Error).message}; trying again (${next.ordinal})`,
      );
      await clock.sleep(next.pause, signal);
      continue;
    }
    rejectOtherKind(request, ingest, url);
    const blob = await commit(ingest, expected);
    if (blob) {
      session.arrived.set(request, { mediaType: MEDIA_TYPE, ...blob });
      record(request, blob, before, session);
      return { ...blob, isReceived: true };
    }
    if (round++ === PULL_ROUNDS) throw deletedMeanwhile(request);
  }
}

/** @throws LarderError LDR_DIGEST_MISMATCH for other content than expected, which is removed */
async function commit(ingest: UnnamedIngest, expected: Digest | undefined) {
  try {
    return await ingest.commit(expected);
  } catch (error) {
    if (hasCode(error, "LDR_DIGEST_MISMATCH")) ingest.discard();
    throw error;
  }
}

function started(
  request: PackageRequest,
  { sizes, observer }: PackageSession,
  offset: number,
  size: number | undefined,
): void {
  if (size !== undefined) sizes.set(request, size);
  observer.started?.(request, offset, size);
}

/** Returns what is cached under the name of a request, whatever its digest. */
function recorded(
  { id }: PackageRequest,
  { packages, blobs }: PackageSession,
): Fetched | undefined {
  const record = packages.find(id);
  if (!record) return undefined;
  const { digest, size } = record;
  const path = blobs.find({ mediaType: MEDIA_TYPE, digest, size });
  return path === undefined ? undefined : { digest, size, isReceived: false };
}

/** @throws LarderError LDR_BAD_RESPONSE for what cannot be the package, such as the login page of a network */
function rejectOtherKind({ fileName }: PackageRequest, ingest: UnnamedIngest, url: URL): void {
  const noun = otherKindThanNamed(fileName, ingest.start(SIGNATURE_SIZE));
  if (noun === undefined) return;
  ingest.discard();
  throw new LarderError("LDR_BAD_RESPONSE", `what ${url.host} sent is not ${noun}`, {
    hint: "open the URL in a browser: a proxy or a login page may answer in its place",
  });
}

/**
 * Records a package.
 * @param before its record when the fetch began
 * @throws LarderError LDR_DIGEST_MISMATCH if another process has recorded other content since
 */
function record(
  request: PackageRequest,
  { digest, size }: Pick<Fetched, "digest" | "size">,
  before: PackageRecord | undefined,
  { packages, clock }: PackageSession,
): void {
  const { id, urls: [first], fileName, vouchedBy } = request;
  const now = packages.find(id);
  if (now && now.digest !== digest && now.digest !== before?.digest) {
    throw otherContent(request, now.digest, digest);
  }
  const url = first === undefined ? undefined : withoutCredentials(new URL(first));
  const file = { ...id, mediaType: MEDIA_TYPE, digest, size, url, fileName, vouchedBy };
  packages.use(file, clock.now());
}
