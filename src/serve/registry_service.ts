import type { Clock } from "../base/concurrency.ts";
import { isLocal, type Reference } from "../oci/reference.ts";
import type { Room } from "../pull/room.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { SharedContent } from "../registry/shared/shared_content.ts";
import { BlobStore } from "../store/blobs/blob_store.ts";
import type { Layout } from "../store/layout.ts";
import { ManifestStore } from "../store/manifest_store.ts";
import type { Answer } from "./answer.ts";
import { Blobs } from "./blobs/blobs.ts";
import { Downloads } from "./blobs/downloads.ts";
import { type ApiCode, ApiError } from "./errors.ts";
import { LocalRegistry } from "./local/local_registry.ts";
import { PushedBlobs } from "./pushed_blobs.ts";
import { catalogAnswer, tagsAnswer } from "./lists.ts";
import { manifestAnswer, ManifestFetcher } from "./manifests/manifests.ts";
import { Referrers } from "./manifests/referrers.ts";
import { RepositoryIndexes } from "./manifests/repository_index.ts";
import { repositoryOf, type Route } from "./routes.ts";
import { ServedEntries } from "./manifests/served_entries.ts";
import { ServingLease } from "./blobs/serving_lease.ts";
import { ServedUses } from "./manifests/served_uses.ts";
import { Space } from "./blobs/space.ts";
import { StoredManifests } from "./manifests/stored_manifests.ts";
import { Tags } from "./manifests/tags.ts";
import { Upstreams } from "./upstreams.ts";
import type { Via } from "./via.ts";
import { Waits } from "./waits.ts";

export interface ServiceOptions {
  readonly layout: Layout;
  /** Undefined if registries must not be asked. */
  readonly client: RegistryClient | undefined;
  readonly via: Via;
  readonly clock: Clock;
  /** True for upstreams that clients may ask for. */
  readonly mayName: (upstream: Reference) => boolean;
  /** The greatest age of a copy that is served while its registry fails, in milliseconds. */
  readonly staleIfError: number;
  readonly warn: (message: string) => void;
  readonly note: (message: string) => void;
  /** Frees space for downloads and uploads. */
  readonly room?: Room | undefined;
  /** Called after each download, and after each blob that was pushed. */
  readonly onFetched: () => void;
  /** The registry of names without a host. */
  readonly defaultUpstream: string;
  /** Checks that a client may name a repository. @throws LarderError LDR_FORBIDDEN */
  readonly checkRepository: (repository: Reference) => void;
  /** Receives what was fetched from registries. */
  readonly shared?: SharedContent | undefined;
}

/** Answers the requests of the distribution API from the cache and the registries behind it, and takes local pushes. */
export class RegistryService implements AsyncDisposable {
  readonly #layout: Layout;
  readonly #mayName: ServiceOptions["mayName"];
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #lease: ServingLease;
  readonly #downloads: Downloads;
  readonly #upstreams: Upstreams;
  readonly #indexes: RepositoryIndexes;
  readonly #uses: ServedUses;
  readonly #manifests: ManifestFetcher;
  readonly #tags: Tags;
  readonly #blobs: Blobs;
  readonly #referrers: Referrers;
  readonly #local: LocalRegistry;

  constructor(options: ServiceOptions) {
    const { layout, client, via, clock, mayName, staleIfError } = options;
    const { warn, note, room, onFetched, shared } = options;
    this.#layout = layout;
    this.#mayName = mayName;
    this.#clock = clock;
    const store = new ManifestStore(layout);
    const blobs = new BlobStore(layout);
    const stored = new StoredManifests(layout, store);
    const upstreams = this.#upstreams = new Upstreams(client);
    const waits = new Waits(via, upstreams);
    const indexes = this.#indexes = new RepositoryIndexes({
      layout,
      blobs,
      store,
      manifests: stored,
    });
    const entries = new ServedEntries({ layout, store, clock, warn });
    const uses = this.#uses = new ServedUses(layout, indexes, clock);
    const manifests = this.#manifests = new ManifestFetcher({
      stored,
      indexes,
      entries,
      uses,
      upstreams,
      waits,
      clock,
      shared,
    });
    const lease = this.#lease = new ServingLease(layout, warn);
    const space = new Space(room, note);
    const downloads = this.#downloads = new Downloads({
      clock,
      signal: this.#stop.signal,
      note,
      warn,
      space,
      waits,
      onFetched,
      lease: async (digest) => {
        const { ready, release } = lease.hold(digest);
        await ready;
        return release;
      },
    });
    this.#tags = new Tags({
      store,
      manifests,
      entries,
      uses,
      upstreams,
      waits,
      clock,
      staleIfError,
      warn,
    });
    const pushed = new PushedBlobs();
    const served = {
      layout,
      blobs,
      store,
      indexes,
      upstreams,
      waits,
      downloads,
      lease,
      pushed,
      uses,
      shared,
    };
    this.#blobs = new Blobs(served);
    this.#local = new LocalRegistry({
      ...{ layout, store, blobs, stored, indexes, entries, uses, pushed, lease, space, clock },
      ...{ room, note },
      served: this.#blobs,
      sourceOf: (name) => {
        const source = repositoryOf(name, options.defaultUpstream);
        if (!isLocal(source)) options.checkRepository(source);
        return source;
      },
      onPushed: onFetched,
    });
    this.#referrers = new Referrers({ store, manifests, upstreams, clock, staleIfError });
  }

  /**
   * Answers a request.
   * @throws ApiError, and LarderError those of the registry and the disk
   */
  async answer(request: Request, route: Route): Promise<Answer> {
    if ("repository" in route && isLocal(route.repository)) {
      return await this.#local.answer(request, route);
    }
    if (request.method !== "GET" && request.method !== "HEAD") throw notAllowed(route);
    switch (route.kind) {
      case "health":
        return { status: 200, headers: { "content-type": "text/plain" }, body: "ok\n" };
      case "ping":
        return { status: 200, headers: { "content-type": "application/json" }, body: "{}" };
      case "catalog":
        return await catalogAnswer(request, this.#layout, this.#mayName);
      case "tag": {
        const reference = { ...route.repository, tag: route.tag };
        const { manifest, result, checkedAt } = await this.#tags.resolve(reference);
        this.#uses.add(reference, manifest.digest, { uses: 1 });
        const stale = result === "stale" ? { checkedAt, now: this.#clock.now() } : undefined;
        return manifestAnswer(request, manifest, result, stale);
      }
      case "manifest": {
        const { manifest, result } = await this.#manifests.get(route.repository, route.digest);
        return manifestAnswer(request, manifest, result);
      }
      case "blob":
        return await this.#blobs.answer(request, route.repository, route.digest);
      case "tags":
        return await tagsAnswer(request, route.repository, route.name, {
          upstreams: this.#upstreams,
          indexes: this.#indexes,
        });
      case "referrers": {
        const type = new URL(request.url).searchParams.get("artifactType");
        return await this.#referrers.answer(route.repository, route.digest, type);
      }
      case "upload":
        throw notPushed(route.name);
    }
  }

  /** Interrupts downloads, whose partial files are kept, and gives the lease back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#downloads.ended();
    this.#local[Symbol.dispose]();
    await this.#uses.flush();
    this.#lease[Symbol.dispose]();
  }
}

/** Returns the code for content that does not exist. */
export function unknownCode(route: Route | undefined): ApiCode {
  switch (route?.kind) {
    case "blob":
      return "BLOB_UNKNOWN";
    case "tag":
    case "manifest":
      return "MANIFEST_UNKNOWN";
    default:
      return "NAME_UNKNOWN";
  }
}

function notAllowed(route: Route): ApiError {
  if ("name" in route) return notPushed(route.name);
  return new ApiError(405, "UNSUPPORTED", "only GET and HEAD are allowed", { allow: "GET, HEAD" });
}

/** Returns the refusal of a request that would change a repository of a registry. */
function notPushed(name: string): ApiError {
  const message = `${name} is a copy of a registry; only names that begin with local/ take pushes`;
  return new ApiError(405, "UNSUPPORTED", message, { allow: "GET, HEAD" });
}
