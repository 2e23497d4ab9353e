import { PULL_ROUNDS } from "../base/limits.ts";
import { LarderError } from "../base/errors.ts";
import { isDeletionError, statIfAny } from "../base/files.ts";
import type { Digest } from "../oci/digest.ts";
import type { ImageManifest, Manifest } from "../oci/manifest.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import type { Repository } from "../registry/client.ts";
import { BlobStore } from "../store/blobs/blob_store.ts";
import { ImageParts, type Part } from "../store/image_parts.ts";
import type { MissCause } from "../store/journal/journal.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import { ManifestStore } from "../store/manifest_store.ts";
import { fetchParts } from "./fetch_parts.ts";
import { selectImages, type Selection } from "./select_platforms.ts";
import type { PullerDependencies, PullObserver, PullOptions } from "./options.ts";
import { confirm, publish } from "./publish.ts";
import { type Outcomes, type PullResult, type ResolvedReference, resultOf } from "./result.ts";

/** Brings what one reference is known to stand for into the cache: fetches what is missing, then publishes. */
export class ImageInstaller {
  readonly #deps: PullerDependencies;
  readonly #reference: Reference;
  readonly #options: PullOptions;
  readonly #observer: PullObserver;
  readonly #blobs: BlobStore;
  readonly #parts: ImageParts;
  readonly #outcomes: Outcomes = new Map();
  /** Why something has to be fetched, once it is known what. */
  #cause: MissCause | undefined;
  /** As messages name it. */
  readonly name: string;
  readonly manifests: ManifestStore;
  readonly repository: Repository;
  /** What the entry says of itself so far. */
  record: EntryRecord | undefined;

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
    this.#blobs = new BlobStore(deps.layout);
    this.name = formatReference(reference);
    this.manifests = new ManifestStore(deps.layout);
    this.repository = deps.client.repository(reference);
    this.#parts = new ImageParts(this.#blobs, this.manifests, reference, options);
  }

  /**
   * What the cache alone makes of a manifest or index, if all of it is there.
   * @throws LarderError LDR_NO_PLATFORM
   */
  async cached(top: Manifest): Promise<Selection | undefined> {
    const load = (child: Digest) => this.manifests.manifest(this.#reference, child);
    const selection = await selectImages(top, this.#options, this.name, load);
    return selection && await this.#parts.isComplete(selection) ? selection : undefined;
  }

  /** Fetches what is missing and publishes; again, should somebody delete the cache meanwhile. */
  async install(resolved: ResolvedReference, cached: Selection | undefined): Promise<PullResult> {
    if (cached?.top.digest === resolved.top.digest && await this.#refreshRecord(cached, resolved)) {
      return this.#result(cached, resolved);
    }
    const selection = await this.#select(resolved.top);
    for (let round = 1; round <= PULL_ROUNDS; round++) {
      await this.#fetch(selection);
      if (await publish(this.#publishing(selection, resolved))) {
        return this.#result(selection, resolved);
      }
    }
    throw this.#deleted(` ${PULL_ROUNDS} times`);
  }

  /** Takes what is cached, without the registry's word. */
  async useCached(cached: Selection, freshness: "unchecked" | "stale"): Promise<PullResult> {
    const checkedAt = this.record ? Date.parse(this.record.checkedAt) : this.#deps.clock.now();
    const answer = { top: cached.top, freshness, checkedAt };
    if (!await this.#refreshRecord(cached, answer)) throw this.#deleted();
    return this.#result(cached, answer);
  }

  /**
   * Fetches what is missing of an image that Spin pulled, and leaves to Spin what Spin wrote: its manifest, and the
   * locked app beside that.
   */
  async fetchMissing(image: ImageManifest): Promise<void> {
    const missing = await this.#parts.missing({ images: [image] });
    await this.#fetchParts(missing.filter((part) => part.kind === "layer" && !part.lockedAppOf));
    await this.#unpack(image);
  }

  async #select(top: Manifest): Promise<Selection> {
    const { signal } = this.#options;
    const selection = await selectImages(
      top,
      this.#options,
      this.name,
      async (child) =>
        await this.manifests.manifest(this.#reference, child) ??
          await this.repository.manifest(child, signal),
    );
    return selection!; // A registry has a manifest, or the request for it has failed.
  }

  /** Whether the entry says already what it is to say, but for the time. */
  #isRecorded(selection: Selection): boolean {
    return this.record?.digest === selection.top.digest &&
      this.record.manifestDigest === selection.chosen.digest;
  }

  async #fetch(selection: Selection): Promise<void> {
    const missing = await this.#parts.missing(selection);
    this.#cause ??= this.#causeOf(selection, missing);
    await this.#fetchParts(missing);
    for (const image of selection.images) await this.#unpack(image);
  }

  async #fetchParts(parts: readonly Part[]): Promise<void> {
    if (parts.length > 0) await this.#observer.planned?.(parts.map((part) => part.descriptor));
    await fetchParts(parts, {
      blobs: this.#blobs,
      manifests: this.manifests,
      reference: this.#reference,
      repository: this.repository,
      transport: this.#deps.transport,
      clock: this.#deps.clock,
      transfers: this.#options.transfers,
      signal: this.#options.signal,
      observer: this.#observer,
      onOutcome: (digest, outcome) => this.#outcomes.set(digest, outcome),
    });
  }

  #causeOf(selection: Selection, missing: readonly Part[]): MissCause {
    const { record } = this;
    if (!record) return this.manifests.hasRecord(this.#reference) ? "damaged" : "new";
    if (record.digest !== selection.top.digest) return "moved";
    const isWider = this.#options.allPlatforms && !record.allPlatforms;
    if (isWider || record.manifestDigest !== selection.chosen.digest) return "platform";
    const isThere = (part: Part) => statIfAny(this.#parts.pathOf(part)) !== undefined;
    return missing.some(isThere) ? "damaged" : "missing";
  }

  /** Unpacks Spin's archives: its locked app points at the files in them. */
  async #unpack(image: ImageManifest): Promise<void> {
    const archives = this.#parts.packedArchives(image);
    if (archives.length === 0) return;
    const { unpackArchive } = await import("./archive/unpack.ts");
    for (const descriptor of archives) {
      const path = this.#blobs.find(descriptor);
      if (!path) return; // Deleted again; publishing sees to it.
      try {
        await unpackArchive({ descriptor, path }, this.#blobs, this.#options);
      } catch (error) {
        if (!isDeletionError(error)) throw error;
      }
    }
  }

  #publishing(selection: Selection, resolved: ResolvedReference) {
    return {
      selection,
      resolved,
      before: this.record,
      allPlatforms: this.#options.allPlatforms ?? false,
      foreign: this.#options.foreign ?? false,
      fetched: [...this.#outcomes.values()].includes("fetched"),
      reference: this.#reference,
      blobs: this.#blobs,
      manifests: this.manifests,
      parts: this.#parts,
    };
  }

  /**
   * Makes an entry whose content is all there say what it is to say: often that is only the time of the check, or,
   * where nobody was asked, of its last use.
   *
   * @returns false if somebody deleted the cache meanwhile
   */
  async #refreshRecord(selection: Selection, resolved: ResolvedReference): Promise<boolean> {
    const publishing = this.#publishing(selection, resolved);
    const isPublished = this.#isRecorded(selection) &&
      await this.manifests.isPublished(this.#reference, selection.chosen);
    if (!isPublished) return await publish(publishing);
    if (resolved.freshness === "current") confirm(publishing);
    else this.manifests.touch(this.#reference, this.#deps.clock.now());
    return true;
  }

  #result(selection: Selection, resolved: ResolvedReference): PullResult {
    return resultOf({
      reference: this.name,
      folder: this.manifests.folder(this.#reference),
      selection,
      resolved: resolved,
      parts: selection.images.flatMap((image) => this.#parts.parts(image)),
      outcomes: this.#outcomes,
      cause: this.#cause ?? "new",
    });
  }

  #deleted(often = ""): LarderError {
    const { root } = this.#deps.layout;
    const what = `the cache ${root} was deleted${often} while ${this.name} was pulled`;
    return new LarderError("LDR_DISK", what, {
      hint: "find out what deletes it, and try again",
    });
  }
}
