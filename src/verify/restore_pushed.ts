import { join } from "node:path";
import { hasCode } from "../base/errors.ts";
import { readBytesIfAny } from "../base/files/files.ts";
import { type Manifest, parseManifest } from "../oci/manifest.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import { pushedRecord } from "../store/entries/app_record.ts";
import { type Layout, MANIFEST_FILE } from "../store/layout.ts";
import { type StoreLockOptions, withSharedLock } from "../store/locks/store_lock.ts";
import { ManifestStore } from "../store/manifest_store.ts";

/**
 * Writes the record of an entry that was pushed again, by the manifest beside it: nothing else can be restored.
 * @returns false if the record is there, so that the entry lacks something else, or if the manifest is not
 * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
 */
export async function restorePushed(
  layout: Layout,
  reference: Reference,
  now: number,
  options: StoreLockOptions,
): Promise<boolean> {
  const store = new ManifestStore(layout);
  const manifest = manifestIn(store.folder(reference), reference);
  if (!manifest || await store.record(reference)) return false;
  if (!await store.manifest(reference, manifest.digest)) return false;
  await withSharedLock(layout, () =>
    store.publishServed(
      reference,
      manifest,
      (current) => current ? undefined : pushedRecord(reference, manifest, now),
    ), options);
  return true;
}

function manifestIn(folder: string, reference: Reference): Manifest | undefined {
  const bytes = readBytesIfAny(join(folder, MANIFEST_FILE));
  try {
    return bytes && parseManifest(bytes, formatReference(reference), undefined, reference.digest);
  } catch (error) {
    if (hasCode(error, "LDR_BAD_MANIFEST", "LDR_UNSUPPORTED_MANIFEST", "LDR_DIGEST_MISMATCH")) {
      return undefined;
    }
    throw error;
  }
}
