import type { Digest } from "../oci/digest.ts";
import { type ArtifactKind, artifactKind, type Manifest } from "../oci/manifest.ts";
import type { Platform } from "../oci/platform.ts";
import type { MissCause, UseEvent } from "../store/journal/journal.ts";
import type { PartOutcome } from "./options.ts";
import type { Selection } from "./select_platforms.ts";
import type { PullSession } from "./session.ts";

export interface PartResult {
  readonly kind: "config" | "layer";
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly outcome: PartOutcome;
  /** Set if it was fetched from the shared cache. */
  readonly source?: "shared";
}

/**
 * How current the content is known to be: `current` (the registry confirmed it), `unchecked` (the registry was not
 * asked), `stale` (the registry failed, and the cached copy is used instead), `fetched` (some part was fetched),
 * `changed` (the entry is new or names other content than before, all of which was cached).
 */
export type Freshness = "current" | "unchecked" | "stale" | "fetched" | "changed";

export interface PullResult {
  /** In full: `docker.io/library/nginx:latest`. */
  readonly reference: string;
  /** The digest that the tag has: an index's if it names one. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly kind: ArtifactKind;
  /** The digest of the chosen platform's manifest. */
  readonly manifestDigest: Digest;
  readonly platform: Platform | undefined;
  /** True if every platform of an index was asked for; {@link platform} is then the one that would run. */
  readonly hasAllPlatforms: boolean;
  readonly freshness: Freshness;
  /** The reason that parts were fetched or the entry changed. */
  readonly cause: MissCause | undefined;
  /** Milliseconds since the epoch. */
  readonly checkedAt: number;
  readonly parts: readonly PartResult[];
  /** The entry's folder in the cache. */
  readonly folder: string;
  /** The hosts of the mirrors that answered. */
  readonly mirrors: readonly string[];
  /** How the registry failed, if the result is `stale`. */
  readonly failure?: string;
}

/** The manifest that a reference names, according to the registry or, in its place, the cache. */
export interface ResolvedReference {
  readonly top: Manifest;
  readonly freshness: "current" | "unchecked" | "stale";
  /** Milliseconds since the epoch. */
  readonly checkedAt: number;
}

export function resultOf(
  { reference, name, manifests, options, parts, repository, progress }: PullSession,
  { selection, resolved }: { selection: Selection; resolved: ResolvedReference },
): PullResult {
  const { top, chosen, platform } = selection;
  const { outcomes, cause } = progress;
  const results = new Map<Digest, PartResult>();
  const all = selection.images.flatMap((image) => parts.parts(image));
  for (const { kind, descriptor, skipped } of all) {
    const { digest, mediaType, size } = descriptor;
    const outcome = skipped ? "skipped" : outcomes.get(digest) ?? "reused";
    const isShared = outcome === "fetched" && repository.isShared(digest);
    const source = isShared ? { source: "shared" as const } : {};
    results.set(digest, { kind, digest, mediaType, size, outcome, ...source });
  }
  const fetched = [...results.values()].some((part) => part.outcome === "fetched");
  const isStale = resolved.freshness === "stale";
  const changed = cause !== undefined && !isStale ? "changed" : resolved.freshness;
  return {
    reference: name,
    digest: top.digest,
    mediaType: top.mediaType,
    kind: artifactKind(chosen),
    manifestDigest: chosen.digest,
    platform,
    hasAllPlatforms: top.kind === "index" && options.allPlatforms === true,
    freshness: fetched ? "fetched" : changed,
    cause: fetched || !isStale ? cause : undefined,
    checkedAt: resolved.checkedAt,
    parts: [...results.values()],
    folder: manifests.folder(reference),
    mirrors: repository.mirrorsUsed(),
  };
}

/** Returns the total bytes of the parts with this outcome. */
export function bytesOf(result: Pick<PullResult, "parts">, outcome: PartOutcome): number {
  return result.parts.filter((part) => part.outcome === outcome)
    .reduce((sum, part) => sum + part.size, 0);
}

/** Returns the bytes of the parts that came from the shared cache. */
export function sharedBytesOf({ parts }: Pick<PullResult, "parts">): number {
  return parts.filter((part) => part.source === "shared").reduce((sum, { size }) => sum + size, 0);
}

/** Returns the journal's line about a pull. @param now milliseconds since the epoch */
export function useEvent(result: PullResult, now: number): UseEvent {
  const shared = sharedBytesOf(result);
  return {
    kind: "use",
    at: new Date(now).toISOString(),
    name: result.reference,
    digest: result.digest,
    ...(result.cause && { cause: result.cause }),
    ...(result.mirrors.length > 0 && { mirrors: [...result.mirrors] }),
    fetched: bytesOf(result, "fetched"),
    ...(shared > 0 && { shared }),
    saved: bytesOf(result, "reused"),
  };
}
