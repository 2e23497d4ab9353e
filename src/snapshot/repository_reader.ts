import { hasCode, messageOf } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { artifactKind, isRewritten, type Manifest } from "../oci/manifest.ts";
import { isWasmPlatform } from "../oci/platform.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import { CONFIG_FILE, MANIFEST_FILE, PIN_FILE, RECORD_FILE } from "../store/layout.ts";
import { ManifestContent } from "./content.ts";
import {
  configSize,
  entryTimes,
  NEWER_VERSION,
  readOwnPin,
  readRecord,
  sizeOf,
  sortedUnique,
  UNREADABLE,
  type UnsizedEntry,
} from "./entry.ts";
import {
  addStrayFiles,
  type EntryFolder,
  type FileTimes,
  type Folder,
  isNewer,
  readTimes,
} from "./entry_folders.ts";
import { type ManifestFile, ManifestFiles } from "./manifest_files.ts";
import type { Reading } from "./reading.ts";
import { Manifests, Reachable } from "./references.ts";
import type { EntryType } from "./types.ts";

/** Either of these makes the folder of a digest an entry. */
const ENTRY_MARKERS: readonly string[] = [RECORD_FILE, PIN_FILE];

const NO_MANIFEST = "its manifest is missing or damaged";

/** A tag's manifest, if it can be parsed. */
interface TagManifest {
  /** Undefined if the file is missing or cannot be read. */
  readonly bytes?: Uint8Array;
  readonly manifest?: Manifest;
  /** True if it is the manifest that the record names, in the bytes of the registry or rewritten by Spin. */
  readonly isRecorded: boolean;
  readonly isSpinsForm?: boolean;
  readonly problem?: string;
}

/** Reads the entries of one repository, without those below it. */
export class RepositoryReader {
  readonly #reading: Reading;
  readonly #name: string;
  readonly #files: ManifestFiles;
  readonly #manifests: Manifests;
  readonly #tags: Folder[] = [];
  /** Folders of digests that were pulled or pinned by digest. */
  readonly #digests: [Digest, Folder][] = [];

  constructor(
    reading: Reading,
    folder: Folder,
    name: string,
  ) {
    const { contents } = reading;
    this.#reading = reading;
    this.#name = name;
    this.#files = new ManifestFiles(contents.unreadable);
    this.#manifests = new Manifests(contents, name, this.#files);
    for (const child of folder.folders) this.#readable(child, () => this.#classify(child));
  }

  async entries(): Promise<UnsizedEntry[]> {
    await this.#files.readAhead(this.#tags, this.#manifests.folders());
    return [
      ...this.#tags.map((folder) => this.#readable(folder, () => this.#tagEntry(folder))),
      ...this.#digests.map(([digest, folder]) =>
        this.#readable(folder, () => this.#digestEntry(digest, folder))
      ),
    ].filter((entry) => entry !== undefined);
  }

  /** Returns undefined if this user may list the folder, but not look at its files. */
  #readable<T>({ path }: Folder, read: () => T): T | undefined {
    return this.#reading.contents.unreadable.attempt(path, read, undefined);
  }

  /** Decides whether a folder is a tag's, a digest's, or left of either. */
  #classify(child: Folder): void {
    const { files } = child;
    if (files.size === 0) return;
    const digest = this.#reading.layout.digestOfName(child.name);
    const isMarked = ENTRY_MARKERS.some((name) => files.has(name));
    if (!files.has(MANIFEST_FILE) && !isMarked) {
      return addStrayFiles(child, true, this.#reading.strays);
    }
    if (!digest) {
      this.#tags.push(child);
      return;
    }
    if (files.has(MANIFEST_FILE)) {
      const content = new ManifestContent(digest, child);
      this.#manifests.add(content, this.#reading.contents.add(content), child);
    }
    if (isMarked) this.#digests.push([digest, child]);
  }

  #tagEntry(folder: Folder): UnsizedEntry {
    const { record, isFromNewerVersion, isUnreadable } = readRecord(
      folder,
      this.#reading.contents.unreadable,
    );
    const { bytes, manifest, isRecorded, isSpinsForm, problem } = this.#readTag(folder, record);
    const isServed = record?.served === true;
    const reachable = new Reachable(isRecorded, isRecorded && isServed);
    reachable.problem = isUnreadable ? UNREADABLE : problem;
    // `serve` selects no platform, so the folder has no config.
    const isTop = isServed || record?.pushed === true;
    const isKnown = isRecorded && !isSpinsForm && !isTop;
    const config = configSize(folder, isKnown ? manifest : undefined);
    if (manifest) {
      const locked = isSpinsForm || isTop ? this.#folderOf(manifest) : undefined;
      this.#manifests.mark(manifest, locked ?? folder, reachable);
    }
    if (isRecorded) {
      if (isKnown) this.#expectSameFiles(record!, folder, bytes!.length + config);
      this.#markIndex(record!, reachable);
    } else if (record) {
      // Spin files any digest of the repository under `latest`; a sweep keeps what larder pulled there too.
      this.#markRecord(record, reachable);
    }
    // Without a manifest, the record decides who wrote the entry.
    const isReadable = !isFromNewerVersion && !isUnreadable;
    const isSpins = !isRecorded && isReadable && (!record || manifest !== undefined);
    const isSpinsUse = isSpins || (isSpinsForm && isNewer(folder, MANIFEST_FILE, RECORD_FILE));
    // Without a manifest, a record that cannot be parsed tells when the entry was used.
    const stampFiles = [isSpinsUse ? MANIFEST_FILE : RECORD_FILE, RECORD_FILE, PIN_FILE];
    const stampFile = stampFiles.find((name) => folder.files.has(name))!;
    const times = readTimes(folder, stampFile);
    return {
      ...this.#entry(folder, isSpins ? undefined : record, times, reachable, isFromNewerVersion),
      type: this.#typeOf(manifest, record),
      name: `${this.#name}:${this.#reading.layout.partOfName(folder.name)}`,
      digest: isSpins ? manifest?.digest : record?.digest,
      stampFile,
      writtenBy: isSpins ? "spin" : "larder",
      ownFiles: [...folder.files],
      // Known sizes are not stat'ed again: there may be 10,000 tags.
      ownSize: config + (bytes?.length ?? 0) + sizeOf(folder, [PIN_FILE]) +
        (stampFile === RECORD_FILE ? times?.size ?? 0 : sizeOf(folder, [RECORD_FILE])),
    };
  }

  /** Reads a tag's manifest; again if a pull has replaced it and the record since it was read ahead. */
  #readTag(folder: Folder, record: EntryRecord | undefined): TagManifest {
    const ahead = this.#parseTag(this.#files.read(folder), record);
    return ahead.isRecorded || !record || !ahead.bytes
      ? ahead
      : this.#parseTag(this.#files.readNow(folder), record);
  }

  /** Parses a tag's manifest. Spin replaces only the manifest, so a record may be that of an earlier pull. */
  #parseTag(file: ManifestFile | undefined, record: EntryRecord | undefined): TagManifest {
    if (!file) return { isRecorded: false, problem: NO_MANIFEST };
    const { bytes } = file;
    try {
      const recorded = record && this.#parseIf(file, record.manifestDigest);
      if (recorded) return { bytes, manifest: recorded, isRecorded: true };
      const own = record && this.#manifests.manifest(record.manifestDigest);
      if (own?.kind === "image" && isRewritten(bytes, own)) {
        return { bytes, manifest: own, isRecorded: true, isSpinsForm: true };
      }
      return { bytes, manifest: this.#manifests.parse(file, undefined), isRecorded: false };
    } catch (error) {
      return { bytes, isRecorded: false, problem: messageOf(error) };
    }
  }

  /** Returns the folder of a digest, whose locked app is whole when that of the tag is one that Spin left half-written. */
  #folderOf({ digest }: Manifest): EntryFolder | undefined {
    const content = this.#manifests.content(digest);
    return content?.files.has(CONFIG_FILE) ? content : undefined;
  }

  /** Returns undefined if the bytes have another digest. */
  #parseIf(file: ManifestFile, digest: Digest): Manifest | undefined {
    try {
      return this.#manifests.parse(file, digest);
    } catch (error) {
      if (hasCode(error, "LDR_DIGEST_MISMATCH")) return undefined;
      throw error;
    }
  }

  /**
   * The folder of the manifest's digest has the same manifest and config as that of its tag.
   * @param size bytes of these, which spares stat'ing them: there may be 10,000 tags
   */
  #expectSameFiles({ manifestDigest }: EntryRecord, tag: Folder, size: number): void {
    const content = this.#manifests.content(manifestDigest);
    if (content?.files.has(CONFIG_FILE) === tag.files.has(CONFIG_FILE)) content?.expect(size);
  }

  /** Marks the index of a tag. */
  #markIndex({ digest, manifestDigest }: EntryRecord, reachable: Reachable): void {
    if (digest === manifestDigest) return;
    const isComplete = this.#manifests.markDigest(digest, reachable);
    if (!isComplete) reachable.problem ??= "its index is missing or damaged";
  }

  /** Marks what a record names, which can exist by its digest even if the manifest beside the record does not. */
  #markRecord({ digest, manifestDigest }: EntryRecord, reachable: Reachable): void {
    this.#manifests.markDigest(manifestDigest, reachable);
    this.#manifests.markDigest(digest, reachable);
  }

  #digestEntry(digest: Digest, folder: Folder): UnsizedEntry {
    const { record, isFromNewerVersion, isUnreadable } = readRecord(
      folder,
      this.#reading.contents.unreadable,
    );
    const reachable = new Reachable(true, record?.served === true);
    const isComplete = this.#manifests.markDigest(digest, reachable);
    if (!isComplete) {
      reachable.problem = isUnreadable ? UNREADABLE : NO_MANIFEST;
      if (record) this.#markRecord(record, reachable);
    }
    const stampFile = folder.files.has(RECORD_FILE) ? RECORD_FILE : PIN_FILE;
    const times = readTimes(folder, stampFile);
    // The manifest and config are content; without a manifest all files are the entry's own.
    const isContent = folder.files.has(MANIFEST_FILE);
    const own = [...folder.files].filter((name) => !isContent || ENTRY_MARKERS.includes(name));
    return {
      ...this.#entry(folder, record, times, reachable, isFromNewerVersion),
      type: this.#typeOf(this.#manifests.manifest(digest), record),
      name: this.#digestName(digest, record),
      digest,
      stampFile,
      writtenBy: "larder",
      ownFiles: own,
      ownSize: sizeOf(folder, own),
    };
  }

  /** Reads no further files: marking has read the manifests that a manifest or record names. */
  #typeOf(manifest: Manifest | undefined, record: EntryRecord | undefined): EntryType {
    const image = this.#manifests.imageIn(manifest) ??
      (record && this.#manifests.imageIn(this.#manifests.manifest(record.manifestDigest)));
    if (image) return artifactKind(image) === "image" ? "image" : "app";
    // Of an index that was served or pushed without any of its images, an image is the best guess.
    const isImage = record?.served ?? record?.pushed ??
      (record?.platform && !isWasmPlatform(record.platform));
    return isImage ? "image" : "app";
  }

  /** Returns the members that tags and digests have in common. */
  #entry(
    folder: Folder,
    record: EntryRecord | undefined,
    times: FileTimes | undefined,
    reachable: Reachable,
    isFromNewerVersion: boolean,
  ) {
    const written = record ? [Date.parse(record.pulledAt)] : [];
    return {
      group: this.#name,
      folder: folder.path,
      ...entryTimes(times, written, this.#reading.now),
      pin: readOwnPin(folder, this.#reading.contents.unreadable),
      record,
      problem: isFromNewerVersion ? NEWER_VERSION : reachable.problem,
      isFromNewerVersion,
      isUnlisted: reachable.isUnlisted,
      references: sortedUnique(reachable.ids),
    } as const;
  }

  /** Returns `repository@digest`, with the tag that was pulled together with the digest, if any. */
  #digestName(digest: Digest, record: EntryRecord | undefined): string {
    const pulled = record?.reference ?? "";
    const isThis = pulled.startsWith(`${this.#name}:`) && pulled.endsWith(`@${digest}`);
    return isThis ? pulled : `${this.#name}@${digest}`;
  }
}
