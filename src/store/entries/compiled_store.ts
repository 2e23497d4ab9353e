import { join } from "node:path";
import { writeFileAtomic } from "../../base/files/atomic_write.ts";
import {
  ensureFolder,
  isDeletionError,
  readTextIfAny,
  syncFolder,
  tryTouch,
} from "../../base/files/files.ts";
import { PULL_ROUNDS } from "../../base/limits.ts";
import type { Digest } from "../../oci/digest.ts";
import type { BlobStore } from "../blobs/blob_store.ts";
import type { IngestOptions } from "../blobs/ingest.ts";
import { type Layout, RECORD_FILE } from "../layout.ts";
import { withSharedLock } from "../locks/store_lock.ts";
import { type CompiledFile, formatCompiledRecord, parseCompiledRecord } from "./compiled_record.ts";

/** A file that an engine generated. */
export interface EngineFile {
  /** Letters, digits, `.`, `_` and `-`; not a path. */
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** The path of a generated file, and the digest that its bytes should have; they have not been verified. */
export interface StoredFile {
  readonly path: string;
  readonly digest: Digest;
}

/**
 * The compiled forms of Wasm, by the digest of the Wasm and the version of the engine.
 *
 * Each is an entry: a record that names blobs and is written after them. A new version of an engine does not find the
 * entries of older ones and compiles again. The mtime of the record is the last use.
 */
export class CompiledStore {
  readonly #layout: Layout;
  readonly #blobs: BlobStore;

  constructor(layout: Layout, blobs: BlobStore) {
    this.#layout = layout;
    this.#blobs = blobs;
  }

  /**
   * Returns the files by name, and marks the entry as used now.
   * @returns undefined if there is no record, or if a file is missing or has another size
   */
  find(component: Digest, engine: string, now = Date.now()): Map<string, StoredFile> | undefined {
    const folder = this.#layout.compiledFolder(component, engine);
    const files = readFiles(folder);
    if (!files) return undefined;
    const stored = new Map<string, StoredFile>();
    for (const file of files) {
      const path = this.#blobs.find(file);
      if (path === undefined) return undefined;
      stored.set(file.name, { path, digest: file.digest });
    }
    tryTouch(join(folder, RECORD_FILE), now);
    return stored;
  }

  /**
   * Writes the files and then the record, replacing an existing entry. Of several concurrent calls the last one wins.
   * @throws LarderError LDR_DISK*, LDR_BUSY, LDR_INTERRUPTED
   */
  async put(
    component: Digest,
    engine: string,
    files: readonly EngineFile[],
    options: IngestOptions = {},
  ): Promise<void> {
    const folder = this.#layout.compiledFolder(component, engine);
    await withSharedLock(this.#layout, async () => {
      const written: CompiledFile[] = [];
      for (const { name, mediaType, bytes } of files) {
        written.push({ name, ...await this.#blobs.write(bytes, mediaType, options) });
      }
      this.#blobs.sync();
      publish(folder, formatCompiledRecord(written));
    }, options);
  }

  /** Removes the files that are damaged, so that {@link put} writes them again. */
  removeDamaged(component: Digest, engine: string): void {
    const files = readFiles(this.#layout.compiledFolder(component, engine)) ?? [];
    for (const file of files) this.#blobs.removeDamaged(file);
  }
}

/** Returns the files that the record in a folder names; undefined if there is no valid record. */
function readFiles(folder: string): readonly CompiledFile[] | undefined {
  const text = readTextIfAny(join(folder, RECORD_FILE));
  return text === undefined ? undefined : parseCompiledRecord(text);
}

/** Writes the record, retrying if the cache is deleted meanwhile; the blobs are then gone, so `find` reports a miss. */
function publish(folder: string, text: string): void {
  for (let round = 1;; round++) {
    try {
      ensureFolder(folder);
      writeFileAtomic(join(folder, RECORD_FILE), text);
      syncFolder(folder);
      return;
    } catch (error) {
      if (round === PULL_ROUNDS || !isDeletionError(error)) throw error;
    }
  }
}
