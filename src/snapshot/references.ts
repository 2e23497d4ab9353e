import { fileDigests, MAX_LOCKED_APP, parseLockedApp, wasmDigests } from "../oci/locked_app.ts";
import {
  type ImageManifest,
  type Manifest,
  MAX_INDEX_DEPTH,
  parseManifest,
  spinApplication,
  successors,
} from "../oci/manifest.ts";
import { sep } from "node:path";
import { hasCode, LarderError, messageOf } from "../base/errors.ts";
import { readBytesIfAny } from "../base/files.ts";
import type { Digest } from "../oci/digest.ts";
import { CONFIG_FILE, MANIFEST_FILE } from "../store/layout.ts";
import { type Contents, ManifestContent } from "./contents.ts";
import { type EntryFolder, fileOf } from "./entry_folders.ts";

/** What one entry reaches, while it is being found out. */
export class Reachable {
  /** Places in the list of contents, some perhaps more than once. */
  readonly places: number[] = [];
  readonly visited = new Set<Digest>();
  /** Whether larder fetched it all, so that every blob has the size that the manifest says. */
  readonly isVerified: boolean;
  /** What is wrong, in words for a user. */
  problem: string | undefined;

  constructor(isVerified: boolean) {
    this.isVerified = isVerified;
  }
}

interface Placed {
  readonly content: ManifestContent;
  readonly place: number;
  readonly folder: EntryFolder;
}

/** The manifests of one repository, each read once, and what they reach. */
export class Manifests {
  readonly #contents: Contents;
  /** For messages. */
  readonly #repository: string;
  readonly #folders = new Map<Digest, Placed>();
  /** Manifests that were read; undefined for one that is missing or damaged. */
  readonly #read = new Map<Digest, Manifest | undefined>();

  constructor(contents: Contents, repository: string) {
    this.#contents = contents;
    this.#repository = repository;
  }

  /** Makes the folder of a digest known. */
  add(content: ManifestContent, place: number, folder: EntryFolder = content): void {
    this.#folders.set(content.digest, { content, place, folder });
  }

  /** The content in the folder of a digest. */
  content(digest: Digest): ManifestContent | undefined {
    return this.#folders.get(digest)?.content;
  }

  /**
   * Reads a manifest that lies elsewhere too.
   * @param expected the digest that it must have, if that is known
   * @throws LarderError LDR_DIGEST_MISMATCH, LDR_BAD_MANIFEST, LDR_UNSUPPORTED_MANIFEST
   */
  parse(bytes: Uint8Array, expected: Digest | undefined): Manifest {
    const known = expected && this.#read.get(expected);
    if (known && areEqual(known.bytes, bytes)) return known;
    const manifest = parseManifest(bytes, this.#repository, null, expected);
    if (this.#folders.has(manifest.digest)) this.#read.set(manifest.digest, manifest);
    return manifest;
  }

  /** Collects what the folder of a digest reaches. @returns whether its manifest is there whole */
  markDigest(digest: Digest, reachable: Reachable, depth = 0): boolean {
    const placed = this.#folders.get(digest);
    if (!placed) return false;
    const manifest = this.#manifest(digest, placed.folder);
    if (!manifest) return false;
    reachable.places.push(placed.place);
    if (!reachable.visited.has(digest)) this.mark(manifest, placed.folder, reachable, depth);
    return true;
  }

  /** Collects what a manifest reaches. @param folder where a `config.json` of it lies */
  mark(manifest: Manifest, folder: EntryFolder, reachable: Reachable, depth = 0): void {
    reachable.visited.add(manifest.digest);
    const own = this.#folders.get(manifest.digest);
    if (own) reachable.places.push(own.place);
    if (manifest.kind === "index") {
      if (depth === MAX_INDEX_DEPTH) return;
      for (const child of manifest.manifests) this.markDigest(child.digest, reachable, depth + 1);
      return;
    }
    for (const { digest, size } of successors(manifest)) {
      this.#contents.markBlob(digest, reachable.places, reachable.isVerified ? size : undefined);
    }
    if (spinApplication(manifest)) this.#collectLockedApp(folder, reachable);
  }

  /** Collects what Spin's locked app names: files unpacked from archives are nowhere else to be found. */
  #collectLockedApp(folder: EntryFolder, reachable: Reachable): void {
    try {
      const app = parseLockedApp(readConfig(folder), this.#repository);
      for (const digest of [...fileDigests(app), ...wasmDigests(app)]) {
        this.#contents.markBlob(digest, reachable.places);
      }
    } catch (error) {
      if (!hasCode(error, "LDR_BAD_MANIFEST", "LDR_NOT_CACHED")) throw error;
      reachable.problem ??= messageOf(error);
    }
  }

  /** Returns an image manifest as it is, and of an index the first image in it that can be read. */
  imageIn(manifest: Manifest | undefined, depth = 0): ImageManifest | undefined {
    if (manifest?.kind !== "index") return manifest;
    if (depth === MAX_INDEX_DEPTH) return undefined;
    for (const { digest } of manifest.manifests) {
      const image = this.imageIn(this.manifest(digest), depth + 1);
      if (image) return image;
    }
    return undefined;
  }

  /** Returns the manifest in the folder of a digest; undefined if it is missing or damaged. */
  manifest(digest: Digest): Manifest | undefined {
    const placed = this.#folders.get(digest);
    return placed && this.#manifest(digest, placed.folder);
  }

  #manifest(digest: Digest, folder: EntryFolder): Manifest | undefined {
    if (!this.#read.has(digest)) this.#read.set(digest, this.#readManifest(digest, folder));
    return this.#read.get(digest);
  }

  /** The manifest in the folder of its digest, if it is there whole. */
  #readManifest(digest: Digest, folder: EntryFolder): Manifest | undefined {
    const bytes = fileOf(folder, MANIFEST_FILE);
    try {
      if (bytes && !folder.files.has(CONFIG_FILE)) this.content(digest)?.expect(bytes.length);
      return bytes && this.parse(bytes, digest);
    } catch {
      return undefined;
    }
  }
}

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

/** @throws LarderError LDR_NOT_CACHED for what no locked app can be */
function readConfig(folder: EntryFolder): Uint8Array {
  const path = folder.path + sep + CONFIG_FILE;
  const bytes = readBytesIfAny(path, MAX_LOCKED_APP);
  if (bytes) return bytes;
  throw new LarderError("LDR_NOT_CACHED", `${path} is missing, or too large`, {
    hint: "pull it again",
  });
}
