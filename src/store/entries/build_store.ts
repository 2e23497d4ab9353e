import { join } from "node:path";
import { writeFileAtomic } from "../../base/files/atomic_write.ts";
import {
  ensureFolder,
  readBytesIfAny,
  readFolder,
  readTextIfAny,
  syncFolder,
  tryTouch,
} from "../../base/files/files.ts";
import { digestOf } from "../../oci/hash.ts";
import type { Digest } from "../../oci/digest.ts";
import { adoptFile } from "../blobs/adopt_file.ts";
import { type BlobStore, hasDigest } from "../blobs/blob_store.ts";
import { type Layout, RECORD_FILE } from "../layout.ts";
import { type StoreLockOptions, withSharedLock } from "../locks/store_lock.ts";
import {
  type BuildRecord,
  formatBuildRecord,
  KEY_TYPE,
  keyBlobOf,
  parseBuildRecord,
} from "./build_record.ts";

/** 16 MiB up to which a result is hashed whenever it is used, which takes 10 ms. */
const SMALL_RESULT = 16 * 1024 * 1024;

/** The file that a build produced, with what is recorded about it. */
export interface CachedBuild {
  readonly record: BuildRecord;
  /** Path of the blob; it was verified and has not changed since. */
  readonly path: string;
}

/** What is recorded about a new build besides its file. */
export type NewBuild = Pick<BuildRecord, "name" | "mediaType" | "executable" | "duration">;

/**
 * The builds in the cache, by the digest of their key document. Each is a record that names two blobs, the result and
 * the key document, and is written after them. The mtime of the record is the last use.
 */
export class BuildStore {
  readonly #layout: Layout;
  readonly #blobs: BlobStore;

  constructor(layout: Layout, blobs: BlobStore) {
    this.#layout = layout;
    this.#blobs = blobs;
  }

  /** Returns the record of a build, whether its file exists or not. */
  record(specification: Digest): BuildRecord | undefined {
    const path = join(this.#layout.buildFolder(specification), RECORD_FILE);
    const record = parseBuildRecord(readTextIfAny(path) ?? "");
    return record?.specification === specification ? record : undefined;
  }

  /**
   * Returns a build and marks it as used now; undefined if it or its file is missing or damaged. A small file is hashed;
   * of a large one, size and time say that it is the one that was.
   */
  find(specification: Digest, now = Date.now()): CachedBuild | undefined {
    const record = this.record(specification);
    const path = record && this.#blobs.find(record);
    if (!path || (record.size <= SMALL_RESULT && !hasDigest(path, record.digest))) return undefined;
    tryTouch(join(this.#layout.buildFolder(specification), RECORD_FILE), now);
    return { record, path };
  }

  /** Returns the records of all builds with the time of their last use, the last used first. */
  records(): { readonly record: BuildRecord; readonly lastUsed: number }[] {
    const records = readFolder(this.#layout.builds).flatMap(({ name }) => {
      const specification = this.#layout.digestOfName(name);
      const record = specification && this.record(specification);
      if (!record) return [];
      const path = join(this.#layout.buildFolder(specification), RECORD_FILE);
      try {
        return [{ record, lastUsed: Deno.statSync(path).mtime?.getTime() ?? 0 }];
      } catch {
        return []; // Removed meanwhile.
      }
    });
    return records.sort((a, b) => b.lastUsed - a.lastUsed);
  }

  /** Returns the key document of a build; undefined if it is missing or damaged. */
  keyDocument(record: BuildRecord): string | undefined {
    const blob = keyBlobOf(record);
    const path = blob && this.#blobs.find(blob);
    const bytes = path === undefined ? undefined : readBytesIfAny(path);
    return bytes && new TextDecoder().decode(bytes);
  }

  /**
   * Moves a file into the cache as the result of a build, with its key document; replaces an earlier result.
   * @throws LarderError LDR_DISK*, LDR_BUSY, LDR_INTERRUPTED
   */
  async put(
    file: string,
    key: Uint8Array<ArrayBuffer>,
    build: NewBuild,
    options: StoreLockOptions = {},
  ): Promise<CachedBuild> {
    const specification = digestOf(key);
    return await withSharedLock(this.#layout, async () => {
      const { digest, size } = await adoptFile(this.#layout, file, build.mediaType);
      const record: BuildRecord = {
        schemaVersion: 1,
        specification,
        specificationSize: key.length,
        ...build,
        digest,
        size,
        createdAt: new Date().toISOString(),
      };
      await this.add(record, key, options.signal);
      return { record, path: this.#blobs.pathOf(record) };
    }, options);
  }

  /**
   * Adds a build whose result is a blob already. The caller must hold the shared store lock.
   * @param key the key document
   * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
   */
  async add(
    record: BuildRecord,
    key: Uint8Array<ArrayBuffer>,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#blobs.write(key, KEY_TYPE, { signal });
    this.#blobs.sync();
    const folder = this.#layout.buildFolder(record.specification);
    ensureFolder(folder);
    writeFileAtomic(join(folder, RECORD_FILE), formatBuildRecord(record));
    syncFolder(folder);
  }
}
