import { sleep } from "../base/concurrency.ts";
import { hasCode, messageOf } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { artifactKind, isRewritten, type Manifest } from "../oci/manifest.ts";
import { isWasmPlatform } from "../oci/platform.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import { CONFIG_FILE, type Layout, MANIFEST_FILE, PIN_FILE, RECORD_FILE } from "../store/layout.ts";
import { ManifestContent } from "./content.ts";
import type { ContentIndex } from "./contents.ts";
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
  readEntryFile,
  readTimes,
  readTree,
  type StrayFiles,
} from "./entry_folders.ts";
import { Manifests, Reachable } from "./references.ts";
import type { EntryType } from "./types.ts";

/** Either of these makes the folder of a digest an entry. */
const ENTRY_MARKERS: readonly string[] = [RECORD_FILE, PIN_FILE];

/** Repository folders between two yields to the event loop, so that Ctrl-C works in a large cache. */
const FOLDERS_PER_YIELD = 100;

const NO_MANIFEST = "its manifest is missing or damaged";

/** Reads the apps and images: every reference, and the manifests that they share. */
export async function readAppEntries(
  layout: Layout,
  now: number,
  contents: ContentIndex,
  strays: StrayFiles,
  progressed?: (entries: number) => void,
): Promise<UnsizedEntry[]> {
  const entries: UnsizedEntry[] = [];
  const walk = (folder: Folder, name: string) => {
    // Most folders are tags and digests, with no folder below.
    if (folder.folders.length === 0) return;
    const reader = new RepositoryReader(layout, now, contents, strays, folder, name);
    for (const entry of reader.entries()) entries.push(entry);
    progressed?.(entries.length);
    for (const child of folder.folders) walk(child, `${name}/${child.name}`);
  };
  for (const registry of readTree(layout.manifests, strays)) {
    addStrayFiles(registry, false, strays);
    for (const [i, folder] of registry.folders.entries()) {
      if (i % FOLDERS_PER_YIELD === 0) await sleep(0);
      addStrayFiles(folder, false, strays);
      walk(folder, `${layout.registryOfName(registry.name)}/${folder.name}`);
    }
  }
  return entries;
}

/** A tag's manifest, if it can be parsed. */
interface TagManifest {
  readonly manifest?: Manifest;
  /** True if it is the manifest that the record names, in the bytes of the registry or rewritten by Spin. */
  readonly isRecorded: boolean;
  readonly isSpinsForm?: boolean;
  readonly problem?: string;
}

/** Reads the entries of one repository, without those below it. */
export class RepositoryReader {
  readonly #layout: Layout;
  readonly #now: number;
  readonly #contents: ContentIndex;
  readonly #strays: StrayFiles;
  readonly #name: string;
  readonly #manifests: Manifests;
  readonly #tags: Folder[] = [];
  /** Folders of digests that were pulled or pinned by digest. */
  readonly #digests: [Digest, Folder][] = [];

  constructor(
    layout: Layout,
    now: number,
    contents: ContentIndex,
    strays: StrayFiles,
    folder: Folder,
    name: string,
  ) {
    this.#layout = layout;
    this.#now = now;
    this.#contents = contents;
    this.#strays = strays;
    this.#name = name;
    this.#manifests = new Manifests(contents, name);
    for (const child of folder.folders) this.#readable(child, () => this.#classify(child));
  }

  entries(): UnsizedEntry[] {
    return [
      ...this.#tags.map((folder) => this.#readable(folder, () => this.#tagEntry(folder))),
      ...this.#digests.map(([digest, folder]) =>
        this.#readable(folder, () => this.#digestEntry(digest, folder))
      ),
    ].filter((entry) => entry !== undefined);
  }

  /** Returns undefined if this user may list the folder, but not look at its files. */
  #readable<T>({ path }: Folder, read: () => T): T | undefined {
    return this.#contents.unreadable.attempt(path, read, undefined);
  }

  /** Decides whether a folder is a tag's, a digest's, or left of either. */
  #classify(child: Folder): void {
    const { files } = child;
    if (files.size === 0) return;
    const digest = this.#layout.digestOfName(child.name);
    const isMarked = ENTRY_MARKERS.some((name) => files.has(name));
    if (!files.has(MANIFEST_FILE) && !isMarked) return addStrayFiles(child, true, this.#strays);
    if (!digest) {
      this.#tags.push(child);
      return;
    }
    if (files.has(MANIFEST_FILE)) {
      const content = new ManifestContent(digest, child);
      this.#manifests.add(content, this.#contents.add(content), child);
    }
    if (isMarked) this.#digests.push([digest, child]);
  }

  #tagEntry(folder: Folder): UnsizedEntry {
    const { record, isFromNewerVersion, isUnreadable } = readRecord(
      folder,
      this.#contents.unreadable,
    );
    const bytes = readEntryFile(folder, MANIFEST_FILE, this.#contents.unreadable);
    const { manifest, isRecorded, isSpinsForm, problem } = this.#readTag(bytes, record);
    const reachable = new Reachable(isRecorded);
    reachable.problem = isUnreadable ? UNREADABLE : problem;
    const config = configSize(folder, isRecorded && !isSpinsForm ? manifest : undefined);
    if (manifest) {
      const locked = isSpinsForm ? this.#folderOf(manifest) : undefined;
      this.#manifests.mark(manifest, locked ?? folder, reachable);
    }
    if (isRecorded) {
      if (!isSpinsForm) this.#expectSameFiles(record!, folder, bytes!.length + config);
      this.#markIndex(record!, reachable);
    } else if (record) {
      // Spin files any digest of the repository under `latest`; a sweep keeps what larder pulled there too.
      this.#markRecord(record, reachable);
    }
    // Without a manifest, the record decides who wrote the entry.
    const isKnown = !isFromNewerVersion && !isUnreadable;
    const isSpins = !isRecorded && isKnown && (!record || manifest !== undefined);
    const stampFile = isSpins || (isSpinsForm && isNewer(folder, MANIFEST_FILE, RECORD_FILE))
      ? MANIFEST_FILE
      : RECORD_FILE;
    const times = readTimes(folder, stampFile);
    return {
      ...this.#entry(folder, isSpins ? undefined : record, times, reachable, isFromNewerVersion),
      type: this.#typeOf(manifest, record),
      name: `${this.#name}:${folder.name}`,
      digest: isSpins ? manifest?.digest : record?.digest,
      stampFile,
      writtenBy: isSpins ? "spin" : "larder",
      ownFiles: [...folder.files],
      // Known sizes are not stat'ed again: there may be 10,000 tags.
      ownSize: config + (bytes?.length ?? 0) + sizeOf(folder, [PIN_FILE]) +
        (stampFile === RECORD_FILE ? times?.size ?? 0 : sizeOf(folder, [RECORD_FILE])),
    };
  }

  /** Parses a tag's manifest. Spin replaces only the manifest, so a record may be that of an earlier pull. */
  #readTag(bytes: Uint8Array | undefined, record: EntryRecord | undefined): TagManifest {
    if (!bytes) return { isRecorded: false, problem: NO_MANIFEST };
    try {
      const recorded = record && this.#parseIf(bytes, record.manifestDigest);
      if (recorded) return { manifest: recorded, isRecorded: true };
      const own = record && this.#manifests.manifest(record.manifestDigest);
      if (own?.kind === "image" && isRewritten(bytes, own)) {
        return { manifest: own, isRecorded: true, isSpinsForm: true };
      }
      return { manifest: this.#manifests.parse(bytes, undefined), isRecorded: false };
    } catch (error) {
      return { isRecorded: false, problem: messageOf(error) };
    }
  }

  /** Returns the folder of a digest, whose locked app is whole when that of the tag is one that Spin left half-written. */
  #folderOf({ digest }: Manifest): EntryFolder | undefined {
    const content = this.#manifests.content(digest);
    return content?.files.has(CONFIG_FILE) ? content : undefined;
  }

  /** Returns undefined if the bytes have another digest. */
  #parseIf(bytes: Uint8Array, digest: Digest): Manifest | undefined {
    try {
      return this.#manifests.parse(bytes, digest);
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
      this.#contents.unreadable,
    );
    const reachable = new Reachable(true);
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
    return record?.platform && !isWasmPlatform(record.platform) ? "image" : "app";
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
      ...entryTimes(times, written, this.#now),
      pin: readOwnPin(folder, this.#contents.unreadable),
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
