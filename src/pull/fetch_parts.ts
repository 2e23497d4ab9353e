import { bytesFromBase64 } from "../base/base64.ts";
import { mapLimit } from "../base/concurrency.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import type { Fetcher } from "../oci/fetcher.ts";
import { digestOf } from "../oci/hash.ts";
import { isForeign } from "../oci/media_types.ts";
import { UrlFetcher } from "../registry/url_fetcher.ts";
import type { Part } from "../store/image_parts.ts";
import type { PartOutcomes } from "./result.ts";
import type { PullSession } from "./session.ts";
import { transfer, waitingForDownload } from "./transfer.ts";

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
  const { observer, options } = session;
  if (parts.length > 0) await observer.planned?.(parts.map((part) => part.descriptor));
  // Largest first, so that no large part is left to run alone at the end.
  const ordered = parts.toSorted((a, b) => b.descriptor.size - a.descriptor.size);
  await mapLimit(ordered, options.transfers, async (part, signal) => {
    const { descriptor } = part;
    const outcome = await fetchPart(session, part, signal);
    outcomes.set(descriptor.digest, outcome);
    observer.finished?.(descriptor, outcome, part.kind);
  }, options.signal);
}

async function fetchPart(
  session: PullSession,
  { descriptor, lockedAppOf }: Part,
  signal: AbortSignal,
): Promise<"reused" | "fetched"> {
  const { blobs, manifests, reference, clock, observer } = session;
  const waiting = () => observer.note?.(waitingForDownload(descriptor.digest));
  const open = () =>
    lockedAppOf
      ? manifests.ingestConfig(reference, lockedAppOf, descriptor, { waiting, signal })
      : blobs.ingest(descriptor, { waiting, signal });
  const embedded = embeddedContent(descriptor);
  const received = await transfer(embedded ?? sourceOf(session, descriptor), descriptor, open, {
    clock,
    signal,
    onStart: (offset) => observer.started?.(descriptor, offset),
    onBytes: (count) => observer.progressed?.(descriptor, count),
    onRetry: (message) => observer.note?.(message),
  });
  return received === undefined || embedded ? "reused" : "fetched";
}

/** Foreign layers come from the URLs in their manifest, everything else from the repository. */
function sourceOf({ transport, repository }: PullSession, descriptor: Descriptor): Fetcher {
  if (isForeign(descriptor.mediaType) && descriptor.urls && descriptor.urls.length > 0) {
    return new UrlFetcher(transport, descriptor.urls);
  }
  return repository;
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
