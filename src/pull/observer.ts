import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";

/** What became of one part of an image. */
export type Outcome = "reused" | "fetched" | "skipped";

export interface PartResult {
  readonly kind: "config" | "layer";
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly outcome: Outcome;
}

/**
 * How the content came to be current: `unchanged` (the registry confirmed it), `unchecked` (nobody was asked),
 * `stale` (the registry failed, and the cached copy stands in), `fetched` (something had to be fetched).
 */
export type Freshness = "unchanged" | "unchecked" | "stale" | "fetched";

export interface PullResult {
  /** In full: `docker.io/library/nginx:latest`. */
  readonly reference: string;
  /** What the tag stands for: an index's digest where there is one. */
  readonly digest: Digest;
  readonly mediaType: string;
  /** The digest of the chosen platform's manifest. */
  readonly manifestDigest: Digest;
  readonly platform: Platform | undefined;
  readonly freshness: Freshness;
  /** Milliseconds since the epoch. */
  readonly checkedAt: number;
  readonly parts: readonly PartResult[];
  /** The entry's folder in the cache. */
  readonly folder: string;
}

/** Is told how a pull goes on. Every method may be left out. */
export interface PullObserver {
  /** The content is known; `parts` have to be fetched. */
  planned?(parts: readonly Descriptor[]): void;
  /** A transfer begins at `offset`: 0, or where an earlier try ended. */
  started?(part: Descriptor, offset: number): void;
  progressed?(part: Descriptor, bytes: number): void;
  finished?(part: Descriptor, outcome: Outcome): void;
  /** Something worth a line: a retry, a wait for another process. */
  note?(message: string): void;
}
