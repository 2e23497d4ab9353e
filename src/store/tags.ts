import { join } from "node:path";
import {
  ensureFolder,
  readBytesIfAny,
  readTextIfAny,
  statIfAny,
  syncFolder,
  writeFileAtomic,
} from "../base/files.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { type ImageManifest, type Manifest, parseManifest } from "../oci/manifest.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import { CONFIG_FILE, type Layout, MANIFEST_FILE, RECORD_FILE } from "./layout.ts";
import { type EntryRecord, formatRecord, parseRecord } from "./record.ts";

/**
 * The names of the cache: what each reference stood for when it was last pulled.
 *
 * Every manifest lies in a folder named by its digest, with the registry's own bytes. A tag's folder repeats
 * the chosen platform's manifest, for Spin, which reads only that. A folder that was asked for by name has a
 * record; a digest's folder without one is content of some other entry.
 */
export class TagStore {
  readonly #layout: Layout;

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
   * `manifest.json` and leaves the record as it was.
   */
  record(reference: Reference): EntryRecord | undefined {
    const folder = this.folder(reference);
    const record = readRecord(folder);
    if (!record) return undefined;
    const manifest = readBytesIfAny(join(folder, MANIFEST_FILE));
    const expected = reference.digest ?? record.manifestDigest;
    return manifest && digestOf(manifest) === expected ? record : undefined;
  }

  /** The manifest or index with this digest, if it is there whole. */
  manifest(reference: Reference, digest: Digest): Manifest | undefined {
    const bytes = readBytesIfAny(join(this.#layout.digestFolder(reference, digest), MANIFEST_FILE));
    if (!bytes || digestOf(bytes) !== digest) return undefined;
    return parseManifest(bytes, `${formatReference(reference)} in the cache`);
  }

  /** The bytes of an image manifest's `config.json`, if it is there. */
  config(reference: Reference, digest: Digest): Uint8Array | undefined {
    return readBytesIfAny(join(this.#layout.digestFolder(reference, digest), CONFIG_FILE));
  }

  /** Whether `config.json` of an image manifest has this size: its bytes were verified when it was written. */
  hasConfig(reference: Reference, digest: Digest, size: number): boolean {
    const path = join(this.#layout.digestFolder(reference, digest), CONFIG_FILE);
    return statIfAny(path)?.size === size;
  }

  /**
   * Writes a manifest under its digest. What it points at must be there before.
   * @param config what `config.json` is to be, for an image manifest
   */
  publishManifest(reference: Reference, manifest: Manifest, config?: Uint8Array): void {
    const folder = this.#layout.digestFolder(reference, manifest.digest);
    ensureFolder(folder);
    if (config) writeUnlessSame(join(folder, CONFIG_FILE), config);
    writeUnlessSame(join(folder, MANIFEST_FILE), manifest.bytes);
    syncFolder(folder);
  }

  /**
   * Gives a reference its content. This is the last step of a pull, and the record its last file.
   * A reference with a digest has its manifest in place already; only the record is added.
   */
  publish(
    reference: Reference,
    record: EntryRecord,
    image: ImageManifest,
    config: Uint8Array,
  ): void {
    const folder = this.folder(reference);
    ensureFolder(folder);
    if (!reference.digest) {
      writeUnlessSame(join(folder, CONFIG_FILE), config);
      writeUnlessSame(join(folder, MANIFEST_FILE), image.bytes);
    }
    writeFileAtomic(join(folder, RECORD_FILE), formatRecord(record));
    syncFolder(folder);
  }

  /** Marks an entry as used now, for an entry whose record is not rewritten. */
  touch(reference: Reference, now: number): void {
    try {
      Deno.utimeSync(join(this.folder(reference), RECORD_FILE), new Date(now), new Date(now));
    } catch {
      // The last use is a hint for the collector; a cache that is read-only can still be read.
    }
  }
}

/** The record in a folder, or undefined where there is none or it is broken. */
export function readRecord(folder: string): EntryRecord | undefined {
  const text = readTextIfAny(join(folder, RECORD_FILE));
  return text === undefined ? undefined : parseRecord(text);
}

function writeUnlessSame(path: string, bytes: Uint8Array): void {
  const present = readBytesIfAny(path);
  if (present?.length === bytes.length && present.every((byte, i) => byte === bytes[i])) return;
  writeFileAtomic(path, bytes);
}
