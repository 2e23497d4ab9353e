import { algorithmOf, type Digest, type DigestAlgorithm } from "../oci/digest.ts";
import { digestOf, digestWithWebCrypto } from "../oci/hash.ts";
import { MANIFEST_FILE } from "../store/layout.ts";
import { type EntryFolder, readEntryFile } from "./entry_folders.ts";
import type { Unreadable } from "./unreadable.ts";

/** Files that are hashed at the same time. */
const BATCH = 64;

/** The bytes of a manifest, which may have been read ahead, and the digest that they have. */
export interface ManifestFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Returns the digest of the bytes. */
  digest(algorithm: DigestAlgorithm): Digest;
}

/**
 * Reads and hashes the manifests of one repository ahead. Web Crypto hashes only asynchronously, but `node:crypto`
 * takes Deno 22 ms to compile, a third of the time of listing a small cache.
 */
export class ManifestFiles {
  readonly #unreadable: Unreadable;
  readonly #files = new Map<EntryFolder, ManifestFile | undefined>();

  constructor(unreadable: Unreadable) {
    this.#unreadable = unreadable;
  }

  /**
   * Reads the manifests of tags, and of the digests that are not those of a tag: most manifests are in both folders.
   */
  async readAhead(
    tags: readonly EntryFolder[],
    digests: ReadonlyMap<Digest, { readonly folder: EntryFolder }>,
  ): Promise<void> {
    const hashed = new Set<Digest>();
    await this.#readAll(tags.map((folder) => [folder, "sha256"]), hashed);
    const others = [...digests].filter(([digest]) => !hashed.has(digest));
    await this.#readAll(
      others.map(([digest, { folder }]) => [folder, algorithmOf(digest)]),
      hashed,
    );
  }

  async #readAll(
    folders: readonly (readonly [EntryFolder, DigestAlgorithm])[],
    hashed: Set<Digest>,
  ): Promise<void> {
    for (let start = 0; start < folders.length; start += BATCH) {
      await Promise.all(
        folders.slice(start, start + BATCH).map(async ([folder, algorithm]) => {
          const bytes = this.#bytesIn(folder);
          const digest = bytes && await digestWithWebCrypto(bytes, algorithm);
          if (digest) hashed.add(digest);
          this.#files.set(folder, bytes && digest ? fileOf(bytes, digest) : undefined);
        }),
      );
    }
  }

  /** Returns the manifest in a folder; undefined if there is none, or it cannot be read. */
  read(folder: EntryFolder): ManifestFile | undefined {
    return this.#files.has(folder) ? this.#files.get(folder) : this.readNow(folder);
  }

  /** Like {@link read}, but reads the file again if it was read ahead. */
  readNow(folder: EntryFolder): ManifestFile | undefined {
    const bytes = this.#bytesIn(folder);
    return bytes && fileOf(bytes);
  }

  #bytesIn(folder: EntryFolder): Uint8Array<ArrayBuffer> | undefined {
    return readEntryFile(folder, MANIFEST_FILE, this.#unreadable);
  }
}

/** @param hashed the digest of the bytes, if it is known */
function fileOf(bytes: Uint8Array<ArrayBuffer>, hashed?: Digest): ManifestFile {
  return {
    bytes,
    digest: (algorithm) =>
      hashed && algorithmOf(hashed) === algorithm ? hashed : digestOf(bytes, algorithm),
  };
}
