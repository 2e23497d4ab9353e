import { hasCode, LarderError } from "../base/errors.ts";
import { PULL_ROUNDS } from "../base/limits.ts";
import { type NextTry, Tries } from "../base/tries.ts";
import type { BlobDescriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { digestWithWebCrypto } from "../oci/hash.ts";
import { ParallelFetcher } from "../pull/transfer/parallel_fetcher.ts";
import { PROGRESS_RESETS_TRIES, transfer, type TransferSource } from "../pull/transfer/transfer.ts";
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
import { MEDIA_TYPE, type PackageSession, type PackageTurn } from "./package_session.ts";
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
  turn: PackageTurn,
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
  const fetch = new PackageFetch(request, record, session, turn);
  const { digest, size, isReceived, isShared } = await fetch.run(expected);
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

/** The fetch of one package. */
class PackageFetch {
  readonly #request: PackageRequest;
  /** The record that it replaces. */
  readonly #before: PackageRecord | undefined;
  readonly #session: PackageSession;
  readonly #turn: PackageTurn;

  constructor(
    request: PackageRequest,
    before: PackageRecord | undefined,
    session: PackageSession,
    turn: PackageTurn,
  ) {
    this.#request = request;
    this.#before = before;
    this.#session = session;
    this.#turn = turn;
  }

  /** @param expected the content that the package must have, if that is known */
  async run(expected: BlobDescriptor | undefined): Promise<Fetched> {
    if (expected) return await this.#fetchExpected(expected);
    return await this.#fetchShared() ?? await this.#fetchUnknown();
  }

  /**
   * Fetches the package that the shared cache has under the same name.
   * @returns undefined if there is none, or the user wants what its server has now
   */
  async #fetchShared(): Promise<Fetched | undefined> {
    const { shared, options } = this.#session;
    if (!shared || options.replace || isLocal(this.#request)) return undefined;
    const record = await sharedPackage(shared, this.#request.id, this.#turn.signal);
    if (!record) return undefined;
    const { digest, size } = record;
    const blob = { mediaType: MEDIA_TYPE, digest, size };
    try {
      const fetcher = new SharedFetcher(shared);
      return await this.#fetchKnown(blob, fetcher, fetcher);
    } catch (error) {
      if (!hasCode(error, "LDR_NOT_FOUND")) throw error;
      // What the record names is not there, or not all of it, so that the server of the package decides.
      const left = await this.#session.blobs.ingest(blob, { signal: this.#turn.signal });
      left?.discard();
      return undefined;
    }
  }

  /**
   * Fetches a package by its digest. If a server has content of another size than the record names, receives all of it,
   * because the error shows the digests of both.
   */
  async #fetchExpected(blob: BlobDescriptor): Promise<Fetched> {
    const { source, shared } = sourceOf(this.#request, this.#session, this.#turn);
    try {
      return await this.#fetchKnown(blob, source, shared);
    } catch (error) {
      if (this.#request.digest !== undefined || !hasCode(error, "LDR_SIZE_MISMATCH")) throw error;
      return await this.#fetchUnknown(blob.digest);
    }
  }

  /** @param shared what of the source asks the shared cache, if it does */
  async #fetchKnown(
    blob: BlobDescriptor,
    source: TransferSource,
    shared: SharedFetcher | undefined,
  ): Promise<Fetched> {
    const request = this.#request;
    const { blobs, clock, observer, arrived } = this.#session;
    const { signal, onReceived } = this.#turn;
    const waiting = (holders: string) => observer.note?.(waitingFor(holders, request));
    const received = await transfer(
      source,
      blob,
      () => blobs.ingest(blob, { waiting, signal }),
      {
        clock,
        signal,
        onStart: (offset) => this.#started(offset, blob.size),
        onBytes: (count) => observer.progressed?.(request, count),
        onReceived,
        onRetry: (message) => observer.note?.(`${request.fileName}: ${message}`),
      },
    );
    const size = blobs.findData(blob.digest)?.size;
    if (size === undefined) throw deletedMeanwhile(request);
    const isReceived = received !== undefined || arrived.has(request);
    if (isReceived) arrived.set(request, { ...blob, size });
    this.#record({ digest: blob.digest, size });
    return { digest: blob.digest, size, isReceived, isShared: shared?.isShared };
  }

  /**
   * Fetches a package whose digest is not known, from the first URL that has it.
   * @param expected the only digest that is accepted
   */
  async #fetchUnknown(expected?: Digest): Promise<Fetched> {
    let failure: unknown;
    for (const url of this.#request.urls) {
      try {
        return await this.#fetchFrom(parsePackageUrl(url), expected);
      } catch (error) {
        if (this.#turn.signal.aborted) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #fetchFrom(url: URL, expected: Digest | undefined): Promise<Fetched> {
    const request = this.#request;
    const { clock, observer, layout, arrived } = this.#session;
    // A process that was waited for may have recorded it; what is to be replaced is recorded already.
    const isPresent = () => this.#before === undefined && this.#recorded() !== undefined;
    const waiting = (holders: string) => observer.note?.(waitingFor(holders, request));
    const options = { waiting, signal: this.#turn.signal };
    const tries = new Tries(clock);
    const key = await digestWithWebCrypto(partialKey(url.href));
    for (let round = 1;;) {
      using ingest = await UnnamedIngest.open(layout, key, isPresent, options);
      if (!ingest) {
        const present = this.#recorded();
        if (present) return present;
        continue;
      }
      const next = await this.#receive(ingest, url, tries);
      if (next) {
        await clock.sleep(next.pause, this.#turn.signal);
        continue;
      }
      this.#turn.onReceived();
      rejectOtherKind(request, ingest, url);
      const blob = await commit(ingest, expected);
      if (blob) {
        arrived.set(request, { mediaType: MEDIA_TYPE, ...blob });
        this.#record(blob);
        return { ...blob, isReceived: true };
      }
      if (round++ === PULL_ROUNDS) throw deletedMeanwhile(request);
    }
  }

  /** Receives the rest of a file; returns the next try if the connection broke. */
  async #receive(ingest: UnnamedIngest, url: URL, tries: Tries): Promise<NextTry | undefined> {
    const request = this.#request;
    const { observer, transport } = this.#session;
    const { offset } = ingest;
    try {
      await receive(ingest, url, {
        transport,
        signal: this.#turn.signal,
        tries,
        onStart: (offset, size) => this.#started(offset, size),
        onBytes: (count) => observer.progressed?.(request, count),
      });
      return undefined;
    } catch (error) {
      if (ingest.offset - offset >= PROGRESS_RESETS_TRIES) tries.restart();
      const next = isTransient(error) ? tries.next(error) : undefined;
      if (!next) throw error;
      const reason = (error as Error).message;
      observer.note?.(`${request.fileName}: ${reason}; trying again (${next.ordinal})`);
      return next;
    }
  }

  #started(offset: number, size: number | undefined): void {
    const { sizes, observer } = this.#session;
    if (size !== undefined) sizes.set(this.#request, size);
    observer.started?.(this.#request, offset, size);
  }

  /** Returns what is cached under the name of the request, whatever its digest. */
  #recorded(): Fetched | undefined {
    const { packages, blobs } = this.#session;
    const record = packages.find(this.#request.id);
    if (!record) return undefined;
    const { digest, size } = record;
    const path = blobs.find({ mediaType: MEDIA_TYPE, digest, size });
    return path === undefined ? undefined : { digest, size, isReceived: false };
  }

  /**
   * Records the package.
   * @throws LarderError LDR_DIGEST_MISMATCH if another process has recorded other content since the fetch began
   */
  #record({ digest, size }: Pick<Fetched, "digest" | "size">): void {
    const { packages, clock } = this.#session;
    const { id, urls: [first], fileName, vouchedBy } = this.#request;
    const now = packages.find(id);
    if (now && now.digest !== digest && now.digest !== this.#before?.digest) {
      throw otherContent(this.#request, now.digest, digest);
    }
    const url = first === undefined ? undefined : withoutCredentials(new URL(first));
    const file = { ...id, mediaType: MEDIA_TYPE, digest, size, url, fileName, vouchedBy };
    packages.use(file, clock.now());
  }
}

/** Returns the source of a package whose digest is known, and what of it asks the shared cache. */
function sourceOf(
  request: PackageRequest,
  { shared, transport, clock, options }: PackageSession,
  { connections }: PackageTurn,
): { readonly source: TransferSource; readonly shared?: SharedFetcher | undefined } {
  if (isLocal(request)) return { source: new FileFetcher(request.urls[0]!) };
  const origin = new UrlFetcher(transport, request.urls);
  const fetcher = shared && new SharedFetcher(shared, origin);
  const ranges = { clock, connections, most: options.transfers };
  return { source: new ParallelFetcher(fetcher ?? origin, ranges), shared: fetcher };
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

/** @throws LarderError LDR_BAD_RESPONSE for what cannot be the package, such as the login page of a network */
function rejectOtherKind({ fileName }: PackageRequest, ingest: UnnamedIngest, url: URL): void {
  const noun = otherKindThanNamed(fileName, ingest.start(SIGNATURE_SIZE));
  if (noun === undefined) return;
  ingest.discard();
  throw new LarderError("LDR_BAD_RESPONSE", `what ${url.host} sent is not ${noun}`, {
    hint: "open the URL in a browser: a proxy or a login page may answer in its place",
  });
}
