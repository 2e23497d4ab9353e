import { type CachedEntry, readCached } from "./cached_entry.ts";
import {
  ageOfCheck,
  decide,
  failureWithCopy,
  isRegistryFailure,
  isUselessContent,
  mayUseStale,
  notCached,
} from "./freshness.ts";
import { install, useCached } from "./install.ts";
import { resolve, startHead } from "./resolve.ts";
import type { PullResult } from "./result.ts";
import type { PullSession } from "./session.ts";

/**
 * Pulls one reference: reads the cache, decides whether to ask the registry, resolves the reference to a manifest,
 * and installs the parts that are missing.
 *
 * @throws LarderError of every kind
 */
export async function pull(session: PullSession): Promise<PullResult> {
  const { reference, name, options, manifests } = session;
  const head = startHead(session);
  const cached = await readCached(session, head);
  const { selection } = cached;
  const byDigest = reference.digest !== undefined;
  switch (decide(options.policy, { complete: selection !== undefined, byDigest })) {
    case "refuse":
      throw notCached(
        name,
        manifests.isSpinEntry(reference)
          ? "spin"
          : manifests.hasRecord(reference)
          ? "incomplete"
          : undefined,
      );
    case "use":
      return await useCached(session, cached.record, selection!, "unchecked");
    case "ask":
      try {
        return await install(session, cached, await resolve(session, cached, head));
      } catch (error) {
        return await fallBackToCached(session, cached, error);
      }
  }
}

/**
 * Uses the cached copy if the registry failed and the copy is recent enough.
 * @throws LarderError the failure, with the age of the copy if there is one
 */
async function fallBackToCached(
  session: PullSession,
  { record, selection }: CachedEntry,
  error: unknown,
): Promise<PullResult> {
  const isFailure = isRegistryFailure(error);
  if (!selection || !record || !(isFailure || isUselessContent(error))) throw error;
  const age = ageOfCheck(record, session.clock.now());
  if (!isFailure || !mayUseStale(age, session.options.staleIfError)) {
    throw failureWithCopy(error, age, record);
  }
  const result = await useCached(session, record, selection, "stale");
  return { ...result, failure: (error as Error).message };
}
