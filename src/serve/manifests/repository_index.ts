import { sleep } from "../../base/concurrency.ts";
import { RecentMap } from "../../base/recent_map.ts";
import { readFolder, statIfAny } from "../../base/files/files.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Manifest } from "../../oci/manifest.ts";
import type { Reference } from "../../oci/reference.ts";
import type { BlobStore } from "../../store/blobs/blob_store.ts";
import { ImageParts, type Part } from "../../store/image_parts.ts";
import type { Layout } from "../../store/layout.ts";
import { type ManifestStore, readEntryRecord } from "../../store/manifest_store.ts";
import type { StoredManifests } from "./stored_manifests.ts";

/** Repositories whose references are kept in memory. */
const MAX_REPOSITORIES = 256;

/** Folders that are read between two yields to the event loop. */
const FOLDERS_PER_YIELD = 100;

/** Levels of indexes that are followed to the entries that contain a manifest. */
const MAX_DEPTH = 4;

export interface IndexDependencies {
  readonly layout: Layout;
  readonly blobs: BlobStore;
  readonly store: ManifestStore;
  readonly manifests: StoredManifests;
}

/** The indexes of the repositories that were asked for last. */
export class RepositoryIndexes {
  readonly #deps: IndexDependencies;
  readonly #indexes = new RecentMap<string, RepositoryIndex>(MAX_REPOSITORIES);

  constructor(deps: IndexDependencies) {
    this.#deps = deps;
  }

  /** Forgets what was read of a repository, because something of it was deleted. */
  forget({ registry, repository }: Reference): void {
    this.#indexes.delete(`${registry}/${repository}`);
  }

  of(repository: Reference): RepositoryIndex {
    const name = `${repository.registry}/${repository.repository}`;
    let index = this.#indexes.get(name);
    if (!index) this.#indexes.set(name, index = new RepositoryIndex(repository, this.#deps));
    return index;
  }
}

/**
 * What the cached manifests of one repository refer to. Folders are read once; new ones when something is not found.
 *
 * It decides what may be served: knowing the digest of a blob of another repository opens nothing.
 */
export class RepositoryIndex {
  readonly #repository: Reference;
  readonly #deps: IndexDependencies;
  readonly #parts: ImageParts;
  readonly #blobs = new Map<Digest, Part>();
  /** The manifests that name a manifest or blob. */
  readonly #parents = new Map<Digest, Set<Digest>>();
  /** The digests that tags have, according to their records. */
  readonly #tags = new Map<string, Digest>();
  readonly #read = new Set<string>();

  constructor(repository: Reference, deps: IndexDependencies) {
    this.#repository = repository;
    this.#deps = deps;
    this.#parts = new ImageParts(deps.blobs, deps.store, repository, {});
  }

  /** Returns a blob that a cached manifest refers to. */
  async part(digest: Digest): Promise<Part | undefined> {
    if (!this.#blobs.has(digest)) await this.#readNew();
    return this.#blobs.get(digest);
  }

  /** Adds what a manifest refers to. */
  add(manifest: Manifest): void {
    this.#read.add(this.#deps.layout.fileName(manifest.digest));
    if (manifest.kind === "image") {
      for (const part of this.#parts.parts(manifest)) {
        const { digest } = part.descriptor;
        if (!this.#blobs.has(digest)) this.#blobs.set(digest, part);
        this.#addParent(digest, manifest.digest);
      }
      return;
    }
    for (const { digest } of manifest.manifests) this.#addParent(digest, manifest.digest);
  }

  /** Notes the digest that a tag has. */
  setTag(tag: string, digest: Digest): void {
    this.#tags.set(tag, digest);
  }

  /** Returns the digest that a tag has, according to its record. */
  tagDigest(tag: string): Digest | undefined {
    return this.#tags.get(tag);
  }

  /** Returns the entries that keep a manifest or blob: its own, and those of tags and indexes that contain it. */
  async entriesOf(digest: Digest): Promise<Reference[]> {
    await this.#readNew();
    return this.#entriesOf(digest, MAX_DEPTH);
  }

  /** Returns the tags that have an entry, sorted. */
  async tags(): Promise<string[]> {
    await this.#readNew();
    return [...this.#tags.keys()].sort();
  }

  #addParent(child: Digest, parent: Digest): void {
    const parents = this.#parents.get(child) ?? new Set();
    this.#parents.set(child, parents.add(parent));
  }

  #entriesOf(digest: Digest, depth: number): Reference[] {
    const own = { ...this.#repository, digest };
    const tags = [...this.#tags].filter(([, named]) => named === digest)
      .map(([tag]) => ({ ...this.#repository, tag }));
    const parents = depth === 0 ? [] : [...this.#parents.get(digest) ?? []];
    return [
      ...this.#deps.store.hasRecord(own) ? [own] : [],
      ...tags.filter((tag) => this.#deps.store.hasRecord(tag)),
      ...parents.flatMap((parent) => this.#entriesOf(parent, depth - 1)),
    ];
  }

  async #readNew(): Promise<void> {
    const { layout } = this.#deps;
    let count = 0;
    for (const { name, isDirectory } of readFolder(layout.repositoryFolder(this.#repository))) {
      if (!isDirectory || this.#read.has(name)) continue;
      const digest = layout.digestOfName(name);
      if (digest) {
        const manifest = await this.#deps.manifests.find(this.#repository, digest);
        if (manifest) this.add(manifest);
      } else this.#readTag(layout.partOfName(name));
      if (++count % FOLDERS_PER_YIELD === 0) await sleep(0);
    }
  }

  #readTag(tag: string): void {
    const folder = this.#deps.layout.tagFolder(this.#repository, tag);
    const record = statIfAny(folder) && readEntryRecord(folder);
    if (!record) return;
    this.#read.add(tag);
    this.#tags.set(tag, record.digest);
  }
}
