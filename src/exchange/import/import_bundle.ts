import type { Clock } from "../../base/concurrency.ts";
import { LarderError } from "../../base/errors.ts";
import { isDeletionError, statIfAny } from "../../base/files/files.ts";
import { PULL_ROUNDS } from "../../base/limits.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { artifactKind } from "../../oci/manifest.ts";
import { isForeign } from "../../oci/media_types.ts";
import { formatReference, isLocal } from "../../oci/reference.ts";
import { unpackArchives } from "../../pull/install.ts";
import { openIngest } from "../../pull/transfer/open_ingest.ts";
import { publish, type PublishSession } from "../../pull/publish.ts";
import { type Room, type SpaceRequest, withRoom } from "../../pull/room.ts";
import { BlobStore } from "../../store/blobs/blob_store.ts";
import type { IngestOptions } from "../../store/blobs/ingest.ts";
import { pushedRecord, servedRecord } from "../../store/entries/app_record.ts";
import { ImageParts, type Part } from "../../store/image_parts.ts";
import type { Layout } from "../../store/layout.ts";
import { waitingForSweep } from "../../store/locks/store_lock.ts";
import { ManifestStore } from "../../store/manifest_store.ts";
import type { BundleSource } from "../read/bundle_source.ts";
import type { ImportPlan } from "../import_plan.ts";
import type { NamedEntries, NamedReference } from "./name_entries.ts";
import { checkConflict, type NamedRecord, publishRecord, readRecord } from "./record_entry.ts";
import { checkOffer, commitBlobs, type MissingBlob, stageBlobs } from "./stage_blobs.ts";

export interface ImportDependencies {
  readonly layout: Layout;
  readonly clock: Clock;
  /** Undefined if a full disk is an error at once. */
  readonly room?: Room | undefined;
}

export interface ImportOptions {
  /** Called with the bytes to read, and then with those that were read. */
  readonly planned?: ((bytes: number) => void) | undefined;
  readonly progressed?: ((bytes: number) => void) | undefined;
  readonly note?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An entry that was imported. */
export interface ImportedEntry {
  readonly type: "app" | "image" | "artifact" | "package" | "build";
  readonly name: string;
  readonly digest: Digest;
  /** True if the entry was new or had other content. */
  readonly isChanged: boolean;
  /** Bytes of its content. */
  readonly bytes: number;
}

export interface ImportResult {
  readonly entries: readonly ImportedEntry[];
  /** The blobs that the import has written. */
  readonly added: { readonly blobs: number; readonly bytes: number };
  /** The blobs that the cache had. */
  readonly reused: { readonly blobs: number; readonly bytes: number };
}

/** A bundle that has been read and whose entries have names. */
export interface NamedBundle {
  readonly source: BundleSource;
  readonly plan: ImportPlan;
  readonly named: NamedEntries;
}

/**
 * Imports the entries of a bundle: writes and verifies all blobs that the cache lacks, and only then makes the first of
 * them visible, in the order of a pull. A killed import leaves partial files, which the next one continues.
 *
 * @throws LarderError LDR_BAD_BUNDLE, LDR_NOT_CACHED, LDR_DISK*, LDR_INTERRUPTED
 */
export async function importBundle(
  bundle: NamedBundle,
  deps: ImportDependencies,
  options: ImportOptions = {},
): Promise<ImportResult> {
  const run = new ImportRun(bundle, deps, options);
  return await withRoom(deps.layout, () => run.run(), {
    room: deps.room,
    request: () => run.spaceRequest(),
    note: (message) => options.note?.(message),
    waiting: (holders) => options.note?.(waitingForSweep(holders)),
    signal: options.signal,
  });
}

/** One reference of an import. */
interface Session extends PublishSession {
  readonly entry: NamedReference;
}

class ImportRun {
  readonly #bundle: NamedBundle;
  readonly #deps: ImportDependencies;
  readonly #options: ImportOptions;
  readonly #blobs: BlobStore;
  readonly #sessions: readonly Session[];
  readonly #records: readonly NamedRecord[];
  #missing = new Map<Digest, MissingBlob>();
  /** Blobs that this import has written, in any round. */
  readonly #added = new Map<Digest, Descriptor>();

  constructor(bundle: NamedBundle, deps: ImportDependencies, options: ImportOptions) {
    this.#bundle = bundle;
    this.#deps = deps;
    this.#options = options;
    this.#blobs = new BlobStore(deps.layout);
    const { references, records } = bundle.named;
    this.#sessions = references.map((entry) => this.#session(entry));
    this.#records = records.map((record) => readRecord(bundle.source.path, record));
  }

  async run(): Promise<ImportResult> {
    const { source, plan } = this.#bundle;
    for (let round = 1; round <= PULL_ROUNDS; round++) {
      this.#missing = await this.#findMissing();
      for (const record of this.#records) checkConflict(this.#deps.layout, record);
      checkOffer(source, plan, this.#missing);
      this.#options.planned?.(sumOf([...this.#missing.values()].map((each) => each.descriptor)));
      const entries = await this.#publishAll();
      if (entries) return this.#result(entries);
    }
    const { root } = this.#deps.layout;
    const message = `the cache ${root} was deleted ${PULL_ROUNDS} times during the import`;
    throw new LarderError("LDR_DISK", message, {
      hint: "find the program that deletes it, and try again",
    });
  }

  /** Returns undefined if the cache was deleted meanwhile. */
  async #publishAll(): Promise<ImportedEntry[] | undefined> {
    const { source, plan } = this.#bundle;
    try {
      await stageBlobs(source, plan, this.#missing, this.#options);
      const added = (blob: Descriptor) => this.#added.set(blob.digest, blob);
      if (!await commitBlobs(this.#missing, added)) return undefined;
      const entries: ImportedEntry[] = [];
      for (const session of this.#sessions) {
        const entry = await this.#publish(session);
        if (!entry) return undefined;
        entries.push(entry);
      }
      this.#blobs.sync();
      for (const record of this.#records) {
        const { type, name, blobs, digest } = record;
        const isChanged = publishRecord(this.#deps.layout, record);
        entries.push({ type, name, digest, isChanged, bytes: sumOf(blobs) });
      }
      return entries;
    } catch (error) {
      if (isDeletionError(error) && statIfAny(source.path)) return undefined;
      throw error;
    }
  }

  async #publish(session: Session): Promise<ImportedEntry | undefined> {
    const { entry, reference, manifests, parts } = session;
    const { selection } = entry;
    const { top, chosen } = selection;
    if (chosen) await unpackArchives(session, chosen);
    const now = this.#deps.clock.now();
    const record = await manifests.record(reference);
    const isChanged = record?.digest !== top.digest;
    const earlier = isChanged ? 0 : Date.parse(record.checkedAt);
    const own = entry.checkedAt === undefined || entry.checkedAt > now ? 0 : entry.checkedAt;
    const checkedAt = Math.max(own, earlier);
    if (chosen) {
      const resolved = { top, freshness: "unchecked", checkedAt } as const;
      const imported = { resolved, record, fetched: false, importedAt: now };
      const publication = { ...imported, selection: { ...selection, chosen } };
      if (!await publish(session, publication)) return undefined;
    } else {
      for (const index of selection.indexes.toReversed()) {
        manifests.publishManifest(reference, index);
      }
    }
    const isPushed = isLocal(reference) && entry.isWhole;
    if (isPushed || !chosen) {
      const make = isPushed ? pushedRecord : servedRecord;
      await manifests.publishServed(reference, top, () => make(reference, top, now, checkedAt));
    }
    const all = selection.images.flatMap((image) => parts.parts(image));
    return {
      type: chosen ? artifactKind(chosen) : "image",
      name: formatReference(reference),
      digest: top.digest,
      isChanged,
      bytes: sumOf(all.map(({ descriptor }) => descriptor)),
    };
  }

  #session(entry: NamedReference): Session {
    const { layout, clock } = this.#deps;
    const { reference, selection, isWhole } = entry;
    const manifests = new ManifestStore(layout);
    const foreign = selection.images.flatMap((image) => image.layers)
      .filter(({ mediaType }) => isForeign(mediaType));
    const options = {
      allPlatforms: selection.indexes.length > 0 && isWhole,
      foreign: foreign.length > 0 && foreign.every((layer) => this.#isOffered(layer)),
      signal: this.#options.signal,
    };
    const parts = new ImageParts(this.#blobs, manifests, reference, options);
    const name = formatReference(reference);
    return { entry, reference, name, blobs: this.#blobs, manifests, parts, clock, options };
  }

  #isOffered({ digest }: Descriptor): boolean {
    return this.#bundle.source.sizeOf(this.#bundle.plan.fileOf(digest)) !== undefined;
  }

  async #findMissing(): Promise<Map<Digest, MissingBlob>> {
    const missing = new Map<Digest, MissingBlob>();
    const add = (descriptor: Descriptor, path: string, open: (o: IngestOptions) => OpenResult) => {
      const blob = missing.get(descriptor.digest) ?? { descriptor, targets: new Map() };
      missing.set(descriptor.digest, blob);
      const waiting = (holders: string) =>
        this.#options.note?.(
          `waiting for ${holders || "another process"}, which is writing ${descriptor.digest}`,
        );
      const options = { waiting, signal: this.#options.signal };
      blob.targets.set(path, { path, open: () => open(options) });
    };
    for (const session of this.#sessions) {
      for (const part of await session.parts.missing(session.entry.selection)) {
        add(
          part.descriptor,
          session.parts.pathOf(part),
          (options) => openIngest(session, part, options),
        );
      }
    }
    for (const file of this.#records.flatMap(({ blobs }) => blobs)) {
      if (this.#blobs.find(file)) continue;
      add(file, this.#blobs.pathOf(file), (options) => this.#blobs.ingest(file, options));
    }
    return missing;
  }

  spaceRequest(): SpaceRequest {
    const descriptors = [...this.#missing.values()].map(({ descriptor }) => descriptor);
    const parts: readonly Part[] = this.#sessions.flatMap(({ entry, parts }) =>
      entry.selection.images.flatMap((image) => parts.parts(image))
    );
    return {
      bytes: ENTRY_SPACE * this.#sessions.length + sumOf(descriptors),
      files: ENTRY_FILES * this.#sessions.length + descriptors.length,
      folders: this.#sessions.map(({ manifests, reference }) => manifests.folder(reference)),
      digests: [...parts.map(({ descriptor }) => descriptor.digest), ...this.#missing.keys()],
    };
  }

  #result(entries: readonly ImportedEntry[]): ImportResult {
    const all = new Map<Digest, Descriptor>();
    for (const { entry, parts } of this.#sessions) {
      for (const image of entry.selection.images) {
        for (const { descriptor, skipped } of parts.parts(image)) {
          if (!skipped) all.set(descriptor.digest, descriptor);
        }
      }
    }
    for (const blob of this.#records.flatMap(({ blobs }) => blobs)) all.set(blob.digest, blob);
    const reused = [...all.values()].filter(({ digest }) => !this.#added.has(digest));
    const added = [...this.#added.values()];
    return {
      entries,
      added: { blobs: added.length, bytes: sumOf(added) },
      reused: { blobs: reused.length, bytes: sumOf(reused) },
    };
  }
}

type OpenResult = ReturnType<BlobStore["ingest"]>;

/** Bytes for the manifests, the record, and the folders of an entry. */
const ENTRY_SPACE = 64 * 1024;

/** Files and folders of an entry besides its parts. */
const ENTRY_FILES = 12;

function sumOf(descriptors: readonly Descriptor[]): number {
  return descriptors.reduce((sum, { size }) => sum + size, 0);
}
