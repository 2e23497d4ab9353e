import { join } from "node:path";
import {
  copyFileAtomic,
  ensureFolder,
  readBytesIfAny,
  readTextIfAny,
  statIfAny,
  syncFolder,
  tryTouch,
  writeFileAtomic,
  writeFileUnsynced,
} from "../base/files.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import { digestWithWebCrypto } from "../oci/hash.ts";
import { MAX_LOCKED_APP } from "../oci/locked_app.ts";
import {
  type ImageManifest,
  type Manifest,
  parseHashedManifest,
  spinApplication,
} from "../oci/manifest.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import { hasDigest } from "./blobs/blob_store.ts";
import { Ingest, type IngestOptions } from "./blobs/ingest.ts";
import { type EntryRecord, formatEntryRecord, parseEntryRecord } from "./entries/app_record.ts";
import { CONFIG_FILE, type Layout, MANIFEST_FILE, RECORD_FILE } from "./layout.ts";

/**
 * The names of the cache: what each reference stood for when it was last pulled.
 *
 * Every manifest lies in a folder named by its digest, with the registry's own bytes. A tag's folder repeats
 * the chosen platform's manifest, for Spin, which reads only that. A folder that was asked for by name has a
 * record; a digest's folder without one is content of some other entry.
 */
export class ManifestStore {
  readonly #layout: Layout;
  /** The manifest that was read and checked last: a tag's folder and its digest's have the same one. */
  #checked: { readonly digest: Digest; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** The folder of the entry that a reference names: its digest's where it has one, else its tag's. */
  folder(reference: Reference): string {
    return reference.digest
      ? this.#layout.digestFolder(reference, reference.digest)
      : this.#layout.tagFolder(reference, reference.tag!);
  }

  /**
   * The record of a reference, if larder pulled it and nobody else has written the entry since: Spin replaces
   * `manifest.json` and leaves the record as it was, and where file names have no case, another tag may have
   * taken the folder.
   */
  async record(reference: Reference): Promise<EntryRecord | undefined> {
    const folder = this.folder(reference);
    const record = readEntryRecord(folder);
    if (!record || !(reference.digest || record.reference === formatReference(reference))) {
      return undefined;
    }
    const expected = reference.digest ?? record.manifestDigest;
    return await this.#read(join(folder, MANIFEST_FILE), expected) && record;
  }

  /** The manifest or index with this digest, if it is there whole. */
  async manifest(reference: Reference, digest: Digest): Promise<Manifest | undefined> {
    const path = join(this.#layout.digestFolder(reference, digest), MANIFEST_FILE);
    const bytes = await this.#read(path, digest);
    return bytes &&
      parseHashedManifest(bytes, digest, `${formatReference(reference)} in the cache`);
  }

  /** The bytes of a manifest file, if they have this digest. */
  async #read(path: string, digest: Digest): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const checked = this.#checked;
    if (checked?.digest === digest && statIfAny(path)?.size === checked.bytes.length) {
      return checked.bytes;
    }
    const bytes = readBytesIfAny(path);
    if (!bytes || await digestWithWebCrypto(bytes, algorithmOf(digest)) !== digest) {
      return undefined;
    }
    this.#checked = { digest, bytes };
    return bytes;
  }

  /** Where `config.json` of the image manifest with this digest lies. */
  configPath(reference: Reference, digest: Digest): string {
    return join(this.#layout.digestFolder(reference, digest), CONFIG_FILE);
  }

  /** Whether a blob that is kept only as the `config.json` of a manifest is there whole: it is small, and is hashed. */
  hasConfig(reference: Reference, digest: Digest, descriptor: Descriptor): Promise<boolean> {
    return isWhole(this.configPath(reference, digest), descriptor);
  }

  /**
   * Begins writing a blob that is kept only as the `config.json` of a manifest, and not among the blobs: Spin
   * leaves out of `config.json` the locked app whose blob it finds in `data/`.
   */
  ingestConfig(
    reference: Reference,
    digest: Digest,
    descriptor: Descriptor,
    options: IngestOptions = {},
  ): Promise<Ingest | undefined> {
    const path = this.configPath(reference, digest);
    const isPresent = () => this.hasConfig(reference, digest, descriptor);
    const partial = this.#layout.partial(descriptor.digest);
    return Ingest.open(descriptor, partial, path, isPresent, options);
  }

  /**
   * Writes a manifest under its digest. What it points at must be there before.
   * @param config the file that `config.json` is to be a copy of, if it is not in its place already
   */
  publishManifest(reference: Reference, manifest: Manifest, config?: string): void {
    const folder = this.#layout.digestFolder(reference, manifest.digest);
    ensureFolder(folder);
    if (config) copyFileAtomic(config, join(folder, CONFIG_FILE));
    writeFileAtomic(join(folder, MANIFEST_FILE), manifest.bytes);
    syncFolder(folder);
  }

  /** Whether the tag's own folder, which Spin reads, has the manifest and config of this image. */
  async isPublished(reference: Reference, image: ImageManifest): Promise<boolean> {
    const folder = this.folder(reference);
    const config = statIfAny(this.configPath(reference, image.digest));
    if (!config || reference.digest) return config !== undefined;
    if (!await this.#read(join(folder, MANIFEST_FILE), image.digest)) return false;
    const copy = join(folder, CONFIG_FILE);
    const lockedApp = spinApplication(image);
    return lockedApp ? await isWhole(copy, lockedApp) : statIfAny(copy)?.size === config.size;
  }

  /**
   * Gives a tag the manifest and config of an image whose own folder is complete. A reference with a digest has
   * them already.
   */
  publishTag(reference: Reference, image: ImageManifest): void {
    if (reference.digest) return;
    const folder = this.folder(reference);
    ensureFolder(folder);
    // The manifest first: it no longer fits the record then, so that a crash in between leaves nothing that passes
    // for whole. A config of the same size would.
    writeFileAtomic(join(folder, MANIFEST_FILE), image.bytes);
    copyFileAtomic(this.configPath(reference, image.digest), join(folder, CONFIG_FILE));
  }

  /** Writes the record of an entry: the last step of a pull. */
  publishRecord(reference: Reference, record: EntryRecord): void {
    const folder = this.folder(reference);
    writeFileAtomic(join(folder, RECORD_FILE), formatEntryRecord(record));
    syncFolder(folder);
  }

  /** Writes the record of an entry that is as it was, but for the time of the check. */
  confirmRecord(reference: Reference, record: EntryRecord): void {
    writeFileUnsynced(join(this.folder(reference), RECORD_FILE), formatEntryRecord(record));
  }

  /** Whether there is a record, good or not. */
  hasRecord(reference: Reference): boolean {
    return statIfAny(join(this.folder(reference), RECORD_FILE)) !== undefined;
  }

  /** Whether only Spin pulled this tag: it writes no record. */
  isSpinEntry(reference: Reference): boolean {
    return reference.digest === undefined && !this.hasRecord(reference) &&
      statIfAny(join(this.folder(reference), MANIFEST_FILE)) !== undefined;
  }

  /** Marks an entry as used now, for an entry whose record is not rewritten. */
  touch(reference: Reference, now: number): void {
    tryTouch(join(this.folder(reference), RECORD_FILE), now);
  }
}

async function isWhole(path: string, { size, digest }: Descriptor): Promise<boolean> {
  if (statIfAny(path)?.size !== size) return false;
  // What no locked app can be is not read into memory.
  if (size > MAX_LOCKED_APP) return hasDigest(path, digest);
  const bytes = readBytesIfAny(path);
  return bytes !== undefined && await digestWithWebCrypto(bytes, algorithmOf(digest)) === digest;
}

/** The record in a folder, or undefined where there is none or it is broken. */
export function readEntryRecord(folder: string): EntryRecord | undefined {
  const text = readTextIfAny(join(folder, RECORD_FILE));
  return text === undefined ? undefined : parseEntryRecord(text);
}
