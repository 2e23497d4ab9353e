import type { Reference } from "../../oci/reference.ts";
import type { Place } from "../endpoints.ts";

/** What a mirror is asked for. Source: containers-registries.conf(5), `pull-from-mirror`. */
export const MIRROR_USES = ["all", "digest-only", "tag-only"] as const;
export type MirrorUse = typeof MIRROR_USES[number];

/** A place that may have the content of a repository, and is asked before the registry itself. */
export interface Mirror extends Place {
  /** `digest-only` excludes requests by tag, `tag-only` references that have a digest. */
  readonly use: MirrorUse;
}

/** Where a repository is asked for. */
export interface Route {
  /** In the order in which they are asked. */
  readonly mirrors: readonly Mirror[];
  /** The place that is asked last, if it is not the one that the reference names. */
  readonly upstream?: Place | undefined;
}

/**
 * Finds the route of a repository; called before its first request.
 * @throws LarderError LDR_BLOCKED
 */
export type FindRoute = (reference: Reference) => Promise<Route>;
