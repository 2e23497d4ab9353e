import {
  configOf,
  type ImageManifest,
  type IndexManifest,
  MAX_INDEX_DEPTH,
  spinApplication,
} from "../oci/manifest.ts";
import { sep } from "node:path";
import { readTextIfAny, statIfAny } from "../base/files.ts";
import type { Digest } from "../oci/digest.ts";
import { fileDigests, type LockedApp, wasmDigests } from "../oci/locked_app.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import { BlobStore } from "../store/blobs/blob_store.ts";
import { ImageParts } from "../store/image_parts.ts";
import { CONFIG_FILE, type Layout, MANIFEST_FILE, RECORD_FILE } from "../store/layout.ts";
import { type EntryRecord, parseEntryRecord } from "../store/entries/app_record.ts";
import { ManifestStore } from "../store/manifest_store.ts";
import type { SnapshotEntry } from "../snapshot/types.ts";
import {
  expectedBlob,
  type ExpectedFile,
  type ExpectedFiles,
  type Restoration,
} from "./expectation.ts";
import type { ManifestReader } from "../snapshot/manifest_reader.ts";

/** Finds out what an app consists of. */
export function expectedFilesOfApp(
  layout: Layout,
  reader: ManifestReader,
  entry: SnapshotEntry,
  reference: Reference,
): ExpectedFiles {
  return new App(layout, reader, entry, reference).anatomy();
}

type Fault = ExpectedFiles["faults"][number];

class App {
  readonly #layout: Layout;
  readonly #reader: ManifestReader;
  readonly #entry: SnapshotEntry;
  readonly #reference: Reference;
  readonly #parts: ImageParts;
  readonly #needs: ExpectedFile[] = [];
  readonly #faults: Fault[] = [];

  constructor(layout: Layout, reader: ManifestReader, entry: SnapshotEntry, reference: Reference) {
    this.#layout = layout;
    this.#reader = reader;
    this.#entry = entry;
    this.#reference = reference;
    const stores = [new BlobStore(layout), new ManifestStore(layout)] as const;
    this.#parts = new ImageParts(...stores, reference, { foreign: entry.record?.foreign });
  }

  anatomy(): ExpectedFiles {
    const cure = this.#entry.writtenBy === "spin" ? this.#spins() : this.#larders();
    return { entry: this.#entry, needs: this.#needs, faults: this.#faults, cure };
  }

  #larders(): Restoration | undefined {
    const { record, isFromNewerVersion, problem: later } = this.#entry;
    const reference = this.#reference;
    if (isFromNewerVersion) {
      this.#fault("broken", RECORD_FILE, later!);
      return undefined;
    }
    const problem = record ? this.#strangerOf(record) : "it is no record";
    if (!record || problem) {
      if (this.#hasRecord()) this.#fault(record ? "misplaced" : "broken", RECORD_FILE, problem!);
      else this.#fault("broken", RECORD_FILE, "it is missing");
      return { by: "pull", reference };
    }
    this.#needManifests(record);
    return { by: "restore", reference, record };
  }

  /** What Spin wrote has no digest to be held against: what can be read is taken for what it says. */
  #spins(): Restoration {
    const reference = this.#reference;
    const { folder } = this.#entry;
    const text = readTextIfAny(folder + sep + RECORD_FILE);
    if (text !== undefined && !parseEntryRecord(text)) {
      this.#fault("broken", RECORD_FILE, "it is no record");
      return { by: "pull", reference };
    }
    const { value, fault } = this.#reader.manifest(folder);
    if (value?.kind !== "image") {
      const detail = fault ?? (value ? "it is no manifest of an image" : "it is missing");
      this.#fault("broken", MANIFEST_FILE, detail);
      return { by: "pull", reference };
    }
    const parts = this.#parts.parts(value);
    for (const { descriptor, lockedAppOf, kind, skipped } of parts) {
      if (!lockedAppOf) {
        const optional = skipped || kind === "config";
        this.#needs.push({ ...expectedBlob(this.#layout, descriptor), optional });
      }
    }
    if (!spinApplication(value) || this.#needLockedApp(folder)) {
      return { by: "refill", reference, image: value };
    }
    return { by: "pull", reference };
  }

  /** What is wrong with a record that can be read. */
  #strangerOf(record: EntryRecord): string | undefined {
    const { digest } = this.#reference;
    if (digest) {
      return record.digest === digest ? undefined : `it is the record of ${record.digest}`;
    }
    // Where file names have no case, two tags can have one folder.
    const isOwn = record.reference.toLowerCase() === formatReference(this.#reference).toLowerCase();
    return isOwn ? undefined : `it is the record of ${record.reference}`;
  }

  #needManifests(record: EntryRecord): void {
    const tops = new Set([record.digest, record.manifestDigest]);
    const images = new Map<Digest, ImageManifest>();
    for (const digest of tops) {
      this.#needFile(this.#folderOf(digest), MANIFEST_FILE, digest);
      const { value } = this.#reader.manifest(this.#folderOf(digest), digest);
      if (!value) continue;
      if (value.kind === "image") images.set(digest, value);
      else if (record.allPlatforms) this.#needAll(value, images);
    }
    for (const image of images.values()) this.#needImage(image);
    if (!this.#reference.digest) this.#needTag(record, images.get(record.manifestDigest));
  }

  /** Everything that an index names, since all of its platforms were pulled. */
  #needAll(index: IndexManifest, images: Map<Digest, ImageManifest>, depth = 0): void {
    for (const { digest } of index.manifests) {
      this.#needFile(this.#folderOf(digest), MANIFEST_FILE, digest);
      const { value } = this.#reader.manifest(this.#folderOf(digest), digest);
      if (value?.kind === "image") images.set(digest, value);
      else if (value && depth < MAX_INDEX_DEPTH) this.#needAll(value, images, depth + 1);
    }
  }

  #needImage(image: ImageManifest): void {
    const folder = this.#folderOf(image.digest);
    for (const { descriptor, lockedAppOf, skipped } of this.#parts.parts(image)) {
      if (!lockedAppOf) {
        this.#needs.push({ ...expectedBlob(this.#layout, descriptor), optional: skipped });
      }
    }
    const { digest, size } = configOf(image);
    this.#needFile(folder, CONFIG_FILE, digest, size);
    if (spinApplication(image)) this.#needLockedApp(folder);
  }

  /** The tag's own folder, which Spin reads. */
  #needTag(record: EntryRecord, chosen: ImageManifest | undefined): void {
    const { folder } = this.#entry;
    this.#needFile(folder, MANIFEST_FILE, record.manifestDigest);
    if (!chosen) return;
    const { digest, size } = configOf(chosen);
    this.#needFile(folder, CONFIG_FILE, digest, size);
  }

  /** @returns whether the locked app can be read */
  #needLockedApp(folder: string): boolean {
    const { value, fault } = this.#reader.lockedApp(folder);
    if (value) this.#needSpinFiles(value);
    else if (this.#entry.writtenBy === "spin") {
      this.#fault("broken", CONFIG_FILE, fault ?? "it is missing");
    }
    return value !== undefined;
  }

  /** What Spin looks up by its digest: files that were unpacked from archives are named nowhere else. */
  #needSpinFiles(app: LockedApp): void {
    for (const digest of fileDigests(app)) {
      this.#needs.push({ path: this.#layout.blob("data", digest), digest });
    }
    for (const digest of wasmDigests(app)) {
      const [path, elsewhere] = [
        this.#layout.blob("wasm", digest),
        this.#layout.blob("data", digest),
      ];
      this.#needs.push({ path, elsewhere, digest });
    }
  }

  #needFile(folder: string, name: string, digest: Digest, size?: number): void {
    this.#needs.push({ path: folder + sep + name, digest, size });
  }

  #fault(kind: Fault["kind"], name: string, detail: string): void {
    this.#faults.push({ kind, path: this.#entry.folder + sep + name, detail });
  }

  #folderOf(digest: Digest): string {
    return this.#layout.digestFolder(this.#reference, digest);
  }

  #hasRecord(): boolean {
    return statIfAny(this.#entry.folder + sep + RECORD_FILE) !== undefined;
  }
}
