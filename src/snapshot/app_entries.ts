import { isNewerFormat } from "../store/json.ts";
import { sleep } from "../base/concurrency.ts";
import { hasCode, messageOf } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { artifactKind, configOf, type Manifest } from "../oci/manifest.ts";
import { CONFIG_FILE, type Layout, MANIFEST_FILE, PIN_FILE, RECORD_FILE } from "../store/layout.ts";
import { isWasmPlatform } from "../oci/platform.ts";
import { type EntryRecord, parseEntryRecord } from "../store/entries/app_record.ts";
import { type Contents, ManifestContent } from "./contents.ts";
import {
  fileOf,
  type Folder,
  putFiles,
  readTree,
  type Stamp,
  stampOf,
  type StrayFiles,
} from "./entry_folders.ts";
import { ascending, clamp, NEWER_VERSION, ownPin, sizeOf, type UnsizedEntry } from "./entry.ts";
import { Manifests, Reachable } from "./references.ts";
import type { EntryType } from "./types.ts";

/** The files that make an entry of a digest's folder. */
const NAMING_FILES: readonly string[] = [RECORD_FILE, PIN_FILE];

/** The event loop runs after so many folders, so that a large cache does not hold up Ctrl-C. */
const FOLDERS_PER_TURN = 100;

const decoder = new TextDecoder();

const NO_MANIFEST = "its manifest is missing or damaged";

/** Reads every reference of the cache, and the manifests that they share. */
export async function readAppEntries(
  layout: Layout,
  now: number,
  contents: Contents,
  strays: StrayFiles,
): Promise<UnsizedEntry[]> {
  const found: UnsizedEntry[] = [];
  const walk = (folder: Folder, name: string) => {
    // Most are tags and digests, with nothing below.
    if (folder.folders.length === 0) return;
    for (const entry of new Repository(layout, now, contents, strays, folder, name).entries()) {
      found.push(entry);
    }
    for (const child of folder.folders) walk(child, `${name}/${child.name}`);
  };
  for (const registry of readTree(layout.manifests, strays)) {
    putFiles(registry, false, strays);
    for (const [i, folder] of registry.folders.entries()) {
      if (i % FOLDERS_PER_TURN === 0) await sleep(0);
      putFiles(folder, false, strays);
      walk(folder, `${layout.registryOfName(registry.name)}/${folder.name}`);
    }
  }
  return found;
}

/** The references of one repository. */
class Repository {
  readonly #layout: Layout;
  readonly #now: number;
  readonly #contents: Contents;
  readonly #strays: StrayFiles;
  readonly #name: string;
  readonly #manifests: Manifests;
  readonly #tags: Folder[] = [];
  /** Folders of digests that were asked for by name. */
  readonly #digests: [Digest, Folder][] = [];

  constructor(
    layout: Layout,
    now: number,
    contents: Contents,
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
    for (const child of folder.folders) this.#sort(child);
  }

  entries(): UnsizedEntry[] {
    const tags = this.#tags.map((folder) => this.#tagEntry(folder));
    return [...tags, ...this.#digests.map(([digest, folder]) => this.#digestEntry(digest, folder))];
  }

  /** Tells tags, digests, both, and what is left of either apart. */
  #sort(child: Folder): void {
    const { files } = child;
    if (files.size === 0) return;
    const digest = this.#layout.digestOfName(child.name);
    const isNamed = NAMING_FILES.some((name) => files.has(name));
    if (!files.has(MANIFEST_FILE) && !isNamed) return putFiles(child, true, this.#strays);
    if (!digest) {
      this.#tags.push(child);
      return;
    }
    if (files.has(MANIFEST_FILE)) {
      const content = new ManifestContent(digest, child);
      this.#manifests.add(content, this.#contents.add(content), child);
    }
    if (isNamed) this.#digests.push([digest, child]);
  }

  #tagEntry(folder: Folder): UnsizedEntry {
    const { record, isLater } = readRecord(folder);
    const bytes = fileOf(folder, MANIFEST_FILE);
    const { manifest, isOurs, problem } = this.#readTag(bytes, record);
    const reachable = new Reachable(isOurs);
    reachable.problem = problem;
    const config = configSize(folder, isOurs ? manifest : undefined);
    if (manifest) this.#manifests.mark(manifest, folder, reachable);
    else if (record) this.#collectRecord(record, reachable);
    if (bytes && isOurs) this.#collectIndex(record!, bytes.length + config, reachable);
    // Without a manifest to tell whose it is, the record says what the entry was.
    const spins = !isOurs && !isLater && (!record || manifest !== undefined);
    const stampFile = spins ? MANIFEST_FILE : RECORD_FILE;
    const stamp = stampOf(folder, stampFile);
    return {
      ...this.#entry(folder, spins ? undefined : record, stamp, reachable, isLater),
      type: this.#typeOf(manifest, record),
      name: `${this.#name}:${folder.name}`,
      digest: spins ? manifest?.digest : record?.digest,
      stampFile,
      writtenBy: spins ? "spin" : "larder",
      ownFiles: [...folder.files],
      // Not looked at once more: there may be ten thousand.
      ownSize: config + (stamp?.size ?? 0) + (spins ? 0 : bytes?.length ?? 0) +
        sizeOf(folder, spins ? [RECORD_FILE, PIN_FILE] : [PIN_FILE]),
    };
  }

  /** Reads a tag's manifest. It is ours if the record says so: Spin replaces the manifest and leaves the record. */
  #readTag(
    bytes: Uint8Array | undefined,
    record: EntryRecord | undefined,
  ): { manifest?: Manifest; isOurs: boolean; problem?: string } {
    if (!bytes) return { isOurs: false, problem: NO_MANIFEST };
    try {
      const ours = record && this.#parseIf(bytes, record.manifestDigest);
      if (ours) return { manifest: ours, isOurs: true };
      return { manifest: this.#manifests.parse(bytes, undefined), isOurs: false };
    } catch (error) {
      return { isOurs: false, problem: messageOf(error) };
    }
  }

  /** @returns undefined if the bytes have another digest */
  #parseIf(bytes: Uint8Array, digest: Digest): Manifest | undefined {
    try {
      return this.#manifests.parse(bytes, digest);
    } catch (error) {
      if (hasCode(error, "LDR_DIGEST_MISMATCH")) return undefined;
      throw error;
    }
  }

  /** @param size of the two files that the folder of the manifest's digest has as well */
  #collectIndex({ digest, manifestDigest }: EntryRecord, size: number, reachable: Reachable): void {
    this.#manifests.content(manifestDigest)?.expect(size);
    if (digest === manifestDigest) return;
    const isWhole = this.#manifests.markDigest(digest, reachable);
    if (!isWhole) reachable.problem ??= "its index is missing or damaged";
  }

  /** What a record names is there by its digest, even if the manifest beside the record is not. */
  #collectRecord({ digest, manifestDigest }: EntryRecord, reachable: Reachable): void {
    this.#manifests.markDigest(manifestDigest, reachable);
    this.#manifests.markDigest(digest, reachable);
  }

  #digestEntry(digest: Digest, folder: Folder): UnsizedEntry {
    const { record, isLater } = readRecord(folder);
    const reachable = new Reachable(true);
    const isWhole = this.#manifests.markDigest(digest, reachable);
    if (!isWhole) {
      reachable.problem = NO_MANIFEST;
      if (record) this.#collectRecord(record, reachable);
    }
    const stampFile = folder.files.has(RECORD_FILE) ? RECORD_FILE : PIN_FILE;
    const stamp = stampOf(folder, stampFile);
    // Without a manifest the folder is no content, and all of it is the entry's.
    const isContent = folder.files.has(MANIFEST_FILE);
    const own = [...folder.files].filter((name) => !isContent || NAMING_FILES.includes(name));
    return {
      ...this.#entry(folder, record, stamp, reachable, isLater),
      type: this.#typeOf(this.#manifests.manifest(digest), record),
      name: this.#digestName(digest, record),
      digest,
      stampFile,
      writtenBy: "larder",
      ownFiles: own,
      ownSize: sizeOf(folder, own),
    };
  }

  /** Reads no more files: all that a manifest or record names was read to find what it reaches. */
  #typeOf(manifest: Manifest | undefined, record: EntryRecord | undefined): EntryType {
    const image = this.#manifests.imageIn(manifest) ??
      (record && this.#manifests.imageIn(this.#manifests.manifest(record.manifestDigest)));
    if (image) return artifactKind(image) === "image" ? "image" : "app";
    return record?.platform && !isWasmPlatform(record.platform) ? "image" : "app";
  }

  /** What all kinds of apps have. */
  #entry(
    folder: Folder,
    record: EntryRecord | undefined,
    stamp: Stamp | undefined,
    reachable: Reachable,
    isLater: boolean,
  ) {
    const lastUsed = clamp(stamp?.modified, this.#now);
    const created = record ? Date.parse(record.pulledAt) : stamp?.created;
    return {
      group: this.#name,
      folder: folder.path,
      createdAt: Math.min(clamp(created, this.#now), lastUsed),
      lastUsed,
      stamp: stamp?.modified ?? 0,
      pin: ownPin(folder),
      record,
      problem: isLater ? NEWER_VERSION : reachable.problem,
      isFromNewerVersion: isLater,
      references: ascending(reachable.places),
    } as const;
  }

  /** With the tag that it was asked for with, if there was one: it is kept for display. */
  #digestName(digest: Digest, record: EntryRecord | undefined): string {
    const asked = record?.reference ?? "";
    const isThis = asked.startsWith(`${this.#name}:`) && asked.endsWith(`@${digest}`);
    return isThis ? asked : `${this.#name}@${digest}`;
  }
}

/** Bytes of a folder's `config.json`. @param manifest one to be believed; it spares looking at the file */
function configSize(folder: Folder, manifest: Manifest | undefined): number {
  if (manifest?.kind !== "image") return stampOf(folder, CONFIG_FILE)?.size ?? 0;
  if (!folder.files.has(CONFIG_FILE)) return 0;
  return configOf(manifest).size;
}

/** A folder's record, if it has one that is to be read. */
function readRecord(folder: Folder): { record?: EntryRecord | undefined; isLater: boolean } {
  const bytes = fileOf(folder, RECORD_FILE);
  const text = bytes && decoder.decode(bytes);
  const record = text === undefined ? undefined : parseEntryRecord(text);
  return { record, isLater: text !== undefined && !record && isNewerFormat(text) };
}
