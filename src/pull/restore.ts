import type { ImageManifest } from "../oci/manifest.ts";
import type { Reference } from "../oci/reference.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import { ImageInstaller } from "./installer.ts";
import type { PullerDependencies, PullObserver, PullOptions } from "./options.ts";
import type { PullResult } from "./result.ts";

/** What of a pull's options a restoration takes: the rest is the entry's own. */
export type RestoreOptions = Pick<PullOptions, "transfers" | "signal">;

/** See `Puller.restore`. */
export async function restore(
  deps: PullerDependencies,
  reference: Reference,
  record: EntryRecord,
  options: RestoreOptions,
  observer: PullObserver,
): Promise<PullResult> {
  const { platform, allPlatforms, foreign } = record;
  const own = { ...options, platform, allPlatforms, foreign, policy: "missing" } as const;
  const installer = new ImageInstaller(deps, reference, own, observer);
  installer.record = record;
  const known = await installer.manifests.manifest(reference, record.digest);
  const answer = {
    top: known ?? await installer.repository.manifest(record.digest, options.signal),
    freshness: "unchecked",
    checkedAt: Date.parse(record.checkedAt),
  } as const;
  // What is not known here has to be written down, even if all that it names is there.
  return await installer.install(answer, known && await installer.cached(known));
}

/** See `Puller.restoreSpins`. */
export async function restoreSpinEntry(
  deps: PullerDependencies,
  reference: Reference,
  image: ImageManifest,
  options: RestoreOptions,
  observer: PullObserver,
): Promise<void> {
  const installer = new ImageInstaller(
    deps,
    reference,
    { ...options, policy: "missing" },
    observer,
  );
  await installer.fetchMissing(image);
}
