import { type Clock, mapLimit } from "../base/concurrency.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import type { Fetcher } from "../oci/fetcher.ts";
import { isForeign } from "../oci/media_types.ts";
import type { Reference } from "../oci/reference.ts";
import type { Transport } from "../registry/http/transport.ts";
import { UrlFetcher } from "../registry/url_fetcher.ts";
import type { BlobStore } from "../store/blobs/blob_store.ts";
import type { Part } from "../store/image_parts.ts";
import type { ManifestStore } from "../store/manifest_store.ts";
import type { Outcome, PullObserver } from "./options.ts";
import { transfer } from "./transfer.ts";
import { bytesFromBase64 } from "../base/base64.ts";
import { digestOf } from "../oci/hash.ts";

export interface FetchContext {
  readonly blobs: BlobStore;
  readonly manifests: ManifestStore;
  readonly reference: Reference;
  readonly repository: Fetcher;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly transfers: number;
  readonly signal?: AbortSignal | undefined;
  readonly observer: PullObserver;
  readonly onOutcome: (digest: Digest, outcome: Outcome) => void;
}

/** Fetches parts, several at once; the first failure ends them all, and what came stays for the next try. */
export async function fetchParts(parts: readonly Part[], context: FetchContext): Promise<void> {
  const { transfers, signal } = context;
  // Large ones first, so that none is left to run alone at the end.
  const ordered = parts.toSorted((a, b) => b.descriptor.size - a.descriptor.size);
  await mapLimit(ordered, transfers, (part, joined) => fetchPart(part, context, joined), signal);
}

async function fetchPart(part: Part, context: FetchContext, signal: AbortSignal): Promise<void> {
  const { descriptor, lockedAppOf } = part;
  const { blobs, manifests, reference, observer } = context;
  const waiting = () =>
    observer.note?.(`waiting for another process that fetches ${descriptor.digest}`);
  const open = () =>
    lockedAppOf
      ? manifests.ingestConfig(reference, lockedAppOf, descriptor, { waiting, signal })
      : blobs.ingest(descriptor, { waiting, signal });
  const embedded = embeddedSource(descriptor);
  const received = await transfer(embedded ?? sourceOf(descriptor, context), descriptor, open, {
    clock: context.clock,
    signal,
    onStart: (offset) => observer.started?.(descriptor, offset),
    onBytes: (count) => observer.progressed?.(descriptor, count),
    onRetry: (message) => observer.note?.(message),
  });
  const outcome = received === undefined || embedded ? "reused" : "fetched";
  context.onOutcome(descriptor.digest, outcome);
  observer.finished?.(descriptor, outcome);
}

/** Content that its manifest embeds needs no request. */
function embeddedSource(descriptor: Descriptor): Fetcher | undefined {
  if (descriptor.data === undefined) return undefined;
  return embeddedFetcher(descriptor.data, descriptor.digest);
}

/** Foreign layers lie where their manifest says, the rest in the repository. */
function sourceOf(descriptor: Descriptor, context: FetchContext): Fetcher {
  if (isForeign(descriptor.mediaType) && descriptor.urls && descriptor.urls.length > 0) {
    return new UrlFetcher(context.transport, descriptor.urls);
  }
  return context.repository;
}

/**
 * Serves what a descriptor embeds (image-spec, descriptor.md, `data`).
 * @returns undefined if that is not what it should be
 */
export function embeddedFetcher(data: string, digest: Digest): Fetcher | undefined {
  const bytes = bytesFromBase64(data);
  if (!bytes || digestOf(bytes, algorithmOf(digest)) !== digest) return undefined;
  return { fetch: (_descriptor, offset = 0) => Promise.resolve(contentOf(bytes, offset)) };
}

function contentOf(bytes: Uint8Array, offset: number) {
  async function* chunks() {
    yield bytes.subarray(offset);
  }
  return { offset, chunks: chunks() };
}
