import { mapLimit } from "../../base/concurrency.ts";
import { openIfAny } from "../../base/files/open_file.ts";
import { readOpenFile } from "../../base/files/read_chunks.ts";
import { COPY_BUFFER, MAX_NAMED } from "../../base/limits.ts";
import { RecentMap } from "../../base/recent_map.ts";
import { formatBytes } from "../../base/units.ts";
import { type Digest, shortDigest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash.ts";
import type { Manifest } from "../../oci/manifest.ts";
import { contentOf } from "./content.ts";
import { recordObject } from "./record_object.ts";
import type { Offer, OfferedBlob, SharedRecord } from "./shared_content.ts";
import { keyOf, type NewObject, type SharedObject, type SharedStore } from "./shared_store.ts";
import type { RecordSigner } from "./signed_record.ts";

/** Blobs that are written at the same time. */
const PARALLEL = 4;

export interface UploadDependencies {
  readonly store: SharedStore;
  /** Undefined if records are not written. */
  readonly signer: RecordSigner | undefined;
  /** Returns false while the store is not asked because it has failed. */
  readonly mayAsk: () => boolean;
  /** True for an object that is not what its name says; it is replaced. */
  readonly isBad: (object: SharedObject) => boolean;
  readonly written: (object: SharedObject) => void;
  readonly failed: (error: unknown) => void;
  readonly warn: (message: string) => void;
}

/** What became of the objects that were offered. */
export interface UploadTally {
  /** Number of objects that were written, and their bytes. */
  readonly written: number;
  readonly bytes: number;
  /** Number of objects that are still to be written. */
  readonly left: number;
}

/** An offer that is not written yet. */
interface Job {
  readonly offer: Offer;
  /** Number of its objects that are still to be written. */
  left: number;
}

/** Writes what is offered in the background: one offer after the other, each with its leaves before its roots. */
export class Uploads {
  readonly #deps: UploadDependencies;
  readonly #stop = new AbortController();
  /** Objects that the store has, as far as this process knows. */
  readonly #present = new RecentMap<string, true>(MAX_NAMED);
  #last: Promise<void> = Promise.resolve();
  readonly #jobs = new Set<Job>();
  /** True if the user knows that an object is too large. */
  #hasWarned = false;
  readonly #tally = { written: 0, bytes: 0 };

  constructor(deps: UploadDependencies) {
    this.#deps = deps;
  }

  get tally(): UploadTally {
    const left = [...this.#jobs].reduce((sum, job) => sum + job.left, 0);
    return { ...this.#tally, left };
  }

  /** Resolves when everything that was offered has been written or given up. */
  get ended(): Promise<void> {
    return this.#last;
  }

  add(offer: Offer): void {
    const { blobs, manifests = [], record } = offer;
    const records = record && this.#deps.signer ? 1 : 0;
    const job = { offer, left: blobs.length + manifests.length + records };
    this.#jobs.add(job);
    this.#last = this.#last.then(() => this.#write(job))
      .catch((error) => {
        if (!this.#stop.signal.aborted) this.#deps.failed(error);
      })
      .then(() => void this.#jobs.delete(job));
  }

  /** Gives up what has not been written. */
  stop(): void {
    this.#stop.abort();
  }

  async #write(job: Job): Promise<void> {
    const { blobs, manifests = [], record, replaces = false } = job.offer;
    const writeBlob = async (blob: OfferedBlob) => {
      await this.#writeBlob(blob);
      job.left--;
    };
    await mapLimit(blobs, PARALLEL, writeBlob, this.#stop.signal);
    for (const manifest of manifests) {
      await this.#writeManifest(manifest);
      job.left--;
    }
    if (record) await this.#writeRecord(record, replaces);
  }

  async #writeBlob({ descriptor, path }: OfferedBlob): Promise<void> {
    const { digest } = descriptor;
    const object = { kind: "data", digest } as const;
    if (!await this.#isWanted(object)) return;
    using file = openIfAny(path);
    if (!file) return; // A collector has removed it.
    const { size } = file.statSync();
    if (size > (this.#deps.store.maxObject ?? Infinity)) return this.#leaveOut(digest, size);
    const mediaType = "application/octet-stream";
    // A request that was denied is sent again: the file is read from its beginning then.
    const open = () => readOpenFile({ path, file }, { keepsChunks: true, chunkSize: COPY_BUFFER });
    const content = { size, open, mediaType, contentDigest: digest };
    await this.#put(object, content);
  }

  /** Says once that an object is too large. */
  #leaveOut(digest: Digest, size: number): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const { store: { name, maxObject = 0 }, warn } = this.#deps;
    const limit = formatBytes(maxObject);
    warn(
      `content of more than ${limit}, such as ${shortDigest(digest)} (${
        formatBytes(size)
      }), is not written to the shared cache ${name}`,
    );
  }

  async #writeManifest({ digest, mediaType, bytes }: Manifest): Promise<void> {
    const object = { kind: "manifests", digest } as const;
    if (!await this.#isWanted(object)) return;
    await this.#put(object, { ...contentOf(bytes), mediaType, contentDigest: digest });
  }

  async #writeRecord(record: SharedRecord, replaces: boolean): Promise<void> {
    const object = recordObject(record);
    const bytes = await this.#deps.signer?.sign(record);
    if (!bytes || (!replaces && !await this.#isWanted(object))) return;
    const mediaType = "application/json";
    const content = { ...contentOf(bytes), mediaType, contentDigest: digestOf(bytes) };
    await this.#put(object, content, replaces);
  }

  /** True if an object has to be written. */
  async #isWanted(object: SharedObject): Promise<boolean> {
    const { store, mayAsk, isBad } = this.#deps;
    const { signal } = this.#stop;
    const key = keyOf(object);
    if (!mayAsk() || signal.aborted) return false;
    if (isBad(object)) return true;
    if (this.#present.has(key)) return false;
    if (await store.has(object, signal)) this.#present.set(key, true);
    return !this.#present.has(key);
  }

  async #put(object: SharedObject, content: NewObject, replaces = false): Promise<void> {
    const { signal } = this.#stop;
    const { store, mayAsk, isBad, written } = this.#deps;
    if (!mayAsk() || signal.aborted) return;
    await store.put(object, content, { replaces: replaces || isBad(object), signal });
    written(object);
    this.#present.set(keyOf(object), true);
    this.#tally.written++;
    this.#tally.bytes += content.size;
  }
}
