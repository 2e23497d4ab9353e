import { formatReference, parseReference } from "../../../oci/reference.ts";
import { useEvent } from "../../../pull/result.ts";
import { ArtifactResolver, type CachedImage } from "../../../run/artifact.ts";
import { ENGINE_VERSIONS } from "../../../run/engine/compile/version.ts";
import { BlobStore } from "../../../store/blobs/blob_store.ts";
import { Journal } from "../../../store/journal/journal.ts";
import { Lease } from "../../../store/locks/leases.ts";
import { waitingForSweep } from "../../../store/locks/store_lock.ts";
import { ManifestStore } from "../../../store/manifest_store.ts";
import type { Context } from "../../context.ts";
import { expandAlias } from "../../registry/short_names.ts";
import { pullProgress } from "../../terminal/progress.ts";
import { collectAfterFetch } from "../gc/auto.ts";
import {
  openPuller,
  pulledReference,
  type PullingOptions,
  pullOptions,
  reportPull,
} from "../pull/options.ts";

/**
 * Pulls an image and runs `use` while a lease keeps every collector from removing it.
 * @throws LarderError the codes of a pull, and what `use` throws
 */
export async function pullAndUse<T>(
  context: Context,
  subject: string,
  command: PullingOptions,
  use: (image: CachedImage, resolver: ArtifactResolver) => Promise<T>,
): Promise<T> {
  const named = parseReference(await expandAlias(context, subject));
  const reference = await pulledReference(named, command);
  const name = formatReference(reference);
  const { layout } = context;
  const manifests = new ManifestStore(layout);
  const options = pullOptions(context, command);
  // Taken before the pull, so that no sweep can run between the two.
  using lease = new Lease(layout, `larder run ${name}`);
  const leasing = {
    warn: (message: string) => context.warn(message),
    waiting: (holders: string) => context.info(waitingForSweep(holders)),
    signal: options.signal,
  };
  await lease.add({ folders: [manifests.folder(reference)] }, leasing);
  const progress = pullProgress(context);
  try {
    const result = await openPuller(context).puller.pull(reference, options, progress);
    progress.end();
    reportPull(context, result);
    new Journal(layout).append([useEvent(result, Date.now())]);
    const { manifestDigest, platform, parts } = result;
    const digests = parts.map((part) => part.digest);
    // Also their compiled code, whether it exists yet or not.
    const compiled = digests.flatMap((digest) =>
      Object.values(ENGINE_VERSIONS).map((version) => layout.compiledFolder(digest, version))
    );
    const folders = [layout.digestFolder(reference, manifestDigest), ...compiled];
    await lease.add({ folders, digests }, leasing);
    const image = { name, reference, manifestDigest, platform };
    try {
      return await use(image, new ArtifactResolver(new BlobStore(layout), manifests));
    } finally {
      // After the run, so that the guest does not wait for it.
      if (result.cause !== undefined) await collectAfterFetch(context);
    }
  } finally {
    progress.end();
  }
}
