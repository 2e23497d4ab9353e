import type { Clock } from "../../base/concurrency.ts";
import { statIfAny } from "../../base/files/files.ts";
import { formatReference, type Reference, repositoryName } from "../../oci/reference.ts";
import type { Room } from "../../pull/room.ts";
import type { BlobStore } from "../../store/blobs/blob_store.ts";
import type { Layout } from "../../store/layout.ts";
import type { ManifestStore } from "../../store/manifest_store.ts";
import type { Answer } from "../answer.ts";
import type { Blobs } from "../blobs/blobs.ts";
import { ApiError } from "../errors.ts";
import { localTagsAnswer } from "../lists.ts";
import { manifestAnswer } from "../manifests/manifests.ts";
import { referrersAnswer } from "../manifests/referrers.ts";
import type { RepositoryIndexes } from "../manifests/repository_index.ts";
import type { Route } from "../routes.ts";
import type { ServedEntries } from "../manifests/served_entries.ts";
import type { ServedUses } from "../manifests/served_uses.ts";
import type { ServingLease } from "../blobs/serving_lease.ts";
import type { Space } from "../blobs/space.ts";
import type { StoredManifests } from "../manifests/stored_manifests.ts";
import { Deletions } from "./deletions.ts";
import { referrersIn } from "./local_referrers.ts";
import type { PushedBlobs } from "../pushed_blobs.ts";
import { PromisedContent } from "./promised_content.ts";
import { PushedManifests } from "./pushed_manifests.ts";
import { Turns } from "./turns.ts";
import { UploadSessions } from "./upload_sessions.ts";
import { methodNotAllowed, Uploads } from "./uploads.ts";

/** A route to something of a repository. */
export type RepositoryRoute = Extract<Route, { readonly repository: Reference }>;

type ReadRoute = Exclude<RepositoryRoute, { readonly kind: "upload" }>;

export interface LocalDependencies {
  readonly layout: Layout;
  readonly store: ManifestStore;
  readonly blobs: BlobStore;
  readonly stored: StoredManifests;
  readonly indexes: RepositoryIndexes;
  readonly entries: ServedEntries;
  readonly uses: ServedUses;
  /** Serves blobs of all repositories. */
  readonly served: Blobs;
  readonly pushed: PushedBlobs;
  readonly lease: ServingLease;
  readonly space: Space;
  readonly room: Room | undefined;
  readonly note: (message: string) => void;
  readonly clock: Clock;
  /** Returns the repository of a name that a client wrote. @throws if it must not be read */
  readonly sourceOf: (name: string) => Reference;
  /** Called after each upload. */
  readonly onPushed: () => void;
}

/** The repositories that take pushes, and have nothing but what was pushed to them. */
export class LocalRegistry implements Disposable {
  readonly #deps: LocalDependencies;
  readonly #sessions: UploadSessions;
  readonly #uploads: Uploads;
  readonly #manifests: PushedManifests;
  readonly #deletions: Deletions;
  readonly #promised: PromisedContent;
  /** The pushes and deletions of manifests, by repository: one must not delete what another is about to refer to. */
  readonly #changes = new Turns();

  constructor(deps: LocalDependencies) {
    this.#deps = deps;
    const sessions = this.#sessions = new UploadSessions(deps.layout, deps.lease, deps.clock);
    const promised = this.#promised = new PromisedContent(deps.lease, deps.clock);
    this.#uploads = new Uploads({ ...deps, sessions, promised });
    this.#manifests = new PushedManifests({ ...deps, promised, changes: this.#changes });
    this.#deletions = new Deletions(deps);
  }

  /** @throws ApiError, and LarderError LDR_DISK*, LDR_BUSY */
  async answer(request: Request, route: RepositoryRoute): Promise<Answer> {
    if (route.kind === "upload") return await this.#uploads.answer(request, route);
    switch (request.method) {
      case "GET":
        return await this.#read(request, route);
      case "HEAD":
        return await this.#tell(request, route);
      case "PUT":
        if (route.kind === "tag" || route.kind === "manifest") {
          return await this.#manifests.answer(request, route);
        }
        break;
      case "DELETE":
        if (route.kind !== "tags" && route.kind !== "referrers") {
          return await this.#changes.run(
            repositoryName(route.repository),
            () => this.#delete(route),
          );
        }
    }
    throw methodNotAllowed(METHODS[route.kind]);
  }

  /** Closes the uploads; what was uploaded is kept for the next server. */
  [Symbol.dispose](): void {
    this.#promised[Symbol.dispose]();
    this.#sessions[Symbol.dispose]();
  }

  /** Answers `HEAD`, by which clients find out what they do not have to push. */
  async #tell(request: Request, route: ReadRoute): Promise<Answer> {
    const answer = await this.#read(request, route);
    if (!("digest" in route) || route.kind === "referrers") return answer;
    await this.#promised.promise(route.digest);
    return await this.#read(request, route);
  }

  async #read(
    request: Request,
    route: ReadRoute,
  ): Promise<Answer> {
    const { layout, store, stored, served, uses } = this.#deps;
    const { repository } = route;
    switch (route.kind) {
      case "tag": {
        const reference = { ...repository, tag: route.tag };
        const record = await store.record(reference);
        const manifest = record && await stored.find(repository, record.digest);
        if (!manifest) throw unknown(reference);
        uses.add(reference, manifest.digest, { uses: 1 });
        await this.#touch(reference);
        return manifestAnswer(request, manifest, "hit");
      }
      case "manifest": {
        const reference = { ...repository, digest: route.digest };
        const manifest = await stored.find(repository, route.digest);
        if (!manifest) throw unknown(reference);
        await this.#touch(reference);
        return manifestAnswer(request, manifest, "hit");
      }
      case "blob":
        return await served.answer(request, repository, route.digest);
      case "tags":
        if (!statIfAny(layout.repositoryFolder(repository))) {
          throw new ApiError(404, "NAME_UNKNOWN", `nothing was pushed to ${route.name}`);
        }
        return localTagsAnswer(request, route.name, this.#deletions.tags(repository));
      case "referrers": {
        const type = new URL(request.url).searchParams.get("artifactType");
        const found = await referrersIn(repository, route.digest, { layout, stored });
        return referrersAnswer(found, type, "hit");
      }
    }
  }

  /** Marks what keeps a manifest as used, once a minute. */
  async #touch(reference: Reference): Promise<void> {
    const { entries, indexes } = this.#deps;
    if (!entries.isUseDue(reference)) return;
    entries.touch(
      reference.digest ? await indexes.of(reference).entriesOf(reference.digest) : [reference],
    );
  }

  async #delete(
    route: Extract<RepositoryRoute, { kind: "tag" | "manifest" | "blob" }>,
  ): Promise<Answer> {
    const { repository } = route;
    switch (route.kind) {
      case "tag":
        await this.#deletions.deleteTag({ ...repository, tag: route.tag });
        break;
      case "manifest":
        await this.#deletions.deleteManifest(repository, route.digest);
        break;
      case "blob":
        await this.#deletions.deleteBlob(repository, route.digest);
    }
    return { status: 202, headers: {}, body: null };
  }
}

const METHODS = {
  tag: "GET, HEAD, PUT, DELETE",
  manifest: "GET, HEAD, PUT, DELETE",
  blob: "GET, HEAD, DELETE",
  tags: "GET, HEAD",
  referrers: "GET, HEAD",
} as const;

function unknown(reference: Reference): ApiError {
  return new ApiError(404, "MANIFEST_UNKNOWN", `${formatReference(reference)} was not pushed`);
}
