import type { Clock } from "../../base/concurrency.ts";
import { hasCode, interrupted, LarderError, messageOf } from "../../base/errors.ts";
import { PULL_ROUNDS } from "../../base/limits.ts";
import { type NextTry, TRIES, Tries } from "../../base/tries.ts";
import { sizeMismatch } from "../../oci/content_verifier.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import { type Digest, shortDigest, shortenDigests } from "../../oci/digest.ts";
import type { BlobStream, Fetcher } from "../../oci/fetcher.ts";
import { isTransient } from "../../registry/http/retry.ts";
import { deletedRepeatedly, type Ingest } from "../../store/blobs/ingest.ts";

/** Bytes of progress after which the count of tries starts over. */
export const PROGRESS_RESETS_TRIES = 1024 * 1024;

export interface TransferOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Called with the offset at which the transfer begins: the bytes that an earlier attempt left. */
  readonly onStart?: (offset: number) => void;
  readonly onBytes?: (count: number) => void;
  /** Called once all bytes are there, before they are committed. */
  readonly onReceived?: () => void;
  readonly onRetry?: (message: string) => void;
}

/** A source that may fetch a blob in parts, until it is told not to. */
export interface TransferSource extends Fetcher {
  /** Fetches blobs as one stream from now on; returns false if it did so before. */
  stopSplitting?(): boolean;
}

/** The note for `IngestOptions.waiting`. */
export function waitingForDownload(holders: string, digest: Digest): string {
  return `waiting for ${holders || "another process"}, which is fetching ${shortDigest(digest)}`;
}

/** Returns the error of interrupted transfers with a hint about what they leave; any other error unchanged. */
export function withPartialsHint(error: unknown): unknown {
  return hasCode(error, "LDR_INTERRUPTED")
    ? interrupted("run the same command again: it continues the partial downloads")
    : error;
}

/**
 * Transfers one blob into the store: opens an ingest, continues from its offset, and retries if the connection breaks
 * or the server sends something other than the rest of the blob. Bytes that fail the check are discarded; if some of
 * them were from an earlier attempt or came in parts, the blob is fetched once more from the start.
 *
 * @param open opens an ingest of the descriptor, or returns undefined if the blob is present
 * @returns the bytes that came over the network, or undefined if the blob was present
 * @throws LarderError LDR_DIGEST_MISMATCH, LDR_SIZE_MISMATCH, LDR_DISK*, LDR_INTERRUPTED, and those of `source`
 */
export async function transfer(
  source: TransferSource,
  descriptor: BlobDescriptor,
  open: () => Promise<Ingest | undefined>,
  options: TransferOptions,
): Promise<number | undefined> {
  let received = 0;
  let rounds = 0;
  let furthest: number | undefined;
  const tries = new Tries(options.clock);
  for (;;) {
    const ingest = await open();
    if (!ingest) return received > 0 ? received : undefined;
    const resumed = ingest.offset;
    furthest ??= resumed;
    options.onStart?.(resumed);
    let moved = 0;
    let stream: BlobStream | undefined;
    try {
      const opened = (content: BlobStream) => stream = content;
      const count = (bytes: number) => moved += bytes;
      await fetchInto(ingest, source, descriptor, { ...options, tries, opened, count });
      options.onReceived?.();
      if (await ingest.commit()) return received + moved;
      if (++rounds === PULL_ROUNDS) throw deletedRepeatedly(descriptor);
    } catch (error) {
      received += moved;
      // Read only now: another place may be found while the bytes arrive.
      const reject = stream?.reject;
      // Progress is the offset reached, since a source that starts at 0 each time sends many bytes without any.
      if (ingest.offset - furthest >= PROGRESS_RESETS_TRIES) tries.restart();
      furthest = Math.max(furthest, ingest.offset);
      // A response of another size, such as a proxy's page, does not make the bytes before it wrong.
      const isForeignBody = resumed > 0 && ingest.offset === resumed &&
        hasCode(error, "LDR_SIZE_MISMATCH");
      if (isMismatch(error) && !isForeignBody) {
        ingest.discard();
        // Wrong bytes may be those of ranges alone, or of an earlier attempt.
        if (source.stopSplitting?.() || resumed > 0) continue;
        if (!reject) throw error;
        reject(error);
        continue;
      }
      if (isForeignBody && reject) {
        ingest.abort();
        reject(error);
        continue;
      }
      const next = isForeignBody || isTransient(error) ? tries.next(error) : undefined;
      if (!next && error instanceof EndedEarly) ingest.discard();
      else ingest.abort();
      if (!next) throw error instanceof EndedEarly ? error.asMismatch() : error;
      options.onRetry?.(retryNote(descriptor, error, next));
      await options.clock.sleep(next.pause, options.signal);
    }
  }
}

function retryNote({ digest }: BlobDescriptor, error: unknown, { ordinal }: NextTry): string {
  const message = messageOf(error);
  const what = message.includes(digest) ? message : `${digest}: ${message}`;
  return `${shortenDigests(what)}; trying again (${ordinal})`;
}

interface FetchIntoOptions extends TransferOptions {
  readonly tries: Tries;
  readonly opened: (stream: BlobStream) => void;
  /** Receives the bytes of each chunk. */
  readonly count: (bytes: number) => void;
}

/** Writes the rest of the blob into the ingest. */
async function fetchInto(
  ingest: Ingest,
  source: Fetcher,
  descriptor: BlobDescriptor,
  options: FetchIntoOptions,
): Promise<void> {
  if (ingest.offset === descriptor.size) return;
  const { signal, tries } = options;
  const content = await source.fetch(descriptor, ingest.offset, { signal, tries });
  options.opened(content);
  let continues = content.offset === ingest.offset;
  for await (const chunk of content.chunks) {
    if (!continues) {
      // Earlier bytes are discarded only once there are others to replace them.
      ingest.restart();
      options.onStart?.(0);
      continues = true;
    }
    ingest.write(chunk);
    options.count(chunk.length);
    options.onBytes?.(chunk.length);
  }
  if (ingest.offset < (descriptor.size ?? 0)) throw new EndedEarly(descriptor, ingest.offset);
}

/** A body that ended in order, but too early; retried like a broken connection. */
class EndedEarly extends LarderError {
  readonly #descriptor: BlobDescriptor;
  readonly #length: number;

  constructor(descriptor: BlobDescriptor, length: number) {
    const message = `${descriptor.digest} ended after ${length} of ${descriptor.size} bytes`;
    super("LDR_UNREACHABLE", message, { hint: "try again" });
    this.#descriptor = descriptor;
    this.#length = length;
  }

  /** Returns the error for a body that ended early in every try. */
  asMismatch(): LarderError {
    const { size } = this.#descriptor;
    const received = `received ${this.#length} of ${size} bytes in each of ${TRIES} tries`;
    return sizeMismatch(this.#descriptor, received);
  }
}

function isMismatch(error: unknown): error is LarderError {
  return hasCode(error, "LDR_DIGEST_MISMATCH", "LDR_SIZE_MISMATCH");
}
