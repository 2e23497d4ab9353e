import { join } from "node:path";
import { areEqual } from "../base/bytes.ts";
import { copyFileAtomic, writeFileAtomic } from "../base/files/atomic_write.ts";
import {
  ensureFolder,
  readBytesIfAny,
  readTextIfAny,
  removeIfAny,
  statIfAny,
  syncFolder,
  tryTouch,
} from "../base/files/files.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import { digestWithWebCrypto } from "../oci/hash.ts";
import { MAX_LOCKED_APP } from "../oci/locked_app.ts";
import {
  type ImageManifest,
  isRewritten,
  type Manifest,
  parseHashedManifest,
  spinApplication,
} from "../oci/manifest.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import { hasDigest } from "./blobs/blob_store.ts";
import { Ingest, type IngestOptions } from "./blobs/ingest.ts";
import { type EntryRecord, formatEntryRecord, parseEntryRecord } from "./entries/app_record.ts";
import { CONFIG_FILE, type Layout, MANIFEST_FILE, RECORD_FILE } from "./layout.ts";
import { EntryLock } from "./locks/entry_lock.ts";

/** Returns the new record of an entry, or undefined to leave it. @param current undefined if there is no valid one */
export type RecordUpdate = (current: EntryRecord | undefined) => EntryRecord | undefined;

/**
 * The manifests and records under `manifests/`: what each reference resolved to when it was last pulled.
 *
 * Every manifest has a folder named by its digest, with the bytes that the registry served. The folder of a tag has a
 * copy of the manifest of the chosen platform, because that is the only file Spin reads. The folder of a reference
 * that was pulled has a record; a digest's folder without a record is content of other entries.
 */
export class ManifestStore {
  readonly #layout: Layout;
  /** The manifest that was verified last: the folder of a tag and that of its digest have the same one. */
  #verified: { readonly digest: Digest; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Returns the folder of the entry of a reference: that of its digest if it has one, else that of its tag. */
  folder(reference: Reference): string {
    return reference.digest
      ? this.#layout.digestFolder(reference, reference.digest)
      : this.#layout.tagFolder(reference, reference.tag!);
  }

  /**
   * Returns the record of a reference, unless another program has written other content to the entry since: Spin
   * replaces `manifest.json` and leaves the record, and on a case-insensitive file system another tag may own the folder.
   *
   * A record that does not match the manifest is read again after any process that is writing to the entry has
   * finished.
   */
  async record(reference: Reference): Promise<EntryRecord | undefined> {
    const record = await this.#record(reference);
    if (record || !this.hasRecord(reference)) return record;
    await EntryLock.wait(this.folder(reference));
    return await this.#record(reference);
  }

  async #record(reference: Reference): Promise<EntryRecord | undefined> {
    const folder = this.folder(reference);
    const record = readEntryRecord(folder);
    if (!record || !(reference.digest || record.reference === formatReference(reference))) {
      return undefined;
    }
    const digest = reference.digest ?? record.manifestDigest;
    return await this.#hasManifestOf(reference, digest) ? record : undefined;
  }

  /** True if the folder of a reference has the manifest with this digest, or Spin's form of it. */
  async #hasManifestOf(reference: Reference, digest: Digest): Promise<boolean> {
    const path = join(this.folder(reference), MANIFEST_FILE);
    const bytes = readBytesIfAny(path);
    if (!bytes || await this.#verify(bytes, digest)) return bytes !== undefined;
    const own = reference.digest ? undefined : await this.manifest(reference, digest);
    return own?.kind === "image" && isRewritten(bytes, own);
  }

  /** Returns the manifest or index with this digest, unless it is missing or damaged. */
  async manifest(reference: Reference, digest: Digest): Promise<Manifest | undefined> {
    const path = join(this.#layout.digestFolder(reference, digest), MANIFEST_FILE);
    const bytes = await this.#readVerified(path, digest);
    return bytes &&
      parseHashedManifest(bytes, digest, `${formatReference(reference)} in the cache`);
  }

  /** Reads a manifest; returns undefined unless its bytes have this digest. */
  async #readVerified(path: string, digest: Digest): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const verified = this.#verified;
    if (verified?.digest === digest && statIfAny(path)?.size === verified.bytes.length) {
      return verified.bytes;
    }
    const bytes = readBytesIfAny(path);
    return bytes && await this.#verify(bytes, digest) ? bytes : undefined;
  }

  async #verify(bytes: Uint8Array<ArrayBuffer>, digest: Digest): Promise<boolean> {
    const verified = this.#verified;
    if (verified?.digest === digest) return areEqual(verified.bytes, bytes);
    if (await digestWithWebCrypto(bytes, algorithmOf(digest)) !== digest) return false;
    this.#verified = { digest, bytes };
    return true;
  }

  /** Returns the path of the `config.json` beside the image manifest with this digest. */
  configPath(reference: Reference, digest: Digest): string {
    return join(this.#layout.digestFolder(reference, digest), CONFIG_FILE);
  }

  /** True if the `config.json` of a manifest has the size and digest of a descriptor. It is small enough to hash. */
  hasConfig(reference: Reference, digest: Digest, descriptor: Descriptor): Promise<boolean> {
    return matchesDescriptor(this.configPath(reference, digest), descriptor);
  }

  /**
   * Starts writing a locked app to the `config.json` of its manifest instead of to `data/`: Spin writes no `config.json`
   * for a locked app that it finds in `data/`.
   *
   * @returns undefined if it is present
   * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
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
   * Writes a manifest to the folder of its digest. Everything that it refers to must be present.
   * @param config path of the file to copy to `config.json`, unless that is present
   * @throws LarderError LDR_DISK*
   */
  publishManifest(reference: Reference, manifest: Manifest, config?: string): void {
    const folder = this.#layout.digestFolder(reference, manifest.digest);
    ensureFolder(folder);
    if (config) copyFileAtomic(config, join(folder, CONFIG_FILE));
    writeFileAtomic(join(folder, MANIFEST_FILE), manifest.bytes);
    syncFolder(folder);
  }

  /** True if the folder of the tag, which Spin reads, has the manifest and config of this image. */
  async isPublished(reference: Reference, image: ImageManifest): Promise<boolean> {
    const config = statIfAny(this.configPath(reference, image.digest));
    if (!config || reference.digest) return config !== undefined;
    if (!await this.#hasManifestOf(reference, image.digest)) return false;
    const copy = join(this.folder(reference), CONFIG_FILE);
    const lockedApp = spinApplication(image);
    return lockedApp
      ? await matchesDescriptor(copy, lockedApp)
      : statIfAny(copy)?.size === config.size;
  }

  /**
   * Publishes an image as the entry of a reference, which is the last step of a pull: copies its manifest and config to
   * the folder of the tag, and then writes the record. No other larder writes to the folder meanwhile.
   *
   * @param update returns the new record; if it returns undefined, the entry stays as it is
   * @returns false if the cache was deleted meanwhile
   * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
   */
  async publishEntry(
    reference: Reference,
    image: ImageManifest,
    update: RecordUpdate,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<boolean> {
    const folder = this.folder(reference);
    ensureFolder(folder);
    using lock = await EntryLock.take(folder, options);
    const record = update(await this.#record(reference));
    if (!record) return true;
    if (!reference.digest) this.#publishTag(reference, image);
    lock.writeRecord(formatEntryRecord(record), { sync: true });
    syncFolder(folder);
    return await this.isPublished(reference, image);
  }

  /**
   * Publishes a manifest or index as the entry of a reference without selecting a platform, for `serve`: of what clients
   * asked for, or pushed. The folder of its digest has it already. No other larder writes to the folder meanwhile.
   *
   * @param update as for {@link publishEntry}
   * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
   */
  async publishServed(
    reference: Reference,
    manifest: Manifest,
    update: RecordUpdate,
  ): Promise<void> {
    const folder = this.folder(reference);
    ensureFolder(folder);
    using lock = await EntryLock.take(folder);
    const record = update(await this.#record(reference));
    if (!record) return;
    if (!reference.digest) {
      writeFileAtomic(join(folder, MANIFEST_FILE), manifest.bytes);
      // That of the manifest before; this one may be an index, or its config not cached.
      removeIfAny(join(folder, CONFIG_FILE));
    }
    lock.writeRecord(formatEntryRecord(record), { sync: true });
    syncFolder(folder);
  }

  /** Copies the manifest and config of an image to the folder of the tag; the folder of a digest has them already. */
  #publishTag(reference: Reference, image: ImageManifest): void {
    const folder = this.folder(reference);
    // The manifest first: the old record then no longer matches it, so after a crash the entry is not taken for
    // complete. A new config of the same size as the old one would not be noticed.
    writeFileAtomic(join(folder, MANIFEST_FILE), image.bytes);
    copyFileAtomic(this.configPath(reference, image.digest), join(folder, CONFIG_FILE));
  }

  /**
   * Writes a record in which only `checkedAt` changed, without syncing. Does nothing while another process writes the
   * entry: what that writes is as recent.
   *
   * @param update as for {@link publishEntry}
   * @throws LarderError LDR_DISK*
   */
  async confirmRecord(reference: Reference, update: RecordUpdate): Promise<void> {
    const folder = this.folder(reference);
    using lock = await EntryLock.tryTake(folder);
    const record = lock && update(readEntryRecord(folder));
    if (record) lock.writeRecord(formatEntryRecord(record), { sync: false });
  }

  /** True if there is a record, valid or not. */
  hasRecord(reference: Reference): boolean {
    return statIfAny(join(this.folder(reference), RECORD_FILE)) !== undefined;
  }

  /** True if only Spin pulled this tag, because Spin writes no record. */
  isSpinEntry(reference: Reference): boolean {
    return reference.digest === undefined && !this.hasRecord(reference) &&
      statIfAny(join(this.folder(reference), MANIFEST_FILE)) !== undefined;
  }

  /** Marks an entry as used at `now` without rewriting its record. */
  touch(reference: Reference, now: number): void {
    tryTouch(join(this.folder(reference), RECORD_FILE), now);
  }
}

/** True if a file has the size and digest of a descriptor. */
async function matchesDescriptor(path: string, { size, digest }: Descriptor): Promise<boolean> {
  if (statIfAny(path)?.size !== size) return false;
  // Too large for a locked app, so not read into memory.
  if (size > MAX_LOCKED_APP) return hasDigest(path, digest);
  const bytes = readBytesIfAny(path);
  return bytes !== undefined && await digestWithWebCrypto(bytes, algorithmOf(digest)) === digest;
}

/** Reads the record in a folder; returns undefined if there is none or it is invalid. */
export function readEntryRecord(folder: string): EntryRecord | undefined {
  const text = readTextIfAny(join(folder, RECORD_FILE));
  return text === undefined ? undefined : parseEntryRecord(text);
}
