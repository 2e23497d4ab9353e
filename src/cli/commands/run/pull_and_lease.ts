import { formatReference, parseReference } from "../../../oci/reference.ts";
import { useEvent } from "../../../pull/result.ts";
import { ENGINE_VERSION } from "../../../run/engine/version.ts";
import { ArtifactResolver, type CachedImage } from "../../../run/artifact.ts";
import { BlobStore } from "../../../store/blobs/blob_store.ts";
import { Journal } from "../../../store/journal/journal.ts";
import { Lease } from "../../../store/locks/leases.ts";
import { WAITING_FOR_SWEEP } from "../../../store/locks/store_lock.ts";
import { ManifestStore } from "../../../store/manifest_store.ts";
import { collectAfterwards } from "../gc/auto.ts";
import type { Context } from "../../context.ts";
import { progressFor } from "../../terminal/progress.ts";
import { openPuller, type PullingOptions, pullOptions, reportPull } from "../pull/options.ts";

/**
 * Pulls what is to be run, and keeps every collector from it until `use` has ended.
 * @throws LarderError of a pull, and what `use` throws
 */
export async function pullAndUse<T>(
  context: Context,
  subject: string,
  command: PullingOptions,
  use: (image: CachedImage, resolver: ArtifactResolver) => Promise<T>,
): Promise<T> {
  const reference = parseReference(subject);
  const name = formatReference(reference);
  const { layout } = context;
  const manifests = new ManifestStore(layout);
  const options = pullOptions(context, command);
  // Taken before the pull, so that no sweep comes between the two.
  using lease = new Lease(layout, `larder run ${name}`);
  const leasing = {
    warn: (message: string) => context.warn(message),
    waiting: () => context.info(WAITING_FOR_SWEEP),
    signal: options.signal,
  };
  await lease.add({ folders: [manifests.folder(reference)] }, leasing);
  const progress = progressFor(context);
  try {
    const result = await openPuller(context).puller.pull(reference, options, progress);
    progress.end();
    reportPull(context, result);
    new Journal(layout).append([useEvent(result, Date.now())]);
    const { manifestDigest, platform, parts } = result;
    const digests = parts.map((part) => part.digest);
    // What is compiled of them as well, whether it is there already or not.
    const compiled = digests.map((digest) => layout.compiledFolder(digest, ENGINE_VERSION));
    const folders = [layout.digestFolder(reference, manifestDigest), ...compiled];
    await lease.add({ folders, digests }, leasing);
    const image = { name, reference, manifestDigest, platform };
    try {
      return await use(image, new ArtifactResolver(new BlobStore(layout), manifests));
    } finally {
      // What is run does not wait for it.
      if (result.cause !== undefined) await collectAfterwards(context);
    }
  } finally {
    progress.end();
  }
}

/** Whether what is to be run is a file and no reference: `app.wasm`, or any path. */
export function isFile(subject: string): boolean {
  return subject.endsWith(".wasm") || /^(?:\.{0,2}\/|[A-Za-z]:[\\/]|\.{1,2}\\)/.test(subject);
}
