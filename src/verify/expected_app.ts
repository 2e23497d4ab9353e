import { sep } from "node:path";
import { readTextIfAny, statIfAny } from "../base/files/files.ts";
import type { Digest } from "../oci/digest.ts";
import { fileDigests, type LockedApp, wasmDigests } from "../oci/locked_app.ts";
import {
  configOf,
  type ImageManifest,
  type IndexManifest,
  isSameImage,
  MAX_INDEX_DEPTH,
  spinApplication,
} from "../oci/manifest.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import type { ManifestReader } from "../snapshot/manifest_reader.ts";
import type { SnapshotEntry } from "../snapshot/types.ts";
import { readArchiveFiles } from "../store/blobs/archive_files.ts";
import { BlobStore } from "../store/blobs/blob_store.ts";
import { type EntryRecord, parseEntryRecord } from "../store/entries/app_record.ts";
import { ImageParts, type Part } from "../store/image_parts.ts";
import { CONFIG_FILE, type Layout, MANIFEST_FILE, RECORD_FILE } from "../store/layout.ts";
import { ManifestStore } from "../store/manifest_store.ts";
import {
  type EntryRepair,
  expectedBlob,
  type ExpectedFile,
  type ExpectedFiles,
} from "./expectation.ts";

/** Returns the files that an app or image must have. */
export function expectedFilesOfApp(
  layout: Layout,
  reader: ManifestReader,
  entry: SnapshotEntry,
  reference: Reference,
): ExpectedFiles {
  return new AppFiles(layout, reader, entry, reference).collect();
}

type Fault = ExpectedFiles["faults"][number];

/** Collects the files of one app or image. */
class AppFiles {
  readonly #layout: Layout;
  readonly #reader: ManifestReader;
  readonly #entry: SnapshotEntry;
  readonly #reference: Reference;
  readonly #parts: ImageParts;
  readonly #files: ExpectedFile[] = [];
  readonly #faults: Fault[] = [];
  /** Manifests below an index: an index can name one many times. */
  readonly #seen = new Set<Digest>();

  constructor(layout: Layout, reader: ManifestReader, entry: SnapshotEntry, reference: Reference) {
    this.#layout = layout;
    this.#reader = reader;
    this.#entry = entry;
    this.#reference = reference;
    const stores = [new BlobStore(layout), new ManifestStore(layout)] as const;
    this.#parts = new ImageParts(...stores, reference, { foreign: entry.record?.foreign });
  }

  collect(): ExpectedFiles {
    const isSpins = this.#entry.writtenBy === "spin";
    const repair = isSpins ? this.#expectSpinEntry() : this.#expectLarderEntry();
    return { entry: this.#entry, files: this.#files, faults: this.#faults, repair };
  }

  #expectLarderEntry(): EntryRepair | undefined {
    const { record, isFromNewerVersion, problem } = this.#entry;
    const reference = this.#reference;
    if (isFromNewerVersion) {
      this.#addFault("broken", RECORD_FILE, problem!);
      return undefined;
    }
    if (!record) {
      const detail = this.#hasRecord() ? "it is not a record" : "it is missing";
      this.#addFault("broken", RECORD_FILE, detail);
      return { by: "pull", reference };
    }
    const mismatch = this.#mismatchOf(record);
    if (mismatch) {
      this.#addFault("misplaced", RECORD_FILE, mismatch);
      return { by: "pull", reference };
    }
    if (record.served || record.pushed) {
      this.#expectFile(this.#entry.folder, MANIFEST_FILE, record.digest);
      this.#expectTop(record.digest, record.served === true);
      return { by: "pull", reference };
    }
    this.#expectManifests(record);
    return { by: "restore", reference, record };
  }

  /** Spin records no digest of the manifest and locked app that it writes, so these are trusted if they can be read. */
  #expectSpinEntry(): EntryRepair {
    const reference = this.#reference;
    const { folder } = this.#entry;
    const text = readTextIfAny(folder + sep + RECORD_FILE);
    if (text !== undefined && !parseEntryRecord(text)) {
      this.#addFault("broken", RECORD_FILE, "it is not a record");
      return { by: "pull", reference };
    }
    const { value, problem } = this.#reader.manifest(folder);
    if (value?.kind !== "image") {
      const detail = problem ?? (value ? "it is not the manifest of an image" : "it is missing");
      this.#addFault("broken", MANIFEST_FILE, detail);
      return { by: "pull", reference };
    }
    const parts = this.#parts.parts(value);
    for (const part of parts) this.#expectPart(part, part.skipped || part.kind === "config");
    if (!spinApplication(value) || this.#expectLockedApp(folder)) {
      return { by: "restoreSpin", reference, image: value };
    }
    return { by: "pull", reference };
  }

  /** Returns how a record contradicts the name of its folder; undefined if it does not. */
  #mismatchOf(record: EntryRecord): string | undefined {
    const { digest } = this.#reference;
    if (digest) {
      return record.digest === digest ? undefined : `it is the record of ${record.digest}`;
    }
    // Where file names ignore case, two tags can share one folder.
    const isOwn = record.reference.toLowerCase() === formatReference(this.#reference).toLowerCase();
    return isOwn ? undefined : `it is the record of ${record.reference}`;
  }

  #expectManifests(record: EntryRecord): void {
    const tops = new Set([record.digest, record.manifestDigest]);
    const images = new Map<Digest, ImageManifest>();
    for (const digest of tops) {
      this.#expectFile(this.#folderOf(digest), MANIFEST_FILE, digest);
      const { value } = this.#reader.manifest(this.#folderOf(digest), digest);
      if (!value) continue;
      if (value.kind === "image") images.set(digest, value);
      else if (record.allPlatforms) this.#expectPlatforms(value, images);
    }
    for (const image of images.values()) this.#expectImage(image);
    if (!this.#reference.digest) this.#expectTag(record, images.get(record.manifestDigest));
  }

  /** Expects what a manifest refers to. @param optional true if parts may be missing; each must be whole */
  #expectTop(digest: Digest, optional: boolean, depth = 0): void {
    if (this.#isSeen(digest)) return;
    const folder = this.#folderOf(digest);
    if (folder !== this.#entry.folder) {
      this.#files.push({ path: folder + sep + MANIFEST_FILE, digest, optional });
    }
    const { value } = this.#reader.manifest(folder, digest);
    if (value?.kind === "index" && depth < MAX_INDEX_DEPTH) {
      for (const child of value.manifests) this.#expectTop(child.digest, optional, depth + 1);
    } else if (value?.kind === "image") {
      for (const part of this.#parts.parts(value)) this.#expectPart(part, optional || part.skipped);
      const config = configOf(value);
      const isNeeded = !optional && spinApplication(value) !== undefined;
      const expect = isNeeded ? this.#expectFile : this.#expectOptional;
      expect.call(this, folder, CONFIG_FILE, config.digest, config.size);
    }
  }

  /** Expects every platform of an index, and adds its images. */
  #expectPlatforms(index: IndexManifest, images: Map<Digest, ImageManifest>, depth = 0): void {
    for (const { digest } of index.manifests) {
      if (this.#isSeen(digest)) continue;
      this.#expectFile(this.#folderOf(digest), MANIFEST_FILE, digest);
      const { value } = this.#reader.manifest(this.#folderOf(digest), digest);
      if (value?.kind === "image") images.set(digest, value);
      else if (value && depth < MAX_INDEX_DEPTH) this.#expectPlatforms(value, images, depth + 1);
    }
  }

  #isSeen(digest: Digest): boolean {
    const { size } = this.#seen;
    return this.#seen.add(digest).size === size;
  }

  #expectImage(image: ImageManifest): void {
    const folder = this.#folderOf(image.digest);
    for (const part of this.#parts.parts(image)) this.#expectPart(part, part.skipped);
    const { digest, size } = configOf(image);
    this.#expectFile(folder, CONFIG_FILE, digest, size);
    if (spinApplication(image)) this.#expectLockedApp(folder);
  }

  /** Expects a config or layer and, of an archive, the files in it. */
  #expectPart({ descriptor, lockedAppOf, isPackage }: Part, optional: boolean): void {
    if (lockedAppOf) return;
    const expected = expectedBlob(this.#layout, descriptor, isPackage);
    this.#files.push({ ...expected, optional });
    if (!expected.isArchive) return;
    const files = readArchiveFiles(this.#layout.archiveFiles(descriptor.digest)) ?? [];
    for (const { digest, size } of files) {
      this.#files.push({ path: this.#layout.blob("data", digest), digest, size });
    }
  }

  /** Expects the files of the tag's own folder, which Spin reads. @param chosen the platform that was pulled */
  #expectTag(record: EntryRecord, chosen: ImageManifest | undefined): void {
    const { folder } = this.#entry;
    const { value } = this.#reader.manifest(folder);
    const isSpinsForm = chosen && value?.kind === "image" && isSameImage(value, chosen);
    if (!isSpinsForm) this.#expectFile(folder, MANIFEST_FILE, record.manifestDigest);
    if (!chosen) return;
    const { digest, size } = configOf(chosen);
    this.#expectFile(folder, CONFIG_FILE, digest, size);
  }

  /** @returns true if the locked app can be read */
  #expectLockedApp(folder: string): boolean {
    const { value, problem } = this.#reader.lockedApp(folder);
    if (value) this.#expectFilesOfLockedApp(value);
    else if (this.#entry.writtenBy === "spin") {
      this.#addFault("broken", CONFIG_FILE, problem ?? "it is missing");
    }
    return value !== undefined;
  }

  /** The locked app also names files of archives, of which an earlier larder and Spin left no list. */
  #expectFilesOfLockedApp(app: LockedApp): void {
    for (const digest of fileDigests(app)) {
      this.#files.push({ path: this.#layout.blob("data", digest), digest });
    }
    for (const digest of wasmDigests(app)) {
      const path = this.#layout.blob("wasm", digest);
      this.#files.push({ path, alternative: this.#layout.blob("data", digest), digest });
    }
  }

  #expectFile(folder: string, name: string, digest: Digest, size?: number): void {
    this.#files.push({ path: folder + sep + name, digest, size });
  }

  #expectOptional(folder: string, name: string, digest: Digest, size?: number): void {
    this.#files.push({ path: folder + sep + name, digest, size, optional: true });
  }

  #addFault(kind: Fault["kind"], name: string, detail: string): void {
    this.#faults.push({ kind, path: this.#entry.folder + sep + name, detail });
  }

  #folderOf(digest: Digest): string {
    return this.#layout.digestFolder(this.#reference, digest);
  }

  #hasRecord(): boolean {
    return statIfAny(this.#entry.folder + sep + RECORD_FILE) !== undefined;
  }
}
