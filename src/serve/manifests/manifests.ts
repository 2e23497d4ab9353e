import type { Clock } from "../../base/concurrency.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Manifest } from "../../oci/manifest.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";
import type { SharedContent } from "../../registry/shared/shared_content.ts";
import { type Answer, matchesETag, type Result, staleHeaders } from "../answer.ts";
import type { RepositoryIndexes } from "./repository_index.ts";
import type { ServedEntries } from "./served_entries.ts";
import type { ServedUses } from "./served_uses.ts";
import type { StoredManifests } from "./stored_manifests.ts";
import type { Upstreams } from "../upstreams.ts";
import type { Waits } from "../waits.ts";

export interface ManifestDependencies {
  readonly stored: StoredManifests;
  readonly indexes: RepositoryIndexes;
  readonly entries: ServedEntries;
  readonly uses: ServedUses;
  readonly upstreams: Upstreams;
  readonly waits: Waits;
  readonly clock: Clock;
  readonly shared?: SharedContent | undefined;
}

/** Finds manifests by digest in the cache or, each once for all clients, in their registry. */
export class ManifestFetcher {
  readonly #deps: ManifestDependencies;
  readonly #fetching = new SingleFlight<Manifest>();

  constructor(deps: ManifestDependencies) {
    this.#deps = deps;
  }

  /** Returns a manifest of the cache. */
  find(repository: Reference, digest: Digest): Promise<Manifest | undefined> {
    return this.#deps.stored.find(repository, digest);
  }

  /**
   * Returns a manifest, and keeps it: in the entry of a tag or index that contains it, else in one of its own.
   * @throws LarderError those of the registry
   */
  async get(
    repository: Reference,
    digest: Digest,
  ): Promise<{ readonly manifest: Manifest; readonly result: Result }> {
    const { indexes, entries, uses, clock } = this.#deps;
    const known = await this.find(repository, digest);
    const reference = { ...repository, digest };
    const manifest = known ?? await this.#fetch(reference);
    if (known && !entries.isUseDue(reference)) return { manifest, result: "hit" };
    const using = await indexes.of(repository).entriesOf(digest);
    if (using.length > 0) entries.touch(using);
    else if (await this.#store(repository, manifest)) {
      await entries.publish(reference, manifest, clock.now());
    }
    // Clients that know a tag have asked for that before.
    if (using.every((entry) => entry.digest === digest)) {
      uses.add(reference, digest, { uses: 1, cause: using.length > 0 ? undefined : "new" });
    }
    return { manifest, result: known ? "hit" : "miss" };
  }

  async #fetch(reference: Reference & { readonly digest: Digest }): Promise<Manifest> {
    const { uses, upstreams, waits } = this.#deps;
    const { digest, ...repository } = reference;
    const name = formatReference(reference);
    await waits.check(name, reference);
    const fetch = async (signal: AbortSignal) => {
      const source = upstreams.repository(reference);
      const fetched = await source.manifest(digest, signal);
      await this.#keep(repository, fetched);
      const { length } = fetched.bytes;
      uses.addPart(repository, digest, { fetched: length, mirrors: source.mirrorsUsed() });
      return fetched;
    };
    return await this.#fetching.run(name, (signal) => waits.begin(name, fetch(signal)));
  }

  /** Keeps the manifest that a tag names now. */
  async keepTag(
    reference: Reference & { readonly tag: string },
    manifest: Manifest,
    checkedAt: number,
  ): Promise<void> {
    const isStored = await this.#keep(reference, manifest);
    this.#deps.indexes.of(reference).setTag(reference.tag, manifest.digest);
    if (isStored) await this.#deps.entries.publish(reference, manifest, checkedAt);
  }

  async #keep(repository: Reference, manifest: Manifest): Promise<boolean> {
    const { indexes, shared } = this.#deps;
    shared?.offer({ blobs: [], manifests: [manifest] });
    indexes.of(repository).add(manifest);
    return await this.#store(repository, manifest);
  }

  /** @returns false if only this process has the manifest, because the disk does not take it */
  async #store({ registry, repository }: Reference, manifest: Manifest): Promise<boolean> {
    const { stored, entries } = this.#deps;
    const name = { registry, repository };
    if (await stored.isStored(name, manifest.digest)) return true;
    if (await entries.store(name, manifest)) return true;
    stored.keepInMemory(name, manifest);
    return false;
  }
}

/** Answers a request with a manifest, whose bytes are exactly those of the registry. */
export function manifestAnswer(
  request: Request,
  manifest: Manifest,
  result: Result,
  stale?: { readonly checkedAt: number; readonly now: number },
): Answer {
  const { digest, mediaType, bytes } = manifest;
  const etag = `"${digest}"`;
  const headers = {
    "content-type": mediaType,
    "docker-content-digest": digest,
    etag,
    ...(stale && staleHeaders(stale.checkedAt, stale.now)),
  };
  if (matchesETag(request.headers.get("if-none-match"), etag)) {
    return { status: 304, headers, body: null, result };
  }
  const length = { "content-length": String(bytes.length) };
  const body = request.method === "HEAD" ? null : bytes as Uint8Array<ArrayBuffer>;
  return { status: 200, headers: { ...headers, ...length }, body, result };
}
