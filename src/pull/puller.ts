import type { Clock } from "../base/concurrency.ts";
import { PULL_ROUNDS } from "../base/defaults.ts";
import { LarderError } from "../base/errors.ts";
import { isAbsence } from "../base/files.ts";
import type { ImageManifest, Manifest } from "../oci/manifest.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import type { RegistryClient, Repository } from "../registry/client.ts";
import type { Transport } from "../registry/transport.ts";
import { BlobStore } from "../store/blob_store.ts";
import type { Layout } from "../store/layout.ts";
import type { EntryRecord } from "../store/record.ts";
import { withSharedLock } from "../store/store_lock.ts";
import { TagStore } from "../store/tags.ts";
import { fetchParts } from "./fetch_parts.ts";
import {
  decide,
  failureWithCopy,
  isRegistryFailure,
  mayUseStale,
  notCached,
  type Policy,
} from "./freshness.ts";
import { type PlatformChoice, selectImages, type Selection } from "./images.ts";
import type { Freshness, Outcome, PartResult, PullObserver, PullResult } from "./observer.ts";
import { Inventory, type Part, partsOf } from "./parts.ts";

export interface PullerDependencies {
  readonly layout: Layout;
  readonly client: RegistryClient;
  /** For what lies outside registries: the URLs of foreign layers. */
  readonly transport: Transport;
  readonly clock: Clock;
}

export interface PullOptions extends PlatformChoice {
  readonly policy: Policy;
  /** Milliseconds: how old a cached copy may be that stands in for a registry that fails. */
  readonly staleIfError?: number | undefined;
  readonly foreign?: boolean | undefined;
  /** Transfers at once. */
  readonly transfers: number;
  readonly signal?: AbortSignal | undefined;
}

/** What the registry, or the cache in its place, said a reference stands for. */
interface Answer {
  readonly top: Manifest;
  readonly freshness: Freshness;
  readonly checkedAt: number;
}

/**
 * Brings references into the cache and keeps them current: the contract of a pull.
 *
 * A tag is asked about every time, by a HEAD where its content is known; a digest that is cached asks nothing.
 * Only what is missing is fetched. A reference is published last: blobs, manifests by digest, tag, record.
 */
export class Puller {
  readonly #deps: PullerDependencies;
  readonly #blobs: BlobStore;
  readonly #tags: TagStore;

  constructor(deps: PullerDependencies) {
    this.#deps = deps;
    this.#blobs = new BlobStore(deps.layout);
    this.#tags = new TagStore(deps.layout);
  }

  /** @throws LarderError of every kind; nothing is published then, and what came stays for the next try */
  pull(
    reference: Reference,
    options: PullOptions,
    observer: PullObserver = {},
  ): Promise<PullResult> {
    const waiting = () => observer.note?.("waiting for another larder that is cleaning the cache");
    return withSharedLock(
      this.#deps.layout,
      () => new Pull(this.#deps, this.#blobs, this.#tags, reference, options, observer).run(),
      { waiting, signal: options.signal },
    );
  }
}

/** One pull of one reference. */
class Pull {
  readonly #name: string;
  readonly #repository: Repository;
  readonly #inventory: Inventory;
  readonly #outcomes = new Map<string, Outcome>();

  constructor(
    private readonly deps: PullerDependencies,
    private readonly blobs: BlobStore,
    private readonly tags: TagStore,
    private readonly reference: Reference,
    private readonly options: PullOptions,
    private readonly observer: PullObserver,
  ) {
    this.#name = formatReference(reference);
    this.#repository = deps.client.repository(reference);
    this.#inventory = new Inventory(blobs, tags, reference);
  }

  async run(): Promise<PullResult> {
    const record = this.tags.record(this.reference);
    const cached = await this.#cached(record);
    const decision = decide(this.options.policy, {
      complete: cached !== undefined,
      byDigest: this.reference.digest !== undefined,
    });
    if (decision === "refuse") throw notCached(this.#name);
    if (decision === "use") {
      return this.#confirm(cached!, {
        top: cached!.top,
        freshness: "unchecked",
        checkedAt: record ? Date.parse(record.checkedAt) : this.deps.clock.now(),
      }, record);
    }
    try {
      const answer = await this.#ask(record);
      return await this.#bringIn(answer, record);
    } catch (error) {
      return this.#standIn(error, cached, record);
    }
  }

  /** What the cache alone makes of the reference, if all of it is there. */
  async #cached(record: EntryRecord | undefined): Promise<Selection | undefined> {
    const digest = this.reference.digest ?? record?.digest;
    const top = digest && this.tags.manifest(this.reference, digest);
    if (!top) return undefined;
    const { reference, tags } = this;
    const selection = await selectImages(
      top,
      this.options,
      this.#name,
      (child) => Promise.resolve(tags.manifest(reference, child)),
    );
    return selection && this.#isComplete(selection) ? selection : undefined;
  }

  #isComplete({ images, chosen }: Selection): boolean {
    return images.every((image) =>
      this.#inventory.missing(this.#parts(image)).length === 0 &&
      this.#inventory.packed(image).length === 0
    ) && this.tags.isPublished(this.reference, chosen);
  }

  /** Asks the registry what the reference stands for. */
  async #ask(record: EntryRecord | undefined): Promise<Answer> {
    const { signal } = this.options;
    const known = record && this.tags.manifest(this.reference, record.digest);
    const target = this.reference.digest ?? this.reference.tag!;
    if (known && !this.reference.digest) {
      const current = await this.#repository.head(target, signal);
      if (current === known.digest) {
        return { top: known, freshness: "unchanged", checkedAt: this.deps.clock.now() };
      }
    }
    const kept = this.reference.digest &&
      this.tags.manifest(this.reference, this.reference.digest);
    const top = kept ?? await this.#repository.manifest(target, signal);
    const unchanged = known?.digest === top.digest;
    return {
      top,
      freshness: unchanged ? "unchanged" : "fetched",
      checkedAt: this.deps.clock.now(),
    };
  }

  /** Fetches what is missing and publishes; again, should somebody delete the cache meanwhile. */
  async #bringIn(answer: Answer, record: EntryRecord | undefined): Promise<PullResult> {
    const selection = await this.#select(answer.top);
    for (let round = 1; round <= PULL_ROUNDS; round++) {
      const settled = this.#settled(selection, record) && this.#missing(selection).length === 0;
      if (settled && this.#isComplete(selection)) return this.#confirm(selection, answer, record);
      await this.#fetch(selection);
      if (this.#publish(selection, answer, record)) return this.#result(selection, answer);
    }
    throw new LarderError(
      "LDR_DISK",
      `the cache ${this.deps.layout.root} was deleted ${PULL_ROUNDS} times while ${this.#name} was pulled`,
      { hint: "find out what deletes it, and try again" },
    );
  }

  async #select(top: Manifest): Promise<Selection> {
    const { signal } = this.options;
    const selection = await selectImages(
      top,
      this.options,
      this.#name,
      async (child) =>
        this.tags.manifest(this.reference, child) ?? await this.#repository.manifest(child, signal),
    );
    return selection!; // A registry's manifest is there or an error.
  }

  /** Whether the entry says already what it is to say, but for the time. */
  #settled(selection: Selection, record: EntryRecord | undefined): boolean {
    return record?.digest === selection.top.digest &&
      record.manifestDigest === selection.chosen.digest;
  }

  #parts(image: ImageManifest): Part[] {
    return partsOf(image, { foreign: this.options.foreign ?? false });
  }

  #missing(selection: Selection): Part[] {
    const missing = new Map<string, Part>();
    for (const image of selection.images) {
      for (const part of this.#inventory.missing(this.#parts(image))) {
        missing.set(`${part.lockedAppOf ?? ""} ${part.descriptor.digest}`, part);
      }
    }
    return [...missing.values()];
  }

  async #fetch(selection: Selection): Promise<void> {
    const missing = this.#missing(selection);
    this.observer.planned?.(missing.map((part) => part.descriptor));
    await fetchParts(missing, {
      ...this.deps,
      blobs: this.blobs,
      tags: this.tags,
      reference: this.reference,
      repository: this.#repository,
      options: this.options,
      observer: this.observer,
      onOutcome: (digest, outcome) => this.#outcomes.set(digest, outcome),
    });
    for (const image of selection.images) await this.#unpack(image);
  }

  /** Unpacks Spin's archives: its locked app points at the files in them. */
  async #unpack(image: ImageManifest): Promise<void> {
    const archives = this.#inventory.packed(image);
    if (archives.length === 0) return;
    const { unpackArchive } = await import("./unpack.ts");
    for (const descriptor of archives) {
      const path = this.blobs.find(descriptor);
      if (path) await unpackArchive({ descriptor, path }, this.blobs, this.options);
    }
  }

  /** @returns false if the cache was deleted meanwhile, so that there is nothing to publish */
  #publish(selection: Selection, answer: Answer, record: EntryRecord | undefined): boolean {
    try {
      if (this.#missing(selection).length > 0) return false;
      this.blobs.sync();
      for (const image of selection.images) {
        const inPlace = this.#parts(image).some((part) => part.lockedAppOf);
        const config = inPlace ? undefined : this.blobs.find(image.config);
        this.tags.publishManifest(this.reference, image, config);
      }
      for (const index of [...selection.indexes].reverse()) {
        this.tags.publishManifest(this.reference, index);
      }
      this.tags.publishTag(this.reference, selection.chosen);
      this.tags.publishRecord(this.reference, this.#record(selection, answer, record));
      return this.#missing(selection).length === 0 &&
        this.tags.isPublished(this.reference, selection.chosen);
    } catch (error) {
      if (isAbsence(error)) return false;
      throw error;
    }
  }

  #record(
    selection: Selection,
    answer: Answer,
    before: EntryRecord | undefined,
  ): EntryRecord {
    const fetched = [...this.#outcomes.values()].includes("fetched") ||
      !this.#settled(selection, before);
    const checkedAt = new Date(answer.checkedAt).toISOString();
    return {
      schemaVersion: 1,
      reference: this.#name,
      digest: selection.top.digest,
      mediaType: selection.top.mediaType,
      manifestDigest: selection.chosen.digest,
      ...(selection.platform && { platform: selection.platform }),
      ...(this.options.allPlatforms && { allPlatforms: true }),
      pulledAt: fetched || !before ? checkedAt : before.pulledAt,
      checkedAt,
    };
  }

  /** Everything is there: only the record changes. */
  #confirm(
    selection: Selection,
    answer: Answer,
    record: EntryRecord | undefined,
  ): PullResult {
    const asked = answer.freshness === "unchanged" || answer.freshness === "fetched";
    if (asked || !record) {
      if (!this.#publishRecord(selection, answer, record)) return this.#result(selection, answer);
    } else {
      this.tags.touch(this.reference, this.deps.clock.now());
    }
    return this.#result(selection, answer);
  }

  /** A cache that cannot be written can still be used: then the time of the check is not kept. */
  #publishRecord(
    selection: Selection,
    answer: Answer,
    record: EntryRecord | undefined,
  ): boolean {
    try {
      this.tags.publishRecord(this.reference, this.#record(selection, answer, record));
      return true;
    } catch (error) {
      if (isAbsence(error)) return false;
      throw error;
    }
  }

  /** The registry failed: the cached copy stands in if it may, otherwise the error says that there is one. */
  #standIn(
    error: unknown,
    cached: Selection | undefined,
    record: EntryRecord | undefined,
  ): PullResult {
    if (!cached || !record || !isRegistryFailure(error)) throw error;
    const checkedAt = Date.parse(record.checkedAt);
    const age = Math.max(0, this.deps.clock.now() - checkedAt);
    if (!mayUseStale(age, this.options.staleIfError)) throw failureWithCopy(error, age);
    return this.#confirm(cached, { top: cached.top, freshness: "stale", checkedAt }, record);
  }

  #result(selection: Selection, answer: Answer): PullResult {
    const parts: PartResult[] = [];
    const seen = new Set<string>();
    for (const image of selection.images) {
      for (const part of this.#parts(image)) {
        const { digest, mediaType, size } = part.descriptor;
        if (seen.has(digest)) continue;
        seen.add(digest);
        const outcome = part.skipped ? "skipped" : this.#outcomes.get(digest) ?? "reused";
        parts.push({ kind: part.kind, digest, mediaType, size, outcome });
      }
    }
    const fetched = parts.some((part) => part.outcome === "fetched");
    return {
      reference: this.#name,
      digest: selection.top.digest,
      mediaType: selection.top.mediaType,
      manifestDigest: selection.chosen.digest,
      platform: selection.platform,
      freshness: fetched ? "fetched" : answer.freshness,
      checkedAt: answer.checkedAt,
      parts,
      folder: this.tags.folder(this.reference),
    };
  }
}
