import { digestMismatch, sizeMismatch } from "../../oci/content_verifier.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import type { Fetcher } from "../../oci/fetcher.ts";
import type { Hasher } from "../../oci/hash.ts";
import type { Chunk } from "./sent_chunks.ts";

export interface UnstoredRange {
  /** Has hashed the first `hashed` bytes of the blob. */
  readonly hasher: Hasher;
  readonly hashed: number;
  /** The range to deliver: from `position`, which is not before `hashed`, to before `end`. */
  readonly position: number;
  readonly end: number;
}

/**
 * Yields a range of a blob as the registry sends it, for a disk that does not take it. The whole blob is hashed on the
 * way, and the last byte of the range held back until the digest is right.
 *
 * @throws LarderError LDR_DIGEST_MISMATCH, LDR_SIZE_MISMATCH, and those of the source
 */
export async function* streamUnstored(
  source: Fetcher,
  descriptor: BlobDescriptor,
  { hasher, hashed, position, end }: UnstoredRange,
): AsyncGenerator<Chunk, void> {
  const content = await source.fetch(descriptor, hashed);
  let offset = content.offset;
  let delivered = position;
  let last: Chunk | undefined;
  for await (const chunk of content.chunks) {
    const fresh = chunk.subarray(Math.max(0, hashed - offset));
    if (fresh.length > 0) hasher.update(fresh);
    const from = Math.max(0, delivered - offset);
    const available = chunk.subarray(from, Math.max(from, end - offset));
    offset += chunk.length;
    if (available.length === 0) continue;
    delivered += available.length;
    const isEnd = delivered === end;
    // Copied, because the next chunk overwrites this one.
    last = isEnd ? available.slice(-1) : undefined;
    const ready = isEnd ? available.slice(0, -1) : available.slice();
    if (ready.length > 0) yield ready;
  }
  const { digest, size } = descriptor;
  if (size !== undefined && offset !== size) {
    throw sizeMismatch(descriptor, `received ${offset} of ${size} bytes`);
  }
  const actual = hasher.digest();
  if (actual !== digest) throw digestMismatch(digest, actual);
  if (last) yield last;
}
