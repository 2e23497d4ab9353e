import { mapLimit } from "../../base/concurrency.ts";
import { LarderError } from "../../base/errors.ts";
import { copyFile } from "../../base/files/place_file.ts";
import { diskError } from "../../base/files/system_error.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { algorithmOf } from "../../oci/digest.ts";
import { digestsOfFiles } from "../../store/blobs/file_digests.ts";
import type { StoredBlob } from "../content/entry_content.ts";

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
  await mapLimit(placements, COPIES, async ({ path, target }, signal) => {
    try {
      await copyFile(path, target, signal);
      Deno.chmodSync(target, mode);
    } catch (error) {
      throw diskError(error, "write", target);
    }
  }, signal);
  const files = placements.map(({ descriptor: { digest, size }, target }) => ({
    path: target,
    size,
    algorithm: algorithmOf(digest),
  }));
  const digests = await digestsOfFiles(files, { onBytes: progressed, signal });
  for (const [i, { descriptor }] of placements.entries()) {
    if (digests[i] !== descriptor.digest) throw damagedInCache(descriptor);
  }
}

/** Returns the error for a blob whose content is not that of its name. */
export function damagedInCache({ digest }: Pick<Descriptor, "digest">): LarderError {
  return new LarderError("LDR_DIGEST_MISMATCH", `${digest} is damaged in the cache`, {
    hint: "larder verify --repair fetches it again; nothing was exported",
  });
}
