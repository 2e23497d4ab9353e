import { sep } from "node:path";
import { areEqual } from "../base/bytes.ts";
import { hasCode, LarderError, messageOf } from "../base/errors.ts";
import { digestMismatch } from "../oci/content_verifier.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import { fileDigests, MAX_LOCKED_APP, parseLockedApp, wasmDigests } from "../oci/locked_app.ts";
import {
  type ImageManifest,
  type Manifest,
  MAX_INDEX_DEPTH,
  parseHashedManifest,
  spinApplication,
  successors,
} from "../oci/manifest.ts";
import { SPIN_ARCHIVE } from "../oci/media_types.ts";
import { CONFIG_FILE } from "../store/layout.ts";
import { ManifestContent } from "./content.ts";
import type { ContentIndex } from "./contents.ts";
import { type EntryFolder, readEntryFile } from "./entry_folders.ts";
import { type ManifestFile, ManifestFiles } from "./manifest_files.ts";

/** The content that one entry needs, as marking finds it. */
export class Reachable {
  /** Ids of content, possibly repeated. */
  readonly ids: number[] = [];
  readonly visited = new Set<Digest>();
  /** True if larder fetched the content, so that every blob has the size that its manifest states. */
  readonly isVerified: boolean;
  /** True if the files of an archive among it are not known. */
  isUnlisted = false;
  /** What prevents marking everything, in words for a user. */
  problem: string | undefined;

  /** True if parts may be missing, because `serve` keeps what clients ask for. */
  readonly isPartial: boolean;

  constructor(isVerified: boolean, isPartial = false) {
    this.isVerified = isVerified;
    this.isPartial = isPartial;
  }
}

/** The folder of a digest, and its content. */
export interface DigestFolder {
  readonly content: ManifestContent;
  readonly id: number;
  readonly folder: EntryFolder;
}

/** The manifests of one repository, each read once, and what they reference. */
export class Manifests {
  readonly #contents: ContentIndex;
  /** For messages. */
  readonly #repository: string;
  readonly #files: ManifestFiles;
  readonly #folders = new Map<Digest, DigestFolder>();
  /** Manifests read so far; undefined for one that is missing or damaged. */
  readonly #read = new Map<Digest, Manifest | undefined>();

  constructor(
    contents: ContentIndex,
    repository: string,
    files = new ManifestFiles(contents.unreadable),
  ) {
    this.#contents = contents;
    this.#repository = repository;
    this.#files = files;
  }

  /** Adds the folder of a digest. @param id of its content */
  add(content: ManifestContent, id: number, folder: EntryFolder = content): void {
    this.#folders.set(content.digest, { content, id, folder });
  }

  /** Returns the folders of digests. */
  folders(): ReadonlyMap<Digest, DigestFolder> {
    return this.#folders;
  }

  /** Returns the content in the folder of a digest. */
  content(digest: Digest): ManifestContent | undefined {
    return this.#folders.get(digest)?.content;
  }

  /** Returns the manifest in the folder of a digest; undefined if it is missing or damaged. */
  manifest(digest: Digest): Manifest | undefined {
    const found = this.#folders.get(digest);
    if (!found) return undefined;
    if (!this.#read.has(digest)) this.#read.set(digest, this.#readManifest(found));
    return this.#read.get(digest);
  }

  /** Returns an image manifest unchanged, and for an index the first image in it that can be read. */
  imageIn(
    manifest: Manifest | undefined,
    depth = 0,
    seen = new Set<Digest>(),
  ): ImageManifest | undefined {
    if (manifest?.kind !== "index") return manifest;
    if (depth === MAX_INDEX_DEPTH) return undefined;
    for (const { digest } of manifest.manifests) {
      if (seen.has(digest)) continue; // An index can name one many times.
      seen.add(digest);
      const image = this.imageIn(this.manifest(digest), depth + 1, seen);
      if (image) return image;
    }
    return undefined;
  }

  /**
   * Parses a manifest that is stored outside the folder of its digest, such as a tag's.
   * @param expected the digest that it must have; without one any manifest is accepted
   * @throws LarderError LDR_DIGEST_MISMATCH, LDR_BAD_MANIFEST, LDR_UNSUPPORTED_MANIFEST
   */
  parse(file: ManifestFile, expected: Digest | undefined): Manifest {
    const { bytes } = file;
    const known = expected && this.#read.get(expected);
    if (known && areEqual(known.bytes, bytes)) return known;
    const digest = file.digest(expected ? algorithmOf(expected) : "sha256");
    if (expected && digest !== expected) throw digestMismatch(expected, digest);
    const manifest = parseHashedManifest(bytes, digest, this.#repository, null);
    if (this.#folders.has(manifest.digest)) this.#read.set(manifest.digest, manifest);
    return manifest;
  }

  /** Marks what the folder of a digest references. @returns false if its manifest is missing or damaged */
  markDigest(digest: Digest, reachable: Reachable, depth = 0): boolean {
    const manifest = this.manifest(digest);
    if (!manifest) return false;
    const { id, folder } = this.#folders.get(digest)!;
    reachable.ids.push(id);
    if (!reachable.visited.has(digest)) this.mark(manifest, folder, reachable, depth);
    return true;
  }

  /** Marks what a manifest references. @param folder that holds its `config.json` */
  mark(manifest: Manifest, folder: EntryFolder, reachable: Reachable, depth = 0): void {
    reachable.visited.add(manifest.digest);
    const own = this.#folders.get(manifest.digest);
    if (own) reachable.ids.push(own.id);
    if (manifest.kind === "index") {
      if (depth === MAX_INDEX_DEPTH) return;
      for (const child of manifest.manifests) this.markDigest(child.digest, reachable, depth + 1);
      return;
    }
    const lockedApp = spinApplication(manifest);
    for (const descriptor of successors(manifest)) {
      // Only an earlier larder stored the locked app as a blob, where it keeps Spin from writing `config.json`.
      if (descriptor === lockedApp) continue;
      const { digest, mediaType } = descriptor;
      const size = reachable.isVerified ? descriptor.size : undefined;
      // An archive that is not there has left no files behind.
      const isThere = !reachable.isPartial || this.#contents.blobIds(digest).length > 0;
      if (mediaType === SPIN_ARCHIVE && isThere) {
        if (!this.#contents.markArchive(digest, reachable.ids, size)) reachable.isUnlisted = true;
      } else this.#contents.markBlob(digest, reachable.ids, size);
    }
    const isPartial = reachable.isPartial && !folder.files.has(CONFIG_FILE);
    if (lockedApp && !isPartial) this.#markLockedApp(folder, reachable);
  }

  /** Marks what Spin's locked app names: nothing else names the files that were unpacked from archives. */
  #markLockedApp(folder: EntryFolder, reachable: Reachable): void {
    try {
      const app = parseLockedApp(this.#readLockedApp(folder), this.#repository);
      for (const digest of [...fileDigests(app), ...wasmDigests(app)]) {
        this.#contents.markBlob(digest, reachable.ids);
      }
    } catch (error) {
      if (!hasCode(error, "LDR_BAD_MANIFEST", "LDR_NOT_CACHED")) throw error;
      reachable.problem ??= messageOf(error);
    }
  }

  /** @throws LarderError LDR_NOT_CACHED if the file is missing, unreadable, or larger than a locked app may be */
  #readLockedApp(folder: EntryFolder): Uint8Array {
    const bytes = readEntryFile(folder, CONFIG_FILE, this.#contents.unreadable, MAX_LOCKED_APP);
    if (bytes) return bytes;
    const path = folder.path + sep + CONFIG_FILE;
    throw new LarderError("LDR_NOT_CACHED", `${path} is missing, unreadable or too large`, {
      hint: "pull it again",
    });
  }

  #readManifest({ content, folder }: DigestFolder): Manifest | undefined {
    const file = this.#files.read(folder);
    try {
      if (file && !folder.files.has(CONFIG_FILE)) content.expect(file.bytes.length);
      return file && this.parse(file, content.digest);
    } catch {
      return undefined;
    }
  }
}
