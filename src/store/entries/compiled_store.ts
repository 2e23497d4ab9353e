import { join } from "node:path";
import * as v from "valibot";
import {
  ensureFolder,
  isDeletionError,
  readFolder,
  readTextIfAny,
  statIfAny,
  syncFolder,
  tryTouch,
  writeFileAtomic,
} from "../../base/files.ts";
import { PULL_ROUNDS } from "../../base/limits.ts";
import { DescriptorSchema } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import type { BlobStore } from "../blobs/blob_store.ts";
import type { IngestOptions } from "../blobs/ingest.ts";
import { parseJson } from "../json.ts";
import { type Layout, RECORD_FILE } from "../layout.ts";
import { withSharedLock } from "../locks/store_lock.ts";

/** One file that an engine made. */
export interface EngineFile {
  /** Letters, digits, `.`, `_` and `-`: it is no path. */
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** Where one of those files lies; its bytes are to be of this digest, which nobody has looked at. */
export interface StoredFile {
  readonly path: string;
  readonly digest: Digest;
}

/** What an engine made of one piece of Wasm, as an entry of the cache. */
export interface CompiledEntry {
  /** The digest of what was compiled. */
  readonly component: Digest;
  /** The version of the engine. */
  readonly engine: string;
  readonly folder: string;
  readonly files: readonly CompiledFile[];
  /** Bytes of its blobs, each digest once. */
  readonly size: number;
  /** Milliseconds since the epoch; never in the future. */
  readonly lastUsed: number;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

const { mediaType, digest, size } = DescriptorSchema.entries;
const FileSchema = v.object({ name: v.pipe(v.string(), v.regex(NAME)), mediaType, digest, size });

const RecordSchema = v.object({
  schemaVersion: v.literal(1),
  files: v.pipe(
    v.array(FileSchema),
    v.minLength(1),
    v.check(haveOwnNames, "two files have the same name"),
  ),
});

export type CompiledFile = v.InferOutput<typeof FileSchema>;

/**
 * The compiled forms of Wasm, by the digest of what was compiled and the version of the engine that did it.
 *
 * Each is an entry like any other: a record that names blobs, written after them. A new version of the engine
 * finds nothing and compiles anew. mtime of the record is the last use.
 */
export class CompiledStore {
  readonly #layout: Layout;
  readonly #blobs: BlobStore;

  constructor(layout: Layout, blobs: BlobStore) {
    this.#layout = layout;
    this.#blobs = blobs;
  }

  /**
   * The files, by their names, and marks them as used now.
   * @returns undefined if there is no record, or any of the files is missing or has another size
   */
  find(component: Digest, engine: string, now = Date.now()): Map<string, StoredFile> | undefined {
    const folder = this.#layout.compiledFolder(component, engine);
    const files = readFiles(folder);
    if (!files) return undefined;
    const found = new Map<string, StoredFile>();
    for (const file of files) {
      const path = this.#blobs.find(file);
      if (path === undefined) return undefined;
      found.set(file.name, { path, digest: file.digest });
    }
    tryTouch(join(folder, RECORD_FILE), now);
    return found;
  }

  /**
   * Writes the files, then the record, in the place of what was there. Of several at once the last counts.
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
      publish(folder, formatRecord(written));
    }, options);
  }

  /** Removes those of the files that are damaged, so that {@link put} writes them anew. */
  removeDamaged(component: Digest, engine: string): void {
    const files = readFiles(this.#layout.compiledFolder(component, engine)) ?? [];
    for (const file of files) this.#blobs.removeDamaged(file);
  }

  /** Every entry, by component and engine. Broken ones are passed over. */
  list(now = Date.now()): CompiledEntry[] {
    return names(this.#layout.compiled).flatMap((name) => {
      const component = this.#layout.digestOfName(name);
      if (!component) return [];
      return names(join(this.#layout.compiled, name)).flatMap((engine) =>
        this.#read(component, engine, now) ?? []
      );
    });
  }

  #read(component: Digest, engine: string, now: number): CompiledEntry | undefined {
    if (!this.#layout.isEngine(engine)) return undefined;
    const folder = this.#layout.compiledFolder(component, engine);
    const files = readFiles(folder);
    const stamp = statIfAny(join(folder, RECORD_FILE))?.mtime;
    if (!files || !stamp) return undefined;
    const sizes = new Map(files.map((file) => [file.digest, file.size]));
    const size = [...sizes.values()].reduce((sum, each) => sum + each, 0);
    return { component, engine, folder, files, size, lastUsed: Math.min(stamp.getTime(), now) };
  }
}

/** The files that a folder's record names; undefined where there is none, or a broken one. */
function readFiles(folder: string): readonly CompiledFile[] | undefined {
  const text = readTextIfAny(join(folder, RECORD_FILE));
  return text === undefined ? undefined : parseCompiledRecord(text);
}

/** The files that a record names; undefined for a broken one, which counts as none. */
export function parseCompiledRecord(text: string): readonly CompiledFile[] | undefined {
  return parseJson(RecordSchema, text)?.files;
}

/** @throws valibot's error for files that no record may name */
function formatRecord(files: CompiledFile[]): string {
  return JSON.stringify(v.parse(RecordSchema, { schemaVersion: 1, files }), null, 2) + "\n";
}

/** Writes the record, again if somebody deletes the cache in between: `find` then misses the blobs. */
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

function haveOwnNames(files: CompiledFile[]): boolean {
  return new Set(files.map(({ name }) => name)).size === files.length;
}

function names(folder: string): string[] {
  return readFolder(folder).filter((entry) => entry.isDirectory).map(({ name }) => name).sort();
}
