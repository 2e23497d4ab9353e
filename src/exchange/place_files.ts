import { mapLimit } from "../base/concurrency.ts";
import { LarderError } from "../base/errors.ts";
import { diskError } from "../base/system_error.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { algorithmOf } from "../oci/digest.ts";
import { hasDigest } from "../store/blobs/blob_store.ts";
import { hashFiles } from "../store/blobs/hash_files.ts";
import type { HashError } from "../store/blobs/hash_messages.ts";
import { BACKGROUND_HASH_SIZE } from "../store/blobs/ingest.ts";
import type { StoredBlob } from "./entry_content.ts";

/** Parallel copies: more do not help, because a copy within a file system is one system call. */
const COPIES = 4;

/** A blob of the cache, and the file to copy it to. */
export interface Placement extends StoredBlob {
  readonly target: string;
}

export interface PlaceOptions {
  /** Called with bytes that were copied and verified. */
  readonly progressed?: ((bytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies blobs out of the cache and verifies the copies. The system shares their blocks with the cache where the file
 * system can (Btrfs, XFS); a hard link would let whatever writes to the copy change the cache.
 *
 * @param mode of the copies
 * @throws LarderError LDR_DIGEST_MISMATCH for a blob that is damaged in the cache; LDR_DISK*, LDR_INTERRUPTED
 */
export async function placeFiles(
  placements: readonly Placement[],
  mode: number,
  { progressed, signal }: PlaceOptions = {},
): Promise<void> {
  await mapLimit(placements, COPIES, async ({ path, target }) => {
    try {
      await Deno.copyFile(path, target);
      Deno.chmodSync(target, mode);
    } catch (error) {
      throw diskError(error, "write", target);
    }
  }, signal);
  const total = placements.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  // Starting a thread does not pay for less.
  if (total < BACKGROUND_HASH_SIZE) {
    for (const { descriptor, target } of placements) {
      if (!hasDigest(target, descriptor.digest)) throw damagedInCache(descriptor);
      progressed?.(descriptor.size);
    }
    return;
  }
  const files = placements.map(({ descriptor: { digest, size }, target }) => ({
    path: target,
    size,
    algorithm: algorithmOf(digest),
  }));
  const hashed = await hashFiles(files, { onBytes: progressed, signal });
  for (const [i, { descriptor }] of placements.entries()) {
    const result = hashed[i]!;
    if ("error" in result) throw diskError(asError(result.error), "read", files[i]!.path);
    if (result.digest !== descriptor.digest) throw damagedInCache(descriptor);
  }
}

/** Returns the error for a blob whose content is not that of its name. */
export function damagedInCache({ digest }: Pick<Descriptor, "digest">): LarderError {
  return new LarderError("LDR_DIGEST_MISMATCH", `${digest} is damaged in the cache`, {
    hint: "larder verify --repair fetches it again; nothing was exported",
  });
}

function asError({ message, code }: HashError): Error {
  return Object.assign(new Error(message), code && { code });
}
