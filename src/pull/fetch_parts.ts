import { bytesFromBase64 } from "../base/base64.ts";
import { mapLimit } from "../base/concurrency.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import type { Fetcher } from "../oci/fetcher.ts";
import { digestOf } from "../oci/hash.ts";
import { isForeign, isWasm } from "../oci/media_types.ts";
import { UrlFetcher } from "../registry/url_fetcher.ts";
import type { Part } from "../store/image_parts.ts";
import { openIngest } from "./transfer/open_ingest.ts";
import type { PartOutcomes } from "./options.ts";
import { ParallelFetcher } from "./transfer/parallel_fetcher.ts";
import { ShortOfSpace } from "./room.ts";
import type { PullSession } from "./session.ts";
import { spaceRequest } from "./space_request.ts";
import { transfer, waitingForDownload, withPartialsHint } from "./transfer/transfer.ts";

/**
 * Fetches parts in parallel. The first failure stops the others; their partial downloads are kept, so that the next
 * pull continues them.
 *
 * @param outcomes receives the outcome of each part
 */
export async function fetchParts(
  session: PullSession,
  parts: readonly Part[],
  outcomes: PartOutcomes = new Map(),
): Promise<void> {
  const { observer, options, connections } = session;
  session.progress.missing = parts;
  await checkSpace(session, parts);
  if (parts.length > 0) await observer.planned?.(parts.map((part) => part.descriptor));
  // Largest first, so that no large part is left to run alone at the end.
  const ordered = parts.toSorted((a, b) => b.descriptor.size - a.descriptor.size);
  let left = parts.length;
  connections.reserve(left);
  try {
    await mapLimit(ordered, options.transfers, async (part, signal, startNext) => {
      const { descriptor } = part;
      const outcome = await fetchPart(session, part, signal, startNext);
      outcomes.set(descriptor.digest, outcome);
      left--;
      connections.release(1);
      observer.finished?.(descriptor, outcome, part.kind);
    }, options.signal);
  } catch (error) {
    throw withPartialsHint(error);
  } finally {
    connections.release(left);
  }
}

/** Asks once whether there is room for the parts. @throws ShortOfSpace */
async function checkSpace(
  session: PullSession,
  parts: readonly Part[],
): Promise<void> {
  const { room, progress } = session;
  if (!room || parts.length === 0 || progress.isSpaceChecked) return;
  progress.isSpaceChecked = true;
  if (await room.isShort(spaceRequest(session).bytes)) throw new ShortOfSpace();
}

async function fetchPart(
  session: PullSession,
  part: Part,
  signal: AbortSignal,
  onReceived: () => void,
): Promise<"reused" | "fetched"> {
  const { descriptor } = part;
  const { clock, connections, name, observer, options } = session;
  const local = embeddedContent(descriptor) ?? cachedContent(session, descriptor);
  const waiting = (holders: string) => noteWait(session, holders, descriptor.digest);
  const open = () => openIngest(session, part, { waiting, signal });
  const parallel = { clock, connections, most: options.transfers };
  const source = local ?? new ParallelFetcher(sourceOf(session, descriptor), parallel);
  const received = await transfer(source, descriptor, open, {
    clock,
    signal,
    onStart: (offset) => observer.started?.(descriptor, offset),
    onBytes: (count) => observer.progressed?.(descriptor, count),
    onReceived,
    onRetry: (message) => observer.note?.(`${name}: ${message}`),
  });
  return received === undefined || local ? "reused" : "fetched";
}

/** Says once for which process this pull waits: one that fetches a part usually fetches several. */
function noteWait({ name, observer, progress }: PullSession, holders: string, digest: Digest) {
  if (progress.awaited.has(holders)) return;
  progress.awaited.add(holders);
  observer.note?.(`${name}: ${waitingForDownload(holders, digest)}`);
}

/** Foreign layers come from the URLs in their manifest, everything else from the repository. */
function sourceOf({ transport, repository }: PullSession, descriptor: Descriptor): Fetcher {
  if (isForeign(descriptor.mediaType) && descriptor.urls && descriptor.urls.length > 0) {
    return new UrlFetcher(transport, descriptor.urls);
  }
  return repository;
}

/** Serves Wasm that the cache has in `data/` only, where Spin looks for that of an app, but not for a package. */
function cachedContent({ blobs }: PullSession, descriptor: Descriptor): Fetcher | undefined {
  return isWasm(descriptor.mediaType) && blobs.find(descriptor) ? blobs : undefined;
}

/**
 * Serves the content that a descriptor embeds (image-spec, descriptor.md, `data`).
 * @returns undefined if it embeds none or content of another digest
 */
function embeddedContent({ data, digest }: Descriptor): Fetcher | undefined {
  const bytes = data === undefined ? undefined : bytesFromBase64(data);
  if (!bytes || !hasDigest(bytes, digest)) return undefined;
  return {
    fetch: (_descriptor, offset = 0) => Promise.resolve({ offset, chunks: chunks(bytes, offset) }),
  };
}

function hasDigest(bytes: Uint8Array, digest: Digest): boolean {
  return digestOf(bytes, algorithmOf(digest)) === digest;
}

async function* chunks(bytes: Uint8Array, offset: number): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(offset);
}
