import type { Clock } from "../base/concurrency.ts";
import { PULL_ROUNDS, TRIES } from "../base/limits.ts";
import { hasCode, LarderError, messageOf } from "../base/errors.ts";
import type { BlobDescriptor } from "../oci/descriptor.ts";
import type { Fetcher } from "../oci/fetcher.ts";
import { sizeMismatch } from "../oci/content_verifier.ts";
import { isTransient, pauseBefore } from "../registry/http/retry.ts";
import { deletedRepeatedly, type Ingest } from "../store/blobs/ingest.ts";

/** A download that got at least this much further starts its count of tries anew. */
export const PROGRESS_RESETS_TRIES = 1024 * 1024;

export interface TransferOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Told where the transfer begins: bytes that an earlier try left. */
  readonly onStart?: (offset: number) => void;
  readonly onBytes?: (count: number) => void;
  readonly onRetry?: (message: string) => void;
}

/**
 * Brings one blob into the store: opens an ingest, goes on from its offset, and tries again where the connection
 * breaks, or where another answer than the rest of the blob comes. Bytes that fail the check are thrown away; if some
 * were from an earlier try, once more from nothing.
 *
 * @param open opens an ingest of the descriptor; undefined says that it is present
 * @returns the bytes that came over the network, or undefined if it was present
 * @throws LarderError LDR_DIGEST_MISMATCH, LDR_SIZE_MISMATCH, the source's errors, LDR_DISK*, LDR_INTERRUPTED
 */
export async function transfer(
  source: Fetcher,
  descriptor: BlobDescriptor,
  open: () => Promise<Ingest | undefined>,
  options: TransferOptions,
): Promise<number | undefined> {
  let received = 0;
  let rounds = 0;
  let furthest: number | undefined;
  for (let tries = 1;; tries++) {
    const ingest = await open();
    if (!ingest) return received > 0 ? received : undefined;
    const resumed = ingest.offset;
    furthest ??= resumed;
    options.onStart?.(resumed);
    let moved = 0;
    try {
      await pump(source, descriptor, ingest, options, (count) => moved += count);
      if (await ingest.commit()) return received + moved;
      if (++rounds === PULL_ROUNDS) throw deletedRepeatedly(descriptor);
    } catch (error) {
      received += moved;
      // A source that begins at 0 each time moves much and gets nowhere.
      if (ingest.offset - furthest >= PROGRESS_RESETS_TRIES) tries = 1;
      furthest = Math.max(furthest, ingest.offset);
      // An answer of the wrong size, such as a proxy's page, says nothing of what came before it.
      const isRefused = resumed > 0 && ingest.offset === resumed &&
        hasCode(error, "LDR_SIZE_MISMATCH");
      if (isWrong(error) && !isRefused) {
        ingest.discard();
        if (resumed === 0) throw error;
        continue;
      }
      const last = tries >= TRIES;
      if (last && error instanceof EndedEarly) ingest.discard();
      else ingest.abort();
      if (last || !(isRefused || isTransient(error))) {
        throw error instanceof EndedEarly ? error.asMismatch() : error;
      }
      options.onRetry?.(`${messageOf(error)}; trying again (${tries + 1} of ${TRIES})`);
      await options.clock.sleep(pauseBefore(tries, options.clock)!, options.signal);
    }
  }
}

/** Moves what is still missing from the source into the ingest. */
async function pump(
  source: Fetcher,
  descriptor: BlobDescriptor,
  ingest: Ingest,
  options: TransferOptions,
  count: (bytes: number) => void,
): Promise<void> {
  if (ingest.offset === descriptor.size) return;
  const content = await source.fetch(descriptor, ingest.offset, options.signal);
  let goesOn = content.offset === ingest.offset;
  for await (const chunk of content.chunks) {
    if (!goesOn) {
      // Only now, when there is something to put in the place of what came before.
      ingest.restart();
      options.onStart?.(0);
      goesOn = true;
    }
    ingest.write(chunk);
    count(chunk.length);
    options.onBytes?.(chunk.length);
  }
  if (ingest.offset < (descriptor.size ?? 0)) throw new EndedEarly(descriptor, ingest.offset);
}

/** A body that ended in order but before its time: tried again like a broken connection. */
class EndedEarly extends LarderError {
  readonly #descriptor: BlobDescriptor;
  readonly #length: number;

  constructor(descriptor: BlobDescriptor, length: number) {
    const what = `${descriptor.digest} ended after ${length} of ${descriptor.size} bytes`;
    super("LDR_UNREACHABLE", what, { hint: "try again" });
    this.#descriptor = descriptor;
    this.#length = length;
  }

  /** What it is if it happens every time. */
  asMismatch(): LarderError {
    const { size } = this.#descriptor;
    return sizeMismatch(
      this.#descriptor,
      `received ${this.#length} of ${size} bytes in ${TRIES} attempts`,
    );
  }
}

function isWrong(error: unknown): boolean {
  return hasCode(error, "LDR_DIGEST_MISMATCH", "LDR_SIZE_MISMATCH");
}
