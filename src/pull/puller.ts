import type { Clock } from "../base/concurrency.ts";
import { PULL_ROUNDS } from "../base/defaults.ts";
import { LarderError } from "../base/errors.ts";
import { isAbsence } from "../base/files.ts";
import type { Digest } from "../oci/digest.ts";
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
import { Inventory } from "./inventory.ts";
import type { PullObserver } from "./observer.ts";
import { confirm, publish } from "./publish.ts";
import { type Answer, type Outcomes, type PullResult, resultOf } from "./result.ts";

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

/**
 * Brings references into the cache and keeps them current: the contract of a pull.
 *
 * A tag is asked about every time, by a HEAD where its content is known; a digest that is cached asks nothing.
 * Only what is missing is fetched. A reference is published last: blobs, manifests by digest, tag, record.
 */
export class Puller {
  readonly #deps: PullerDependencies;

  constructor(deps: PullerDependencies) {
    this.#deps = deps;
  }

  /** @throws LarderError of every kind; nothing is published then, and what came stays for the next try */
  pull(
    reference: Reference,
    options: PullOptions,
    observer: PullObserver = {},
  ): Promise<PullResult> {
    return withSharedLock(
      this.#deps.layout,
      () => new Pull(this.#deps, reference, options, observer).run(),
      {
        waiting: () => observer.note?.("waiting for another larder that is cleaning the cache"),
        signal: options.signal,
      },
    );
  }
}

/** One pull of one reference. */
class Pull {
  readonly #deps: PullerDependencies;
  readonly #reference: Reference;
  readonly #options: PullOptions;
  readonly #observer: PullObserver;
  readonly #name: string;
  readonly #blobs: BlobStore;
  readonly #tags: TagStore;
  readonly #repository: Repository;
  readonly #inventory: Inventory;
  readonly #outcomes: Outcomes = new Map();
  #record: EntryRecord | undefined;
  /** What the record says the reference stands for, if that is in the cache. */
  #known: Manifest | undefined;

  constructor(
    deps: PullerDependencies,
    reference: Reference,
    options: PullOptions,
    observer: PullObserver,
  ) {
    this.#deps = deps;
    this.#reference = reference;
    this.#options = options;
    this.#observer = observer;
    this.#name = formatReference(reference);
    this.#blobs = new BlobStore(deps.layout);
    this.#tags = new TagStore(deps.layout);
    this.#repository = deps.client.repository(reference);
    this.#inventory = new Inventory(this.#blobs, this.#tags, reference, options);
  }

  async run(): Promise<PullResult> {
    const head = await this.#askEarly();
    this.#record = this.#tags.record(this.#reference);
    const digest = this.#reference.digest ?? this.#record?.digest;
    this.#known = digest && this.#tags.manifest(this.#reference, digest);
    const cached = await this.#cached();
    const byDigest = this.#reference.digest !== undefined;
    switch (decide(this.#options.policy, { complete: cached !== undefined, byDigest })) {
      case "refuse":
        throw notCached(this.#name);
      case "use":
        return this.#finish(cached!, {
          top: cached!.top,
          freshness: "unchecked",
          checkedAt: this.#record ? Date.parse(this.#record.checkedAt) : this.#deps.clock.now(),
        });
      case "ask":
        try {
          return await this.#bringIn(await this.#ask(head), cached);
        } catch (error) {
          return this.#standIn(error, cached);
        }
    }
  }

  /**
   * Where the question is bound to be asked, it is on its way while the cache is looked through: that is half of
   * what an unchanged pull takes. A failure is for whoever waits for the answer.
   */
  async #askEarly(): Promise<{ answer: Promise<Digest | undefined> } | undefined> {
    const { tag, digest } = this.#reference;
    if (digest || this.#options.policy !== "always" || !this.#tags.hasRecord(this.#reference)) {
      return undefined;
    }
    const answer = this.#repository.head(tag!, this.#options.signal);
    answer.catch(() => {});
    await this.#deps.clock.sleep(0); // The request leaves in the next turn of the event loop.
    return { answer };
  }

  /** What the cache alone makes of the reference, if all of it is there. */
  async #cached(): Promise<Selection | undefined> {
    if (!this.#known) return undefined;
    const load = (child: Digest) => Promise.resolve(this.#tags.manifest(this.#reference, child));
    const selection = await selectImages(this.#known, this.#options, this.#name, load);
    return selection && this.#inventory.isComplete(selection) ? selection : undefined;
  }

  /** Asks the registry what the reference stands for. */
  async #ask(head: { answer: Promise<Digest | undefined> } | undefined): Promise<Answer> {
    const { digest, tag } = this.#reference;
    const { signal } = this.#options;
    const known = this.#known;
    if (digest) {
      return this.#answer(known ?? await this.#repository.manifest(digest, signal), true);
    }
    if (known && await (head?.answer ?? this.#repository.head(tag!, signal)) === known.digest) {
      return this.#answer(known, true);
    }
    const top = await this.#repository.manifest(tag!, signal);
    return this.#answer(top, top.digest === known?.digest);
  }

  #answer(top: Manifest, unchanged: boolean): Answer {
    const checkedAt = this.#deps.clock.now();
    return { top, freshness: unchanged ? "unchanged" : "fetched", checkedAt };
  }

  /** Fetches what is missing and publishes; again, should somebody delete the cache meanwhile. */
  async #bringIn(answer: Answer, cached: Selection | undefined): Promise<PullResult> {
    if (cached?.top.digest === answer.top.digest && this.#isRecorded(cached)) {
      return this.#finish(cached, answer);
    }
    const selection = await this.#select(answer.top);
    for (let round = 1; round <= PULL_ROUNDS; round++) {
      await this.#fetch(selection);
      if (publish(this.#publishing(selection, answer))) {
        return this.#result(selection, answer);
      }
    }
    const { root } = this.#deps.layout;
    throw new LarderError(
      "LDR_DISK",
      `the cache ${root} was deleted ${PULL_ROUNDS} times while ${this.#name} was pulled`,
      { hint: "find out what deletes it, and try again" },
    );
  }

  async #select(top: Manifest): Promise<Selection> {
    const { signal } = this.#options;
    const selection = await selectImages(
      top,
      this.#options,
      this.#name,
      async (child) =>
        this.#tags.manifest(this.#reference, child) ??
          await this.#repository.manifest(child, signal),
    );
    return selection!; // A registry has a manifest, or the request for it has failed.
  }

  /** Whether the entry says already what it is to say, but for the time. */
  #isRecorded(selection: Selection): boolean {
    return this.#record?.digest === selection.top.digest &&
      this.#record.manifestDigest === selection.chosen.digest;
  }

  async #fetch(selection: Selection): Promise<void> {
    const missing = this.#inventory.missing(selection);
    if (missing.length > 0) await this.#observer.planned?.(missing.map((part) => part.descriptor));
    await fetchParts(missing, {
      blobs: this.#blobs,
      tags: this.#tags,
      reference: this.#reference,
      repository: this.#repository,
      transport: this.#deps.transport,
      clock: this.#deps.clock,
      transfers: this.#options.transfers,
      signal: this.#options.signal,
      observer: this.#observer,
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
      const path = this.#blobs.find(descriptor);
      if (!path) return; // Deleted again; publishing sees to it.
      try {
        await unpackArchive({ descriptor, path }, this.#blobs, this.#options);
      } catch (error) {
        if (!isAbsence(error)) throw error;
      }
    }
  }

  #publishing(selection: Selection, answer: Answer) {
    return {
      selection,
      answer,
      before: this.#record,
      allPlatforms: this.#options.allPlatforms ?? false,
      fetched: [...this.#outcomes.values()].includes("fetched"),
      reference: this.#reference,
      blobs: this.#blobs,
      tags: this.#tags,
      inventory: this.#inventory,
    };
  }

  /** Everything is there: only the record changes, or, where nobody was asked, only the time of its last use. */
  #finish(selection: Selection, answer: Answer): PullResult {
    const asked = answer.freshness === "unchanged" || answer.freshness === "fetched";
    if (asked || !this.#record) confirm(this.#publishing(selection, answer));
    else this.#tags.touch(this.#reference, this.#deps.clock.now());
    return this.#result(selection, answer);
  }

  /** The registry failed: the cached copy stands in if it may, otherwise the error says that there is one. */
  #standIn(error: unknown, cached: Selection | undefined): PullResult {
    if (!cached || !this.#record || !isRegistryFailure(error)) throw error;
    const checkedAt = Date.parse(this.#record.checkedAt);
    const age = Math.max(0, this.#deps.clock.now() - checkedAt);
    if (!mayUseStale(age, this.#options.staleIfError)) throw failureWithCopy(error, age);
    return this.#finish(cached, { top: cached.top, freshness: "stale", checkedAt });
  }

  #result(selection: Selection, answer: Answer): PullResult {
    return resultOf({
      reference: this.#name,
      folder: this.#tags.folder(this.#reference),
      selection,
      answer,
      parts: selection.images.flatMap((image) => this.#inventory.parts(image)),
      outcomes: this.#outcomes,
    });
  }
}
