import type { Digest } from "../oci/digest.ts";
import type { ImageManifest } from "../oci/manifest.ts";
import type { Reference } from "../oci/reference.ts";
import type { EntryRecord } from "../store/record.ts";
import { Delivery } from "./delivery.ts";
import type { PullObserver } from "./observer.ts";
import type { PullerDependencies, PullOptions } from "./options.ts";
import type { PullResult } from "./result.ts";

/** What of a pull's options a restoration takes: the rest is the entry's own. */
export type RestoreOptions = Pick<PullOptions, "transfers" | "foreign" | "signal">;

/** See `Puller.restore`. */
export async function restore(
  deps: PullerDependencies,
  reference: Reference,
  record: EntryRecord,
  options: RestoreOptions,
  observer: PullObserver,
): Promise<PullResult> {
  const { platform, allPlatforms } = record;
  const own = { ...options, platform, allPlatforms, policy: "missing" } as const;
  const delivery = new Delivery(deps, reference, own, observer);
  delivery.record = record;
  const load = async (digest: Digest) =>
    delivery.tags.manifest(reference, digest) ??
      await delivery.repository.manifest(digest, options.signal);
  const answer = {
    top: await load(record.digest),
    freshness: "unchecked",
    checkedAt: Date.parse(record.checkedAt),
  } as const;
  return await delivery.bringIn(answer, await delivery.cached(answer.top));
}

/** See `Puller.restoreSpins`. */
export async function restoreSpins(
  deps: PullerDependencies,
  reference: Reference,
  image: ImageManifest,
  options: RestoreOptions,
  observer: PullObserver,
): Promise<void> {
  const delivery = new Delivery(deps, reference, { ...options, policy: "missing" }, observer);
  await delivery.refill(image);
}
