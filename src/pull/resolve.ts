import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { CachedEntry } from "./cached_entry.ts";
import type { ResolvedReference } from "./result.ts";
import type { PullSession } from "./session.ts";

/**
 * Starts the `HEAD` request for the tag if the registry will be asked in any case, so that it is under way while the
 * cache is read; reading takes about half the time of an unchanged pull. A failure surfaces in {@link resolve}.
 */
export function startHead(
  { reference, options, manifests, repository }: PullSession,
): Promise<Digest | undefined> | undefined {
  const { tag, digest } = reference;
  if (digest || options.policy !== "always" || !manifests.hasRecord(reference)) return undefined;
  const head = repository.head(tag!, options.signal);
  head.catch(() => {});
  return head;
}

/**
 * Asks the registry for the manifest that the reference names now. A tag whose manifest is cached costs one `HEAD`
 * request; the manifest is fetched only if its digest is new.
 *
 * @param head the request of {@link startHead}
 * @throws LarderError those of `Repository.head` and `Repository.manifest`
 */
export async function resolve(
  session: PullSession,
  cached: CachedEntry,
  head: Promise<Digest | undefined> | undefined,
): Promise<ResolvedReference> {
  const top = await currentManifest(session, cached.manifest, head);
  return { top, freshness: "current", checkedAt: session.clock.now() };
}

async function currentManifest(
  { reference, options, manifests, repository }: PullSession,
  cached: Manifest | undefined,
  head: Promise<Digest | undefined> | undefined,
): Promise<Manifest> {
  const { digest, tag } = reference;
  const { signal } = options;
  if (digest) return cached ?? await repository.manifest(digest, signal);
  if (cached) {
    const current = await (head ?? repository.head(tag!, signal));
    const known = current === cached.digest
      ? cached
      : current && await manifests.manifest(reference, current);
    if (known) return known;
  }
  return await repository.manifest(tag!, signal);
}
