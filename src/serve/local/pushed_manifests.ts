import type { Clock } from "../../base/concurrency.ts";
import { isDeletionError } from "../../base/files/files.ts";
import { PULL_ROUNDS } from "../../base/limits.ts";
import type { Digest } from "../../oci/digest.ts";
import {
  type ImageManifest,
  type IndexManifest,
  type Manifest,
  MAX_INDEX_DEPTH,
} from "../../oci/manifest.ts";
import { formatReference, type Reference, repositoryName } from "../../oci/reference.ts";
import { unpackArchives } from "../../pull/install.ts";
import { type Room, withRoom } from "../../pull/room.ts";
import { openIngest } from "../../pull/transfer/open_ingest.ts";
import { transfer } from "../../pull/transfer/transfer.ts";
import type { BlobStore } from "../../store/blobs/blob_store.ts";
import { pushedRecord } from "../../store/entries/app_record.ts";
import { removeRecord } from "../../store/entries/remove_entry.ts";
import { ImageParts, type Part } from "../../store/image_parts.ts";
import { Journal } from "../../store/journal/journal.ts";
import type { Layout } from "../../store/layout.ts";
import type { ManifestStore } from "../../store/manifest_store.ts";
import type { Answer } from "../answer.ts";
import { ApiError } from "../errors.ts";
import type { RepositoryIndexes } from "../manifests/repository_index.ts";
import type { Route } from "../routes.ts";
import { manifestIn, tagsIn } from "./manifest_request.ts";
import type { StoredManifests } from "../manifests/stored_manifests.ts";
import type { PushedBlobs } from "../pushed_blobs.ts";
import { fileAt } from "./file_source.ts";
import { subjectOf } from "./local_referrers.ts";
import type { PromisedContent } from "./promised_content.ts";
import { withRepositoryLock } from "./repository_lock.ts";
import type { Turns } from "./turns.ts";

export interface PushDependencies {
  readonly layout: Layout;
  readonly store: ManifestStore;
  readonly blobs: BlobStore;
  readonly stored: StoredManifests;
  readonly indexes: RepositoryIndexes;
  readonly pushed: PushedBlobs;
  readonly promised: PromisedContent;
  readonly changes: Turns;
  readonly clock: Clock;
  readonly room: Room | undefined;
  readonly note: (message: string) => void;
}

/** 16 MiB for the copies of a manifest and its config, a record, and what has another place in the cache than uploads. */
const PUBLISH_SPACE = 16 * 1024 * 1024;

/** A part of an image, and the file that has its bytes. */
interface Located {
  readonly part: Part;
  readonly path: string;
}

/**
 * Takes manifests (distribution-spec, "Pushing Manifests").
 *
 * Invariant: a manifest becomes visible only with everything that it refers to, of its own repository: naming the digest
 * of a blob of another repository opens nothing.
 */
export class PushedManifests {
  readonly #deps: PushDependencies;

  constructor(deps: PushDependencies) {
    this.#deps = deps;
  }

  /** @throws ApiError, and LarderError LDR_DISK*, LDR_BUSY */
  async answer(
    request: Request,
    route: Extract<Route, { readonly kind: "tag" | "manifest" }>,
  ): Promise<Answer> {
    const { repository, name } = route;
    const tags = route.kind === "tag" ? [route.tag] : tagsIn(request);
    const expected = route.kind === "manifest" ? route.digest : undefined;
    const manifest = await manifestIn(request, repository, expected, this.#deps.clock);
    const subject = subjectOf(manifest);
    const { layout, room, note, changes, promised } = this.#deps;
    const space = { bytes: PUBLISH_SPACE, files: 10, folders: [], digests: digestsIn(manifest) };
    const publish = () =>
      withRepositoryLock(layout, repository, () => this.#publishAll(repository, manifest, tags));
    await changes.run(
      repositoryName(repository),
      () => withRoom(layout, publish, { room, note, request: () => space }),
    );
    promised.kept([manifest.digest, ...digestsIn(manifest)]);
    return {
      status: 201,
      headers: {
        location: `/v2/${name}/manifests/${manifest.digest}`,
        "docker-content-digest": manifest.digest,
        ...(subject && { "oci-subject": subject }),
        ...(route.kind === "manifest" && tags.length > 0 && { "oci-tag": tags.join(", ") }),
      },
      body: null,
    };
  }

  /** Publishes a manifest, again if another program deletes it at the same time. */
  async #publishAll(
    repository: Reference,
    manifest: Manifest,
    tags: readonly string[],
  ): Promise<void> {
    for (let round = 1; round <= PULL_ROUNDS; round++) {
      try {
        await this.#publish(repository, manifest, tags);
        if (await this.#deps.stored.find(repository, manifest.digest)) return;
      } catch (error) {
        if (!isDeletionError(error)) throw error;
      }
    }
    const message = `${manifest.digest} was deleted each time it was written`;
    throw new ApiError(503, "UNAVAILABLE", message, { "retry-after": "1" });
  }

  async #publish(
    repository: Reference,
    manifest: Manifest,
    tags: readonly string[],
  ): Promise<void> {
    const { store, blobs, stored, indexes, clock } = this.#deps;
    if (manifest.kind === "image") await this.#install(repository, manifest);
    else await this.#requireChildren(repository, manifest);
    blobs.sync();
    if (!await stored.find(repository, manifest.digest)) {
      store.publishManifest(repository, manifest);
    }
    indexes.of(repository).add(manifest);
    const entries = tags.length > 0
      ? tags.map((tag) => ({ ...repository, tag }))
      : [{ ...repository, digest: manifest.digest }];
    for (const reference of entries) {
      const record = pushedRecord(reference, manifest, clock.now());
      await store.publishServed(reference, manifest, () => record);
      if (reference.tag) indexes.of(repository).setTag(reference.tag, manifest.digest);
    }
    this.#note(entries, manifest.digest);
    const children = manifest.kind === "index" ? manifest.manifests : [];
    await this.#adopt(repository, [...children, ...tags.length > 0 ? [manifest] : []]);
  }

  #note(entries: readonly Reference[], digest: Digest): void {
    const { layout, clock } = this.#deps;
    const at = new Date(clock.now()).toISOString();
    new Journal(layout).append(
      entries.map((entry) => ({ kind: "push", at, name: formatReference(entry), digest })),
    );
  }

  /**
   * Clients push the manifests of an index, and some also that of a tag, by digest first: the entry of the index or tag
   * keeps them from now on, instead of one for each.
   */
  async #adopt(
    repository: Reference,
    manifests: readonly { readonly digest: Digest }[],
  ): Promise<void> {
    for (const { digest } of manifests) {
      const reference = { ...repository, digest };
      const record = await this.#deps.store.record(reference);
      if (record?.pushed) await removeRecord(this.#deps.store.folder(reference));
    }
  }

  /** @throws ApiError unless the manifests of an index are there, and it nests no deeper than is read */
  async #requireChildren(
    repository: Reference,
    index: IndexManifest,
    depth = 1,
    seen = new Set<string>(),
  ): Promise<void> {
    if (depth > MAX_INDEX_DEPTH) {
      const message = `it nests more than ${MAX_INDEX_DEPTH} indexes`;
      throw new ApiError(400, "MANIFEST_INVALID", message);
    }
    for (const { digest, size } of index.manifests) {
      // An index can name one many times.
      if (seen.size === seen.add(`${digest} ${size}`).size) continue;
      const child = await this.#deps.stored.find(repository, digest);
      if (!child) throw notPushedBefore(digest);
      if (child.bytes.length !== size) throw otherSize(digest, child.bytes.length, size);
      if (child.kind === "index") {
        await this.#requireChildren(repository, child, depth + 1, seen);
      }
    }
  }

  /** Checks that all parts are there, and copies those that have another place in the cache than uploads. */
  async #install(repository: Reference, image: ImageManifest): Promise<void> {
    const { blobs, store, clock } = this.#deps;
    const parts = new ImageParts(blobs, store, repository, {});
    const located: Located[] = [];
    for (const part of parts.parts(image)) {
      const path = await this.#locate(repository, part);
      if (path !== undefined) located.push({ part, path });
      else if (!part.skipped) throw notPushedBefore(part.descriptor.digest);
    }
    const missing = new Set(await parts.missing({ images: [image] }));
    const place = { blobs, manifests: store, reference: repository };
    for (const { part, path } of located.filter(({ part }) => missing.has(part))) {
      await transfer(fileAt(path), part.descriptor, () => openIngest(place, part, {}), { clock });
    }
    await unpackArchives({ blobs, parts, options: {} }, image);
  }

  /** Returns the file of a part that the repository has; undefined if it has to be uploaded. */
  async #locate(repository: Reference, { descriptor }: Part): Promise<string | undefined> {
    const { blobs, store, indexes, pushed } = this.#deps;
    const { digest } = descriptor;
    const known = await indexes.of(repository).part(digest);
    const uploaded = pushed.find(repository, digest);
    if (!known && !uploaded) return undefined;
    const { size } = known?.descriptor ?? uploaded!;
    if (size !== descriptor.size) {
      throw otherSize(digest, size, descriptor.size);
    }
    for (const each of [descriptor, uploaded, known?.descriptor]) {
      const path = each && await blobs.findHashed(each);
      if (path !== undefined) return path;
    }
    const app = known?.lockedAppOf;
    return app && await store.hasConfig(repository, app, descriptor)
      ? store.configPath(repository, app)
      : undefined;
  }
}

/** Returns what a collector must keep while a manifest is published. */
function digestsIn(manifest: Manifest): Digest[] {
  const parts = manifest.kind === "image"
    ? [manifest.config, ...manifest.layers]
    : manifest.manifests;
  return parts.map(({ digest }) => digest);
}

function otherSize(digest: Digest, size: number, stated: number): ApiError {
  return new ApiError(400, "SIZE_INVALID", `${digest} has ${size} bytes, not ${stated}`);
}

function notPushedBefore(digest: Digest): ApiError {
  return new ApiError(404, "MANIFEST_BLOB_UNKNOWN", `${digest} was not pushed to this repository`);
}
