import type { Clock } from "../../base/concurrency.ts";
import { hasCode } from "../../base/errors.ts";
import type { PlatformDescriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { type IndexManifest, type Manifest, parseManifest } from "../../oci/manifest.ts";
import { OCI_INDEX } from "../../oci/media_types.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";
import { ageOfCheck, isRegistryFailure, mayUseStale } from "../../pull/freshness.ts";
import { listReferrers } from "../../registry/repository_queries.ts";
import type { ManifestStore } from "../../store/manifest_store.ts";
import { type Answer, type Result, staleHeaders } from "../answer.ts";
import type { ManifestFetcher } from "./manifests.ts";
import type { Upstreams } from "../upstreams.ts";

export interface ReferrerDependencies {
  readonly store: ManifestStore;
  readonly manifests: ManifestFetcher;
  readonly upstreams: Upstreams;
  readonly clock: Clock;
  /** As for tags. */
  readonly staleIfError: number;
}

interface Found {
  readonly descriptors: readonly PlatformDescriptor[];
  /** When they were asked for, if the registry fails now. */
  readonly checkedAt?: number;
}

/**
 * Lists what refers to a subject (distribution-spec, "Listing Referrers"), also for registries without that API, which
 * have a tag for it. The list is kept as the entry of that tag, so that it can be served while the registry fails, and
 * so that the manifests in it count as referred to.
 */
export class Referrers {
  readonly #deps: ReferrerDependencies;

  constructor(deps: ReferrerDependencies) {
    this.#deps = deps;
  }

  /**
   * Answers a request for the referrers of a subject.
   * @param artifactType only those of this type
   * @throws LarderError those of the registry
   */
  async answer(
    repository: Reference,
    subject: Digest,
    artifactType: string | null,
  ): Promise<Answer> {
    const { descriptors, checkedAt } = await this.#find(repository, subject);
    const answer = referrersAnswer(descriptors, artifactType, "miss");
    if (checkedAt === undefined) return answer;
    const stale = staleHeaders(checkedAt, this.#deps.clock.now());
    return { ...answer, headers: { ...answer.headers, ...stale }, result: "stale" };
  }

  async #find(repository: Reference, subject: Digest): Promise<Found> {
    const { upstreams, manifests, clock } = this.#deps;
    // The tag schema (distribution-spec, "Referrers Tag Schema").
    const reference = { ...repository, tag: subject.replace(":", "-") };
    try {
      const source = upstreams.repository(repository);
      const pages = await listReferrers(source, subject).catch(async (error) => {
        // A mirror without the API may have the tag.
        if (!isRegistryFailure(error) || !await source.hasMirrors()) throw error;
      });
      const listed = pages?.flatMap((page) => page.manifests) ?? await this.#tagged(reference);
      if (listed.length > 0) {
        await manifests.keepTag(reference, indexOf(listed), clock.now());
      }
      return { descriptors: listed };
    } catch (error) {
      if (!isRegistryFailure(error) && !upstreams.isOffline) throw error;
      const cached = await this.#cached(reference);
      if (!cached) throw error;
      return cached;
    }
  }

  /** Returns the referrers that the tag for them names; none if there is no such tag. */
  async #tagged(reference: Reference & { tag: string }): Promise<readonly PlatformDescriptor[]> {
    try {
      const manifest = await this.#deps.upstreams.repository(reference).manifest(reference.tag);
      return manifest.kind === "index" ? manifest.manifests : [];
    } catch (error) {
      // Registries hide names that do not exist from anonymous users.
      if (hasCode(error, "LDR_NOT_FOUND", "LDR_UNAUTHORIZED", "LDR_FORBIDDEN")) return [];
      throw error;
    }
  }

  async #cached(reference: Reference): Promise<Found | undefined> {
    const { store, manifests, upstreams, clock, staleIfError } = this.#deps;
    const record = await store.record(reference);
    const manifest = record && await manifests.find(reference, record.digest);
    if (manifest?.kind !== "index") return undefined;
    const age = ageOfCheck(record!, clock.now());
    if (!upstreams.isOffline && !mayUseStale(age, staleIfError)) return undefined;
    return { descriptors: manifest.manifests, checkedAt: Date.parse(record!.checkedAt) };
  }
}

/** Answers with the referrers of one type, or all of them. */
export function referrersAnswer(
  descriptors: readonly PlatformDescriptor[],
  artifactType: string | null,
  result: Result,
): Answer {
  const selected = artifactType === null
    ? descriptors
    : descriptors.filter((descriptor) => descriptor.artifactType === artifactType);
  const headers = {
    "content-type": OCI_INDEX,
    ...(artifactType !== null && { "oci-filters-applied": "artifactType" }),
  };
  return { status: 200, headers, body: indexText(selected), result };
}

function indexText(descriptors: readonly PlatformDescriptor[]): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: descriptors });
}

function indexOf(descriptors: readonly PlatformDescriptor[]): Manifest {
  const bytes = new TextEncoder().encode(indexText(descriptors));
  return parseManifest(
    bytes,
    formatReference({ registry: "", repository: "" }),
    OCI_INDEX,
  ) as IndexManifest;
}
