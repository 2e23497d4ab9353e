import type { Digest } from "../oci/digest.ts";
import { type ArtifactKind, artifactKind, type Manifest } from "../oci/manifest.ts";
import type { Platform } from "../oci/platform.ts";
import type { Part } from "../store/image_parts.ts";
import type { MissCause, UseEvent } from "../store/journal/journal.ts";
import type { Selection } from "./select_platforms.ts";
import type { Outcome } from "./options.ts";

export interface PartResult {
  readonly kind: "config" | "layer";
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly outcome: Outcome;
}

/**
 * How the content came to be current: `current` (the registry confirmed it), `unchecked` (nobody was asked),
 * `stale` (the registry failed, and the cached copy stands in), `fetched` (something had to be fetched).
 */
export type Freshness = "current" | "unchecked" | "stale" | "fetched";

export interface PullResult {
  /** In full: `docker.io/library/nginx:latest`. */
  readonly reference: string;
  /** What the tag stands for: an index's digest where there is one. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly kind: ArtifactKind;
  /** The digest of the chosen platform's manifest. */
  readonly manifestDigest: Digest;
  readonly platform: Platform | undefined;
  readonly freshness: Freshness;
  /** Why something had to be fetched, if anything had to. */
  readonly cause: MissCause | undefined;
  /** Milliseconds since the epoch. */
  readonly checkedAt: number;
  readonly parts: readonly PartResult[];
  /** The entry's folder in the cache. */
  readonly folder: string;
}

/** What the registry, or the cache in its place, said a reference stands for. */
export interface ResolvedReference {
  readonly top: Manifest;
  readonly freshness: Freshness;
  /** Milliseconds since the epoch. */
  readonly checkedAt: number;
}

/** What became of the parts that were transferred; the others were there. */
export type Outcomes = Map<Digest, Outcome>;

export function resultOf(pull: {
  readonly reference: string;
  readonly folder: string;
  readonly selection: Selection;
  readonly resolved: ResolvedReference;
  readonly parts: readonly Part[];
  readonly outcomes: Outcomes;
  /** Why something would have to be fetched. */
  readonly cause: MissCause;
}): PullResult {
  const { top, chosen, platform } = pull.selection;
  const parts = new Map<Digest, PartResult>();
  for (const { kind, descriptor, skipped } of pull.parts) {
    const { digest, mediaType, size } = descriptor;
    const outcome = skipped ? "skipped" : pull.outcomes.get(digest) ?? "reused";
    parts.set(digest, { kind, digest, mediaType, size, outcome });
  }
  const fetched = [...parts.values()].some((part) => part.outcome === "fetched");
  return {
    reference: pull.reference,
    digest: top.digest,
    mediaType: top.mediaType,
    kind: artifactKind(chosen),
    manifestDigest: chosen.digest,
    platform,
    freshness: fetched ? "fetched" : pull.resolved.freshness,
    cause: fetched ? pull.cause : undefined,
    checkedAt: pull.resolved.checkedAt,
    parts: [...parts.values()],
    folder: pull.folder,
  };
}

/** Bytes of the parts that came over the network, or were there. */
export function bytesOf(result: Pick<PullResult, "parts">, outcome: Outcome): number {
  return result.parts.filter((part) => part.outcome === outcome)
    .reduce((sum, part) => sum + part.size, 0);
}

/** What the journal keeps of a pull. @param now milliseconds since the epoch */
export function useEvent(result: PullResult, now: number): UseEvent {
  return {
    kind: "use",
    at: new Date(now).toISOString(),
    name: result.reference,
    digest: result.digest,
    ...(result.cause && { cause: result.cause }),
    fetched: bytesOf(result, "fetched"),
    saved: bytesOf(result, "reused"),
  };
}
